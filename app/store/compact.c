/*
 * Compaction: the oldest segment is read again, frame by frame; the owner appends what of it is still current; when all
 * of it has been handed over and is durable, the log begins at the next segment (see writer_end() in writer.c for the
 * commit point); until then compaction rests. Also the idle mark.
 *
 * It begins late, when free segments are few: the later, the more of the oldest segment is dead. How much it reads is
 * bounded by what was written since (`calm_bytes`, `urgent_bytes`), so that a log full of live records is not copied for nothing.
 */
#include <assert.h>

#include "store/state.h"

#define CALM_FACTOR       8  /* bytes read for each byte of new garbage, at most */
#define URGENT_FACTOR     64 /* the same when the reserve is being used */
#define WORK_BYTES_PER_US 4  /* what a slow machine (software emulation) reads, opens and programs again */
#define PACE              8  /* bytes read for each one that a group writes, when the margin is used up */
#define FLUSH_WORK_MAX    (64 * 1024) /* bytes read in a flush, at most */
#define PARTIAL_SEGMENTS  2           /* being filled and being emptied: spare, but not free */
#define WORK_MIN          2048        /* less is left for later: each time a frame has to be opened */
#define QUIET_S           1           /* a log without news for that long gets its mark */

void compact_reset(void)
{
    int64_t used_bytes = (int64_t)store_state.segment_bytes * ring_used_count();
    store_state.compaction = (struct compaction){
        .position = store_state.tail,
        .calm_bytes = used_bytes,
        .urgent_bytes = 2 * used_bytes,
    };
}

static void change_credit(int64_t *credit_bytes, int64_t change_bytes, int64_t limit_bytes)
{
    *credit_bytes += change_bytes;
    if (*credit_bytes > limit_bytes)
        *credit_bytes = limit_bytes;
    if (*credit_bytes < -limit_bytes)
        *credit_bytes = -limit_bytes;
}

void compact_note_garbage(size_t size)
{
    int64_t ring_bytes = (int64_t)store_state.segment_bytes * store_state.segment_count;
    change_credit(&store_state.compaction.calm_bytes, (int64_t)size * CALM_FACTOR, 2 * ring_bytes);
    change_credit(&store_state.compaction.urgent_bytes, (int64_t)size * URGENT_FACTOR, 4 * ring_bytes);
}

static void note_work(size_t size)
{
    int64_t ring_bytes = (int64_t)store_state.segment_bytes * store_state.segment_count;
    change_credit(&store_state.compaction.calm_bytes, -(int64_t)size, ring_bytes);
    change_credit(&store_state.compaction.urgent_bytes, -(int64_t)size, 4 * ring_bytes);
    store_state.compaction.owed_bytes -= (int64_t)size;
}

/* While nobody asks, compaction begins above the reserve that stops issuing, by so many segments. */
static uint32_t idle_margin(void)
{
    uint32_t share = store_state.segment_count / 32;
    return share > 0 ? share : 1;
}

/* While somebody writes, it begins earlier, as it must not fall behind. */
static uint32_t flush_margin(void)
{
    return idle_margin() + PARTIAL_SEGMENTS;
}

/* A segment was emptied, and the frame that says so is not durable. */
static bool awaits_commit(void)
{
    return store_state.sealed_tail != store_state.tail;
}

static bool compact_is_wanted(uint32_t margin)
{
    const struct compaction *compaction = &store_state.compaction;
    if (store_state.phase != PHASE_OPEN || store_state.tail == NO_POSITION || awaits_commit() ||
        compaction->position == store_state.head || store_state.free_count >= writer_issue_reserve() + margin)
        return false;
    return (store_state.free_count < writer_issue_reserve() ? compaction->urgent_bytes
                                                            : compaction->calm_bytes) > 0;
}

/* A full record that was appended again is dead from then on; one that was not was dead before, and told so. */
static enum status relocate_record(const struct store_record *record, uint8_t flags)
{
    struct compaction *compaction = &store_state.compaction;
    uint64_t before = store_state.newest_record;
    compaction->is_relocating = true;
    enum status status = store_state.owner.relocate(record);
    assert(status != STATUS_NOT_FOUND); /* that is the end of a frame */
    compaction->is_relocating = false;
    uint64_t appended = store_state.newest_record - before;
    store_state.stats.relocated_count += appended;
    if (appended > 0 && (flags & RECORD_FLAG_FULL) != 0)
        store_state.forgotten_bytes += record->payload.size + record->rest_bytes;
    return status;
}

