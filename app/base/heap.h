/*
 * A heap over one region that main takes at boot, for the libraries that insist on malloc (TLS and TCP/IP buffers).
 *
 * Size classes (four per power of two) on free lists; O(1) take and give, no coalescing, 16-byte alignment; a chunk
 * remembers its class. What is given back is reused by its class only, so that the peak of each class is what the
 * region must hold. Not for the token table.
 * Ownership: a chunk is the taker's until heap_give. Blocking: none. Failure: NULL when the region is used up.
 * Limits: one chunk at most HEAP_CHUNK_MAX_BYTES. Misuse (double give, foreign pointer) is an assert.
 */
#ifndef JETON_BASE_HEAP_H
#define JETON_BASE_HEAP_H

#include "base/bytes.h"

#define HEAP_CLASS_COUNT 64

struct heap {
    uint8_t *region;
    size_t region_bytes;
    size_t bump_bytes;   /* used from the front, never shrinks */
    size_t in_use_bytes; /* of chunks that are out, class sizes */
    size_t in_use_count;
    void *free_lists[HEAP_CLASS_COUNT];
};

void heap_init(struct heap *heap, void *region, size_t region_bytes);
void *heap_take(struct heap *heap, size_t size_bytes);
void *heap_take_zeroed(struct heap *heap, size_t count, size_t size_bytes);
void heap_give(struct heap *heap, void *chunk); /* NULL is allowed */

/* Bytes that no chunk uses now: free lists and the untouched rest. */
size_t heap_free_bytes(const struct heap *heap);

#endif
