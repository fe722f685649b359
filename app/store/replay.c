/*
 * From the flash to the owner at boot: which segments there are, where the chain ends, and every record in order.
 *
 * FORMAT.md, section "Reading the log", has the rules and their reasons: what is a torn tail (dropped), what is a hole
 * (refused).
 */
#include <string.h>

#include "store/state.h"

#define ROTTEN_MAX      8  /* unreadable first headers that are remembered */
#define RECORDS_AT_ONCE 32 /* handed to the owner */

#define FIRST_READ_BYTES 2048 /* of a frame: as a rule its header and all records without their rests */

/* What a boot learns before it replays. */
static struct {
    struct frame_header last; /* of the chain */
    uint8_t last_tag[FRAME_TAG_BYTES];
    bool has_last;
    struct {
        uint64_t sequence;
        uint32_t segment;
        uint32_t position;
    } rotten[ROTTEN_MAX];
    uint32_t rotten_count;
    uint64_t first_sequence[STORE_SEGMENTS_MAX]; /* of the positions with a valid first header */
    bool unreadable[STORE_SEGMENTS_MAX];
    uint32_t last_unreadable; /* NO_POSITION: none */
} scan;

static uint8_t frame_bytes[STORE_FRAME_MAX_BYTES]; /* of the frame that is replayed */

static size_t program_bytes(void)
{
    return store_state.geometry.program_bytes;
}

static enum status refuse_damaged(uint64_t record, uint64_t offset)
{
    return store_refuse(
        STATUS_DAMAGED,
        "record %llu in block %u of the flash is damaged: restore a copy of the flash, or erase it and "
        "lose all tokens",
        (unsigned long long)record, (unsigned)(offset / store_state.geometry.block_bytes));
}

static enum status refuse_unreadable(uint64_t offset)
{
    return store_refuse(STATUS_IO,
                        "block %u of the flash cannot be read: check the device, or restore a copy of it",
                        (unsigned)(offset / store_state.geometry.block_bytes));
}

/* ---- is it torn? ---- */

/* A cut leaves each program unit old (blank) or new. So what has no blank unit and is wrong was whole once: rot. */
static bool has_blank_unit(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += program_bytes()) {
        if (frame_is_blank(bytes_of(bytes + at, program_bytes())))
            return true;
    }
    return false;
}

static size_t header_units_bytes(void)
{
    return (FRAME_HEADER_BYTES + program_bytes() - 1) & ~(program_bytes() - 1);
}

/* ---- pass 1: the first header of each segment ---- */

static void remember_rotten(const uint8_t *bytes, uint32_t position)
{
    if (has_blank_unit(bytes, header_units_bytes()) || scan.rotten_count == ROTTEN_MAX)
        return;
    frame_peek(bytes, &scan.rotten[scan.rotten_count].sequence, &scan.rotten[scan.rotten_count].segment);
    scan.rotten[scan.rotten_count++].position = position;
}

static void scan_first_headers(void)
{
    uint8_t bytes[STORE_PROGRAM_MAX_BYTES];
    struct frame_header header;
    for (uint32_t p = 0; p < store_state.segment_count; p++) {
        struct segment *segment = &store_state.segments[p];
        if (device_read(ring_offset(p), bytes, header_units_bytes()) != STATUS_OK) {
            scan.unreadable[p] = true;
            scan.last_unreadable = p;
            continue; /* matters only where the chain needs it */
        }
        if (frame_decode_header(bytes, &header) == STATUS_OK) {
            segment->number = header.segment;
            segment->wear = header.wear;
            scan.first_sequence[p] = header.sequence;
        } else {
            segment->wear = p == 0 ? 0 : store_state.segments[p - 1].wear;
            remember_rotten(bytes, p);
        }
    }
}

static uint32_t newest_position(uint32_t below_number)
{
    uint32_t best = NO_POSITION;
    for (uint32_t p = 0; p < store_state.segment_count; p++) {
        uint32_t number = store_state.segments[p].number;
        if (number != 0 && number < below_number &&
            (best == NO_POSITION || number > store_state.segments[best].number))
            best = p;
    }
    return best;
}