/* Those of the frame that had no turn yet, until the work is done. STATUS_NOT_FOUND: all had theirs. */
static enum status relocate_records(const struct frame_header *header, struct record_walk *walk)
{
    struct compaction *compaction = &store_state.compaction;
    struct store_record record;
    while (compaction->owed_bytes > 0) {
        enum status status = unseal_next(walk, header, &record);
        bool is_done = status == STATUS_OK && record.index < compaction->cursor_index;
        if (status == STATUS_OK && !is_done)
            status = relocate_record(&record, walk->flags);
        if (status != STATUS_OK)
            return status; /* the record comes again */
        if (is_done)
            continue;
        compaction->cursor_index++;
        note_work(record.payload.size + record.rest_bytes);
    }
    return STATUS_OK;
}

/* The frame at the cursor is done, but for what is not records: header, tags, padding. */
static void pass_frame(const struct frame_header *header)
{
    struct compaction *compaction = &store_state.compaction;
    size_t total_bytes = unseal_extent(header).total_bytes;
    compaction->cursor_bytes += (uint32_t)total_bytes;
    compaction->cursor_index = 0;
    note_work(total_bytes - header->payload_bytes - header->rest_bytes);
}

/* Go on with the frame at the cursor. */
static enum status relocate_frame(void)
{
    struct compaction *compaction = &store_state.compaction;
    uint64_t start = ring_offset(compaction->position);
    uint64_t limit = start + store_state.segments[compaction->position].end_bytes;
    uint64_t at = start + compaction->cursor_bytes;
    struct frame_header header = {0};
    struct bytes records = {NULL, 0};
    const uint8_t *bytes = device_view(at, FRAME_HEADER_BYTES, limit);
    enum status status = bytes == NULL ? STATUS_IO : frame_decode_header(bytes, &header);
    size_t total = status == STATUS_OK ? unseal_extent(&header).total_bytes : 0;
    if (status == STATUS_OK) {
        bytes = total > limit - at ? NULL : device_view(at, total, limit);
        status = bytes == NULL ? STATUS_IO : unseal_records(bytes, &header, &store_state.opened, &records);
    }
    struct record_walk walk = unseal_walk(at, records);
    if (status == STATUS_OK)
        status = unseal_rests(bytes, &header, &store_state.opened, &walk.rests);
    if (status != STATUS_OK)
        return store_give_up(
            "block %u of the flash can no longer be read: save a copy of the flash and replace it",
            (unsigned)(at / store_state.geometry.block_bytes));
    status = relocate_records(&header, &walk);
    bytes_wipe(store_state.opened.records, header.payload_bytes);
    bytes_wipe(store_state.opened.rests, header.rest_bytes);
    if (status != STATUS_NOT_FOUND)
        return status;
    pass_frame(&header);
    return STATUS_OK;
}

/* Where the device does not wait, what was begun has ended already. */
static enum status begin_and_look(int64_t now_s, bool force)
{
    enum status status = writer_begin(now_s, force);
    if (status == STATUS_OK)
        status = writer_end(false);
    return status == STATUS_AGAIN ? STATUS_OK : status;
}

/* All of the segment was handed over: the next frame says that the log begins behind it. */
static enum status finish_segment(int64_t now_s)
{
    struct compaction *compaction = &store_state.compaction;
    compaction->position = ring_next_used(compaction->position);
    compaction->cursor_bytes = 0;
    compaction->cursor_index = 0;
    return begin_and_look(now_s, true);
}

static void owe(int64_t work_bytes)
{
    int64_t *owed_bytes = &store_state.compaction.owed_bytes;
    *owed_bytes += work_bytes;
    if (*owed_bytes > FLUSH_WORK_MAX)
        *owed_bytes = FLUSH_WORK_MAX;
}

