/*
 * Integers, booleans and address ranges as texts: the pure parts of api/.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/cidr.h"
#include "api/lax.h"

/* ---- integers of texts, as pydantic 2.10 reads them ---- */

static const struct {
    const char *text;
    enum lax_int result;
    int64_t number;
} integers[] = {
    {"0", LAX_INT_OK, 0},
    {"30", LAX_INT_OK, 30},
    {"-1", LAX_INT_OK, -1},
    {"+5", LAX_INT_OK, 5},
    {"03", LAX_INT_OK, 3},
    {"-03", LAX_INT_OK, -3},
    {"000", LAX_INT_OK, 0},
    {"-0", LAX_INT_OK, 0},
    {" 7 ", LAX_INT_OK, 7},
    {"\t\n\v\f\r7", LAX_INT_OK, 7},
    {"\xc2\xa0"
     "7"
     "\xe3\x80\x80",
     LAX_INT_OK, 7},
    {"\xe2\x80\x8b"
     "7",
     LAX_INT_PARSING, 0}, /* zero width space is no white space */
    {"1_0", LAX_INT_OK, 10},
    {"1_0_0", LAX_INT_OK, 100},
    {"0_1", LAX_INT_OK, 1},
    {"1__0", LAX_INT_PARSING, 0},
    {"_1", LAX_INT_PARSING, 0},
    {"1_", LAX_INT_PARSING, 0},
    {"0_", LAX_INT_PARSING, 0},
    {"30.0", LAX_INT_OK, 30},
    {"30.000", LAX_INT_OK, 30},
    {"00.0", LAX_INT_OK, 0},
    {"1_0.0", LAX_INT_OK, 10},
    {"30.", LAX_INT_PARSING, 0},
    {".0", LAX_INT_PARSING, 0},
    {"30.5", LAX_INT_PARSING, 0},
    {"30.0.0", LAX_INT_PARSING, 0},
    {"1e2", LAX_INT_PARSING, 0},
    {"0x10", LAX_INT_PARSING, 0},
    {"", LAX_INT_PARSING, 0},
    {" ", LAX_INT_PARSING, 0},
    {"-", LAX_INT_PARSING, 0},
    {"+", LAX_INT_PARSING, 0},
    {"+-1", LAX_INT_PARSING, 0},
    {"-+1", LAX_INT_PARSING, 0},
    {"--1", LAX_INT_PARSING, 0},
    {"1 2", LAX_INT_PARSING, 0},
    {"\xd9\xa3", LAX_INT_PARSING, 0}, /* Arabic-Indic three */
    {"9223372036854775807", LAX_INT_OK, INT64_MAX},
    {"9223372036854775808", LAX_INT_OK, INT64_MAX},
    {"100000000000000000000", LAX_INT_OK, INT64_MAX},
    {"-100000000000000000000", LAX_INT_OK, -INT64_MAX},
};

static void test_integers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
        int64_t number = 0;
        enum lax_int result = lax_int_of_text(bytes_of_string(integers[i].text), &number);
        if (result != integers[i].result || (result == LAX_INT_OK && number != integers[i].number)) {
            fail_msg("\"%s\": %d, %lld", integers[i].text, (int)result, (long long)number);
        }
    }
}

static void test_long_integers(void **state)
{
    (void)state;
    static char digits[16000];
    int64_t number = 0;
    memset(digits, '9', sizeof(digits));
    assert_int_equal(lax_int_of_text(bytes_of(digits, 4300), &number), LAX_INT_OK);
    assert_int_equal(lax_int_of_text(bytes_of(digits, 4301), &number), LAX_INT_SIZE);
    assert_int_equal(lax_int_of_text(bytes_of(digits, sizeof(digits)), &number), LAX_INT_SIZE);
    memset(digits, '0', sizeof(digits));
    assert_int_equal(lax_int_of_text(bytes_of(digits, sizeof(digits)), &number), LAX_INT_OK);
    assert_int_equal(number, 0);
}

static enum lax_int of_json(const char *text, int64_t *number)
{
    const struct json *root;
    assert_int_equal(json_read(bytes_of_string(text), JSON_DUPLICATES_LAST, &root, NULL), STATUS_OK);
    return lax_int_of_json(root, bytes_of_string(text), number);
}

