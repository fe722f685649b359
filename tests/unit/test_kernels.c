/*
 * Every kind of code of ring/kernels.h against stock mbedTLS: 100,000 random cases and the edges. JETON_CASES=N in the
 * environment multiplies the random ones.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ring/kernels.h>

#include "base/encode.h"
#include "tests/support/random.h"
#include "tests/tools/stock/stock.h"

#define LIBRARY        "build/stock_mbedtls.so"
#define HASH_CASES     28000
#define GCM_CASES      40000
#define CHACHA_CASES   30000
#define X25519_CASES   1000
#define P256_CASES     1000
#define TEXT_MAX_BYTES 2000

static const struct stock *stock;
static uint64_t state = 88172645463325252;

static int start(void **unused)
{
    (void)unused;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    stock = library != NULL ? dlsym(library, STOCK_SYMBOL) : NULL;
    return stock != NULL ? 0 : -1;
}

static size_t cases(size_t count)
{
    const char *factor = getenv("JETON_CASES");
    return count * (factor != NULL ? strtoul(factor, NULL, 10) : 1);
}

/* One of the levels that differ here, by turns. */
static void use_code(size_t turn)
{
    kernels_use(kernels_capped(kernels_of_processor(), turn % GCM_CODES));
}

static void fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(random_next(&state) >> 56);
}

/* Mostly short, sometimes long; memory of exactly that size, so that AddressSanitizer sees the C code's overruns. */
static size_t some_size(void)
{
    return random_below(&state, 4) == 0 ? random_below(&state, TEXT_MAX_BYTES) : random_below(&state, 200);
}

static uint8_t *some_bytes(size_t size)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    assert_non_null(bytes);
    fill(bytes, size);
    return bytes;
}

/* ---- SHA-256: whole blocks; padding is mbedTLS's hook's, which the vectors test ---- */

static void hash(const uint8_t *data, size_t size, uint8_t out[32])
{
    uint32_t chain[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[2 * SHA256_BLOCK_BYTES] = {0};
    size_t whole = size / SHA256_BLOCK_BYTES, rest = size % SHA256_BLOCK_BYTES;
    size_t blocks = rest < SHA256_BLOCK_BYTES - 8 ? 1 : 2;
    if (whole > 0)
        sha256_blocks(chain, data, whole);
    memcpy(last, data + size - rest, rest);
    last[rest] = 0x80;
    for (size_t i = 0; i < 8; i++)
        last[blocks * SHA256_BLOCK_BYTES - 1 - i] = (uint8_t)((uint64_t)size * 8 >> (8 * i));
    sha256_blocks(chain, last, blocks);
    for (size_t i = 0; i < 32; i++)
        out[i] = (uint8_t)(chain[i / 4] >> (24 - 8 * (i % 4)));
}

static void test_sha256(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cases(HASH_CASES); i++) {
        uint8_t ours[32], theirs[32];
        size_t size = some_size();
        uint8_t *data = some_bytes(size);
        use_code(i);
        hash(data, size, ours);
        stock->sha256(data, size, theirs);
        assert_memory_equal(ours, theirs, sizeof ours);
        free(data);
    }
}

/* ---- AES-GCM ---- */

/* In portions, in place. */
static void gcm_in_portions(const struct stock_aead *aead, enum gcm_direction direction, uint8_t *text,
                            uint8_t tag[16])
{
    struct gcm_key key;
    struct gcm_message message;
    assert_true(gcm_key_init(&key, aead->key, (unsigned)aead->key_bits));
    gcm_start(&key, &message, aead->nonce, aead->nonce_size);
    size_t cut = aead->associated_size > 0 ? random_below(&state, (uint32_t)aead->associated_size + 1) : 0;
    gcm_associated(&key, &message, aead->associated, cut);
    gcm_associated(&key, &message, aead->associated + cut, aead->associated_size - cut);
    for (size_t done = 0; done < aead->text_size;) {
        size_t left = aead->text_size - done;
        size_t portion = random_below(&state, 2) ? left : 1 + random_below(&state, (uint32_t)left);
        gcm_text(&key, &message, direction, text + done, text + done, portion);
        done += portion;
    }
    gcm_finish(&key, &message, tag);
}

