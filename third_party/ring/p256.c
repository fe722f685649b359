/*
 * ECDSA and ECDH on P-256 over the kernels: what ring has in Rust. Numbers are four words, low first. Whatever follows from
 * a private key or a nonce takes the same path always; only verifying, whose values are public, does not.
 */
#include "kernels.h"

#include <string.h>

#include "ring.h"

#define WORDS 4

struct number {
    uint64_t word[WORDS];
};

/* Jacobian coordinates in Montgomery form: x = X / Z^2, y = Y / Z^3; Z is zero at infinity. */
struct point {
    _Alignas(32) struct number x;
    struct number y;
    struct number z;
};

/* SEC 2 section 2.4.2. */
static const struct number field_prime = {
    {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001}};
static const struct number group_order = {
    {0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}};

/* Of Montgomery form with R = 2^256: R^2 modulo p and modulo n, 1, and the curve's b. */
static const struct number field_rr = {
    {0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};
static const struct number order_rr = {
    {0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620}};
static const struct number curve_b = {
    {0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834}};
static const struct number one = {{1, 0, 0, 0}};

/* ---- numbers ---- */

static struct number number_read(const uint8_t bytes[32])
{
    struct number a;
    for (size_t i = 0; i < WORDS; i++) {
        memcpy(&a.word[i], bytes + 8 * (WORDS - 1 - i), 8);
        a.word[i] = __builtin_bswap64(a.word[i]);
    }
    return a;
}

static void number_write(struct number a, uint8_t bytes[32])
{
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = __builtin_bswap64(a.word[i]);
        memcpy(bytes + 8 * (WORDS - 1 - i), &word, 8);
    }
}

static bool is_zero(struct number a)
{
    return (a.word[0] | a.word[1] | a.word[2] | a.word[3]) == 0;
}

static bool is_equal(struct number a, struct number b)
{
    uint64_t differs = 0;
    for (size_t i = 0; i < WORDS; i++)
        differs |= a.word[i] ^ b.word[i];
    return differs == 0;
}

/* r = a - b modulo 2^256; returns the borrow, 1 or 0. */
static uint64_t subtract(struct number *r, struct number a, struct number b)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t first, second;
        uint64_t under = __builtin_sub_overflow(a.word[i], b.word[i], &first);
        uint64_t borrowed = __builtin_sub_overflow(first, borrow, &second);
        r->word[i] = second;
        borrow = under | borrowed;
    }
    return borrow;
}

static uint64_t add(struct number *r, struct number a, struct number b)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t first, second;
        uint64_t over = __builtin_add_overflow(a.word[i], b.word[i], &first);
        uint64_t carried = __builtin_add_overflow(first, carry, &second);
        r->word[i] = second;
        carry = over | carried;
    }
    return carry;
}

/* a && b, without a branch between the two. */
static bool both(bool a, bool b)
{
    return ((unsigned)a & (unsigned)b) != 0;
}

static bool is_below(struct number a, struct number bound)
{
    struct number difference;
    return subtract(&difference, a, bound) == 1;
}

/* What a number with `carry` above it, below twice the modulus, leaves. */
static struct number reduce_once(struct number a, uint64_t carry, const struct number *modulus)
{
    struct number less;
    uint64_t keep = 0 - (uint64_t)(subtract(&less, a, *modulus) > carry);
    for (size_t i = 0; i < WORDS; i++)
        a.word[i] = (a.word[i] & keep) | (less.word[i] & ~keep);
    return a;
}

static struct number add_modulo(struct number a, struct number b, const struct number *modulus)
{
    struct number sum;
    uint64_t carry = add(&sum, a, b);
    return reduce_once(sum, carry, modulus);
}

/* ---- the field ---- */

static struct number field_multiply(struct number a, struct number b)
{
    struct number r;
    ecp_nistz256_mul_mont(r.word, a.word, b.word);
    return r;
}

static struct number field_square(struct number a)
{
    struct number r;
    ecp_nistz256_sqr_mont(r.word, a.word);
    return r;
}

/* a^(2^times) * b */
static struct number field_shift(struct number a, unsigned times, struct number b)
{
    for (unsigned i = 0; i < times; i++)
        ecp_nistz256_sqr_mont(a.word, a.word);
    return field_multiply(a, b);
}

