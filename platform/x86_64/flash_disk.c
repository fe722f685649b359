/*
 * Flash over a disk that fits boot option `disk`: the first with a partition for Jeton's state (gpt.h), else the first
 * without any partition table, as a whole. A disk with other people's partitions is never written to. The disk keeps
 * the complement of every byte, so that a new disk full of zeros is a blank flash, and an erase is a hole.
 *
 * A read takes a few hundred microseconds, most of it on the way. A replay looks at one header after the other at
 * equal distances, so reads ahead are begun once two steps were equal. Then it goes through the log in short reads, each a
 * little behind the last one: those are served from lines of 64 KiB. The last slot is the flush's; slot 0 serves everything
 * else.
 */
#include <string.h>

#include "platform/x86_64/block.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/gpt.h"

#define BLOCK_BYTES_MAX 65536U /* one transfer */
#define BLOCK_BYTES_MIN 4096U
#define BLOCKS_MIN      16U
#define BLOCKS_MAX      (1ULL << 24) /* 2^40 bytes in blocks of 64 KiB */
#define SLOT_DIRECT     0U
#define TRIES           2U
#define REFILL_AT       3U /* reads still held or under way */

#define SHORT_READ_BYTES 8192U /* less than a line by far */

struct span {
    uint64_t offset;
    size_t size; /* 0: nothing */
};

static struct block_device *disk;
static struct gpt_span place; /* of the flash on the disk */
static uint32_t grain_bytes;
static uint32_t block_bytes;
static struct span ahead[BLOCK_SLOTS]; /* what each slot has read or reads ahead */
static enum status flush_status;       /* STATUS_AGAIN: under way */
static struct span last_read;
static uint64_t last_step;
static struct span line; /* what short reads are served from; its bytes are in the buffer of line_slot */
static uint32_t line_slot;
static uint64_t short_end; /* of the last short read */

/* Blocks as large as one transfer, smaller where there would be too few of them. */
static uint32_t block_bytes_of(uint64_t size_bytes)
{
    uint32_t bytes = BLOCK_BYTES_MAX;
    while (bytes > BLOCK_BYTES_MIN && size_bytes / bytes < BLOCKS_MIN) {
        bytes /= 2;
    }
    return bytes;
}

static void complain(const struct block_device *device, const char *sentence)
{
    console_print(device->driver->name);
    console_print(sentence);
}

static bool can_hold_state(const struct block_device *device, const struct gpt_span *span)
{
    bool small = span->size_bytes / block_bytes_of(span->size_bytes) < BLOCKS_MIN;
    if (device->geometry.read_only || small) {
        complain(device, device->geometry.read_only ? " is read-only; it cannot hold the state\n"
                                                    : " has less than 64 KiB; it cannot hold the state\n");
    }
    return !device->geometry.read_only && !small;
}

static enum status read_sectors(const struct gpt_disk *from, uint64_t offset, void *out, size_t size)
{
    enum status status = block_run(from->context, BLOCK_READ, offset, size);
    if (status == STATUS_OK) {
        memcpy(out, block_buffer(SLOT_DIRECT), size);
    }
    return status;
}

/* The partition for the state, or STATUS_NOT_FOUND where the disk has no table; others with a sentence. */
static enum status find_partition(struct block_device *device, struct gpt_span *span)
{
    struct gpt_disk from = {.read = read_sectors,
                            .context = device,
                            .size_bytes = device->geometry.size_bytes,
                            .sector_bytes = device->geometry.grain_bytes};
    enum status status = gpt_find(&from, gpt_type_state, span);
    switch (status) {
    case STATUS_OK:
    case STATUS_NOT_FOUND:
        break;
    case STATUS_FOREIGN:
        complain(device, " has partitions, none for Jeton's state; it is left alone\n");
        break;
    case STATUS_CONFLICT:
        complain(device,
                 " has several partitions for Jeton's state, or one that overlaps; it is left alone\n");
        break;
    case STATUS_DAMAGED:
        complain(device, " has a damaged partition table; it is left alone\n");
        break;
    default:
        complain(device, " cannot be read; it is left alone\n");
        break;
    }
    return status;
}

static bool fits_option(const struct block_device *device, struct bytes option)
{
    const char *name = device->driver->option;
    return option.size == 0 || (option.size == strlen(name) && memcmp(option.data, name, option.size) == 0);
}