static void test_gcm(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cases(GCM_CASES); i++) {
        uint8_t secret[32], tag[16], expected_tag[16];
        struct stock_aead aead = {.key = secret, .key_bits = random_below(&state, 2) ? 128 : 256};
        aead.nonce_size = random_below(&state, 4) == 0 ? 1 + random_below(&state, 40) : 12;
        aead.associated_size = random_below(&state, 60);
        aead.text_size = some_size();
        uint8_t *nonce = some_bytes(aead.nonce_size), *associated = some_bytes(aead.associated_size);
        uint8_t *text = some_bytes(aead.text_size), *sealed = some_bytes(aead.text_size);
        uint8_t *plain = some_bytes(aead.text_size);
        fill(secret, sizeof secret);
        memcpy(plain, text, aead.text_size);
        aead.nonce = nonce;
        aead.associated = associated;
        aead.text = plain;
        assert_true(stock->gcm(&aead, sealed, expected_tag));
        use_code(i);
        gcm_in_portions(&aead, GCM_SEAL, text, tag);
        assert_memory_equal(text, sealed, aead.text_size);
        assert_memory_equal(tag, expected_tag, sizeof tag);
        gcm_in_portions(&aead, GCM_OPEN, text, tag);
        assert_memory_equal(text, plain, aead.text_size);
        assert_memory_equal(tag, expected_tag, sizeof tag);
        free(nonce);
        free(associated);
        free(text);
        free(sealed);
        free(plain);
    }
}

/* ---- ChaCha20-Poly1305 ---- */

static void pad(struct poly1305 *message, size_t size)
{
    static const uint8_t zeros[16];
    poly1305_update(message, zeros, (16 - size % 16) % 16);
}

/* RFC 8439 section 2.8. */
static void chacha_poly(const struct stock_aead *aead, uint8_t *text, uint8_t tag[16])
{
    uint32_t block[12] = {0};
    uint8_t one_time[CHACHA_BLOCK_BYTES] = {0};
    uint64_t sizes[2] = {aead->associated_size, aead->text_size};
    struct poly1305 message;
    memcpy(block, aead->key, 32);
    memcpy(block + 9, aead->nonce, 12);
    chacha20_xor(block, one_time, one_time, sizeof one_time);
    assert_int_equal(block[8], 1);
    chacha20_xor(block, text, text, aead->text_size);
    poly1305_start(&message, one_time);
    poly1305_update(&message, aead->associated, aead->associated_size);
    pad(&message, aead->associated_size);
    size_t cut = aead->text_size > 0 ? random_below(&state, (uint32_t)aead->text_size + 1) : 0;
    poly1305_update(&message, text, cut);
    poly1305_update(&message, text + cut, aead->text_size - cut);
    pad(&message, aead->text_size);
    poly1305_update(&message, (const uint8_t *)sizes, sizeof sizes);
    poly1305_finish(&message, tag);
}

static void test_chacha_poly(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cases(CHACHA_CASES); i++) {
        uint8_t secret[32], nonce[12], associated[60], tag[16], expected_tag[16];
        struct stock_aead aead = {.key = secret, .nonce = nonce, .associated = associated};
        aead.associated_size = random_below(&state, sizeof associated);
        aead.text_size = some_size();
        uint8_t *text = some_bytes(aead.text_size), *sealed = some_bytes(aead.text_size);
        fill(secret, sizeof secret);
        fill(nonce, sizeof nonce);
        fill(associated, sizeof associated);
        aead.text = text;
        assert_true(stock->chacha_poly(&aead, sealed, expected_tag));
        use_code(i);
        chacha_poly(&aead, text, tag);
        assert_memory_equal(text, sealed, aead.text_size);
        assert_memory_equal(tag, expected_tag, sizeof tag);
        free(text);
        free(sealed);
    }
}

/* ---- X25519 ---- */

static void check_x25519(const uint8_t scalar[32], const uint8_t point[32])
{
    static const uint8_t base[32] = {9};
    uint8_t ours[32], theirs[32];
    bool expected = stock->x25519(scalar, point, theirs);
    assert_int_equal(x25519_agree(scalar, point, ours), expected);
    if (expected)
        assert_memory_equal(ours, theirs, sizeof ours);
    x25519_public(scalar, ours);
    assert_true(stock->x25519(scalar, base, theirs));
    assert_memory_equal(ours, theirs, sizeof ours);
}

