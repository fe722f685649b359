/*
 * Flash over a block device. The disk keeps the complement of every byte, so that a new disk full of zeros is a
 * blank flash, and an erase is a hole.
 */
#include <string.h>

#include "platform/x86_64/console.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/virtio_blk.h"

#define BLOCK_BYTES_MAX 65536U /* one transfer */
#define BLOCK_BYTES_MIN 4096U
#define BLOCKS_MIN      16U
#define BLOCKS_MAX      (1ULL << 24) /* 2^40 bytes in blocks of 64 KiB */

static uint32_t grain_bytes;
static uint32_t block_bytes;

static enum status disk_open(struct flash_geometry *geometry)
{
    struct virtio_blk_info info;
    enum status status = virtio_blk_info(&info);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t bytes = BLOCK_BYTES_MAX;
    while (bytes > BLOCK_BYTES_MIN && info.size_bytes / bytes < BLOCKS_MIN) {
        bytes /= 2;
    }
    uint64_t count = info.size_bytes / bytes;
    if (info.read_only || count < BLOCKS_MIN) {
        console_print(info.read_only ? "the disk is read-only; it cannot hold the state\n"
                                     : "the disk is smaller than 64 KiB; it cannot hold the state\n");
        return STATUS_NOT_FOUND;
    }
    grain_bytes = info.grain_bytes;
    block_bytes = bytes;
    *geometry = (struct flash_geometry){.block_bytes = bytes,
                                        .block_count = (uint32_t)(count < BLOCKS_MAX ? count : BLOCKS_MAX),
                                        .program_bytes = info.grain_bytes,
                                        .name = "virtio-blk"};
    return STATUS_OK;
}

/* Copy with every bit turned. Eight bytes at a time: a replay reads megabytes. */
static void copy_complement(uint8_t *out, const uint8_t *in, size_t size)
{
    size_t i = 0;
    for (; size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, in + i, sizeof word);
        word = ~word;
        memcpy(out + i, &word, sizeof word);
    }
    for (; i < size; i++) {
        out[i] = (uint8_t)~in[i];
    }
}

static enum status disk_read(uint64_t offset, void *out, size_t size)
{
    uint8_t *to = out;
    while (size > 0) {
        size_t skip = (size_t)(offset % grain_bytes);
        size_t span = skip + size;
        span = (span + grain_bytes - 1) / grain_bytes * grain_bytes;
        span = span < VIRTIO_BLK_TRANSFER_BYTES ? span : VIRTIO_BLK_TRANSFER_BYTES;
        enum status status = virtio_blk_read(offset - skip, span);
        if (status != STATUS_OK) {
            return status;
        }
        size_t part = span - skip < size ? span - skip : size;
        copy_complement(to, virtio_blk_buffer() + skip, part);
        to += part;
        offset += part;
        size -= part;
    }
    return STATUS_OK;
}

static enum status disk_program(uint64_t offset, const void *data, size_t size)
{
    copy_complement(virtio_blk_buffer(), data, size); /* within one block, hence within the buffer */
    return virtio_blk_write(offset, size);
}

static enum status disk_erase(uint32_t block_index)
{
    return virtio_blk_zero((uint64_t)block_index * block_bytes, block_bytes);
}

static enum status disk_sync(void)
{
    return virtio_blk_flush();
}

const struct flash_backend flash_disk = {"virtio", disk_open, disk_read, disk_program, disk_erase, disk_sync};
