/*
 * SipHash-2-4.
 */
#include "base/siphash.h"

#define WORD_BYTES 8

static uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

static void take(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

/* Up to 8 bytes, little-endian. */
static uint64_t load(const uint8_t *data, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)data[i] << 8 * i;
    }
    return word;
}

uint64_t siphash(const struct siphash_key *key, struct bytes text)
{
    uint64_t v[4] = {key->words[0] ^ 0x736f6d6570736575, key->words[1] ^ 0x646f72616e646f6d,
                     key->words[0] ^ 0x6c7967656e657261, key->words[1] ^ 0x7465646279746573};
    size_t whole = text.size / WORD_BYTES * WORD_BYTES;
    for (size_t i = 0; i < whole; i += WORD_BYTES) {
        take(v, load(text.data + i, WORD_BYTES));
    }
    uint64_t last = (uint64_t)(text.size & 0xff) << 56;
    if (whole < text.size) {
        last |= load(text.data + whole, text.size - whole);
    }
    take(v, last);
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++) {
        mix(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
