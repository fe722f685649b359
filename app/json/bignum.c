/*
 * Natural numbers: schoolbook arithmetic on 32-bit limbs.
 */
#include "json/bignum.h"

#include <assert.h>

static void push_limb(struct bignum *number, uint32_t limb)
{
    assert(number->count < BIGNUM_LIMBS);
    number->limbs[number->count++] = limb;
}

static void drop_leading_zeros(struct bignum *number)
{
    while (number->count > 0 && number->limbs[number->count - 1] == 0) {
        number->count--;
    }
}

static uint32_t limb_at(const struct bignum *number, size_t index)
{
    return index < number->count ? number->limbs[index] : 0;
}

void bignum_set(struct bignum *number, uint64_t value)
{
    number->count = 0;
    while (value > 0) {
        push_limb(number, (uint32_t)value);
        value >>= 32;
    }
}

void bignum_multiply_add(struct bignum *number, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (size_t i = 0; i < number->count; i++) {
        carry += (uint64_t)number->limbs[i] * factor;
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        push_limb(number, (uint32_t)carry);
    }
    drop_leading_zeros(number);
}

void bignum_multiply_power_of_ten(struct bignum *number, uint32_t exponent)
{
    while (exponent >= 9) {
        bignum_multiply_add(number, 1000000000, 0);
        exponent -= 9;
    }
    uint32_t rest = 1;
    while (exponent-- > 0) {
        rest *= 10;
    }
    bignum_multiply_add(number, rest, 0);
}

void bignum_shift_left(struct bignum *number, size_t bits)
{
    size_t limbs = bits / 32;
    if (number->count == 0) {
        return;
    }
    bignum_multiply_add(number, 1U << (bits % 32), 0);
    assert(number->count + limbs <= BIGNUM_LIMBS);
    for (size_t i = number->count; i > 0; i--) {
        number->limbs[i - 1 + limbs] = number->limbs[i - 1];
    }
    for (size_t i = 0; i < limbs; i++) {
        number->limbs[i] = 0;
    }
    number->count += limbs;
}

size_t bignum_bits(const struct bignum *number)
{
    if (number->count == 0) {
        return 0;
    }
    return number->count * 32 - (size_t)__builtin_clz(number->limbs[number->count - 1]);
}

int bignum_compare(const struct bignum *a, const struct bignum *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i > 0; i--) {
        if (a->limbs[i - 1] != b->limbs[i - 1]) {
            return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

int bignum_compare_sum(const struct bignum *a, const struct bignum *b, const struct bignum *c)
{
    struct bignum sum;
    size_t count = a->count > b->count ? a->count : b->count;
    uint64_t carry = 0;
    sum.count = 0;
    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)limb_at(a, i) + limb_at(b, i);
        push_limb(&sum, (uint32_t)carry);
        carry >>= 32;
    }
    if (carry > 0) {
        push_limb(&sum, (uint32_t)carry);
    }
    return bignum_compare(&sum, c);
}

/* number -= divisor * factor, on divisor->count + 1 limbs; true when that went below zero (and wrapped). */
static bool subtract_multiple(struct bignum *number, const struct bignum *divisor, uint32_t factor)
{
    uint64_t product = 0;
    uint64_t borrow = 0;
    for (size_t i = 0; i <= divisor->count; i++) {
        product += (uint64_t)limb_at(divisor, i) * factor;
        uint64_t difference = (uint64_t)number->limbs[i] - (uint32_t)product - borrow;
        number->limbs[i] = (uint32_t)difference;
        borrow = difference >> 63;
        product >>= 32;
    }
    return borrow != 0;
}

/* number += divisor, on divisor->count + 1 limbs; true when that wrapped back above zero. */
static bool add_back(struct bignum *number, const struct bignum *divisor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i <= divisor->count; i++) {
        carry += (uint64_t)number->limbs[i] + limb_at(divisor, i);
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry != 0;
}

uint32_t bignum_divide(struct bignum *number, const struct bignum *divisor)
{
    size_t top = divisor->count;
    assert(top > 0 && divisor->limbs[top - 1] >> 31 == 1 && number->count <= top + 1);
    if (number->count < top) {
        return 0;
    }
    while (number->count < top + 1) {
        push_limb(number, 0);
    }
    /* Knuth, TAOCP volume 2, 4.3.1: with a normalised divisor the quotient of the top limbs is at most 2 too large. */
    uint64_t high = (uint64_t)number->limbs[top] << 32 | number->limbs[top - 1];
    uint64_t estimate = high / divisor->limbs[top - 1];
    uint32_t quotient = estimate > UINT32_MAX ? UINT32_MAX : (uint32_t)estimate;
    bool is_negative = subtract_multiple(number, divisor, quotient);
    while (is_negative) {
        quotient--;
        is_negative = !add_back(number, divisor);
    }
    drop_leading_zeros(number);
    return quotient;
}
