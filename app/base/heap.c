/*
 * A heap over one region: size classes on free lists.
 *
 * A chunk is a 16-byte header and its payload. Payload sizes are 16, 32, 48, 64, then four steps per power of two
 * (80, 96, 112, 128, 160, ...), all multiples of 16, so that every payload is aligned to 16.
 */
#include "base/heap.h"

#include "limits.h"

#include <assert.h>
#include <string.h>

#define ALIGNMENT 16

/* Written before each payload. The two marks make a double give, a foreign pointer or a run over the end of the chunk
 * before a failing assert and not a corrupted list. */
struct header {
    uint32_t mark;
    uint32_t class_index;
    struct header *next; /* in a free list */
};

#define MARK_TAKEN 0x6a65746fU
#define MARK_FREE  0x66726565U

_Static_assert(sizeof(struct header) == ALIGNMENT, "payloads keep the alignment");

static size_t class_bytes(uint32_t class_index)
{
    if (class_index < 4) {
        return ((size_t)class_index + 1) * 16;
    }
    uint32_t doubling = (class_index - 4) / 4;
    uint32_t quarter = (class_index - 4) % 4;
    return (size_t)(5 + quarter) << (4 + doubling);
}

/* The smallest class that holds `size_bytes`. */
static uint32_t class_of(size_t size_bytes)
{
    if (size_bytes <= 64) {
        return size_bytes == 0 ? 0 : (uint32_t)((size_bytes - 1) / 16);
    }
    /* size - 1 is in [64 << d, 128 << d); its next two bits choose the quarter. */
    uint64_t last = size_bytes - 1;
    uint32_t doubling = 63U - (uint32_t)__builtin_clzll(last) - 6U;
    return 4 + 4 * doubling + (uint32_t)((last >> (4 + doubling)) - 4);
}

void heap_init(struct heap *heap, void *region, size_t region_bytes)
{
    uintptr_t misalignment = (uintptr_t)region % ALIGNMENT;
    size_t skip = misalignment == 0 ? 0 : ALIGNMENT - misalignment;
    assert(region != NULL && region_bytes >= skip);
    assert(class_of(HEAP_CHUNK_MAX_BYTES) < HEAP_CLASS_COUNT);
    *heap = (struct heap){.region = (uint8_t *)region + skip, .region_bytes = region_bytes - skip};
}

/* A chunk of untouched memory, or NULL. */
static struct header *cut_chunk(struct heap *heap, uint32_t class_index)
{
    size_t needed = sizeof(struct header) + class_bytes(class_index);
    if (needed > heap->region_bytes - heap->bump_bytes) {
        return NULL;
    }
    struct header *header = (struct header *)(void *)(heap->region + heap->bump_bytes);
    heap->bump_bytes += needed;
    header->class_index = class_index;
    return header;
}

void *heap_take(struct heap *heap, size_t size_bytes)
{
    if (size_bytes > HEAP_CHUNK_MAX_BYTES) {
        return NULL;
    }
    uint32_t class_index = class_of(size_bytes);
    struct header *header = heap->free_lists[class_index];
    if (header != NULL) {
        assert(header->mark == MARK_FREE && header->class_index == class_index);
        heap->free_lists[class_index] = header->next;
    } else {
        header = cut_chunk(heap, class_index);
        if (header == NULL) {
            return NULL;
        }
    }
    header->mark = MARK_TAKEN;
    header->next = NULL;
    heap->in_use_bytes += class_bytes(class_index);
    heap->in_use_count++;
    return header + 1;
}

void *heap_take_zeroed(struct heap *heap, size_t count, size_t size_bytes)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size_bytes, &total)) {
        return NULL;
    }
    void *chunk = heap_take(heap, total);
    if (chunk != NULL) {
        memset(chunk, 0, total);
    }
    return chunk;
}

void heap_give(struct heap *heap, void *chunk)
{
    if (chunk == NULL) {
        return;
    }
    uintptr_t offset = (uintptr_t)chunk - (uintptr_t)heap->region;
    assert(offset >= sizeof(struct header) && offset < heap->bump_bytes && offset % ALIGNMENT == 0);
    struct header *header = (struct header *)chunk - 1;
    assert(header->mark == MARK_TAKEN && header->class_index < HEAP_CLASS_COUNT);
    header->mark = MARK_FREE;
    header->next = heap->free_lists[header->class_index];
    heap->free_lists[header->class_index] = header;
    heap->in_use_bytes -= class_bytes(header->class_index);
    heap->in_use_count--;
}

size_t heap_free_bytes(const struct heap *heap)
{
    return heap->region_bytes - heap->in_use_bytes - heap->in_use_count * sizeof(struct header);
}
