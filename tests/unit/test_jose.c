/*
 * JWS and JWK: RFC 7515, RFC 6979 and RFC 7638 examples, and every byte of a token changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/jose.h"

#define CLAIMS BYTES_LITERAL("{\"sub\":\"users/1\",\"n\":1}")

static struct heap heap;

static int start(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t region[1024 * 1024];
    heap_init(&heap, region, sizeof region);
    return crypto_init(&heap) == STATUS_OK ? 0 : -1;
}

static void from_hex(const char *text, uint8_t *out, size_t size)
{
    assert_int_equal(decode_hex(bytes_of_string(text), false, out, size), STATUS_OK);
}

static struct jose_key hs256(uint8_t first)
{
    uint8_t secret[KEY_BYTES] = {first};
    struct jose_key key;
    jose_key_hs256(&key, secret);
    return key;
}

static struct jose_key es256(void)
{
    uint8_t scalar[P256_PRIVATE_BYTES];
    struct jose_key key;
    jose_generate_p256(scalar);
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_OK);
    return key;
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct jose_key keys[] = {hs256(1), es256()};
    for (size_t i = 0; i < 2; i++) {
        uint8_t token[512], payload[512];
        struct buffer out = buffer_over(token, sizeof token), claims = buffer_over(payload, sizeof payload);
        buffer_append_string(&out, "dz_");
        assert_int_equal(jose_sign(&keys[i], "JWT", CLAIMS, &out), STATUS_OK);
        struct bytes text = bytes_slice(buffer_view(&out), 3, out.size);
        assert_int_equal(jose_verify(&keys[i], "JWT", text, &claims), STATUS_OK);
        assert_true(bytes_equal(buffer_view(&claims), CLAIMS));
        assert_int_equal(strlen(keys[i].kid), JOSE_KID_BYTES);
        claims.size = 0;
        assert_int_equal(jose_verify(&keys[i], "at+jwt", text, &claims), STATUS_INVALID);
        assert_int_equal(jose_verify(&keys[1 - i], "JWT", text, &claims), STATUS_INVALID);
    }
}

/* A token with any one byte changed is refused; so is any prefix, and one with something behind it. */
static void test_every_byte_counts(void **state)
{
    (void)state;
    struct jose_key key = hs256(1);
    uint8_t token[513], payload[512];
    struct buffer out = buffer_over(token, 512);
    assert_int_equal(jose_sign(&key, "JWT", CLAIMS, &out), STATUS_OK);
    for (size_t i = 0; i < out.size; i++) {
        struct buffer claims = buffer_over(payload, sizeof payload);
        uint8_t kept = token[i];
        for (unsigned flip = 1; flip < 256; flip++) {
            token[i] = (uint8_t)(kept ^ flip);
            assert_int_not_equal(jose_verify(&key, "JWT", buffer_view(&out), &claims), STATUS_OK);
        }
        token[i] = kept;
        assert_int_not_equal(jose_verify(&key, "JWT", bytes_of(token, i), &claims), STATUS_OK);
    }
    const char *extra = ".A=";
    for (size_t i = 0; i < 3; i++) {
        struct buffer claims = buffer_over(payload, sizeof payload);
        token[out.size] = (uint8_t)extra[i];
        assert_int_not_equal(jose_verify(&key, "JWT", bytes_of(token, out.size + 1), &claims), STATUS_OK);
    }
}

static void test_signature_of_another_key(void **state)
{
    (void)state;
    struct jose_key a = es256(), b = es256();
    memcpy(b.kid, a.kid, sizeof b.kid); /* the same header, so that only the signature differs */
    uint8_t token[512], payload[512];
    struct buffer out = buffer_over(token, sizeof token), claims = buffer_over(payload, sizeof payload);
    assert_int_equal(jose_sign(&a, "JWT", CLAIMS, &out), STATUS_OK);
    assert_int_equal(jose_verify(&b, "JWT", buffer_view(&out), &claims), STATUS_DENIED);
    struct jose_key c = hs256(1), d = hs256(2);
    memcpy(d.kid, c.kid, sizeof d.kid);
    out = buffer_over(token, sizeof token);
    assert_int_equal(jose_sign(&c, "JWT", CLAIMS, &out), STATUS_OK);
    assert_int_equal(jose_verify(&d, "JWT", buffer_view(&out), &claims), STATUS_DENIED);
}

