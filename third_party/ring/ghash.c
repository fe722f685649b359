/*
 * GHASH in plain C and constant time. A carry-less product is made of integer products whose operands have three zero
 * bits after each bit, so that carries die in the gaps ("BearSSL: constant-time multiplications"). Sums are kept as
 * POLYVAL's field elements (RFC 8452 appendix A), where GHASH's reversed bits need no reversing.
 */
#include "ghash.h"

#include <string.h>

#define LANE UINT64_C(0x1111111111111111) /* every fourth bit */

__extension__ typedef unsigned __int128 u128;

static uint64_t load_big_endian(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

static void store_big_endian(uint8_t *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

/* The carry-less product of two words. A lane's bit is a sum of up to 16 bits of the product's terms, which would just
 * overflow its gap: the lowest four bits of `a` are left out and added by shifts. */
static u128 multiply(uint64_t a, uint64_t b)
{
    u128 lanes[4] = {0};
    uint64_t high = a & ~UINT64_C(15);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 4; j++)
            lanes[(i + j) % 4] ^= (u128)(high & LANE << i) * (b & LANE << j);
    u128 product = 0;
    for (unsigned i = 0; i < 4; i++) {
        u128 lane = (u128)(LANE << i) << 64 | LANE << i;
        product ^= lanes[i] & lane;
        product ^= (u128)(b & (0 - (a >> i & 1))) << i;
    }
    return product;
}

void ghash_init(uint64_t table[32], const uint64_t h[2])
{
    uint64_t carry = 0 - (h[0] >> 63);
    table[0] = h[1] << 1 ^ (carry & 1);
    table[1] = (h[0] << 1 | h[1] >> 63) ^ (carry & UINT64_C(0xc200000000000000));
}

/* sum = sum * h, by Karatsuba's three products; then times x^-128 modulo x^128 + x^127 + x^126 + x^121 + 1. */
static void multiply_reduce(uint64_t sum[2], const uint64_t h[2])
{
    u128 low = multiply(sum[0], h[0]);
    u128 high = multiply(sum[1], h[1]);
    u128 middle = multiply(sum[0] ^ sum[1], h[0] ^ h[1]) ^ low ^ high;
    low ^= middle << 64;
    high ^= middle >> 64;
    low ^= (low << 127) ^ (low << 126) ^ (low << 121);
    high ^= low ^ (low >> 1) ^ (low >> 2) ^ (low >> 7);
    sum[0] = (uint64_t)high;
    sum[1] = (uint64_t)(high >> 64);
}

void ghash_blocks(uint8_t sum[16], const uint64_t table[32], const uint8_t *in, size_t size)
{
    uint64_t state[2] = {load_big_endian(sum + 8), load_big_endian(sum)};
    for (; size >= 16; size -= 16, in += 16) {
        state[0] ^= load_big_endian(in + 8);
        state[1] ^= load_big_endian(in);
        multiply_reduce(state, table);
    }
    store_big_endian(sum, state[1]);
    store_big_endian(sum + 8, state[0]);
}