/* ---- pass 2: where the chain ends ---- */

/* Is there, anywhere behind `at`, a frame that was sealed when frame `sequence` was already durable? */
static enum status find_confirmation(uint64_t at, uint64_t end, uint64_t sequence, uint32_t number,
                                     bool *confirmed)
{
    *confirmed = false;
    for (; at + frame_extent_of(0, 0, program_bytes()).total_bytes <= end && !*confirmed;
         at += program_bytes()) {
        struct frame_header header;
        const uint8_t *bytes = device_view(at, FRAME_HEADER_BYTES, end);
        if (bytes == NULL)
            return refuse_unreadable(at);
        if (frame_decode_header(bytes, &header) != STATUS_OK || header.segment != number)
            continue;
        struct frame_extent extent = unseal_extent(&header);
        if (extent.total_bytes > end - at)
            continue;
        bytes = device_view(at, extent.total_bytes, end);
        if (bytes == NULL)
            return refuse_unreadable(at);
        *confirmed = frame_is_whole(bytes, &extent) && header.durable_through >= sequence;
    }
    return STATUS_OK;
}

/* The bytes at `at` are no valid frame. Torn (STATUS_OK), or rot (refused)? `sequence` is what should stand there. */
static enum status judge_tail(uint64_t at, uint64_t end, uint64_t sequence, uint32_t number)
{
    struct frame_header header;
    size_t extent = header_units_bytes();
    if (end - at >= extent) {
        const uint8_t *bytes = device_view(at, extent, end);
        if (bytes == NULL)
            return refuse_unreadable(at);
        if (frame_decode_header(bytes, &header) == STATUS_OK) {
            extent = unseal_extent(&header).total_bytes;
            if (extent > end - at)
                return refuse_damaged(scan.last.first_record + scan.last.record_count, at);
        }
        bytes = device_view(at, extent, end);
        if (bytes == NULL)
            return refuse_unreadable(at);
        if (!has_blank_unit(bytes, extent))
            return refuse_damaged(scan.last.first_record + scan.last.record_count, at);
    }
    bool confirmed = false;
    enum status status = find_confirmation(at + program_bytes(), end, sequence, number, &confirmed);
    if (status == STATUS_OK && confirmed)
        status = refuse_damaged(scan.last.first_record + scan.last.record_count, at);
    return status;
}

/* Read the frame at `at`, by its structure only. STATUS_NOT_FOUND: no valid frame of this segment there. */
static enum status read_structure(uint64_t at, uint64_t end, uint32_t number, struct frame_header *header)
{
    if (end - at < frame_extent_of(0, 0, program_bytes()).total_bytes)
        return STATUS_NOT_FOUND;
    const uint8_t *bytes = device_view(at, FRAME_HEADER_BYTES, end);
    if (bytes == NULL)
        return refuse_unreadable(at);
    if (frame_decode_header(bytes, header) != STATUS_OK || header->segment != number)
        return STATUS_NOT_FOUND;
    struct frame_extent extent = unseal_extent(header);
    if (extent.total_bytes > end - at)
        return STATUS_NOT_FOUND;
    bytes = device_view(at, extent.total_bytes, end);
    if (bytes == NULL)
        return refuse_unreadable(at);
    if (!frame_is_whole(bytes, &extent))
        return STATUS_NOT_FOUND;
    if (scan.has_last && (header->sequence != scan.last.sequence + 1 ||
                          memcmp(header->previous_tag, scan.last_tag, FRAME_TAG_BYTES) != 0))
        return refuse_damaged(header->first_record, at);
    memcpy(scan.last_tag, bytes + extent.tag_offset, FRAME_TAG_BYTES);
    return STATUS_OK;
}

