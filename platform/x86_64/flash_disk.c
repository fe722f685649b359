/*
 * Flash over a block device. The disk keeps the complement of every byte, so that a new disk full of zeros is a
 * blank flash, and an erase is a hole.
 *
 * A read takes a few hundred microseconds, most of it on the way. A replay looks at one header after the other at
 * equal distances, so reads ahead are begun once two steps were equal; slot 0 serves everything else.
 */
#include <string.h>

#include "platform/x86_64/console.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/virtio_blk.h"

#define BLOCK_BYTES_MAX 65536U /* one transfer */
#define BLOCK_BYTES_MIN 4096U
#define BLOCKS_MIN      16U
#define BLOCKS_MAX      (1ULL << 24) /* 2^40 bytes in blocks of 64 KiB */
#define SLOT_DIRECT     0U
#define TRIES           2U
#define REFILL_AT       3U /* reads still held or under way */

struct span {
    uint64_t offset;
    size_t size; /* 0: nothing */
};

static struct virtio_blk_info disk;
static uint32_t block_bytes;
static struct span ahead[VIRTIO_BLK_SLOTS]; /* what each slot has read or reads ahead */
static struct span last_read;
static uint64_t last_step;

static enum status disk_open(struct flash_geometry *geometry)
{
    enum status status = virtio_blk_info(&disk);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t bytes = BLOCK_BYTES_MAX;
    while (bytes > BLOCK_BYTES_MIN && disk.size_bytes / bytes < BLOCKS_MIN) {
        bytes /= 2;
    }
    uint64_t count = disk.size_bytes / bytes;
    if (disk.read_only || count < BLOCKS_MIN) {
        console_print(disk.read_only ? "the disk is read-only; it cannot hold the state\n"
                                     : "the disk is smaller than 64 KiB; it cannot hold the state\n");
        return STATUS_NOT_FOUND;
    }
    block_bytes = bytes;
    *geometry = (struct flash_geometry){.block_bytes = bytes,
                                        .block_count = (uint32_t)(count < BLOCKS_MAX ? count : BLOCKS_MAX),
                                        .program_bytes = disk.grain_bytes,
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

/* Run one request in the direct slot; an error is given a second chance. */
static enum status run(enum virtio_blk_operation operation, uint64_t offset, size_t size)
{
    enum status status = STATUS_IO;
    for (uint32_t i = 0; i < TRIES && status != STATUS_OK; i++) {
        virtio_blk_begin(SLOT_DIRECT, operation, offset, size);
        status = virtio_blk_finish(SLOT_DIRECT);
    }
    return status;
}

/* What was read ahead is no longer wanted, or no longer true. */
static void forget_ahead(void)
{
    memset(ahead, 0, sizeof ahead);
    last_step = 0;
}

/* The slot that holds or will hold the span; SLOT_DIRECT when none does. */
static uint32_t slot_of(struct span wanted)
{
    for (uint32_t slot = 1; slot < VIRTIO_BLK_SLOTS; slot++) {
        if (ahead[slot].size == wanted.size && ahead[slot].offset == wanted.offset) {
            return slot;
        }
    }
    return SLOT_DIRECT;
}

/* A slot that nothing was read ahead into; SLOT_DIRECT when there is none. */
static uint32_t slot_idle(void)
{
    for (uint32_t slot = 1; slot < VIRTIO_BLK_SLOTS; slot++) {
        if (ahead[slot].size == 0 && !virtio_blk_is_busy(slot)) {
            return slot;
        }
    }
    return SLOT_DIRECT;
}

/* Reads ahead are begun several at a time, as each notification of the device costs as much as a read. */
static bool is_time_to_refill(void)
{
    uint32_t held = 0;
    for (uint32_t slot = 1; slot < VIRTIO_BLK_SLOTS; slot++) {
        held += ahead[slot].size != 0;
    }
    return held <= REFILL_AT;
}

/* Begin the reads that will come next if the steps stay equal. Steps may go backwards: sums wrap. */
static void read_ahead(struct span from)
{
    uint64_t step = from.offset - last_read.offset;
    bool steady = step != 0 && step == last_step && from.size == last_read.size;
    if (!steady) {
        forget_ahead();
    }
    last_read = from;
    last_step = step;
    steady = steady && is_time_to_refill();
    for (uint32_t i = 1; steady && i < VIRTIO_BLK_SLOTS; i++) {
        struct span next = {from.offset + i * step, from.size};
        uint32_t slot = slot_idle();
        if (slot == SLOT_DIRECT || next.offset >= disk.size_bytes ||
            next.size > disk.size_bytes - next.offset) {
            break;
        }
        if (slot_of(next) == SLOT_DIRECT) {
            ahead[slot] = next;
            virtio_blk_begin(slot, VIRTIO_BLK_READ, next.offset, next.size);
        }
    }
}

/* Read one span, and say which slot's buffer has it. */
static enum status read_span(struct span wanted, uint32_t *slot)
{
    *slot = slot_of(wanted);
    if (*slot == SLOT_DIRECT) {
        virtio_blk_begin(SLOT_DIRECT, VIRTIO_BLK_READ, wanted.offset, wanted.size);
    }
    read_ahead(wanted);
    enum status status = virtio_blk_finish(*slot);
    ahead[*slot].size = 0;
    if (status != STATUS_OK) {
        *slot = SLOT_DIRECT;
        status = run(VIRTIO_BLK_READ, wanted.offset, wanted.size);
    }
    return status;
}

static enum status disk_read(uint64_t offset, void *out, size_t size)
{
    uint8_t *to = out;
    while (size > 0) {
        size_t skip = (size_t)(offset % disk.grain_bytes);
        size_t size_wanted = (skip + size + disk.grain_bytes - 1) / disk.grain_bytes * disk.grain_bytes;
        struct span span = {offset - skip, size_wanted};
        span.size = span.size < VIRTIO_BLK_BUFFER_BYTES ? span.size : VIRTIO_BLK_BUFFER_BYTES;
        uint32_t slot;
        enum status status = read_span(span, &slot);
        if (status != STATUS_OK) {
            return status;
        }
        size_t part = span.size - skip < size ? span.size - skip : size;
        copy_complement(to, virtio_blk_buffer(slot) + skip, part);
        to += part;
        offset += part;
        size -= part;
    }
    return STATUS_OK;
}

static enum status disk_program(uint64_t offset, const void *data, size_t size)
{
    forget_ahead();
    copy_complement(virtio_blk_buffer(SLOT_DIRECT), data,
                    size); /* within one block, hence within the buffer */
    return run(VIRTIO_BLK_WRITE, offset, size);
}

static enum status disk_erase(uint32_t block_index)
{
    uint64_t offset = (uint64_t)block_index * block_bytes;
    forget_ahead();
    if (block_bytes <= disk.zero_bytes_max && run(VIRTIO_BLK_ZERO, offset, block_bytes) == STATUS_OK) {
        return STATUS_OK;
    }
    memset(virtio_blk_buffer(SLOT_DIRECT), 0, block_bytes);
    return run(VIRTIO_BLK_WRITE, offset, block_bytes);
}

static enum status disk_sync(void)
{
    return disk.caches ? run(VIRTIO_BLK_FLUSH, 0, 0) : STATUS_OK;
}

const struct flash_backend flash_disk = {"virtio", disk_open, disk_read, disk_program, disk_erase, disk_sync};