static void test_json_integers(void **state)
{
    (void)state;
    int64_t number = 0;
    assert_int_equal(of_json("true", &number), LAX_INT_OK);
    assert_int_equal(number, 1);
    assert_int_equal(of_json("false", &number), LAX_INT_OK);
    assert_int_equal(number, 0);
    assert_int_equal(of_json("1e2", &number), LAX_INT_OK);
    assert_int_equal(number, 100);
    assert_int_equal(of_json("-0.0", &number), LAX_INT_OK);
    assert_int_equal(number, 0);
    assert_int_equal(of_json("1.5", &number), LAX_INT_FRACTION);
    assert_int_equal(of_json("1e300", &number), LAX_INT_SIZE);
    assert_int_equal(of_json("9.3e18", &number), LAX_INT_SIZE);
    assert_int_equal(of_json("-9.3e18", &number), LAX_INT_SIZE);
    assert_int_equal(of_json("9.2e18", &number), LAX_INT_OK);
    assert_int_equal(of_json("123456789012345678901234567890", &number), LAX_INT_OK);
    assert_int_equal(number, INT64_MAX);
    assert_int_equal(of_json("null", &number), LAX_INT_TYPE);
    assert_int_equal(of_json("[]", &number), LAX_INT_TYPE);
    assert_int_equal(of_json("{}", &number), LAX_INT_TYPE);
    assert_int_equal(of_json("\"12\"", &number), LAX_INT_OK);
    assert_int_equal(number, 12);
}

/* ---- booleans ---- */

static void test_booleans(void **state)
{
    (void)state;
    static const char *const no[] = {"0", "f", "F", "n", "no", "NO", "off", "false", "False", "FALSE"};
    static const char *const yes[] = {"1", "t", "T", "y", "on", "On", "yes", "true", "True", "TRUE"};
    static const char *const neither[] = {"", "2", "maybe", " true", "true ", "00", "nope", "-1"};
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        bool value = true;
        assert_true(lax_bool_of_text(bytes_of_string(no[i]), &value));
        assert_false(value);
        assert_true(lax_bool_of_text(bytes_of_string(yes[i]), &value));
        assert_true(value);
    }
    for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++) {
        bool value = true;
        assert_false(lax_bool_of_text(bytes_of_string(neither[i]), &value));
    }
}

/* ---- address ranges ---- */

static void test_ranges(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"203.0.113.7", "203.0.113.7/32"},
        {"203.0.113.7/32", "203.0.113.7/32"},
        {"255.255.255.255/32", "255.255.255.255/32"},
        {"::/0", "::/0"},
        {"::", "::/128"},
        {"::1", "::1/128"},
        {"2001:DB8::/32", "2001:db8::/32"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1/128"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1/128"},
        {"0001:0002:0003:0004:0005:0006:0007:0008/128", "1:2:3:4:5:6:7:8/128"},
        {"1::8", "1::8/128"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8/128"},
        {"fe80::/10", "fe80::/10"},
        {"::ffff:192.0.2.1", "192.0.2.1/32"},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"64:ff9b::192.0.2.1", "64:ff9b::c000:201/128"},
        {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201/128"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct cidr cidr;
        char memory[64];
        struct buffer text = buffer_over(memory, sizeof(memory) - 1);
        if (cidr_read(bytes_of_string(good[i][0]), &cidr) != STATUS_OK) {
            fail_msg("refused %s", good[i][0]);
        }
        cidr_write(&text, &cidr);
        memory[text.size] = 0;
        assert_string_equal(memory, good[i][1]);
    }
}

static void test_bad_ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.1/8",
        "10.0.0/8",
        "10.0.0.0.0/8",
        "10.0.0.256",
        "10.0.0.01",
        "10..0.0",
        ".10.0.0.0",
        "10.0.0.0.",
        "10.0.0.a",
        "0x0a.0.0.0",
        "10.0.0.0 /8",
        " 10.0.0.0/8",
        "10.0.0.0/8/8",
        ":",
        ":::",
        "1:2:3",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2::3",
        "12345::",
        "g::",
        "::/129",
        "::1/0",
        "2001:db8::1/32",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "1.2.3.4::",
        "::1.2.3",
        "::1.2.3.4:5",
        "fe80::1%eth0",
        "[::1]",
        "1:2:3:4:5:6:7:1.2.3.4",
        "localhost",
        "10.0.0.0/1000",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cidr cidr;
        if (cidr_read(bytes_of_string(bad[i]), &cidr) == STATUS_OK) {
            fail_msg("took %s", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),      cmocka_unit_test(test_long_integers),
        cmocka_unit_test(test_json_integers), cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_ranges),        cmocka_unit_test(test_bad_ranges),
    };
    return cmocka_run_group_tests_name("api_lax", tests, NULL, NULL);
}
