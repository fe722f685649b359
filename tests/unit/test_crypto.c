/*
 * The primitives as built and linked, against the rules of crypto.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/crypto.h"
#include "platform/sim/sim.h"

static struct heap heap;

static int start(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t region[1024 * 1024];
    heap_init(&heap, region, sizeof region);
    return crypto_init(&heap) == STATUS_OK ? 0 : -1;
}

/* ---- our own rules ---- */

static void test_sha256(void **state)
{
    (void)state;
    uint8_t out[SHA256_BYTES];
    uint8_t expected[SHA256_BYTES];
    const struct bytes parts[] = {BYTES_LITERAL("a"), {NULL, 0}, BYTES_LITERAL("bc")};
    crypto_sha256(parts, 3, out);
    assert_int_equal(
        decode_hex(BYTES_LITERAL("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), true,
                   expected, sizeof expected),
        STATUS_OK);
    assert_memory_equal(out, expected, sizeof out);
    crypto_sha256(NULL, 0, out);
    assert_int_equal(
        decode_hex(BYTES_LITERAL("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), true,
                   expected, sizeof expected),
        STATUS_OK);
    assert_memory_equal(out, expected, sizeof out);
}

static void test_seal_is_bound_to_everything(void **state)
{
    (void)state;
    uint8_t secret[KEY_BYTES] = {1}, nonce[AEAD_NONCE_BYTES] = {2}, text[20] = {3}, out[20];
    uint8_t sealed[20 + AEAD_TAG_BYTES];
    struct aead_key key;
    aead_key_init(&key, secret);
    aead_seal(&key, nonce, BYTES_LITERAL("about"), bytes_of(text, sizeof text), sealed);
    assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL("about"), bytes_of(sealed, sizeof sealed), out),
                     STATUS_OK);
    assert_memory_equal(out, text, sizeof text);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL("about"), bytes_of(sealed, sizeof sealed), out),
                         STATUS_DAMAGED);
        sealed[i] ^= 1;
    }
    assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL("abouT"), bytes_of(sealed, sizeof sealed), out),
                     STATUS_DAMAGED);
    nonce[0] ^= 1;
    assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL("about"), bytes_of(sealed, sizeof sealed), out),
                     STATUS_DAMAGED);
    assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL(""), bytes_of(sealed, AEAD_TAG_BYTES - 1), out),
                     STATUS_DAMAGED);
    aead_key_wipe(&key);
}

static void test_seal_in_place_and_empty(void **state)
{
    (void)state;
    uint8_t secret[KEY_BYTES] = {9}, nonce[AEAD_NONCE_BYTES] = {8};
    uint8_t text[100 + AEAD_TAG_BYTES], original[100];
    crypto_random(original, sizeof original);
    memcpy(text, original, sizeof original);
    struct aead_key key;
    aead_key_init(&key, secret);
    aead_seal(&key, nonce, BYTES_LITERAL(""), bytes_of(text, 100), text);
    assert_memory_not_equal(text, original, sizeof original);
    assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL(""), bytes_of(text, sizeof text), text), STATUS_OK);
    assert_memory_equal(text, original, sizeof original);
    aead_seal(&key, nonce, BYTES_LITERAL(""), bytes_of(NULL, 0), text);
    assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL(""), bytes_of(text, AEAD_TAG_BYTES), text),
                     STATUS_OK);
    aead_key_wipe(&key);
}

static void test_mac_key_is_reusable(void **state)
{
    (void)state;
    uint8_t secret[KEY_BYTES] = {7}, first[SHA256_BYTES], again[SHA256_BYTES];
    struct mac_key key;
    mac_key_init(&key, secret);
    struct mac_key copy = key;
    mac_compute(&key, &BYTES_LITERAL("one"), 1, first);
    mac_compute(&key, &BYTES_LITERAL("two"), 1, again);
    assert_memory_not_equal(first, again, sizeof first);
    mac_compute(&copy, &BYTES_LITERAL("one"), 1, again);
    assert_memory_equal(first, again, sizeof first);
    mac_key_wipe(&key);
    const struct mac_key zero = {{0}};
    assert_memory_equal(&key, &zero, sizeof key);
}

/* With the heap used up by others, sealing and opening still work, and all of the reserve comes back. */
static void test_full_heap(void **state)
{
    (void)state;
    void *taken[4096];
    size_t count = 0;
    for (size_t size = 65536; size >= 16; size /= 2)
        while (count < 4096 && (taken[count] = heap_take(&heap, size)) != NULL)
            count++;
    assert_true(count < 4096);
    uint8_t secret[KEY_BYTES] = {1}, nonce[AEAD_NONCE_BYTES] = {2}, text[64 + AEAD_TAG_BYTES] = {3};
    for (unsigned round = 0; round < 5000; round++) {
        struct aead_key key;
        aead_key_init(&key, secret);
        aead_seal(&key, nonce, BYTES_LITERAL(""), bytes_of(text, 64), text);
        assert_int_equal(aead_open(&key, nonce, BYTES_LITERAL(""), bytes_of(text, sizeof text), text),
                         STATUS_OK);
        aead_key_wipe(&key);
    }
    while (count > 0)
        heap_give(&heap, taken[--count]);
}

static void test_random(void **state)
{
    (void)state;
    uint8_t a[2000] = {0}, b[2000] = {0};
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    size_t ones = 0;
    for (size_t i = 0; i < sizeof a; i++)
        ones += (size_t)__builtin_popcount(a[i]);
    assert_in_range(ones, 7500, 8500); /* 8000 expected, deviation 63 */
    assert_int_equal(crypto_reseed(), STATUS_OK);
    uint32_t seen[300];
    for (size_t i = 0; i < 300; i++) {
        seen[i] = crypto_random_u32();
        for (size_t j = 0; i > 0 && j < 2 && j < i; j++)
            assert_int_not_equal(seen[i], seen[i - 1 - j]);
    }
}

static void test_a_copy_seeds_afresh(void **state)
{
    (void)state;
    uint8_t before[32], after[32];
    uint64_t generation = crypto_generation();
    crypto_random(before, sizeof before);
    sim_clone();
    crypto_random(after, sizeof after);
    assert_memory_not_equal(before, after, sizeof after);
    assert_int_equal(crypto_generation(), generation + 1);
    assert_int_equal(crypto_generation(), generation + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_seal_is_bound_to_everything),
        cmocka_unit_test(test_seal_in_place_and_empty),
        cmocka_unit_test(test_mac_key_is_reusable),
        cmocka_unit_test(test_full_heap),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_a_copy_seeds_afresh),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
