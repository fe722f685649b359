/*
 * Natural numbers of up to BIGNUM_LIMBS * 32 bits, as few operations as exact number text needs. Private to json/.
 *
 * Ownership: the caller's memory, on the stack. Failure: none; a result that does not fit is an assert. The bounds of
 * number.c and decimal.c keep every value under 4,000 bits.
 */
#ifndef JETON_JSON_BIGNUM_H
#define JETON_JSON_BIGNUM_H

#include "platform/types.h"

#define BIGNUM_LIMBS 128

struct bignum {
    size_t count;                 /* limbs in use; the highest is not zero */
    uint32_t limbs[BIGNUM_LIMBS]; /* lowest first */
};

void bignum_set(struct bignum *number, uint64_t value);

/* number = number * factor + addend */
void bignum_multiply_add(struct bignum *number, uint32_t factor, uint32_t addend);

/* number = number * 10^exponent */
void bignum_multiply_power_of_ten(struct bignum *number, uint32_t exponent);

void bignum_shift_left(struct bignum *number, size_t bits);

/* Position of the highest set bit, plus one; 0 for zero. */
size_t bignum_bits(const struct bignum *number);

/* Like memcmp; the second one compares a + b with c. */
int bignum_compare(const struct bignum *a, const struct bignum *b);
int bignum_compare_sum(const struct bignum *a, const struct bignum *b, const struct bignum *c);

/* The quotient; `number` becomes the remainder. The divisor's top limb has its highest bit set and the quotient is
 * less than 2^32. */
uint32_t bignum_divide(struct bignum *number, const struct bignum *divisor);

#endif
