/*
 * Text encodings, against the examples of their RFCs and each from both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "tests/support/exact.h"

static uint8_t memory[4096];

static void assert_text(const struct buffer *buffer, const char *expected)
{
    assert_false(buffer_failed(buffer));
    assert_int_equal(buffer->size, strlen(expected));
    assert_memory_equal(buffer->data, expected, buffer->size);
}

static void test_hex(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x09, 0xaf, 0xff};
    uint8_t out[4];
    struct buffer buffer = buffer_over(memory, sizeof(memory));
    encode_hex(&buffer, bytes_of(bytes, sizeof(bytes)));
    assert_text(&buffer, "0009afff");
    assert_int_equal(decode_hex(BYTES_LITERAL("0009afff"), true, out, 4), STATUS_OK);
    assert_memory_equal(out, bytes, 4);
    assert_int_equal(decode_hex(BYTES_LITERAL("0009AFfF"), false, out, 4), STATUS_OK);
    assert_memory_equal(out, bytes, 4);
    assert_int_equal(decode_hex(BYTES_LITERAL(""), true, out, 0), STATUS_OK);

    assert_int_equal(decode_hex(BYTES_LITERAL("0009AFFF"), true, out, 4), STATUS_INVALID);
    assert_int_equal(decode_hex(BYTES_LITERAL("0009afff0"), true, out, 4), STATUS_INVALID);
    assert_int_equal(decode_hex(BYTES_LITERAL("0009aff"), true, out, 4), STATUS_INVALID);
    assert_int_equal(decode_hex(BYTES_LITERAL("0009affg"), true, out, 4), STATUS_INVALID);
    assert_int_equal(decode_hex(BYTES_LITERAL("0009aff "), true, out, 4), STATUS_INVALID);
    assert_int_equal(decode_hex(BYTES_LITERAL("/:@G`g00"), false, out, 4), STATUS_INVALID);
}

static void test_base64_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct buffer buffer = buffer_over(memory, sizeof(memory));
        encode_base64(&buffer, bytes_of_string(pairs[i][0]));
        assert_text(&buffer, pairs[i][1]);
        size_t size = strlen(pairs[i][0]);
        uint8_t *exact = malloc(size + 1);
        buffer = buffer_over(exact, size);
        assert_int_equal(decode_base64(bytes_of_string(pairs[i][1]), &buffer), STATUS_OK);
        assert_int_equal(buffer.size, size);
        assert_memory_equal(exact, pairs[i][0], size);
        if (size > 0) {
            buffer = buffer_over(exact, size - 1);
            assert_int_equal(decode_base64(bytes_of_string(pairs[i][1]), &buffer), STATUS_TOO_LARGE);
            assert_int_equal(buffer.size, 0);
        }
        free(exact);
    }
}

static void test_base64_refusals(void **state)
{
    (void)state;
    static const char *const refused[] = {"Zg",   "Zg=",  "Zg===", "Zh==",     "Zm9=",  "Z===",
                                          "====", "=",    "==",    "Zg==Zg==", "Zm9 ",  "Zm9v\n",
                                          "Zm-v", "Zm_v", "Zm=v",  "=m9v",     "Zm9v=", "Z"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        size_t size = strlen(refused[i]);
        uint8_t *text = exact_copy(refused[i], size);
        struct buffer buffer = buffer_over(memory, sizeof(memory));
        buffer_append_byte(&buffer, 'k');
        assert_int_equal(decode_base64(bytes_of(text, size), &buffer), STATUS_INVALID);
        assert_int_equal(buffer.size, 1);
        free(text);
    }
}

static void test_base64url(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xfb, 0xff, 0xfe, 0xff};
    struct buffer buffer = buffer_over(memory, sizeof(memory));
    encode_base64url(&buffer, bytes_of(bytes, sizeof(bytes)));
    assert_text(&buffer, "-__-_w");
    buffer = buffer_over(memory, sizeof(memory));
    assert_int_equal(decode_base64url(BYTES_LITERAL("-__-_w"), &buffer), STATUS_OK);
    assert_int_equal(buffer.size, 4);
    assert_memory_equal(memory, bytes, 4);

    static const char *const refused[] = {"-__-_w==", "-__-_x", "+__-", "/w", "_", "-__-_", "_w=", "_w "};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        buffer = buffer_over(memory, sizeof(memory));
        assert_int_equal(decode_base64url(bytes_of_string(refused[i]), &buffer), STATUS_INVALID);
    }
}

/* Each byte string has one text, and that text gives it back. */
static void test_base64_round_trips(void **state)
{
    (void)state;
    uint8_t bytes[64];
    uint32_t seed = 1;
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525U + 1013904223U;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        uint8_t text[96];
        struct buffer encoded = buffer_over(text, sizeof(text));
        struct buffer decoded = buffer_over(memory, sizeof(memory));
        encode_base64url(&encoded, bytes_of(bytes, size));
        assert_int_equal(decode_base64url(buffer_view(&encoded), &decoded), STATUS_OK);
        assert_true(bytes_equal(buffer_view(&decoded), bytes_of(bytes, size)));
        encoded = buffer_over(text, sizeof(text));
        decoded = buffer_over(memory, sizeof(memory));
        encode_base64(&encoded, bytes_of(bytes, size));
        assert_int_equal(decode_base64(buffer_view(&encoded), &decoded), STATUS_OK);
        assert_true(bytes_equal(buffer_view(&decoded), bytes_of(bytes, size)));
    }
}