/* Choose `disk` and `place`. */
static enum status find_place(struct bytes option)
{
    struct block_device *whole = NULL;
    for (size_t i = 0; i < block_count(); i++) {
        struct block_device *device = block_get(i);
        enum status status =
            !device->broken && fits_option(device, option) ? find_partition(device, &place) : STATUS_CONFLICT;
        if (status == STATUS_OK && can_hold_state(device, &place)) {
            disk = device;
            return STATUS_OK;
        }
        struct gpt_span all = {0, device->geometry.size_bytes};
        if (status == STATUS_NOT_FOUND && whole == NULL && can_hold_state(device, &all)) {
            whole = device;
        }
    }
    disk = whole;
    place = (struct gpt_span){0, whole != NULL ? whole->geometry.size_bytes : 0};
    return whole != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status disk_open(struct bytes option, struct flash_geometry *geometry)
{
    enum status status = find_place(option);
    if (status != STATUS_OK) {
        return status;
    }
    grain_bytes = disk->geometry.grain_bytes;
    block_bytes = block_bytes_of(place.size_bytes);
    uint64_t count = place.size_bytes / block_bytes;
    *geometry = (struct flash_geometry){.block_bytes = block_bytes,
                                        .block_count = (uint32_t)(count < BLOCKS_MAX ? count : BLOCKS_MAX),
                                        .program_bytes = grain_bytes,
                                        .name = disk->driver->name};
    return STATUS_OK;
}

/* Copy with every bit turned. Four words at a time: a replay reads megabytes. */
static void copy_complement(uint8_t *out, const uint8_t *in, size_t size)
{
    size_t i = 0;
    uint64_t words[4];
    for (; size - i >= sizeof words; i += sizeof words) {
        memcpy(words, in + i, sizeof words);
        for (size_t k = 0; k < 4; k++) {
            words[k] = ~words[k];
        }
        memcpy(out + i, words, sizeof words);
    }
    for (; i < size; i++) {
        out[i] = (uint8_t)~in[i];
    }
}

static uint32_t flush_slot(void)
{
    return disk->geometry.depth - 1;
}

/* Where it has no slot of its own, or would share the failure of others, nothing is begun beside a flush. */
static void yield_to_flush(void)
{
    if (flush_status == STATUS_AGAIN && (flush_slot() == SLOT_DIRECT || disk->geometry.fails_together)) {
        flush_status = block_finish(disk, flush_slot());
    }
}

/* Run one request in the direct slot, at an offset in the flash; an error is given a second chance. */
static enum status run(enum block_operation operation, uint64_t offset, size_t size)
{
    enum status status = STATUS_IO;
    yield_to_flush();
    for (uint32_t i = 0; i < TRIES && status != STATUS_OK; i++) {
        status = block_run(disk, operation, place.offset_bytes + offset, size);
    }
    return status;
}

/* What was read ahead is no longer wanted, or no longer true. */
static void forget_ahead(void)
{
    memset(ahead, 0, sizeof ahead);
    last_step = 0;
    line.size = 0;
}

/* The slot that holds or will hold the span; SLOT_DIRECT when none does. */
static uint32_t slot_of(struct span wanted)
{
    for (uint32_t slot = 1; slot < flush_slot(); slot++) {
        if (ahead[slot].size == wanted.size && ahead[slot].offset == wanted.offset) {
            return slot;
        }
    }
    return SLOT_DIRECT;
}

/* A slot that nothing was read ahead into; SLOT_DIRECT when there is none. */
static uint32_t slot_idle(void)
{
    for (uint32_t slot = 1; slot < flush_slot(); slot++) {
        if (ahead[slot].size == 0 && !block_is_busy(disk, slot)) {
            return slot;
        }
    }
    return SLOT_DIRECT;
}

/* Reads ahead are begun several at a time, as each notification of the device costs as much as a read. */
static bool is_time_to_refill(void)
{
    uint32_t held = 0;
    for (uint32_t slot = 1; slot < flush_slot(); slot++) {
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
    for (uint32_t i = 1; steady && i < disk->geometry.depth; i++) {
        struct span next = {from.offset + i * step, from.size};
        uint32_t slot = slot_idle();
        if (slot == SLOT_DIRECT || next.offset >= place.size_bytes ||
            next.size > place.size_bytes - next.offset) {
            break;
        }
        if (slot_of(next) == SLOT_DIRECT) {
            ahead[slot] = next;
            block_begin(disk, slot, BLOCK_READ, place.offset_bytes + next.offset, next.size);
        }
    }
}

/* Read one span, and say which slot's buffer has it. */
static enum status read_span(struct span wanted, uint32_t *slot)
{
    yield_to_flush();
    line.size = 0; /* its slot may be used again */
    *slot = slot_of(wanted);
    if (*slot == SLOT_DIRECT) {
        block_begin(disk, SLOT_DIRECT, BLOCK_READ, place.offset_bytes + wanted.offset, wanted.size);
    }
    read_ahead(wanted);
    enum status status = block_finish(disk, *slot);
    ahead[*slot].size = 0;
    if (status != STATUS_OK) {
        *slot = SLOT_DIRECT;
        status = run(BLOCK_READ, wanted.offset, wanted.size);
    }
    return status;
}

/* Whole grains around so many bytes; one transfer at most. */
static struct span span_around(uint64_t offset, size_t size)
{
    size_t skip = (size_t)(offset % grain_bytes);
    size_t whole = (skip + size + grain_bytes - 1) / grain_bytes * grain_bytes;
    return (struct span){offset - skip, whole < BLOCK_BUFFER_BYTES ? whole : BLOCK_BUFFER_BYTES};
}

static bool is_in(uint64_t offset, struct span span)
{
    return offset >= span.offset && offset - span.offset < span.size;
}

/* Does this read go on, up to a line farther, where the last short one ended? */
static bool goes_on(uint64_t offset, size_t size)
{
    bool follows = short_end != 0 && offset >= short_end && offset - short_end < BLOCK_BUFFER_BYTES;
    return size <= SHORT_READ_BYTES && follows;
}

/* The line that has `offset`: as a rule the next one, so that lines are read ahead. */
static struct span line_for(uint64_t offset)
{
    uint64_t next = line.offset + line.size;
    struct span span = {offset - offset % grain_bytes, BLOCK_BUFFER_BYTES};
    if (line.size != 0 && offset >= next && offset - next < BLOCK_BUFFER_BYTES) {
        span.offset = next;
    }
    if (span.size > place.size_bytes - span.offset) {
        span.size = (size_t)(place.size_bytes - span.offset);
    }
    return span;
}

/* What holds the bytes at `offset`, up to `size` of them, and its slot. */
static enum status fetch(uint64_t offset, size_t size, struct span *span, uint32_t *slot)
{
    if (is_in(offset, line)) {
        *span = line;
        *slot = line_slot;
        return STATUS_OK;
    }
    bool is_short = goes_on(offset, size);
    *span = is_short ? line_for(offset) : span_around(offset, size);
    enum status status = read_span(*span, slot);
    if (status == STATUS_OK && is_short) {
        line = *span;
        line_slot = *slot;
    }
    return status;
}

static enum status disk_read(uint64_t offset, void *out, size_t size)
{
    uint8_t *to = out;
    uint64_t end = offset + size;
    while (offset < end) {
        struct span span;
        uint32_t slot;
        enum status status = fetch(offset, (size_t)(end - offset), &span, &slot);
        if (status != STATUS_OK) {
            return status;
        }
        size_t skip = (size_t)(offset - span.offset);
        size_t part = span.size - skip < end - offset ? span.size - skip : (size_t)(end - offset);
        copy_complement(to, block_buffer(slot) + skip, part);
        to += part;
        offset += part;
    }
    short_end = size <= SHORT_READ_BYTES ? end : 0;
    return STATUS_OK;
}

static enum status disk_program(uint64_t offset, const void *data, size_t size)
{
    forget_ahead();
    copy_complement(block_buffer(SLOT_DIRECT), data, size); /* within one block, hence within the buffer */
    return run(BLOCK_WRITE, offset, size);
}

static enum status disk_erase(uint32_t block_index)
{
    uint64_t offset = (uint64_t)block_index * block_bytes;
    forget_ahead();
    if (block_bytes <= disk->geometry.zero_bytes_max && run(BLOCK_ZERO, offset, block_bytes) == STATUS_OK) {
        return STATUS_OK;
    }
    memset(block_buffer(SLOT_DIRECT), 0, block_bytes);
    return run(BLOCK_WRITE, offset, block_bytes);
}

/* Once: a flush that failed has lost what it was to save, and a second one that went well would hide it. */
static void disk_sync_begin(void)
{
    flush_status = STATUS_OK;
    if (disk->geometry.caches) {
        block_begin(disk, flush_slot(), BLOCK_FLUSH, 0, 0);
        block_submit(disk);
        flush_status = STATUS_AGAIN;
    }
}

static enum status disk_sync_end(bool wait)
{
    if (flush_status == STATUS_AGAIN) {
        flush_status = wait ? block_finish(disk, flush_slot()) : block_poll(disk, flush_slot());
    }
    return flush_status;
}

static bool disk_sleep_begin(void)
{
    return flush_status == STATUS_AGAIN && block_sleep_begin(disk);
}

static void disk_sleep_end(void)
{
    block_sleep_end(disk);
}

const struct flash_backend flash_disk = {disk_open,       disk_read,     disk_program,     disk_erase,
                                         disk_sync_begin, disk_sync_end, disk_sleep_begin, disk_sleep_end};
