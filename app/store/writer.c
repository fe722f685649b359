/*
 * Append, seal, program, sync: the group commit.
 *
 * A frame is placed when its first record comes, so that the owner can be told its segment at once. The frame before it is
 * programmed then, without a sync; a segment's first frame is programmed only after everything in the segments before is
 * durable, so that a cut can tear the newest segment only.
 *
 * A sync goes on beside the app: it covers the frames that were programmed when it began, and only its end makes them
 * durable in the sense of store_durable(). Frames of the next group may be programmed behind them meanwhile.
 */
#include <assert.h>
#include <string.h>

#include "store/state.h"

#define ESSENTIAL_RESERVE 3 /* segments that only relocation may use: room to empty the oldest one */
#define RETARGET_TRIES    8 /* new places for one frame before the device counts as dead */

/* ---- room ---- */

uint32_t writer_issue_reserve(void)
{
    uint32_t tenth = store_state.segment_count / 10;
    return tenth > ESSENTIAL_RESERVE + 2 ? tenth : ESSENTIAL_RESERVE + 2;
}

/* What issuing may fill: all but the reserve, bad places and what frames and their padding take. Live records
 * cannot come near it: issuing stops when compaction no longer finds enough dead ones (see compact.c). */
uint64_t writer_capacity_bytes(void)
{
    uint32_t kept = writer_issue_reserve() + store_state.stats.bad_block_count *
                                                 store_state.geometry.block_bytes / store_state.segment_bytes;
    if (kept >= store_state.segment_count)
        return 0;
    return (uint64_t)(store_state.segment_count - kept) * store_state.segment_bytes / 100 * 98;
}

uint64_t writer_live_bytes(void)
{
    return store_state.full_bytes > store_state.forgotten_bytes
               ? store_state.full_bytes - store_state.forgotten_bytes
               : 0;
}

/* A frame of so many bytes, wherever they go: with two tags. */
static size_t total_bytes(size_t record_bytes)
{
    return frame_extent_of(record_bytes - 1, 1, store_state.geometry.program_bytes).total_bytes;
}

struct frame_extent writer_open_extent(void)
{
    return frame_extent_of(store_state.open.payload_bytes, store_state.open.rest_bytes,
                           store_state.geometry.program_bytes);
}

static bool fits_open_frame(size_t record_bytes)
{
    size_t filled_bytes = store_state.open.payload_bytes + store_state.open.rest_bytes + record_bytes;
    return store_state.open.record_count > 0 && filled_bytes <= FRAME_RECORDS_SOFT_BYTES &&
           total_bytes(filled_bytes) <= store_state.segment_bytes - store_state.head_bytes;
}

/* Would a new frame for this record need a new segment, once the open frame is closed? */
static bool needs_segment(size_t record_bytes)
{
    if (store_state.head == NO_POSITION)
        return true;
    size_t used = store_state.head_bytes;
    if (store_state.open.record_count > 0)
        used += writer_open_extent().total_bytes;
    return total_bytes(record_bytes) > store_state.segment_bytes - used;
}

bool writer_has_room(enum store_class class, size_t payload_bytes)
{
    size_t record_bytes = RECORD_HEADER_BYTES + payload_bytes;
    uint32_t needed = !fits_open_frame(record_bytes) && needs_segment(record_bytes) ? 1 : 0;
    if (class == STORE_ISSUE)
        return store_state.free_count >= writer_issue_reserve() + needed;
    uint32_t reserve = store_state.compaction.is_relocating ? 0 : ESSENTIAL_RESERVE;
    return needed == 0 || store_state.free_count >= reserve + needed;
}

/* ---- sealing ---- */

static void next_nonce(uint8_t nonce[FRAME_NONCE_BYTES])
{
    uint64_t generation = crypto_generation();
    if (store_state.nonce_count > UINT32_MAX - 2 || generation != store_state.nonce_generation) {
        crypto_random(store_state.nonce_salt, sizeof(store_state.nonce_salt));
        store_state.nonce_count = 0;
        store_state.nonce_generation = generation;
    }
    memcpy(nonce, store_state.nonce_salt, sizeof(store_state.nonce_salt));
    put_le32(nonce + sizeof(store_state.nonce_salt), store_state.nonce_count);
    store_state.nonce_count += 2; /* the odd one is the rests' */
}

