/*
 * Slots from the front, texts from the back of one region.
 */
#include "token/pool.h"

#include <assert.h>
#include <string.h>

#include "token/words.h"

#define RESERVE_SHARE     64 /* of the region */
#define RESERVE_MIN_BYTES (16 * 1024)

/* A free chunk: its granules with this mark where a text has its length, then the next free one's handle at 4. */
#define FREE_MARK 0x8000u
static_assert(POOL_TEXT_MAX_BYTES < FREE_MARK && POOL_CLASS_COUNT < FREE_MARK, "no length looks like a mark");

static size_t granules_of(size_t text_bytes)
{
    return pool_chunk_bytes(text_bytes) / POOL_GRANULE_BYTES;
}

static uint8_t *chunk_at(const struct pool *pool, uint32_t handle)
{
    return pool->base + (size_t)handle * POOL_GRANULE_BYTES;
}

void pool_init(struct pool *pool, void *memory, size_t size_bytes)
{
    assert(memory != NULL && (uintptr_t)memory % POOL_GRANULE_BYTES == 0);
    assert(size_bytes >= TABLE_MEMORY_MIN_BYTES);
    size_t reserve_bytes = size_bytes / RESERVE_SHARE;
    *pool = (struct pool){
        .base = memory,
        .size_bytes = size_bytes,
        .front_bytes = POOL_GRANULE_BYTES, /* so that no chunk has handle 0 */
        .back_bytes = size_bytes / POOL_GRANULE_BYTES * POOL_GRANULE_BYTES,
        .reserve_bytes = reserve_bytes < RESERVE_MIN_BYTES ? RESERVE_MIN_BYTES : reserve_bytes,
    };
}

/* What of the gap this class may use. */
static size_t usable_bytes(const struct pool *pool, enum pool_class class)
{
    size_t gap_bytes = pool_gap_bytes(pool);
    size_t kept_bytes = class == POOL_ESSENTIAL ? 0 : pool->reserve_bytes + pool->promised_bytes;
    return gap_bytes > kept_bytes ? gap_bytes - kept_bytes : 0;
}

void *pool_take_slots(struct pool *pool, enum pool_class class, size_t size_bytes)
{
    assert(size_bytes % 4 == 0);
    if (size_bytes > usable_bytes(pool, class)) {
        return NULL;
    }
    void *slots = pool->base + pool->front_bytes;
    pool->front_bytes += size_bytes;
    memset(slots, 0, size_bytes);
    return slots;
}

/* The smallest class of at least `granules` that has a free chunk; 0 = none. */
static size_t free_class(const struct pool *pool, size_t granules)
{
    for (size_t i = granules; i < POOL_CLASS_COUNT; i++) {
        if (pool->free_heads[i] != 0) {
            return i;
        }
    }
    return 0;
}

bool pool_has_room(const struct pool *pool, enum pool_class class, size_t slot_bytes, size_t text_bytes)
{
    size_t usable = usable_bytes(pool, class);
    if (slot_bytes > usable) {
        return false;
    }
    size_t granules = granules_of(text_bytes);
    return text_bytes == 0 || pool->free_heads[granules] != 0 ||
           granules * POOL_GRANULE_BYTES <= usable - slot_bytes || free_class(pool, granules) != 0;
}

static void set_length(uint8_t *chunk, size_t length)
{
    chunk[0] = (uint8_t)length;
    chunk[1] = (uint8_t)(length >> 8);
}

static size_t length_of(const uint8_t *chunk)
{
    return (size_t)chunk[0] | (size_t)chunk[1] << 8;
}

static void push_free(struct pool *pool, uint32_t handle, size_t granules)
{
    size_t class = granules < POOL_CLASS_COUNT ? granules : POOL_CLASS_COUNT - 1;
    set_length(chunk_at(pool, handle), granules | FREE_MARK);
    store_u32(chunk_at(pool, handle) + 4, pool->free_heads[class]);
    pool->free_heads[class] = handle;
}

static uint32_t pop_free(struct pool *pool, size_t granules)
{
    uint32_t handle = pool->free_heads[granules];
    pool->free_heads[granules] = load_u32(chunk_at(pool, handle) + 4);
    return handle;
}