/* a^-2 = a^(p - 3) (Fermat); an exponent of n ones is written ones_n. */
static struct number field_invert_square(struct number a)
{
    struct number ones_2 = field_shift(a, 1, a);
    struct number ones_4 = field_shift(ones_2, 2, ones_2);
    struct number ones_6 = field_shift(ones_4, 2, ones_2);
    struct number ones_12 = field_shift(ones_6, 6, ones_6);
    struct number ones_24 = field_shift(ones_12, 12, ones_12);
    struct number ones_30 = field_shift(ones_24, 6, ones_6);
    struct number ones_32 = field_shift(ones_30, 2, ones_2);
    struct number r = field_shift(ones_32, 32, a);
    r = field_shift(r, 128, ones_32);
    r = field_shift(r, 32, ones_32);
    r = field_shift(r, 30, ones_30);
    return field_square(field_square(r));
}

static struct number field_of(struct number a)
{
    return field_multiply(a, field_rr);
}

/* ---- scalars ---- */

static struct number order_multiply(struct number a, struct number b)
{
    struct number r;
    ecp_nistz256_ord_mul_mont(r.word, a.word, b.word);
    return r;
}

static struct number order_shift(struct number a, unsigned times, struct number b)
{
    struct number r;
    ecp_nistz256_ord_sqr_mont(r.word, a.word, times);
    return order_multiply(r, b);
}

/* a^-1 = a^(n - 2) (Fermat), in Montgomery form both. The upper half of the exponent is ones and zeros in runs of 32; the
 * lower half goes by windows: leading zeros, then up to four bits that end in a one. */
static struct number order_invert(struct number a)
{
    static const uint64_t lower[2] = {0xbce6faada7179e84, 0xf3b9cac2fc63254f};
    struct number odd[8]; /* a^1, a^3, ... a^15 */
    struct number square = order_shift(a, 1, order_multiply(one, order_rr));
    odd[0] = a;
    for (size_t i = 1; i < 8; i++)
        odd[i] = order_multiply(odd[i - 1], square);
    struct number ones_8 = order_shift(odd[7], 4, odd[7]);
    struct number ones_16 = order_shift(ones_8, 8, ones_8);
    struct number ones_32 = order_shift(ones_16, 16, ones_16);
    struct number r = order_shift(ones_32, 64, ones_32);
    r = order_shift(r, 32, ones_32);
    unsigned zeros = 0;
    for (unsigned bit = 0; bit < 128;) {
        if ((lower[bit / 64] >> (63 - bit % 64) & 1) == 0) {
            zeros++;
            bit++;
            continue;
        }
        unsigned window = 0, kept = 0, length = 0;
        for (unsigned i = 0; i < 4 && bit + i < 128; i++) {
            unsigned next = (unsigned)(lower[(bit + i) / 64] >> (63 - (bit + i) % 64) & 1);
            window = window << 1 | next;
            kept = next ? window : kept;
            length = next ? i + 1 : length;
        }
        r = order_shift(r, zeros + length, odd[kept / 2]);
        zeros = 0;
        bit += length;
    }
    return r;
}

/* The digest as a scalar (FIPS 186-5 section 6.4.1): at most its first 32 bytes, modulo n. */
static struct number order_of_digest(const uint8_t *digest, size_t size)
{
    uint8_t bytes[32] = {0};
    size_t used = size < sizeof bytes ? size : sizeof bytes;
    if (used > 0)
        memcpy(bytes + sizeof bytes - used, digest, used);
    return reduce_once(number_read(bytes), 0, &group_order);
}

void p256_digest_scalar(const uint8_t *digest, size_t digest_size, uint8_t scalar[P256_SCALAR_BYTES])
{
    number_write(order_of_digest(digest, digest_size), scalar);
}

bool p256_scalar_is_valid(const uint8_t scalar[P256_SCALAR_BYTES])
{
    struct number a = number_read(scalar);
    return both(!is_zero(a), is_below(a, group_order));
}

/* ---- points ---- */

/* Affine x, and y where it is asked for, out of Montgomery form. */
static struct number point_affine(const struct point *point, struct number *y)
{
    struct number inverse = field_invert_square(point->z);
    if (y != NULL) {
        struct number cubed = field_multiply(field_square(inverse), point->z);
        *y = field_multiply(field_multiply(point->y, cubed), one);
    }
    return field_multiply(field_multiply(point->x, inverse), one);
}

