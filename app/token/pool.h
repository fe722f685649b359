/*
 * The one memory region of the tables: fixed-size slots grow from its front, texts of any length from its back, until
 * they meet.
 *
 * A text is a chunk of 8-byte granules: 2 bytes of length, then the bytes. Freed chunks go to a list of their exact size
 * and are taken from there first; when the gap is used up but for the reserve, a larger free chunk is split. Neighbours among
 * them become one when their owner asks for it (pool_merge_free). Freed bytes are wiped, because
 * some texts are keys. Handles are granule indices, 32 bits, 0 = none: 32 GiB at most.
 *
 * Ownership: the region is the caller's and never given back. Views live until the text is freed. Blocking: none.
 * Failure: false, or NULL, when the region is full. The last `reserve_bytes` of the gap are for POOL_ESSENTIAL only, so
 *   that a full table can still revoke and consume with their texts.
 * Limits: a text <= POOL_TEXT_MAX_BYTES (assert).
 */
#ifndef JETON_TOKEN_POOL_H
#define JETON_TOKEN_POOL_H

#include "base/bytes.h"
#include "limits.h"

#define POOL_GRANULE_BYTES 8
#define POOL_HEADER_BYTES  2
#define POOL_CLASS_COUNT                                                                                     \
    ((POOL_TEXT_MAX_BYTES + POOL_HEADER_BYTES) / POOL_GRANULE_BYTES + 3) /* the last: larger than any text */

enum pool_class {
    POOL_ISSUE,
    POOL_ESSENTIAL
};

struct pool {
    uint8_t *base;
    size_t size_bytes;
    size_t front_bytes; /* end of the slots */
    size_t back_bytes;  /* begin of the texts, a multiple of the granule */
    size_t reserve_bytes;
    size_t promised_bytes; /* to texts that will come: issuing leaves them alone too */
    size_t text_bytes;     /* of chunks in use */
    uint32_t free_heads[POOL_CLASS_COUNT];
};

/* Bytes between front and back. */
static inline size_t pool_gap_bytes(const struct pool *pool)
{
    return pool->back_bytes - pool->front_bytes;
}

/* What a text takes. */
static inline size_t pool_chunk_bytes(size_t text_bytes)
{
    return (text_bytes + POOL_HEADER_BYTES + POOL_GRANULE_BYTES - 1) / POOL_GRANULE_BYTES *
           POOL_GRANULE_BYTES;
}

/* `memory` is 8-byte aligned, size_bytes >= TABLE_MEMORY_MIN_BYTES; its content is overwritten. */
void pool_init(struct pool *pool, void *memory, size_t size_bytes);

/* `size_bytes` zeroed at the front, right behind what was taken before; a multiple of 4. NULL when there is no room. */
void *pool_take_slots(struct pool *pool, enum pool_class class, size_t size_bytes);

/* Would slots of `slot_bytes` and a text of `text_bytes` both fit? */
bool pool_has_room(const struct pool *pool, enum pool_class class, size_t slot_bytes, size_t text_bytes);

/* Keep a copy of `text`; *handle is 0 for an empty one. False when there is no room (*handle is then 0). */
bool pool_put_text(struct pool *pool, enum pool_class class, struct bytes text, uint32_t *handle) MUST_USE;

/* Keep room for a text of at most so many bytes that will come, and give up keeping it. pool_can_promise: is there as much
 * room, and some for slots, beside what is promised already? (Free chunks are not counted.) */
static inline bool pool_can_promise(const struct pool *pool, size_t slot_bytes, size_t text_bytes)
{
    return pool->promised_bytes + slot_bytes + pool_chunk_bytes(text_bytes) <= pool_gap_bytes(pool);
}

static inline void pool_promise(struct pool *pool, size_t text_bytes)
{
    pool->promised_bytes += pool_chunk_bytes(text_bytes);
}

static inline void pool_unpromise(struct pool *pool, size_t text_bytes)
{
    pool->promised_bytes -= pool_chunk_bytes(text_bytes);
}

/* The text of a handle; {NULL, 0} for handle 0. */
struct bytes pool_text(const struct pool *pool, uint32_t handle);

/* The same bytes, writable. */
uint8_t *pool_text_data(const struct pool *pool, uint32_t handle);

void pool_free_text(struct pool *pool, uint32_t handle);

/* Free chunks that lie side by side become one, and those at the gap a part of it: room for long texts where short ones have
 * gone. Goes through all texts; no handle changes. */
void pool_merge_free(struct pool *pool);

#endif