static uint32_t split_free(struct pool *pool, size_t granules)
{
    size_t found = free_class(pool, granules);
    if (found == 0) {
        return 0;
    }
    uint32_t handle = pop_free(pool, found);
    size_t size = length_of(chunk_at(pool, handle)) & ~(size_t)FREE_MARK;
    if (size > granules) {
        push_free(pool, handle + (uint32_t)granules, size - granules);
    }
    return handle;
}

static uint32_t take_of_gap(struct pool *pool, enum pool_class class, size_t granules)
{
    if (granules * POOL_GRANULE_BYTES > usable_bytes(pool, class)) {
        return 0;
    }
    pool->back_bytes -= granules * POOL_GRANULE_BYTES;
    return (uint32_t)(pool->back_bytes / POOL_GRANULE_BYTES);
}

/* The reserve comes last: what issuing has asked room for is put as essential too, by the code that replays it. */
static uint32_t take_chunk(struct pool *pool, enum pool_class class, size_t granules)
{
    if (pool->free_heads[granules] != 0) {
        return pop_free(pool, granules);
    }
    uint32_t handle = take_of_gap(pool, POOL_ISSUE, granules);
    if (handle == 0) {
        handle = split_free(pool, granules);
    }
    return handle != 0 ? handle : take_of_gap(pool, class, granules);
}

bool pool_put_text(struct pool *pool, enum pool_class class, struct bytes text, uint32_t *handle)
{
    assert(text.size <= POOL_TEXT_MAX_BYTES);
    *handle = 0;
    if (text.size == 0) {
        return true;
    }
    size_t granules = granules_of(text.size);
    *handle = take_chunk(pool, class, granules);
    if (*handle == 0) {
        return false;
    }
    uint8_t *chunk = chunk_at(pool, *handle);
    set_length(chunk, text.size);
    memcpy(chunk + POOL_HEADER_BYTES, text.data, text.size);
    pool->text_bytes += granules * POOL_GRANULE_BYTES;
    return true;
}

struct bytes pool_text(const struct pool *pool, uint32_t handle)
{
    if (handle == 0) {
        return (struct bytes){NULL, 0};
    }
    const uint8_t *chunk = chunk_at(pool, handle);
    return (struct bytes){chunk + POOL_HEADER_BYTES, length_of(chunk)};
}

uint8_t *pool_text_data(const struct pool *pool, uint32_t handle)
{
    assert(handle != 0);
    return chunk_at(pool, handle) + POOL_HEADER_BYTES;
}

void pool_free_text(struct pool *pool, uint32_t handle)
{
    if (handle == 0) {
        return;
    }
    assert((length_of(chunk_at(pool, handle)) & FREE_MARK) == 0);
    size_t granules = granules_of(pool_text(pool, handle).size);
    bytes_wipe(chunk_at(pool, handle), granules * POOL_GRANULE_BYTES);
    push_free(pool, handle, granules);
    pool->text_bytes -= granules * POOL_GRANULE_BYTES;
}

/* ---- merging ---- */

/* The granules of the free chunks that follow each other from here; 0: here is a text. */
static size_t free_granules_at(const struct pool *pool, size_t granule, size_t end)
{
    size_t size = 0;
    while (granule + size < end) {
        size_t length = length_of(chunk_at(pool, (uint32_t)(granule + size)));
        if ((length & FREE_MARK) == 0) {
            break;
        }
        size += length & ~(size_t)FREE_MARK;
    }
    return size;
}

static void push_merged(struct pool *pool, size_t granule, size_t count)
{
    while (count > 0) {
        size_t piece = count < FREE_MARK ? count : FREE_MARK - 1;
        push_free(pool, (uint32_t)granule, piece);
        granule += piece;
        count -= piece;
    }
}

void pool_merge_free(struct pool *pool)
{
    size_t end = pool->size_bytes / POOL_GRANULE_BYTES;
    memset(pool->free_heads, 0, sizeof pool->free_heads);
    for (size_t granule = pool->back_bytes / POOL_GRANULE_BYTES; granule < end;) {
        size_t count = free_granules_at(pool, granule, end);
        if (granule * POOL_GRANULE_BYTES == pool->back_bytes) {
            pool->back_bytes += count * POOL_GRANULE_BYTES;
        } else {
            push_merged(pool, granule, count);
        }
        granule += count > 0 ? count : granules_of(length_of(chunk_at(pool, (uint32_t)granule)));
    }
}
