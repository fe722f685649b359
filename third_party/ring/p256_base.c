/*
 * Multiples of P-256's base point. The scalar goes by signed windows of six bits, each of which adds one point of a table.
 * ring's own code takes seven bits: six additions less, but twice as much to look through for each, which is no faster, and
 * a table of 148 KiB instead of 86.
 */
#include "kernels.h"

#include <string.h>

#include "ring.h"

#define WORDS       4
#define WINDOW_BITS 6
#define WINDOWS     43
#define ROW_POINTS  32

struct affine {
    _Alignas(16) uint64_t x[WORDS];
    uint64_t y[WORDS];
};

/* As ecp_nistz256_point_add_affine() has it: Z is zero at infinity. */
struct jacobian {
    _Alignas(32) uint64_t x[WORDS];
    uint64_t y[WORDS];
    uint64_t z[WORDS];
};

/* Row i: 1 to 32 times 2^(6 i) G, in Montgomery form. */
static const struct affine table[WINDOWS][ROW_POINTS] = {
#include "build/p256_table.h"
};

static const uint64_t one[WORDS] = {0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff,
                                    0x00000000fffffffe};

/* A digit from -32 to 32. */
struct digit {
    uint32_t size;
    uint64_t negative; /* all ones or zeros */
};

/* Booth's recoding: bits 6 i - 1 to 6 i + 5; the lowest stands for the carry of the window below. */
static struct digit digit_of(const uint64_t scalar[WORDS], unsigned i)
{
    unsigned first = i * WINDOW_BITS;
    unsigned word = first / 64;
    unsigned shift = first % 64;
    unsigned __int128 bits = (unsigned __int128)scalar[word] << 1;
    bits |= word + 1 < WORDS ? (unsigned __int128)scalar[word + 1] << 65 : 0;
    bits |= word > 0 ? scalar[word - 1] >> 63 : 0;
    uint32_t window = (uint32_t)(bits >> shift) & 0x7f;
    uint32_t negative = 0 - (window >> 6);
    uint32_t magnitude = ((127 - window) & negative) | (window & ~negative);
    return (struct digit){(magnitude >> 1) + (magnitude & 1), (uint64_t)0 - (negative & 1)};
}

/* Entry `size` of a row, all zero for none. Every entry is read. */
static void choose(struct affine *out, const struct affine row[ROW_POINTS], uint32_t size)
{
    typedef uint32_t lanes __attribute__((vector_size(16), may_alias));
    const lanes wanted = {size, size, size, size};
    const lanes step = {1, 1, 1, 1};
    lanes number = step;
    lanes sum[4] = {{0}, {0}, {0}, {0}};
    for (size_t i = 0; i < ROW_POINTS; i++, number += step) {
        const lanes *entry = (const lanes *)&row[i];
        lanes mask = (lanes)(number == wanted);
        sum[0] |= entry[0] & mask;
        sum[1] |= entry[1] & mask;
        sum[2] |= entry[2] & mask;
        sum[3] |= entry[3] & mask;
    }
    memcpy(out, sum, sizeof sum);
}

static void choose_signed(struct affine *out, unsigned window, struct digit digit)
{
    uint64_t opposite[WORDS];
    choose(out, table[window], digit.size);
    ecp_nistz256_neg(opposite, out->y);
    for (size_t i = 0; i < WORDS; i++)
        out->y[i] = (opposite[i] & digit.negative) | (out->y[i] & ~digit.negative);
}

/* The sum of windows below is less than one of this one in size, so that the same point is never added to itself, which the
 * addition does not do. */
void p256_multiply_base(uint64_t r[3 * WORDS], const uint64_t scalar[WORDS])
{
    struct jacobian sum;
    struct affine next;
    struct digit digit = digit_of(scalar, 0);
    choose_signed(&next, 0, digit);
    memcpy(sum.x, next.x, sizeof sum.x);
    memcpy(sum.y, next.y, sizeof sum.y);
    uint64_t finite = (uint64_t)0 - ((digit.size + 63) >> 6);
    for (size_t i = 0; i < WORDS; i++)
        sum.z[i] = one[i] & finite;
    for (unsigned i = 1; i < WINDOWS; i++) {
        choose_signed(&next, i, digit_of(scalar, i));
        ecp_nistz256_point_add_affine((uint64_t *)&sum, (const uint64_t *)&sum, (const uint64_t *)&next);
    }
    memcpy(r, &sum, sizeof sum);
    kernels_wipe(&sum, sizeof sum);
    kernels_wipe(&next, sizeof next);
}
