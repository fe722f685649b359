/*
 * ring's constant_time_conditional_memxor() in words that every x86-64 has. Its own are vectors of 32 bytes, whose mask gcc
 * writes byte by byte where there is no AVX2: 32 stores for each entry of a table that is looked through, 3 % of a
 * handshake under an emulator. Included before curve25519.c (sources.mk), the only one that calls it.
 */
#ifndef JETON_RING_SELECT_H
#define JETON_RING_SELECT_H

#include <internal.h> /* the library's own, first */

/* `size` bytes of `from` into `to` by exclusive or where `mask` is all ones; nothing where it is zero. */
static inline void select_xor(void *to, const void *from, size_t size, crypto_word_t mask)
{
    typedef uint64_t words __attribute__((vector_size(16), aligned(1), may_alias));
    const words masks = {value_barrier_w(mask), value_barrier_w(mask)};
    uint8_t *out = (uint8_t *)to;
    const uint8_t *in = (const uint8_t *)from;
    size_t i = 0;
    for (; i + sizeof masks <= size; i += sizeof masks)
        *(words *)(out + i) ^= *(const words *)(in + i) & masks;
    for (; i < size; i++)
        out[i] ^= (uint8_t)(in[i] & value_barrier_w(mask));
}

#define constant_time_conditional_memxor select_xor

#endif