/* Read what is owed of the oldest segments. */
static enum status compact_some(int64_t now_s, uint32_t margin)
{
    struct compaction *compaction = &store_state.compaction;
    enum status status = STATUS_OK;
    if (compaction->owed_bytes < WORK_MIN)
        return STATUS_OK;
    while (compaction->owed_bytes > 0 && status == STATUS_OK && compact_is_wanted(margin)) {
        if (compaction->cursor_bytes < store_state.segments[compaction->position].end_bytes)
            status = relocate_frame();
        else
            status = finish_segment(now_s);
    }
    return status;
}

/* ---- the public calls ---- */

/* A mark confirms what is durable when it is sealed: it waits for the rest. */
static bool mark_is_due(int64_t now_s)
{
    if (store_state.tail == NO_POSITION || store_state.open.record_count > 0 || now_s == 0 ||
        store_state.sync.is_under_way || writer_lags() || !writer_has_room(STORE_ESSENTIAL, 0))
        return false;
    int64_t quiet_s = now_s - store_state.chain.time_s;
    return quiet_s >= (store_state.chain.is_marked ? STORE_MARK_INTERVAL_S : QUIET_S);
}

bool store_step(int64_t now_s, uint32_t budget_us)
{
    if (store_state.phase != PHASE_OPEN || writer_end(false) == STATUS_READ_ONLY)
        return false;
    if (awaits_commit() && begin_and_look(now_s, false) != STATUS_OK)
        return false;
    ring_prepare_pace();
    if (compact_is_wanted(idle_margin()) && store_state.newest_change <= store_state.durable_record) {
        owe((int64_t)budget_us * WORK_BYTES_PER_US);
        return compact_some(now_s, idle_margin()) ==
               STATUS_OK; /* full or broken: the next flush or step tries again */
    }
    if (ring_prepare_step())
        return store_state.phase == PHASE_OPEN;
    if (mark_is_due(now_s) && begin_and_look(now_s, true) != STATUS_OK)
        return false;
    return false;
}

/* What is free, to the byte: also what is emptied of the oldest segments counts. */
static int64_t spare_bytes(void)
{
    const struct compaction *compaction = &store_state.compaction;
    int64_t segment_bytes = store_state.segment_bytes;
    int64_t spare = segment_bytes * store_state.free_count + compaction->cursor_bytes;
    for (uint32_t p = store_state.tail; p != compaction->position; p = ring_next(p))
        spare += segment_bytes;
    return spare + segment_bytes - store_state.head_bytes;
}

/* Keep pace with the writers: for what this group writes more is read elsewhere, the more the less is left of the margin
 * (by its fourth power: late, for the later the more is dead), and yet more once the reserve is used. In steady state both
 * are in balance, and each group bears the same. */
static int64_t flush_work_bytes(void)
{
    int64_t span_bytes = (int64_t)store_state.segment_bytes * idle_margin();
    int64_t wanted_bytes = (int64_t)store_state.segment_bytes * (writer_issue_reserve() + flush_margin());
    int64_t missing_bytes = wanted_bytes - spare_bytes();
    int64_t missing = missing_bytes <= 0 ? 0 : missing_bytes * 1024 / span_bytes;
    int64_t group_bytes = (int64_t)writer_open_extent().total_bytes;
    return PACE * group_bytes * (missing * missing / 1024) / 1024 * (missing * missing / 1024) / 1024;
}

void store_flush_begin(int64_t now_s)
{
    enum status status = STATUS_OK;
    if (store_state.phase != PHASE_OPEN || store_state.sync.is_under_way ||
        (store_state.open.record_count == 0 && !writer_lags()))
        return;
    if (compact_is_wanted(flush_margin())) {
        owe(flush_work_bytes());
        status = compact_some(now_s, flush_margin());
    }
    if (status != STATUS_READ_ONLY)
        status = writer_begin(now_s, false);
    assert(status == STATUS_OK || store_state.phase == PHASE_READ_ONLY); /* store_flush_poll() tells of it */
}

static enum status end_flush(bool wait)
{
    if (writer_end(wait) == STATUS_AGAIN)
        return STATUS_AGAIN;
    return store_state.phase == PHASE_OPEN ? STATUS_OK : STATUS_READ_ONLY;
}

enum status store_flush_poll(void)
{
    return end_flush(false);
}

enum status store_flush(int64_t now_s)
{
    enum status status = end_flush(true);
    if (status != STATUS_OK)
        return status;
    store_flush_begin(now_s);
    return end_flush(true);
}
