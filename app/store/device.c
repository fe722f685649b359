/*
 * Flash calls with their retries, splits and counts.
 */
#include <assert.h>
#include <string.h>

#include "store/state.h"

enum status device_read(uint64_t offset, void *out, size_t size)
{
    enum status status = STATUS_IO;
    for (int i = 0; i < STORE_IO_TRIES && status != STATUS_OK; i++)
        status = flash_read(offset, out, size);
    return status;
}

enum status device_program(uint64_t offset, const void *data, size_t size)
{
    const uint8_t *from = data;
    uint32_t block_bytes = store_state.geometry.block_bytes;
    struct window *window = &store_state.window;
    if (offset < window->offset + window->size && window->offset < offset + size)
        device_forget_window();
    while (size > 0) {
        size_t room = block_bytes - (size_t)(offset & (block_bytes - 1));
        size_t part = size < room ? size : room;
        enum status status = flash_program(offset, from, part);
        if (status != STATUS_OK)
            return status;
        store_state.stats.programmed_bytes += part;
        offset += part;
        from += part;
        size -= part;
    }
    return STATUS_OK;
}

enum status device_erase(uint32_t block_index)
{
    enum status status = STATUS_IO;
    device_forget_window();
    for (int i = 0; i < STORE_IO_TRIES && status != STATUS_OK; i++) {
        store_state.stats.erase_count++;
        status = flash_erase(block_index);
    }
    bool blank = false;
    uint64_t block_bytes = store_state.geometry.block_bytes;
    if (status == STATUS_OK)
        status = device_is_blank(block_index * block_bytes, block_bytes, &blank);
    if (status == STATUS_OK && !blank)
        status = STATUS_IO;
    return status;
}

void device_sync_begin(void)
{
    store_state.prepared_erased =
        false; /* covered; whether it is durable nobody asks before the sync has ended */
    flash_sync_begin();
}

enum status device_sync_end(bool wait)
{
    enum status status = wait ? flash_sync_wait() : flash_sync_poll();
    if (status == STATUS_OK || status == STATUS_AGAIN)
        return status;
    return store_give_up("the flash %s failed to make writes durable; save a copy of it and replace it",
                         store_state.geometry.name);
}

enum status device_is_blank(uint64_t offset, uint64_t size, bool *blank)
{
    *blank = true;
    while (size > 0 && *blank) {
        size_t part = size < STORE_READ_BYTES ? (size_t)size : STORE_READ_BYTES;
        const uint8_t *bytes = device_view(offset, part, offset + part);
        if (bytes == NULL)
            return STATUS_IO;
        *blank = frame_is_blank(bytes_of(bytes, part));
        offset += part;
        size -= part;
    }
    return STATUS_OK;
}

const uint8_t *device_view(uint64_t offset, size_t size, uint64_t limit)
{
    struct window *window = &store_state.window;
    uint64_t end = window->offset + window->size;
    assert(size <= STORE_READ_BYTES && size <= limit - offset);
    bool follows = offset >= window->offset && offset <= end;
    if (!follows) {
        window->offset = offset;
        window->size = 0;
    } else if (offset + size >
               end) { /* what it has of it moves to the front, and the next bytes behind that */
        size_t kept = (size_t)(end - offset);
        memmove(window->bytes, window->bytes + (offset - window->offset), kept);
        window->offset = offset;
        window->size = kept;
    }
    while (window->offset + window->size < offset + size) {
        uint64_t at = window->offset + window->size;
        size_t part = limit - at < STORE_READ_BYTES ? (size_t)(limit - at) : STORE_READ_BYTES;
        if (device_read(at, window->bytes + window->size, part) != STATUS_OK) {
            window->size = 0;
            return NULL;
        }
        window->size += part;
    }
    return window->bytes + (offset - window->offset);
}

void device_forget_window(void)
{
    store_state.window.size = 0;
}