static void test_base62(void **state)
{
    (void)state;
    struct buffer buffer = buffer_over(memory, sizeof(memory));
    encode_base62(&buffer, 0, 6);
    encode_base62(&buffer, 61, 1);
    encode_base62(&buffer, 62, 2);
    encode_base62(&buffer, 10, 1);
    encode_base62(&buffer, 36, 1);
    encode_base62(&buffer, UINT32_MAX, 6);
    encode_base62(&buffer, 5, 0);
    assert_text(&buffer, "000000z10Aa4gfFC3");
    buffer = buffer_over(memory, sizeof(memory));
    encode_base62(&buffer, UINT64_MAX, 10); /* modulo 62^10 */
    assert_text(&buffer, "ygHa16AHYF");
}

static void test_uuid(void **state)
{
    (void)state;
    static const char text[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; /* RFC 9562 appendix A.6 */
    struct uuid uuid;
    struct uuid other;
    assert_int_equal(decode_uuid(bytes_of_string(text), &uuid), STATUS_OK);
    struct buffer buffer = buffer_over(memory, sizeof(memory));
    encode_uuid(&buffer, &uuid);
    assert_text(&buffer, text);
    assert_int_equal(decode_uuid(BYTES_LITERAL("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &other), STATUS_OK);
    assert_true(uuid_equal(&uuid, &other));
    other.bytes[15] ^= 1;
    assert_false(uuid_equal(&uuid, &other));

    static const uint8_t random[10] = {0xfc, 0xc3, 0xd8, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    struct uuid made = uuid_v7(0x017f22e279b0, random);
    assert_true(uuid_equal(&uuid, &made));
}

static void test_uuid_refusals(void **state)
{
    (void)state;
    static const char *const refused[] = {"",
                                          "017f22e279b07cc398c4dc0c0c07398f",
                                          "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                                          "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
                                          "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                                          "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
                                          "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
                                          "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct uuid uuid = {{0xee}};
        assert_int_equal(decode_uuid(bytes_of_string(refused[i]), &uuid), STATUS_INVALID);
        assert_int_equal(uuid.bytes[0], 0xee);
    }
}

static void test_utf8_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t points;
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"\x7f", 1},
                 {"\xc2\x80\xdf\xbf", 2},
                 {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 4},
                 {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 2},
                 {"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", 5}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t count = 99;
        assert_int_equal(utf8_check(bytes_of_string(cases[i].text), &count), STATUS_OK);
        assert_int_equal(count, cases[i].points);
    }
    size_t count = 0;
    assert_int_equal(utf8_check(BYTES_LITERAL("a\0b"), &count), STATUS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(utf8_check(BYTES_LITERAL("\xc3\xa9"), NULL), STATUS_OK);
}

static void test_utf8_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\x80", /* continuation alone */
        "\xbf",
        "\xc0\x80", /* overlong */
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above 10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe\xff",
        "\xc2", /* cut short */
        "\xe2\x82",
        "\xe2",
        "\xf0\x9f\x98",
        "\xc2\x41", /* wrong continuation */
        "\xe2\x82\x41",
        "\xe2\x41\x82",
        "\xf0\x9f\x98\x41",
        "\xf0\x9f\x41\x80",
        "\xf8\x88\x80\x80\x80",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        size_t size = strlen(refused[i]);
        uint8_t *text = exact_copy(refused[i], size);
        assert_int_equal(utf8_check(bytes_of(text, size), NULL), STATUS_INVALID);
        free(text);
    }
}

static void test_crc32(void **state)
{
    (void)state;
    assert_int_equal(crc32_update(0, BYTES_LITERAL("")), 0);
    assert_true(crc32_update(0, BYTES_LITERAL("123456789")) == 0xcbf43926U);
    uint32_t crc = crc32_update(0, BYTES_LITERAL("1234"));
    assert_true(crc32_update(crc, BYTES_LITERAL("56789")) == 0xcbf43926U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64_of_rfc_4648),
        cmocka_unit_test(test_base64_refusals),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_base64_round_trips),
        cmocka_unit_test(test_base62),
        cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_uuid_refusals),
        cmocka_unit_test(test_utf8_accepted),
        cmocka_unit_test(test_utf8_refused),
        cmocka_unit_test(test_crc32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
