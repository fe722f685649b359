/*
 * Percent-decoding and form pairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/request.h"
#include "tests/support/exact.h"

static void check_decode(const char *text, bool plus_is_space, const char *expected)
{
    size_t size = strlen(text);
    uint8_t *exact = exact_copy(text, size);
    uint8_t out[64];
    struct buffer buffer = buffer_over(out, sizeof(out));
    enum status status = http_percent_decode(bytes_of(exact, size), plus_is_space, &buffer);
    if (expected == NULL) {
        assert_int_equal(status, STATUS_INVALID);
    } else {
        assert_int_equal(status, STATUS_OK);
        assert_true(bytes_equal_string(buffer_view(&buffer), expected));
    }
    free(exact);
}

static void test_percent_decode(void **state)
{
    (void)state;
    check_decode("", true, "");
    check_decode("a+b%20c%2B%c3%A9", true, "a b c+\xc3\xa9");
    check_decode("a+b", false, "a+b");
    check_decode("%25", false, "%");
    check_decode("%2525", false, "%25");
    check_decode("%", false, NULL);
    check_decode("a%2", false, NULL);
    check_decode("%zz", false, NULL);
    check_decode("%-1", false, NULL);
    check_decode("%+1", true, NULL);
    uint8_t out[3];
    struct buffer buffer = buffer_over(out, 3);
    assert_int_equal(http_percent_decode(BYTES_LITERAL("a%00c"), false, &buffer), STATUS_OK);
    assert_memory_equal(out, "a\0c", 3);
    buffer = buffer_over(out, 3);
    assert_int_equal(http_percent_decode(BYTES_LITERAL("abcd"), false, &buffer), STATUS_TOO_LARGE);
}

static void test_form_pairs(void **state)
{
    (void)state;
    static const char *const expected[][2] = {{"a", "b"}, {"c", ""}, {"d", ""}, {"", "e"}, {"f", "g=h"}};
    struct bytes rest = BYTES_LITERAL("&a=b&c&d=&&=e&f=g=h&");
    struct bytes name;
    struct bytes value;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(http_form_next(&rest, &name, &value));
        assert_true(bytes_equal_string(name, expected[i][0]));
        assert_true(bytes_equal_string(value, expected[i][1]));
    }
    assert_false(http_form_next(&rest, &name, &value));
    rest = bytes_of(NULL, 0);
    assert_false(http_form_next(&rest, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_form_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
