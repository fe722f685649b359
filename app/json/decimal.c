/*
 * Number text to the nearest double.
 *
 * The text is digits * 10^exponent. With a power of ten on either side of a fraction, one long division gives 63 or 64
 * bits of quotient and whether something remained; rounding those to a double's 53 bits (fewer for subnormals) cannot
 * go wrong.
 */
#include "json/bignum.h"
#include "json/number.h"

#include <string.h>

/* A double or the middle between two has at most 767 significant digits: of what follows after 800, only matters
 * whether it is zero. */
#define DIGITS_MAX 800

/* Values under 10^-324 round to zero (half the least subnormal is 2.4e-324), those from 10^309 on are infinite. */
#define POSITION_MIN (-323)
#define POSITION_MAX 309

#define EXPONENT_LIMIT 100000 /* any more would be out of range for any text we read */

struct decimal {
    bool is_negative;
    struct bignum digits; /* at most DIGITS_MAX + 1 */
    int32_t digit_count;
    int32_t exponent; /* of the last digit */
};

/* ---- the text ---- */

/* Digits are gathered by nine, to multiply seldom. */
struct gathering {
    uint32_t value;
    uint32_t scale;
};

static void flush(struct decimal *decimal, struct gathering *gathering)
{
    if (gathering->scale > 1) {
        bignum_multiply_add(&decimal->digits, gathering->scale, gathering->value);
    }
    *gathering = (struct gathering){0, 1};
}

static void push_digit(struct decimal *decimal, struct gathering *gathering, uint32_t digit)
{
    gathering->value = gathering->value * 10 + digit;
    gathering->scale *= 10;
    decimal->digit_count++;
    if (gathering->scale == 1000000000) {
        flush(decimal, gathering);
    }
}

/* The mantissa: sign, digits and point. Returns what follows. */
static struct bytes read_mantissa(struct bytes text, struct decimal *decimal)
{
    struct gathering gathering = {0, 1};
    bool after_point = false;
    bool is_cut = false; /* a digit other than zero was left out */
    size_t i = text.data[0] == '-' ? 1 : 0;
    for (; i < text.size && (text.data[i] | 0x20) != 'e'; i++) {
        if (text.data[i] == '.') {
            after_point = true;
            continue;
        }
        uint32_t digit = (uint32_t)(text.data[i] - '0');
        if (decimal->digit_count < DIGITS_MAX) {
            if (digit > 0 || decimal->digit_count > 0) {
                push_digit(decimal, &gathering, digit);
            }
            decimal->exponent -= after_point;
        } else {
            is_cut = is_cut || digit > 0;
            decimal->exponent += !after_point;
        }
    }
    if (is_cut) {
        push_digit(decimal, &gathering, 1);
        decimal->exponent--;
    }
    flush(decimal, &gathering);
    return bytes_slice(text, i, text.size);
}

/* `text` is empty, or e, an optional sign and digits. */
static int32_t read_exponent(struct bytes text)
{
    int32_t exponent = 0;
    bool is_negative = text.size > 1 && text.data[1] == '-';
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9' && exponent < EXPONENT_LIMIT) {
            exponent = exponent * 10 + (text.data[i] - '0');
        }
    }
    return is_negative ? -exponent : exponent;
}

static void read_decimal(struct bytes text, struct decimal *decimal)
{
    decimal->is_negative = text.data[0] == '-';
    decimal->digit_count = 0;
    decimal->exponent = 0;
    bignum_set(&decimal->digits, 0);
    struct bytes rest = read_mantissa(text, decimal);
    decimal->exponent += read_exponent(rest);
}

/* ---- the double ---- */

/* Make the divisor's highest bit the highest of its limb, as bignum_divide wants it, and the quotient less than 2^32
 * and at least 2^30. Returns by how many bits the quotient was shifted left for that. */