static void seal_rests(const struct frame_header *header, uint8_t *sealed)
{
    uint8_t nonce[FRAME_NONCE_BYTES];
    struct frame_extent extent = writer_open_extent();
    if (header->rest_bytes == 0)
        return;
    frame_rest_nonce(header->nonce, nonce);
    aead_seal(&store_state.frame_key, nonce, bytes_of(sealed + extent.tag_offset, FRAME_TAG_BYTES),
              bytes_of(store_state.open.rests, header->rest_bytes), sealed + extent.rest_offset);
}

/* Seal the open frame for the head into store_state.sealed; it stays as it is, for another try elsewhere. */
static void seal_frame(void)
{
    const struct open_frame *open = &store_state.open;
    const struct segment *segment = &store_state.segments[store_state.head];
    bool empty = open->record_count == 0;
    struct frame_header header = {
        .sequence = store_state.chain.sequence + 1,
        .durable_through = store_state.chain.durable_sequence,
        .first_record = store_state.chain.record_count,
        .live_bytes = writer_live_bytes(),
        .time_s = store_state.chain.time_s > store_state.now_s ? store_state.chain.time_s : store_state.now_s,
        .segment = segment->number,
        .label = empty ? segment->number : open->label,
        .oldest_segment = store_state.segments[store_state.compaction.position].number,
        .wear = segment->wear,
        .record_count = open->record_count,
        .payload_bytes = open->payload_bytes,
        .rest_bytes = open->rest_bytes,
        .full_bytes = open->full_bytes,
        .flags = empty ? FRAME_FLAG_MARK : 0,
    };
    next_nonce(header.nonce);
    memcpy(header.previous_tag, store_state.chain.tag, FRAME_TAG_BYTES);
    uint8_t *sealed = store_state.sealed;
    frame_encode_header(&header, sealed);
    aead_seal(&store_state.frame_key, header.nonce, bytes_of(sealed, FRAME_HEADER_BYTES),
              bytes_of(open->bytes, open->payload_bytes), sealed + FRAME_HEADER_BYTES);
    seal_rests(&header, sealed);
    struct frame_extent extent = writer_open_extent();
    frame_finish(sealed, &extent);
    store_state.chain.time_s = header.time_s;
}

static void begin_sync(void)
{
    store_state.sync = (struct sync){
        .is_under_way = true,
        .sequence = store_state.chain.sequence,
        .record_count = store_state.chain.record_count,
        .tail = store_state.sealed_tail,
    };
    device_sync_begin();
}

/* What the sync covered is durable: acknowledge it, and let go of what its newest frame no longer needs. This is the
 * commit point of a compaction: the end of the sync of the first frame whose oldest_segment lies behind the emptied
 * segment. Only after it may the segment be erased. */
enum status writer_end(bool wait)
{
    const struct sync *sync = &store_state.sync;
    if (!sync->is_under_way)
        return STATUS_OK;
    enum status status = device_sync_end(wait);
    if (status == STATUS_AGAIN)
        return status;
    store_state.sync.is_under_way = false;
    if (status != STATUS_OK)
        return status;
    if (sync->sequence > store_state.chain.durable_sequence)
        store_state.stats.flush_count++;
    store_state.chain.durable_sequence = sync->sequence;
    store_state.durable_record = sync->record_count;
    if (sync->tail != store_state.tail)
        ring_release(sync->tail);
    return STATUS_OK;
}

bool writer_lags(void)
{
    uint64_t covered =
        store_state.sync.is_under_way ? store_state.sync.sequence : store_state.chain.durable_sequence;
    return covered != store_state.chain.sequence;
}

enum status writer_sync(void)
{
    enum status status = writer_end(true);
    if (status != STATUS_OK || !(writer_lags() || store_state.prepared_erased))
        return status;
    begin_sync();
    return writer_end(true);
}

static void note_programmed(size_t size)
{
    struct open_frame *open = &store_state.open;
    struct segment *segment = &store_state.segments[store_state.head];
    store_state.head_bytes += (uint32_t)size;
    compact_note_garbage(size - open->relocated_bytes);
    segment->end_bytes = store_state.head_bytes;
    segment->full_bytes += open->full_bytes;
    store_state.chain.sequence++;
    store_state.chain.record_count += open->record_count;
    store_state.chain.is_marked = open->record_count == 0;
    memcpy(store_state.chain.tag, store_state.sealed + writer_open_extent().tag_offset, FRAME_TAG_BYTES);
    store_state.sealed_tail = store_state.compaction.position;
    open->record_count = 0;
    open->payload_bytes = 0;
    open->rest_bytes = 0;
    open->full_bytes = 0;
    open->relocated_bytes = 0;
}

