/*
 * A double as ECMAScript prints it.
 *
 * Steele and White's free-format algorithm in the fixed-up form of Burger and Dybvig (1996): the double and the middles
 * to its neighbours are fractions over one denominator; digits are taken off until what remains is within the interval
 * that reads back as this double.
 */
#include "json/number.h"

#include "json/bignum.h"
#include "json/json.h"

#include <assert.h>
#include <string.h>

#define DIGITS_MAX     17
#define EXACT_INTEGERS 9007199254740992.0 /* 2^53: below it every integer is a double */

/* 0.d1d2d3... * 10^position */
struct digits {
    uint8_t text[DIGITS_MAX];
    size_t count;
    int32_t position;
};

struct fraction {
    struct bignum value; /* what is left to print, times the denominator */
    struct bignum below; /* from there to the middle below, likewise */
    struct bignum above;
    struct bignum denominator;
    bool ends_included; /* the middles themselves read back as this double (its mantissa is even) */
};

static void shift_all(struct fraction *fraction, size_t bits)
{
    bignum_shift_left(&fraction->value, bits);
    bignum_shift_left(&fraction->below, bits);
    bignum_shift_left(&fraction->above, bits);
}

static void multiply_all_by_power_of_ten(struct fraction *fraction, uint32_t exponent)
{
    bignum_multiply_power_of_ten(&fraction->value, exponent);
    bignum_multiply_power_of_ten(&fraction->below, exponent);
    bignum_multiply_power_of_ten(&fraction->above, exponent);
}

/* The fraction of mantissa * 2^exponent. */
static void set_fraction(struct fraction *fraction, uint64_t mantissa, int32_t exponent, bool is_lower_closer)
{
    /* Twice everything, so that half a unit is whole; again twice where the gap below is half the gap above. */
    bignum_set(&fraction->value, mantissa);
    bignum_shift_left(&fraction->value, is_lower_closer ? 2 : 1);
    bignum_set(&fraction->below, 1);
    bignum_set(&fraction->above, is_lower_closer ? 2 : 1);
    bignum_set(&fraction->denominator, is_lower_closer ? 4 : 2);
    fraction->ends_included = mantissa % 2 == 0;
    if (exponent > 0) {
        shift_all(fraction, (size_t)exponent);
    } else {
        bignum_shift_left(&fraction->denominator, (size_t)-exponent);
    }
}

static bool reaches_above(const struct fraction *fraction)
{
    int order = bignum_compare_sum(&fraction->value, &fraction->above, &fraction->denominator);
    return order > 0 || (order == 0 && fraction->ends_included);
}

static bool reaches_below(const struct fraction *fraction)
{
    int order = bignum_compare(&fraction->value, &fraction->below);
    return order < 0 || (order == 0 && fraction->ends_included);
}

/* floor(exponent * log10(2)), exact for every exponent of a double. */
static int32_t floor_log10_of_power_of_two(int32_t exponent)
{
    int64_t product = (int64_t)exponent * 1292913986; /* log10(2) * 2^32 */
    return (int32_t)(product >= 0 ? product >> 32 : -((-product + (INT64_C(1) << 32) - 1) >> 32));
}

/* Scale the fraction by a power of ten so that its next digit is floor(value / denominator); return the position of
 * the point. `top`: the double is in [2^top, 2^(top+1)). */
static int32_t scale(struct fraction *fraction, int32_t top)
{
    int32_t position = floor_log10_of_power_of_two(top) + 1; /* right, or one too low */
    if (position > 0) {
        bignum_multiply_power_of_ten(&fraction->denominator, (uint32_t)position);
    } else {
        multiply_all_by_power_of_ten(fraction, (uint32_t)-position);
    }
    if (reaches_above(fraction)) {
        position++;
    } else {
        multiply_all_by_power_of_ten(fraction, 1);
    }
    size_t normalise = (32 - bignum_bits(&fraction->denominator) % 32) % 32;
    bignum_shift_left(&fraction->denominator, normalise);
    shift_all(fraction, normalise);
    return position;
}

static void generate(struct fraction *fraction, struct digits *digits)
{
    for (;;) {
        uint32_t digit = bignum_divide(&fraction->value, &fraction->denominator);
        bool is_low = reaches_below(fraction);
        bool is_high = reaches_above(fraction);
        if (is_low && is_high) {
            /* Both this digit and the next one do: the closer one, and of two as close the even one. */
            int order = bignum_compare_sum(&fraction->value, &fraction->value, &fraction->denominator);
            is_high = order > 0 || (order == 0 && digit % 2 == 1);
        }
        assert(digits->count < DIGITS_MAX && digit + is_high < 10);
        digits->text[digits->count++] = (uint8_t)('0' + digit + is_high);
        if (is_low || is_high) {
            return;
        }
        multiply_all_by_power_of_ten(fraction, 1);
    }
}

/* `bits` are of a positive finite double. */
static void shortest_digits(uint64_t bits, struct digits *digits)
{
    struct fraction fraction;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    int32_t field = (int32_t)(bits >> 52);
    bool is_lower_closer =
        mantissa == 0 && field > 1; /* at a power of two, but not at the least normal one */
    if (field > 0) {
        mantissa |= UINT64_C(1) << 52;
    } else {
        field = 1;
    }
    int32_t exponent = field - 1075;
    set_fraction(&fraction, mantissa, exponent, is_lower_closer);
    digits->count = 0;
    digits->position = scale(&fraction, 63 - __builtin_clzll(mantissa) + exponent);
    generate(&fraction, digits);
}

/* ---- layout: ECMA-262, Number::toString, steps 6 to 13 ---- */

static void write_zeros(struct buffer *out, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        buffer_append_byte(out, '0');
    }
}

/* Digits, with the point after the first `whole` of them if any follow. */
static void write_pointed(struct buffer *out, const struct digits *digits, size_t whole)
{
    struct bytes text = bytes_of(digits->text, digits->count);
    buffer_append(out, bytes_slice(text, 0, whole));
    if (whole < digits->count) {
        buffer_append_byte(out, '.');
        buffer_append(out, bytes_slice(text, whole, digits->count));
    }
}

static void write_digits(struct buffer *out, const struct digits *digits)
{
    int32_t position = digits->position;
    if (position > 0 && position <= 21) {
        write_pointed(out, digits, (size_t)position);
        write_zeros(out, position - (int32_t)digits->count);
    } else if (position > -6 && position <= 0) {
        buffer_append_string(out, "0.");
        write_zeros(out, -position);
        buffer_append(out, bytes_of(digits->text, digits->count));
    } else {
        int32_t exponent = position - 1;
        write_pointed(out, digits, 1);
        buffer_append_string(out, exponent < 0 ? "e-" : "e+");
        buffer_append_u64(out, (uint64_t)(exponent < 0 ? -exponent : exponent));
    }
}

void json_write_number(struct buffer *out, double value)
{
    struct digits digits;
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t magnitude = bits & ~(UINT64_C(1) << 63);
    assert(magnitude < UINT64_C(0x7ff) << 52);
    if (bits != magnitude && magnitude != 0) { /* -0 is 0 */
        buffer_append_byte(out, '-');
    }
    if (value > -EXACT_INTEGERS && value < EXACT_INTEGERS && value == (double)(int64_t)value) {
        buffer_append_u64(out,
                          (uint64_t)(int64_t)(value < 0 ? -value : value)); /* no neighbour is that close */
        return;
    }
    shortest_digits(magnitude, &digits);
    write_digits(out, &digits);
}