/* y^2 = x^3 - 3x + b. The coordinates come out in Montgomery form. */
static bool read_point(const uint8_t bytes[P256_POINT_BYTES], struct number *x, struct number *y)
{
    *x = number_read(bytes);
    *y = number_read(bytes + 32);
    if (!is_below(*x, field_prime) || !is_below(*y, field_prime))
        return false;
    *x = field_of(*x);
    *y = field_of(*y);
    struct number minus_x;
    ecp_nistz256_neg(minus_x.word, x->word);
    struct number right = add_modulo(field_multiply(field_square(*x), *x), curve_b, &field_prime);
    for (unsigned i = 0; i < 3; i++)
        right = add_modulo(right, minus_x, &field_prime);
    return is_equal(field_square(*y), right);
}

bool p256_point_is_valid(const uint8_t point[P256_POINT_BYTES])
{
    struct number x, y;
    return read_point(point, &x, &y);
}

void p256_public(const uint8_t scalar[P256_SCALAR_BYTES], uint8_t point[P256_POINT_BYTES])
{
    struct number d = number_read(scalar), y;
    struct point product;
    p256_multiply_base((uint64_t *)&product, d.word);
    struct number x = point_affine(&product, &y);
    number_write(x, point);
    number_write(y, point + 32);
    kernels_wipe(&d, sizeof d);
}

bool p256_agree(const uint8_t scalar[P256_SCALAR_BYTES], const uint8_t point[P256_POINT_BYTES],
                uint8_t shared[P256_SCALAR_BYTES])
{
    struct number d = number_read(scalar), x, y;
    struct point product;
    if (!read_point(point, &x, &y))
        return false;
    p256_point_mul((uint64_t *)&product, d.word, x.word, y.word);
    number_write(point_affine(&product, NULL), shared);
    kernels_wipe(&d, sizeof d);
    kernels_wipe(&product, sizeof product);
    return true;
}

/* ---- ECDSA ---- */

/* FIPS 186-5 section 6.4.1: r = x(kG) mod n, s = k^-1 (e + r d) mod n. */
bool p256_sign(const uint8_t scalar[P256_SCALAR_BYTES], const uint8_t nonce[P256_SCALAR_BYTES],
               const uint8_t *digest, size_t digest_size, uint8_t signature[P256_SIGNATURE_BYTES])
{
    bool valid = p256_scalar_is_valid(nonce);
    struct {
        struct number d, k, inverse, sum;
        struct point product;
    } secret;
    secret.d = number_read(scalar);
    secret.k = number_read(nonce);
    p256_multiply_base((uint64_t *)&secret.product, secret.k.word);
    struct number r = reduce_once(point_affine(&secret.product, NULL), 0, &group_order);
    secret.inverse = order_invert(order_multiply(secret.k, order_rr));
    secret.sum = order_multiply(r, order_multiply(secret.d, order_rr));
    secret.sum = add_modulo(secret.sum, order_of_digest(digest, digest_size), &group_order);
    struct number s = order_multiply(secret.inverse, secret.sum);
    number_write(r, signature);
    number_write(s, signature + 32);
    kernels_wipe(&secret, sizeof secret);
    return both(valid, both(!is_zero(r), !is_zero(s)));
}

/* Is x modulo n, of a point that is not at infinity, this r? Without a division: x = X / Z^2 is r or r + n. */
static bool x_is(const struct point *point, struct number r)
{
    struct number zz = field_square(point->z);
    if (is_equal(field_multiply(field_of(r), zz), point->x))
        return true;
    struct number wrapped;
    if (add(&wrapped, r, group_order) != 0 || !is_below(wrapped, field_prime))
        return false;
    return is_equal(field_multiply(field_of(wrapped), zz), point->x);
}

/* FIPS 186-5 section 6.4.2. */
bool p256_verify(const uint8_t point[P256_POINT_BYTES], const uint8_t *digest, size_t digest_size,
                 const uint8_t signature[P256_SIGNATURE_BYTES])
{
    struct number x, y, r = number_read(signature), s = number_read(signature + 32);
    if (!p256_scalar_is_valid(signature) || !p256_scalar_is_valid(signature + 32) ||
        !read_point(point, &x, &y))
        return false;
    struct number inverse = order_invert(order_multiply(s, order_rr));
    struct number u = order_multiply(inverse, order_of_digest(digest, digest_size));
    struct number v = order_multiply(inverse, r);
    struct point of_base, of_key, sum;
    p256_multiply_base((uint64_t *)&of_base, u.word);
    p256_point_mul((uint64_t *)&of_key, v.word, x.word, y.word);
    ecp_nistz256_point_add((uint64_t *)&sum, (const uint64_t *)&of_base, (const uint64_t *)&of_key);
    return !is_zero(sum.z) && x_is(&sum, r);
}
