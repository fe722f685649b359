/*
 * The one flash: choose the backend by boot option `disk` (pflash, virtio, nvme, ahci; else the first that is there),
 * check every argument, pass on.
 */
#include "platform/platform.h"
#include "platform/x86_64/flash_backend.h"

static const struct flash_backend *const backends[] = {&flash_pflash, &flash_disk};
static const struct flash_backend *chosen;
static struct flash_geometry shape;
static uint64_t size_bytes;
static bool is_syncing;

enum status flash_open(struct flash_geometry *geometry)
{
    struct bytes option = platform_option("disk");
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (backends[i]->open(option, &shape) == STATUS_OK) {
            chosen = backends[i];
            size_bytes = (uint64_t)shape.block_bytes * shape.block_count;
            *geometry = shape;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

static void check(bool holds)
{
    if (!holds) {
        platform_panic("flash: a call outside of its contract");
    }
}

static bool inside(uint64_t offset, size_t size)
{
    return chosen != NULL && offset <= size_bytes && size <= size_bytes - offset;
}

enum status flash_read(uint64_t offset, void *out, size_t size)
{
    check(inside(offset, size));
    return chosen->read(offset, out, size);
}

enum status flash_program(uint64_t offset, const void *data, size_t size)
{
    check(inside(offset, size));
    check(offset % shape.program_bytes == 0 && size % shape.program_bytes == 0);
    check(size == 0 || offset / shape.block_bytes == (offset + size - 1) / shape.block_bytes);
    return size == 0 ? STATUS_OK : chosen->program(offset, data, size);
}

enum status flash_erase(uint32_t block_index)
{
    check(chosen != NULL && block_index < shape.block_count);
    return chosen->erase(block_index);
}

void flash_sync_begin(void)
{
    check(chosen != NULL && !is_syncing);
    is_syncing = true;
    chosen->sync_begin();
}

static enum status end_sync(bool wait)
{
    check(is_syncing);
    enum status status = chosen->sync_end(wait);
    is_syncing = status == STATUS_AGAIN;
    return status;
}

enum status flash_sync_poll(void)
{
    return end_sync(false);
}

enum status flash_sync_wait(void)
{
    return end_sync(true);
}

bool flash_sleep_begin(void)
{
    return !is_syncing || chosen->sleep_begin();
}

void flash_sleep_end(void)
{
    if (is_syncing) {
        chosen->sleep_end();
    }
}

bool flash_needs_polling(void)
{
    return is_syncing;
}