/* Walk the newest segment to its last valid frame; its rest decides whether the head can go on there. */
static enum status walk_newest(uint32_t position)
{
    uint64_t start = ring_offset(position);
    uint64_t end = start + store_state.segment_bytes;
    uint64_t at = start;
    struct frame_header header = {.sequence = 1};
    enum status status = STATUS_OK;
    scan.has_last = false;
    while ((status = read_structure(at, end, store_state.segments[position].number, &header)) == STATUS_OK) {
        scan.last = header;
        scan.has_last = true;
        at += unseal_extent(&header).total_bytes;
    }
    if (status != STATUS_NOT_FOUND)
        return status;
    bool blank = false;
    status = device_is_blank(at, end - at, &blank);
    if (status != STATUS_OK)
        return refuse_unreadable(at);
    store_state.head_bytes = blank ? (uint32_t)(at - start) : store_state.segment_bytes;
    if (blank)
        return STATUS_OK;
    uint64_t expected = scan.has_last ? scan.last.sequence + 1 : header.sequence;
    return judge_tail(at, end, expected, store_state.segments[position].number);
}

/* The newest segment with a valid frame. At most one newer segment may have none: its first frame was torn. */
static enum status find_end(void)
{
    uint32_t below = UINT32_MAX;
    store_state.newest_number = 0;
    for (int i = 0; i < 2; i++) {
        uint32_t position = newest_position(below);
        if (position == NO_POSITION)
            return STATUS_OK;
        enum status status = walk_newest(position);
        if (status != STATUS_OK)
            return status;
        uint32_t number = store_state.segments[position].number;
        if (i == 0)
            store_state.newest_number = number;
        if (scan.has_last) {
            store_state.head = position;
            if (i > 0)
                store_state.head_bytes = store_state.segment_bytes;
            return STATUS_OK;
        }
        store_state.segments[position].number = 0;
        below = number;
    }
    return newest_position(below) == NO_POSITION ? STATUS_OK : refuse_damaged(0, 0);
}

/* A first header that rotted: did it begin the segment that the chain would go on in? */
static enum status check_rotten(void)
{
    uint64_t next = scan.has_last ? scan.last.sequence + 1 : 1;
    uint32_t newest = store_state.newest_number;
    for (uint32_t i = 0; i < scan.rotten_count; i++) {
        uint32_t segment = scan.rotten[i].segment;
        if (scan.rotten[i].sequence == next || (segment > newest && segment - newest <= ROTTEN_MAX))
            return refuse_damaged(scan.last.first_record + scan.last.record_count,
                                  ring_offset(scan.rotten[i].position));
    }
    return STATUS_OK;
}

/* A first header that cannot be read: the log may go on there, unseen, if it is the next place to write. A log without
 * a head may be anywhere. */
static enum status check_unreadable(void)
{
    if (scan.last_unreadable == NO_POSITION)
        return STATUS_OK;
    uint32_t next = ring_next(store_state.head);
    if (store_state.head == NO_POSITION)
        return refuse_unreadable(ring_offset(scan.last_unreadable));
    return scan.unreadable[next] ? refuse_unreadable(ring_offset(next)) : STATUS_OK;
}

/* ---- pass 3: replay ---- */

/* The records of a frame to the owner, some at a time: a call for each would cost more than what is done with it. */
static enum status replay_records(const struct frame_header *header, struct record_walk *walk)
{
    struct store_record records[RECORDS_AT_ONCE];
    enum status status = STATUS_OK;
    uint32_t seen = 0;
    while (status == STATUS_OK) {
        size_t count = 0;
        while (count < RECORDS_AT_ONCE && (status = unseal_next(walk, header, &records[count])) == STATUS_OK)
            count++;
        seen += (uint32_t)count;
        if (count > 0 && store_state.owner.replay(records, count) != STATUS_OK)
            return STATUS_DAMAGED;
    }
    return status == STATUS_NOT_FOUND && seen == header->record_count ? STATUS_OK : STATUS_DAMAGED;
}

/* Does the frame go on where the chain is? The first one of all follows the device id; the first one that is left
 * follows what is gone. */