/* RFC 8725 section 2.1: `none`, another algorithm, an unsigned token, an empty one. */
static void test_forged_headers(void **state)
{
    (void)state;
    struct jose_key key = hs256(1);
    const char *headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}", "{\"alg\":\"ES256\",\"kid\":\"x\"}",
                             ""};
    for (size_t i = 0; i < 4; i++) {
        uint8_t token[512], payload[512];
        struct buffer out = buffer_over(token, sizeof token), claims = buffer_over(payload, sizeof payload);
        encode_base64url(&out, bytes_of_string(headers[i]));
        buffer_append_byte(&out, '.');
        encode_base64url(&out, CLAIMS);
        buffer_append_byte(&out, '.');
        assert_int_equal(jose_verify(&key, "JWT", buffer_view(&out), &claims), STATUS_INVALID);
    }
    struct buffer none = {NULL, 0, 0};
    assert_int_equal(jose_verify(&key, "JWT", bytes_of(NULL, 0), &none), STATUS_INVALID);
}

static void test_small_buffers(void **state)
{
    (void)state;
    struct jose_key key = hs256(1);
    uint8_t token[512], payload[512];
    struct buffer out = buffer_over(token, sizeof token);
    assert_int_equal(jose_sign(&key, "JWT", CLAIMS, &out), STATUS_OK);
    for (size_t capacity = 0; capacity < out.size; capacity++) {
        uint8_t *exact = malloc(capacity + 1);
        struct buffer small = buffer_over(exact, capacity);
        assert_int_equal(jose_sign(&key, "JWT", CLAIMS, &small), STATUS_TOO_LARGE);
        free(exact);
    }
    struct buffer claims = buffer_over(payload, CLAIMS.size - 1);
    assert_int_equal(jose_verify(&key, "JWT", buffer_view(&out), &claims), STATUS_INVALID);
    claims = buffer_over(payload, CLAIMS.size);
    assert_int_equal(jose_verify(&key, "JWT", buffer_view(&out), &claims), STATUS_OK);
}

/* RFC 6979 appendix A.2.5: the key pair; signing is the same text each time. */
static void test_es256_is_deterministic(void **state)
{
    (void)state;
    uint8_t scalar[P256_PRIVATE_BYTES], x[32], y[32];
    from_hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", scalar, sizeof scalar);
    from_hex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6", x, sizeof x);
    from_hex("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299", y, sizeof y);
    struct jose_key key;
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_OK);
    assert_int_equal(key.p256_public[0], 4);
    assert_memory_equal(key.p256_public + 1, x, 32);
    assert_memory_equal(key.p256_public + 33, y, 32);
    uint8_t first[512], second[512];
    struct buffer a = buffer_over(first, sizeof first), b = buffer_over(second, sizeof second);
    assert_int_equal(jose_sign(&key, "JWT", CLAIMS, &a), STATUS_OK);
    assert_int_equal(jose_sign(&key, "JWT", CLAIMS, &b), STATUS_OK);
    assert_true(bytes_equal(buffer_view(&a), buffer_view(&b)));
}

static void test_scalar_range(void **state)
{
    (void)state;
    struct jose_key key;
    uint8_t scalar[P256_PRIVATE_BYTES] = {0};
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_INVALID);
    scalar[31] = 1;
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_OK);
    from_hex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", scalar, sizeof scalar);
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_INVALID);
    scalar[31]--;
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_OK);
    memset(scalar, 0xff, sizeof scalar);
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_INVALID);
}

/* RFC 7515 appendix A.3's key, as a JWK. */
static void test_jwk(void **state)
{
    (void)state;
    uint8_t scalar[P256_PRIVATE_BYTES], text[512], expected[512];
    struct buffer d = buffer_over(scalar, sizeof scalar), out = buffer_over(text, sizeof text);
    struct buffer want = buffer_over(expected, sizeof expected);
    assert_int_equal(decode_base64url(BYTES_LITERAL("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"), &d),
                     STATUS_OK);
    struct jose_key key;
    assert_int_equal(jose_key_es256(&key, scalar), STATUS_OK);
    jose_write_jwk(&key, &out);
    buffer_append_string(
        &want, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"kid\":\"");
    buffer_append_string(&want, key.kid);
    buffer_append_string(&want, "\",\"use\":\"sig\",\"alg\":\"ES256\"}");
    assert_true(bytes_equal(buffer_view(&out), buffer_view(&want)));
    /* The thumbprint of this key, oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U (computed with Python). */
    assert_string_equal(key.kid, "oKIywvGUpTVTyxMQ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_signature_of_another_key),
        cmocka_unit_test(test_forged_headers),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_es256_is_deterministic),
        cmocka_unit_test(test_scalar_range),
        cmocka_unit_test(test_jwk),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
