/*
 * The ring of segments: which position is used next, erased when, and which ones are out of use.
 *
 * Used positions run from the tail to the head, free ones from behind the head to before the tail. A position is erased
 * just before it is used again (in the background as a rule), so that each one is erased once a turn.
 */
#include <assert.h>

#include "base/log.h"
#include "store/state.h"

static uint32_t blocks_per_segment(void)
{
    return store_state.segment_bytes / store_state.geometry.block_bytes;
}

uint32_t ring_first_block(uint32_t position)
{
    return STORE_HEADER_BLOCKS + position * blocks_per_segment();
}

uint64_t ring_offset(uint32_t position)
{
    return (uint64_t)ring_first_block(position) * store_state.geometry.block_bytes;
}

uint32_t ring_next(uint32_t position)
{
    return position == NO_POSITION || position + 1 == store_state.segment_count ? 0 : position + 1;
}

uint32_t ring_next_used(uint32_t position)
{
    do
        position = ring_next(position);
    while (position != store_state.head && store_state.segments[position].end_bytes == 0);
    return position;
}

uint32_t ring_used_count(void)
{
    if (store_state.tail == NO_POSITION)
        return 0;
    uint32_t count = 1;
    for (uint32_t p = store_state.tail; p != store_state.head; p = ring_next(p))
        count++;
    return count;
}

/* The next free position, NO_POSITION when the ring is full. */
static uint32_t next_free(void)
{
    uint32_t position = ring_next(store_state.head);
    for (uint32_t i = 0; i < store_state.segment_count && position != store_state.tail; i++) {
        if (!store_state.segments[position].bad)
            return position;
        position = ring_next(position);
    }
    return NO_POSITION;
}

void ring_recount(void)
{
    uint32_t free_count = 0;
    uint32_t used_count = ring_used_count();
    uint32_t position = store_state.head;
    for (uint32_t i = used_count; i < store_state.segment_count; i++) {
        position = ring_next(position);
        if (!store_state.segments[position].bad)
            free_count++;
    }
    store_state.free_count = free_count;
}

void ring_retire(uint32_t position)
{
    struct segment *segment = &store_state.segments[position];
    if (!segment->bad)
        log_alert("flash blocks %u to %u failed and are no longer used", (unsigned)ring_first_block(position),
                  (unsigned)(ring_first_block(position) + blocks_per_segment() - 1));
    if (!segment->bad)
        store_state.stats.bad_block_count += blocks_per_segment();
    segment->bad = true;
    if (segment->end_bytes == 0)
        segment->number = 0;
    ring_recount();
}

/* Make one more block of `position` blank. */
static enum status prepare_block(uint32_t position)
{
    if (store_state.prepared != position) {
        store_state.prepared = position;
        store_state.prepared_blocks = 0;
        store_state.prepared_worn = false;
    }
    uint32_t block_index = ring_first_block(position) + store_state.prepared_blocks;
    uint64_t block_bytes = store_state.geometry.block_bytes;
    bool blank = false;
    enum status status = STATUS_OK;
    if (!store_state.segments[position].used)
        status = device_is_blank(block_index * block_bytes, block_bytes, &blank);
    if (status == STATUS_OK && !blank) {
        store_state.prepared_erased = true;
        status = device_erase(block_index);
        if (!store_state.prepared_worn)
            store_state.segments[position].wear++;
        store_state.prepared_worn = true;
    }
    if (status == STATUS_OK)
        store_state.prepared_blocks++;
    else
        ring_retire(position);
    return status;
}

/* Blocks of the next position that should be ready by now: the same share as of the head is filled. */
static uint32_t due_blocks(void)
{
    uint64_t filled_bytes = (uint64_t)blocks_per_segment() * store_state.head_bytes;
    return (uint32_t)(filled_bytes / store_state.segment_bytes);
}

void ring_prepare_pace(void)
{
    uint32_t position = next_free();
    if (position == NO_POSITION || store_state.head == NO_POSITION)
        return;
    enum status status = STATUS_OK;
    while (status == STATUS_OK &&
           (store_state.prepared != position || store_state.prepared_blocks < due_blocks()))
        status = prepare_block(position); /* else it is retired, and the next call begins another one */
}

bool ring_prepare_step(void)
{
    uint32_t position = next_free();
    if (position == NO_POSITION ||
        (position == store_state.prepared && store_state.prepared_blocks == blocks_per_segment()))
        return false;
    return prepare_block(position) != STATUS_OK || store_state.prepared_blocks < blocks_per_segment();
}

static void start_segment(uint32_t position)
{
    struct segment *segment = &store_state.segments[position];
    segment->number = ++store_state.newest_number;
    segment->end_bytes = 0;
    segment->full_bytes = 0;
    segment->used = true;
    store_state.head = position;
    store_state.head_bytes = 0;
    store_state.prepared = NO_POSITION;
    /* Where the log was to begin there is nothing: it begins here. */
    uint32_t *starts[] = {&store_state.tail, &store_state.sealed_tail, &store_state.compaction.position};
    for (int i = 0; i < 3; i++) {
        if (*starts[i] == NO_POSITION || store_state.segments[*starts[i]].end_bytes == 0)
            *starts[i] = position;
    }
    ring_recount();
}

enum status ring_advance(void)
{
    for (;;) {
        uint32_t position = next_free();
        if (position == NO_POSITION)
            return STATUS_FULL;
        enum status status = STATUS_OK;
        while (status == STATUS_OK &&
               (store_state.prepared != position || store_state.prepared_blocks < blocks_per_segment()))
            status = prepare_block(position);
        if (status != STATUS_OK)
            continue; /* retired; the next one */
        /* Erased must be durable before programmed: else an old frame could stand behind a new one after a cut. */
        if (writer_sync() != STATUS_OK)
            return STATUS_READ_ONLY;
        start_segment(position);
        return STATUS_OK;
    }
}

void ring_release(uint32_t new_tail)
{
    for (uint32_t p = store_state.tail; p != new_tail; p = ring_next(p)) {
        struct segment *segment = &store_state.segments[p];
        store_state.full_bytes -= segment->full_bytes;
        store_state.forgotten_bytes -= store_state.forgotten_bytes > segment->full_bytes
                                           ? segment->full_bytes
                                           : store_state.forgotten_bytes; /* all of them were dead by now */
        segment->number = 0;
        segment->end_bytes = 0;
        segment->full_bytes = 0;
    }
    store_state.tail = new_tail;
    ring_recount();
}
