/*
 * GHASH in plain C, for processors without carry-less multiplication and for emulators where it is slow.
 */
#ifndef JETON_RING_GHASH_H
#define JETON_RING_GHASH_H

#include <stddef.h>
#include <stdint.h>

/* Prepare the table (its first two words) from the hash key: high word, low word. */
void ghash_init(uint64_t table[32], const uint64_t h[2]);

/* Add `size` bytes, a multiple of 16, to the sum. */
void ghash_blocks(uint8_t sum[16], const uint64_t table[32], const uint8_t *in, size_t size);

#endif