static enum status open_segment(void)
{
    enum status status = writer_sync();
    if (status == STATUS_OK)
        status = ring_advance();
    return status;
}

/* Seal and program the open frame; in another segment where this one fails. */
static enum status close_frame(void)
{
    size_t size = writer_open_extent().total_bytes;
    for (int i = 0; i < RETARGET_TRIES; i++) {
        if (store_state.head == NO_POSITION || size > store_state.segment_bytes - store_state.head_bytes) {
            enum status status = open_segment();
            if (status == STATUS_READ_ONLY)
                return status;
            if (status != STATUS_OK)
                break;
        }
        seal_frame();
        if (device_program(ring_offset(store_state.head) + store_state.head_bytes, store_state.sealed,
                           size) == STATUS_OK) {
            note_programmed(size);
            return STATUS_OK;
        }
        ring_retire(store_state.head);
        store_state.head_bytes = store_state.segment_bytes;
    }
    return store_give_up(
        "the flash %s takes no more writes (no usable block is left): save a copy of it and replace it",
        store_state.geometry.name);
}

enum status writer_begin(int64_t now_s, bool force)
{
    store_note_time(now_s);
    enum status status = STATUS_OK;
    if (store_state.open.record_count > 0 || force)
        status = close_frame();
    if (status == STATUS_OK && !store_state.sync.is_under_way && writer_lags())
        begin_sync();
    return status;
}

/* ---- appending ---- */

/* A place for a record of that size in the open frame, which may be a new one in a new segment. */
static enum status make_place(size_t record_bytes)
{
    if (fits_open_frame(record_bytes))
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (store_state.open.record_count > 0)
        status = close_frame();
    if (status == STATUS_OK && needs_segment(record_bytes))
        status = open_segment();
    if (status == STATUS_OK)
        store_state.open.label = store_state.segments[store_state.head].number;
    return status;
}

/* Both parts of a record, at their places in the open frame. */
static void put_record(uint8_t type, bool full, struct bytes payload, size_t rest_bytes)
{
    struct open_frame *open = &store_state.open;
    struct frame_record record = {
        .type = type,
        .flags = (uint8_t)((full ? RECORD_FLAG_FULL : 0) | (rest_bytes > 0 ? RECORD_FLAG_REST : 0)),
        .payload = bytes_slice(payload, 0, payload.size - rest_bytes),
        .rest_bytes = (uint16_t)rest_bytes,
    };
    open->payload_bytes +=
        (uint32_t)frame_put_record(open->bytes, open->payload_bytes, &open->repeat, &record);
    if (rest_bytes > 0)
        memcpy(open->rests + open->rest_bytes, payload.data + record.payload.size, rest_bytes);
    open->rest_bytes += (uint32_t)rest_bytes;
    open->record_count++;
}

enum status store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                         uint32_t *segment)
{
    assert(rest_bytes == 0 ||
           (rest_bytes <= payload.size && payload.size - rest_bytes <= STORE_KNOWN_MAX_BYTES));
    assert(type != 0 && store_state.phase != PHASE_CLOSED && store_state.phase != PHASE_REPLAY);
    if (payload.size > STORE_RECORD_MAX_BYTES)
        return STATUS_TOO_LARGE;
    if (store_state.phase != PHASE_OPEN)
        return STATUS_READ_ONLY;
    if (!writer_has_room(class, payload.size))
        return STATUS_FULL;
    enum status status = make_place(RECORD_HEADER_BYTES + payload.size);
    if (status != STATUS_OK)
        return status;
    bool full = class == STORE_ISSUE || store_state.compaction.is_relocating;
    struct open_frame *open = &store_state.open;
    put_record(type, full, payload, rest_bytes);
    if (full) {
        open->full_bytes += (uint32_t)payload.size;
        store_state.full_bytes += payload.size;
    }
    store_state.newest_record++;
    if (store_state.compaction.is_relocating)
        open->relocated_bytes += (uint32_t)payload.size;
    else
        store_state.newest_change = store_state.newest_record;
    store_state.stats.record_count++;
    if (segment != NULL)
        *segment = open->label;
    return STATUS_OK;
}
