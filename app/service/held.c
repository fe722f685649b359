/*
 * Changes in the order in which they came, found by the tail of the token's id.
 */
#include "service/held.h"

#include <string.h>

#include "service/state.h"
#include "token/words.h"

#define BUCKETS    1024 /* a power of 2 */
#define ROOM_BYTES 16   /* of each change that waits, beside its bytes: headers, rounding */

struct change {
    uint8_t tail[TOKEN_TAIL_BYTES];
    uint8_t type;  /* 0: it is applied or forgotten */
    uint16_t next; /* of the same bucket, later; 0: none */
    uint16_t size;
    uint32_t offset;
    uint32_t segment;
    int64_t written_s;
};
static_assert(HELD_CHANGES_MAX < UINT16_MAX && STORE_RECORD_MAX_BYTES <= UINT16_MAX, "they fit");

static struct change changes[HELD_CHANGES_MAX + 1]; /* from 1 on */
static uint8_t bytes[HELD_BYTES_MAX];
static uint16_t buckets[BUCKETS];
static uint32_t change_count;
static uint32_t byte_count;
static bool applies;

void held_start(void)
{
    bytes_wipe(bytes, byte_count);
    memset(buckets, 0, sizeof buckets);
    change_count = 0;
    byte_count = 0;
    applies = false;
}

static uint16_t *bucket_of(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    return &buckets[load_u32(tail) & (BUCKETS - 1)];
}

/* The next one of this tail, from `at` on; 0: none. */
static uint16_t find(const uint8_t tail[TOKEN_TAIL_BYTES], uint16_t at)
{
    while (at != 0 && (changes[at].type == 0 || memcmp(changes[at].tail, tail, TOKEN_TAIL_BYTES) != 0)) {
        at = changes[at].next;
    }
    return at;
}

static void append(uint16_t at)
{
    uint16_t *link = bucket_of(changes[at].tail);
    while (*link != 0) {
        link = &changes[*link].next;
    }
    *link = at;
}

size_t held_room_bytes(void)
{
    return byte_count + change_count * ROOM_BYTES;
}

/* ---- holding ---- */

static bool is_sound(const struct store_record *record)
{
    struct change_record change;
    struct rotated_record rotated;
    switch (record->type) {
    case RECORD_REVOKED:
    case RECORD_CONSUMED:
    case RECORD_ACCESS_CUT:
        return record_get_change(record->payload, &change) == STATUS_OK;
    case RECORD_ROTATED:
        return record_get_rotated(record->payload, &rotated) == STATUS_OK;
    case RECORD_TOUCHED:
        return record->payload.size % TOUCHED_ITEM_BYTES == 0;
    default:
        return false;
    }
}

static bool has_room(size_t count, size_t size)
{
    return count <= HELD_CHANGES_MAX - change_count && size <= HELD_BYTES_MAX - byte_count;
}

/* The change of one token; it fits. */
static void hold(const struct store_record *record, struct bytes payload)
{
    struct change *change = &changes[++change_count];
    *change = (struct change){.type = record->type,
                              .size = (uint16_t)payload.size,
                              .offset = byte_count,
                              .segment = record->segment,
                              .written_s = record->written_s};
    memcpy(change->tail, payload.data + TOKEN_TAIL_AT, TOKEN_TAIL_BYTES);
    memcpy(bytes + byte_count, payload.data, payload.size);
    byte_count += (uint32_t)payload.size;
    append((uint16_t)change_count);
}

/* A last use of the same token is held: the newer one stands for both. */
static bool renew_touch(struct bytes item)
{
    const uint8_t *tail = item.data + TOKEN_TAIL_AT;
    uint16_t at = find(tail, *bucket_of(tail));
    while (at != 0 && (changes[at].type != RECORD_TOUCHED ||
                       memcmp(bytes + changes[at].offset, item.data, UUID_BYTES) != 0)) {
        at = find(tail, changes[at].next);
    }
    if (at == 0) {
        return false;
    }
    uint8_t *held = bytes + changes[at].offset;
    if (load_u32(held + UUID_BYTES) < load_u32(item.data + UUID_BYTES)) {
        memcpy(held, item.data, TOUCHED_ITEM_BYTES);
    }
    return true;
}

static void hold_touches(const struct store_record *record)
{
    for (size_t offset = 0; offset < record->payload.size; offset += TOUCHED_ITEM_BYTES) {
        struct bytes item = bytes_slice(record->payload, offset, TOUCHED_ITEM_BYTES);
        if (!renew_touch(item)) {
            hold(record, item);
        }
    }
}

bool held_keep(const struct store_record *record)
{
    if (!is_sound(record)) {
        return false;
    }
    bool touches = record->type == RECORD_TOUCHED;
    size_t count = touches ? record->payload.size / TOUCHED_ITEM_BYTES : 1;
    if (!has_room(count, record->payload.size)) {
        return false;
    }
    if (touches) {
        hold_touches(record);
    } else {
        hold(record, record->payload);
    }
    return true;
}

/* ---- letting go ---- */

void held_forget(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    for (uint16_t at = find(tail, *bucket_of(tail)); at != 0; at = find(tail, changes[at].next)) {
        changes[at].type = 0;
    }
}

static void apply_one(struct change *change)
{
    struct store_record record = {.type = change->type,
                                  .segment = change->segment,
                                  .written_s = change->written_s,
                                  .payload = bytes_of(bytes + change->offset, change->size)};
    change->type = 0;
    enum status status = apply_record(&record);
    if (status != STATUS_OK) {
        service.held_status = status;
    }
}

void held_apply_all(void)
{
    if (applies || change_count == 0) {
        return;
    }
    applies = true;
    for (uint32_t at = 1; at <= change_count; at++) {
        if (changes[at].type != 0) {
            apply_one(&changes[at]);
        }
    }
    held_start();
}

/* Applying looks the token up, which leads here again; where memory is scarce it may tie all others. */
bool held_apply(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    uint16_t at = applies ? 0 : find(tail, *bucket_of(tail));
    if (at == 0) {
        return false;
    }
    applies = true;
    for (; at != 0; at = find(tail, changes[at].next)) {
        apply_one(&changes[at]);
    }
    applies = false;
    if (!tokens_any_loose(&service.tables)) {
        held_apply_all();
    }
    return true;
}