static int32_t align(struct bignum *number, struct bignum *divisor)
{
    int32_t shift = 31 - ((int32_t)bignum_bits(number) - (int32_t)bignum_bits(divisor));
    bignum_shift_left(shift > 0 ? number : divisor, (size_t)(shift > 0 ? shift : -shift));
    size_t normalise = (32 - bignum_bits(divisor) % 32) % 32;
    bignum_shift_left(number, normalise);
    bignum_shift_left(divisor, normalise);
    return shift;
}

/* (quotient + something under 1, if is_inexact) * 2^exponent, rounded to the bits of a double. The quotient has 63 or
 * 64 bits. The result is above any finite double's bits when it is out of range. */
static uint64_t round_to_bits(uint64_t quotient, bool is_inexact, int32_t exponent)
{
    int32_t top = 63 - __builtin_clzll(quotient) + exponent; /* the value is in [2^top, 2^(top+1)) */
    int32_t lowest = top - 52 < -1074 ? -1074 : top - 52;    /* the exponent of the last bit that stays */
    int32_t drop = lowest - exponent;                        /* at least 10 */
    if (drop > 64) {
        return 0;
    }
    uint64_t mantissa = drop == 64 ? 0 : quotient >> drop;
    uint64_t rest = quotient << (64 - drop); /* of the dropped bits, the highest on top */
    uint64_t half = UINT64_C(1) << 63;
    if (rest > half || (rest == half && (is_inexact || (mantissa & 1) != 0))) {
        mantissa++;
    }
    /* The hidden bit of a normal number adds one to the exponent field, and so does a carry of the rounding. */
    return ((uint64_t)(lowest + 1074) << 52) + mantissa;
}

/* The usual numbers, without long division: when digits and power are doubles themselves, one multiplication or division
 * rounds once, as IEEE 754 asks. */
static bool value_of_short(const struct decimal *decimal, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const struct bignum *digits = &decimal->digits;
    if (decimal->digit_count > 15 || decimal->exponent < -22 || decimal->exponent > 22) {
        return false;
    }
    uint64_t high = digits->count > 1 ? digits->limbs[1] : 0;
    uint64_t low = digits->count > 0 ? digits->limbs[0] : 0;
    double magnitude = (double)(high << 32 | low);
    if (decimal->exponent < 0) {
        magnitude /= powers[-decimal->exponent];
    } else {
        magnitude *= powers[decimal->exponent];
    }
    *value = decimal->is_negative ? -magnitude : magnitude;
    return true;
}

static uint64_t bits_of_decimal(struct decimal *decimal)
{
    struct bignum divisor;
    bignum_set(&divisor, 1);
    if (decimal->exponent > 0) {
        bignum_multiply_power_of_ten(&decimal->digits, (uint32_t)decimal->exponent);
    } else {
        bignum_multiply_power_of_ten(&divisor, (uint32_t)-decimal->exponent);
    }
    int32_t shift = align(&decimal->digits, &divisor) + 32;
    uint64_t quotient = (uint64_t)bignum_divide(&decimal->digits, &divisor) << 32;
    bignum_shift_left(&decimal->digits, 32);
    quotient |= bignum_divide(&decimal->digits, &divisor);
    return round_to_bits(quotient, decimal->digits.count > 0, -shift);
}

enum status json_read_number(struct bytes text, double *value)
{
    const uint64_t infinity = UINT64_C(0x7ff) << 52;
    struct decimal decimal;
    read_decimal(text, &decimal);
    if (value_of_short(&decimal, value)) {
        return STATUS_OK;
    }
    int32_t position = decimal.digit_count + decimal.exponent; /* the value is under 10^position */
    uint64_t bits = 0;
    if (decimal.digit_count > 0 && position > POSITION_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (decimal.digit_count > 0 && position >= POSITION_MIN) {
        bits = bits_of_decimal(&decimal);
    }
    if (bits >= infinity) {
        return STATUS_TOO_LARGE;
    }
    bits |= (uint64_t)decimal.is_negative << 63;
    memcpy(value, &bits, sizeof(*value));
    return STATUS_OK;
}