static void test_x25519(void **unused)
{
    (void)unused;
    uint8_t scalar[32], point[32];
    for (size_t i = 0; i < cases(X25519_CASES); i++) {
        fill(scalar, sizeof scalar);
        fill(point, sizeof point);
        point[31] &= 0x7f;
        if (random_below(&state, 10) == 0)
            memset(point + 1, 0xff, 30); /* beyond p, or near it */
        if (random_below(&state, 10) == 0) {
            memset(point, 0, sizeof point); /* 0 and 1 are of small order */
            point[0] = (uint8_t)random_below(&state, 4);
        }
        use_code(i);
        check_x25519(scalar, point);
    }
}

/* ---- P-256 ---- */

static void read_hex(const char *text, uint8_t out[32])
{
    assert_int_equal(decode_hex(bytes_of_string(text), false, out, 32), STATUS_OK);
}

static const char *const group_order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
static const char *const field_prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

/* value + change, big-endian. */
static void change_by(uint8_t value[32], int change)
{
    for (size_t i = 32; i-- > 0 && change != 0;) {
        int sum = value[i] + change;
        value[i] = (uint8_t)sum;
        change = sum < 0 ? -1 : sum >> 8;
    }
}

static void check_signature(const uint8_t scalar[32], const uint8_t point[64], const uint8_t nonce[32])
{
    uint8_t digest[64], ours[64], theirs[64];
    size_t size = random_below(&state, 4) == 0 ? random_below(&state, 65) : 32;
    fill(digest, sizeof digest);
    if (random_below(&state, 10) == 0)
        memset(digest, random_below(&state, 2) ? 0xff : 0, sizeof digest);
    assert_true(p256_sign(scalar, nonce, digest, size, ours));
    assert_true(stock->p256_sign(scalar, nonce, digest, size, theirs));
    assert_memory_equal(ours, theirs, sizeof ours);
    assert_true(p256_verify(point, digest, size, ours));
    size_t byte = random_below(&state, 64);
    ours[byte] ^= (uint8_t)(1 << random_below(&state, 8));
    assert_int_equal(p256_verify(point, digest, size, ours), stock->p256_verify(point, digest, size, ours));
    assert_false(p256_verify(point, digest, size, ours));
}

static void check_scalar(const uint8_t scalar[32], const uint8_t nonce[32])
{
    uint8_t ours[64], theirs[64], shared[32], expected[32];
    assert_true(p256_scalar_is_valid(scalar));
    p256_public(scalar, ours);
    assert_true(stock->p256_public(scalar, theirs));
    assert_memory_equal(ours, theirs, sizeof ours);
    assert_true(p256_point_is_valid(ours));
    assert_true(p256_agree(nonce, ours, shared));
    assert_true(stock->p256_agree(nonce, ours, expected));
    assert_memory_equal(shared, expected, sizeof shared);
    check_signature(scalar, ours, nonce);
}

static void test_p256(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < cases(P256_CASES); i++) {
        uint8_t scalar[32], nonce[32];
        fill(scalar, sizeof scalar);
        fill(nonce, sizeof nonce);
        scalar[0] &= 0x7f;
        nonce[0] &= 0x7f;
        use_code(i);
        check_scalar(scalar, nonce);
    }
}

/* Scalars of the first and last few values, each as key and as nonce; and those that are none. */
static void test_p256_edge_scalars(void **unused)
{
    (void)unused;
    uint8_t edges[8][32], signature[64];
    for (int i = 0; i < 4; i++) {
        memset(edges[i], 0, 32);
        edges[i][31] = (uint8_t)(i + 1);
        read_hex(group_order, edges[4 + i]);
        change_by(edges[4 + i], -1 - i);
    }
    for (size_t code = 0; code < GCM_CODES; code++) {
        use_code(code);
        for (size_t i = 0; i < 64; i++)
            check_scalar(edges[i / 8], edges[i % 8]);
        uint8_t bad[32] = {0};
        assert_false(p256_scalar_is_valid(bad));
        assert_false(p256_sign(edges[0], bad, bad, 32, signature));
        for (int above = 0; above < 3; above++) {
            read_hex(group_order, bad);
            change_by(bad, above);
            assert_false(p256_scalar_is_valid(bad));
            assert_false(p256_sign(edges[0], bad, bad, 32, signature));
        }
        memset(bad, 0xff, sizeof bad);
        assert_false(p256_scalar_is_valid(bad));
    }
}