static bool continues_chain(const struct frame_header *header)
{
    const struct chain *chain = &store_state.chain;
    if (chain->sequence == 0)
        return header->sequence > 1 ||
               (memcmp(header->previous_tag, store_state.device_id, FRAME_TAG_BYTES) == 0 &&
                header->first_record == 0);
    return header->sequence == chain->sequence + 1 && header->first_record == chain->record_count &&
           memcmp(header->previous_tag, chain->tag, FRAME_TAG_BYTES) == 0;
}

/* Open what was read of the frame. */
static enum status unseal_replayed(uint64_t at, const struct frame_header *header, bool with_rests,
                                   struct record_walk *walk)
{
    struct bytes records;
    enum status status = unseal_records(frame_bytes, header, &store_state.opened, &records);
    *walk = unseal_walk(at, records);
    if (status == STATUS_OK && with_rests)
        status = unseal_rests(frame_bytes, header, &store_state.opened, &walk->rests);
    return status;
}

/* Replay the frame at offset `at` and let the chain follow; *total is its size. What it has of rests is not even read, as
 * a rule: most of a log is. */
static enum status replay_frame(uint64_t at, uint64_t end, struct segment *segment, size_t *total)
{
    struct frame_header header;
    struct record_walk walk;
    struct chain *chain = &store_state.chain;
    size_t first = end - at < FIRST_READ_BYTES ? (size_t)(end - at) : FIRST_READ_BYTES;
    if (first < FRAME_HEADER_BYTES)
        return refuse_damaged(chain->record_count, at);
    if (device_read(at, frame_bytes, first) != STATUS_OK)
        return refuse_unreadable(at);
    if (frame_decode_header(frame_bytes, &header) != STATUS_OK || header.segment != segment->number ||
        !continues_chain(&header))
        return refuse_damaged(chain->record_count, at);
    struct frame_extent extent = unseal_extent(&header);
    *total = extent.total_bytes;
    if (*total > end - at)
        return refuse_damaged(header.first_record, at);
    bool with_rests = store_state.owner.wants_rests != NULL && store_state.owner.wants_rests();
    size_t wanted = with_rests ? *total : extent.tag_offset + FRAME_TAG_BYTES;
    if (wanted > first && device_read(at + first, frame_bytes + first, wanted - first) != STATUS_OK)
        return refuse_unreadable(at);
    enum status status = unseal_replayed(at, &header, with_rests, &walk);
    if (status == STATUS_OK)
        status = replay_records(&header, &walk);
    if (status != STATUS_OK) /* the owner may have come upon another damaged frame */
        return store_state.sentence[0] != 0 ? STATUS_DAMAGED : refuse_damaged(header.first_record, at);
    chain->sequence = header.sequence;
    chain->record_count = header.first_record + header.record_count;
    chain->is_marked = (header.flags & FRAME_FLAG_MARK) != 0;
    chain->time_s = header.time_s > chain->time_s ? header.time_s : chain->time_s;
    memcpy(chain->tag, frame_bytes + extent.tag_offset, FRAME_TAG_BYTES);
    segment->full_bytes += header.full_bytes;
    return STATUS_OK;
}

/* Replay a segment up to and with frame `last_sequence`. */
static enum status replay_segment(uint32_t position, uint64_t last_sequence)
{
    struct segment *segment = &store_state.segments[position];
    uint64_t start = ring_offset(position);
    uint64_t at = start;
    size_t total = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && store_state.chain.sequence < last_sequence) {
        status = replay_frame(at, start + store_state.segment_bytes, segment, &total);
        at += total;
    }
    segment->end_bytes = (uint32_t)(at - start);
    store_state.full_bytes += segment->full_bytes;
    return status;
}

