/*
 * Views and buffers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "tests/support/exact.h"

static const struct bytes nothing = {NULL, 0};

static void test_equal(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES_LITERAL("abc"), bytes_of_string("abc")));
    assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("abd")));
    assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
    assert_true(bytes_equal(nothing, BYTES_LITERAL("")));
    assert_true(bytes_equal_string(nothing, ""));
    assert_false(bytes_equal_string(BYTES_LITERAL("a\0b"), "a"));
}

static void test_equal_ignoring_case(void **state)
{
    (void)state;
    assert_true(bytes_equal_ignoring_case(BYTES_LITERAL("Content-LENGTH"), BYTES_LITERAL("content-length")));
    assert_false(bytes_equal_ignoring_case(BYTES_LITERAL("a"), BYTES_LITERAL("ab")));
    /* Neighbours of the letters, which a careless bit trick would fold. */
    assert_false(bytes_equal_ignoring_case(BYTES_LITERAL("@"), BYTES_LITERAL("`")));
    assert_false(bytes_equal_ignoring_case(BYTES_LITERAL("["), BYTES_LITERAL("{")));
    assert_false(bytes_equal_ignoring_case(BYTES_LITERAL("\xc4"), BYTES_LITERAL("\xe4")));
}

static void test_equal_constant_time(void **state)
{
    (void)state;
    uint8_t a[33];
    uint8_t b[33];
    memset(a, 0x5a, sizeof(a));
    memcpy(b, a, sizeof(a));
    assert_true(bytes_equal_constant_time(a, b, sizeof(a)));
    assert_true(bytes_equal_constant_time(a, b, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b[i] ^= (uint8_t)(1U << bit);
            assert_false(bytes_equal_constant_time(a, b, sizeof(a)));
            assert_true(bytes_equal_constant_time(a, b, i));
            b[i] = a[i];
        }
    }
}

static void test_slices(void **state)
{
    (void)state;
    struct bytes text = BYTES_LITERAL("0123456789");
    assert_true(bytes_equal_string(bytes_slice(text, 2, 3), "234"));
    assert_true(bytes_equal_string(bytes_slice(text, 8, 3), "89"));
    assert_int_equal(bytes_slice(text, 10, 1).size, 0);
    assert_int_equal(bytes_slice(text, 11, 1).size, 0);
    assert_int_equal(bytes_slice(text, SIZE_MAX, SIZE_MAX).size, 0);
    assert_int_equal(bytes_slice(text, 1, SIZE_MAX).size, 9);
    assert_int_equal(bytes_slice(nothing, 3, 3).size, 0);
    assert_int_equal(bytes_find(text, '7'), 7);
    assert_int_equal(bytes_find(text, 'x'), 10);
    assert_int_equal(bytes_find(nothing, 'x'), 0);
    assert_true(bytes_starts_with(text, BYTES_LITERAL("012")));
    assert_true(bytes_starts_with(text, nothing));
    assert_false(bytes_starts_with(text, BYTES_LITERAL("12")));
    assert_false(bytes_starts_with(BYTES_LITERAL("01"), BYTES_LITERAL("012")));
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(bytes_equal_string(bytes_trim(BYTES_LITERAL(" \t a b\t ")), "a b"));
    assert_true(bytes_equal_string(bytes_trim(BYTES_LITERAL("a")), "a"));
    assert_int_equal(bytes_trim(BYTES_LITERAL(" \t ")).size, 0);
    assert_int_equal(bytes_trim(nothing).size, 0);
    assert_int_equal(bytes_trim(BYTES_LITERAL("\n")).size, 1);
}

static void test_to_u64(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "", "+1", "-1", " 1", "1 ", "0x1", "1a", "18446744073709551616", "99999999999999999999999"};
    uint64_t value = 7;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(bytes_to_u64(bytes_of_string(refused[i]), &value), STATUS_INVALID);
        assert_int_equal(value, 7);
    }
    assert_int_equal(bytes_to_u64(nothing, &value), STATUS_INVALID);
    assert_int_equal(bytes_to_u64(BYTES_LITERAL("0"), &value), STATUS_OK);
    assert_true(value == 0);
    assert_int_equal(bytes_to_u64(BYTES_LITERAL("000000000000000000000000042"), &value), STATUS_OK);
    assert_true(value == 42);
    assert_int_equal(bytes_to_u64(BYTES_LITERAL("18446744073709551615"), &value), STATUS_OK);
    assert_true(value == UINT64_MAX);
}

static void test_append_fills_exactly(void **state)
{
    (void)state;
    uint8_t *memory = malloc(8);
    struct buffer buffer = buffer_over(memory, 8);
    buffer_append_string(&buffer, "abc");
    buffer_append(&buffer, nothing);
    buffer_append_u64(&buffer, 1234);
    buffer_append_byte(&buffer, '!');
    assert_false(buffer_failed(&buffer));
    assert_true(bytes_equal_string(buffer_view(&buffer), "abc1234!"));
    buffer_append(&buffer, nothing);
    assert_false(buffer_failed(&buffer));
    free(memory);
}

static void test_append_fails_for_good(void **state)
{
    (void)state;
    uint8_t *memory = malloc(4);
    struct buffer buffer = buffer_over(memory, 4);
    buffer_append_string(&buffer, "abc");
    buffer_append_string(&buffer, "de");
    assert_true(buffer_failed(&buffer));
    buffer_append_byte(&buffer, 'd');
    assert_true(buffer_failed(&buffer));
    assert_true(bytes_equal_string(buffer_view(&buffer), "abc"));
    buffer = buffer_over(memory, 4);
    assert_false(buffer_failed(&buffer));
    free(memory);
    buffer = buffer_over(NULL, 0);
    buffer_append_byte(&buffer, 'x');
    assert_true(buffer_failed(&buffer));
}

static void test_append_u64(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct buffer buffer = buffer_over(memory, sizeof(memory));
    buffer_append_u64(&buffer, 0);
    buffer_append_byte(&buffer, ' ');
    buffer_append_u64(&buffer, UINT64_MAX);
    assert_true(bytes_equal_string(buffer_view(&buffer), "0 18446744073709551615"));
}

static void test_wipe(void **state)
{
    (void)state;
    uint8_t secret[5] = {1, 2, 3, 4, 5};
    bytes_wipe(secret + 1, 3);
    assert_int_equal(secret[0], 1);
    assert_int_equal(secret[1] | secret[2] | secret[3], 0);
    assert_int_equal(secret[4], 5);
    bytes_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_equal_ignoring_case),
        cmocka_unit_test(test_equal_constant_time),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_to_u64),
        cmocka_unit_test(test_append_fills_exactly),
        cmocka_unit_test(test_append_fails_for_good),
        cmocka_unit_test(test_append_u64),
        cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