/* r and s of 0, n and above are no signatures; nor is any under the infinite sum u G + v Q = 0. */
static void test_p256_edge_signatures(void **unused)
{
    (void)unused;
    uint8_t one[32] = {0}, point[64], digest[32], signature[64], order[32];
    one[31] = 1;
    p256_public(one, point); /* Q = G */
    read_hex(group_order, order);
    memcpy(digest, order, sizeof digest);
    change_by(digest, -5);
    memset(signature, 0, sizeof signature);
    signature[31] = 5; /* e + r = 0 modulo n */
    signature[63] = 1;
    assert_false(p256_verify(point, digest, 32, signature));
    assert_false(stock->p256_verify(point, digest, 32, signature));
    for (size_t half = 0; half < 2; half++) {
        static const int changes[] = {0, 1};
        for (size_t i = 0; i < 2; i++) {
            memset(signature, 1, sizeof signature);
            memcpy(signature + 32 * half, order, 32);
            change_by(signature + 32 * half, changes[i]);
            assert_false(p256_verify(point, digest, 32, signature));
        }
        memset(signature, 1, sizeof signature);
        memset(signature + 32 * half, 0, 32);
        assert_false(p256_verify(point, digest, 32, signature));
    }
}

/* Points that are not on the curve, at or above p, all zeros; every bit of a good one flipped. */
static void test_p256_edge_points(void **unused)
{
    (void)unused;
    uint8_t scalar[32] = {0}, point[64], bad[64] = {0}, shared[32];
    scalar[31] = 7;
    p256_public(scalar, point);
    assert_false(p256_point_is_valid(bad));
    for (size_t bit = 0; bit < 512; bit++) {
        memcpy(bad, point, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(p256_point_is_valid(bad), stock->p256_point_is_valid(bad));
        assert_int_equal(p256_agree(scalar, bad, shared), stock->p256_point_is_valid(bad));
    }
    for (size_t half = 0; half < 2; half++) {
        memcpy(bad, point, sizeof bad);
        read_hex(field_prime, bad + 32 * half);
        for (int above = 0; above < 3; above++, change_by(bad + 32 * half, 1)) {
            assert_false(p256_point_is_valid(bad));
            assert_false(p256_agree(scalar, bad, shared));
        }
    }
    /* x = 0: y is a root of b; and the same point with x = p, which is no encoding of it */
    memset(bad, 0, 32);
    read_hex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", bad + 32);
    assert_true(p256_point_is_valid(bad));
    assert_true(stock->p256_point_is_valid(bad));
    read_hex(field_prime, bad);
    assert_false(p256_point_is_valid(bad));
}

/* A clock that stands still leaves what CPUID says; one that finds vector code slow leaves plain code. */
static uint64_t still_ns(void)
{
    return 7;
}

static uint64_t slow_vectors_ns(void)
{
    static uint64_t calls, now_ns;
    bool first_loop = calls++ % 12 < 6; /* three runs of the shuffles, two readings each */
    return now_ns += first_loop ? 8000 : 100;
}

static void test_choice(void **unused)
{
    (void)unused;
    struct kernels best = kernels_of_processor();
    struct kernels still = kernels_fastest(still_ns), slow = kernels_fastest(slow_vectors_ns);
    assert_int_equal(still.gcm, best.gcm);
    assert_int_equal(still.sha256, best.sha256);
    assert_int_equal(still.chacha, best.chacha);
    assert_int_equal(still.curve, best.curve);
    assert_int_equal(still.chacha_first, best.chacha_first);
    assert_int_equal(slow.chacha, CHACHA_PORTABLE);
    assert_int_equal(slow.sha256, SHA256_PORTABLE);
    assert_int_equal(slow.curve, CURVE_PORTABLE);
    assert_true(slow.gcm <= GCM_AES_ONLY);
    assert_true(slow.chacha_first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_gcm),
        cmocka_unit_test(test_chacha_poly),
        cmocka_unit_test(test_x25519),
        cmocka_unit_test(test_p256),
        cmocka_unit_test(test_p256_edge_scalars),
        cmocka_unit_test(test_p256_edge_signatures),
        cmocka_unit_test(test_p256_edge_points),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