/* Replay a segment up to where its valid frames end, or to frame `last_sequence`. */
static enum status replay_again(uint32_t position, uint64_t last_sequence)
{
    struct segment *segment = &store_state.segments[position];
    uint64_t start = ring_offset(position);
    uint64_t end = start + segment->end_bytes;
    size_t total = 0;
    enum status status = STATUS_OK;
    segment->full_bytes = 0;
    for (uint64_t at = start; at < end && status == STATUS_OK && store_state.chain.sequence < last_sequence;
         at += total)
        status = replay_frame(at, end, segment, &total);
    store_state.full_bytes += segment->full_bytes;
    return status;
}

enum status replay_durable(void)
{
    uint64_t last_sequence = store_state.chain.durable_sequence;
    uint32_t position = store_state.tail;
    enum status status = STATUS_OK;
    store_state.chain = (struct chain){.durable_sequence = last_sequence, .time_s = store_state.chain.time_s};
    store_state.full_bytes = 0;
    store_state.forgotten_bytes = 0;
    device_forget_window();
    while (status == STATUS_OK && store_state.chain.sequence < last_sequence) {
        bool is_last = position == store_state.head;
        status = replay_again(position, last_sequence);
        if (status == STATUS_OK && is_last && store_state.chain.sequence < last_sequence)
            status = STATUS_DAMAGED;
        position = ring_next_used(position);
    }
    unseal_wipe(&store_state.opened);
    return status;
}

/* The next position up to the head whose number continues the ring; others between hold nothing of the log. */
static uint32_t next_in_log(uint32_t position)
{
    uint32_t number = store_state.segments[position].number;
    for (uint32_t p = ring_next(position); p != store_state.head; p = ring_next(p)) {
        uint32_t candidate = store_state.segments[p].number;
        if (candidate > number && candidate < store_state.segments[store_state.head].number)
            return p;
        store_state.segments[p].number = 0;
    }
    return store_state.head;
}

static enum status find_tail(void)
{
    for (uint32_t p = 0; p < store_state.segment_count; p++) {
        if (store_state.segments[p].number == scan.last.oldest_segment) {
            store_state.tail = p;
            return STATUS_OK;
        }
    }
    return store_refuse(
        STATUS_DAMAGED,
        "the oldest segment (%u) of the log on this flash is missing: restore a copy of the flash, or "
        "erase it and lose all tokens",
        (unsigned)scan.last.oldest_segment);
}

static enum status replay_all(void)
{
    enum status status = find_tail();
    uint32_t position = store_state.tail;
    while (status == STATUS_OK && position != store_state.head) {
        uint32_t next = next_in_log(position);
        status = replay_segment(position, scan.first_sequence[next] - 1);
        position = next;
    }
    if (status == STATUS_OK)
        status = replay_segment(store_state.head, scan.last.sequence);
    if (status == STATUS_OK && memcmp(store_state.chain.tag, scan.last_tag, FRAME_TAG_BYTES) != 0)
        status = refuse_damaged(scan.last.first_record, ring_offset(store_state.head));
    return status;
}

enum status replay_log(void)
{
    memset(&scan, 0, sizeof(scan));
    store_state.head = NO_POSITION;
    store_state.tail = NO_POSITION;
    store_state.prepared = NO_POSITION;
    scan.last_unreadable = NO_POSITION;
    scan_first_headers();
    enum status status = find_end();
    if (status == STATUS_OK)
        status = check_unreadable();
    if (status == STATUS_OK)
        status = check_rotten();
    if (status != STATUS_OK)
        return status;
    if (scan.has_last)
        status = replay_all();
    else
        memcpy(store_state.chain.tag, store_state.device_id, FRAME_TAG_BYTES);
    if (status == STATUS_DAMAGED && scan.last_unreadable != NO_POSITION)
        status = refuse_unreadable(ring_offset(scan.last_unreadable));
    unseal_wipe(&store_state.opened);
    store_state.chain.durable_sequence = store_state.chain.sequence;
    store_state.newest_record = store_state.chain.record_count;
    store_state.durable_record = store_state.chain.record_count;
    store_state.sealed_tail = store_state.tail;
    ring_recount();
    return status;
}
