/*
 * Writing JSON: commas, escapes, every kind of value, and the asserts against wrong nesting.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "json/writer.h"

static uint8_t memory[1024];
static struct buffer out;
static struct json_writer writer;

static int setup(void **state)
{
    (void)state;
    out = buffer_over(memory, sizeof(memory));
    writer = json_writer_over(&out);
    return 0;
}

static void assert_written(const char *expected)
{
    assert_false(buffer_failed(&out));
    if (!bytes_equal_string(buffer_view(&out), expected)) {
        fail_msg("wanted %s, got %.*s", expected, (int)out.size, (const char *)out.data);
    }
}

static void test_all_members(void **state)
{
    (void)state;
    const struct uuid uuid = {
        {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f}};
    json_begin_object(&writer);
    json_member_string(&writer, "string", BYTES_LITERAL("a\"b"));
    json_member_literal(&writer, "literal", "x");
    json_member_u64(&writer, "u64", UINT64_MAX);
    json_member_bool(&writer, "yes", true);
    json_member_bool(&writer, "no", false);
    json_member_null(&writer, "null");
    json_member_raw(&writer, "raw", BYTES_LITERAL("[1, 2]"));
    json_member_uuid(&writer, "uuid", &uuid);
    json_member_time(&writer, "time", 1777629600);
    json_member_time_or_null(&writer, "never", 0);
    json_member_time_or_null(&writer, "later", 1);
    json_end_object(&writer);
    assert_written(
        "{\"string\":\"a\\\"b\",\"literal\":\"x\",\"u64\":18446744073709551615,\"yes\":true,\"no\":false,"
        "\"null\":null,\"raw\":[1, 2],\"uuid\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\","
        "\"time\":\"2026-05-01T10:00:00Z\",\"never\":null,\"later\":\"1970-01-01T00:00:01Z\"}");
}

static void test_nesting_and_commas(void **state)
{
    (void)state;
    json_begin_array(&writer);
    json_begin_object(&writer);
    json_end_object(&writer);
    json_begin_object(&writer);
    json_name_of(&writer, "a");
    json_begin_array(&writer);
    json_value_i64(&writer, INT64_MIN);
    json_value_i64(&writer, -1);
    json_value_i64(&writer, INT64_MAX);
    json_begin_array(&writer);
    json_end_array(&writer);
    json_end_array(&writer);
    json_name_of_view(&writer, BYTES_LITERAL("b\n"));
    json_begin_object(&writer);
    json_member_u64(&writer, "c", 0);
    json_end_object(&writer);
    json_member_null(&writer, "d");
    json_end_object(&writer);
    json_value_null(&writer);
    json_end_array(&writer);
    assert_written(
        "[{},{\"a\":[-9223372036854775808,-1,9223372036854775807,[]],\"b\\n\":{\"c\":0},\"d\":null},null]");
}

static void test_scalar_alone(void **state)
{
    (void)state;
    json_value_literal(&writer, "x");
    assert_written("\"x\"");
}

static void test_deepest(void **state)
{
    (void)state;
    for (int i = 0; i < JSON_WRITER_DEPTH_MAX; i++) {
        json_begin_array(&writer);
    }
    for (int i = 0; i < JSON_WRITER_DEPTH_MAX; i++) {
        json_end_array(&writer);
    }
    assert_written("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
}

static void test_every_escape(void **state)
{
    (void)state;
    uint8_t text[0x22];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)i;
    }
    json_write_string(&out, bytes_of(text, sizeof(text)));
    json_write_string(&out, BYTES_LITERAL("\"\\/\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80"));
    json_write_string(&out, bytes_of(NULL, 0));
    assert_written(
        "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f"
        "\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d"
        "\\u001e\\u001f !\"\"\\\"\\\\/\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\"\"\"");
}

static void test_full_buffer(void **state)
{
    (void)state;
    out = buffer_over(memory, 10);
    json_begin_object(&writer);
    json_member_literal(&writer, "a", "bcdefghijk");
    json_end_object(&writer);
    assert_true(buffer_failed(&out));
    assert_true(out.size <= 10);
}

/* ---- misuse ---- */

static void value_without_name(void)
{
    json_begin_object(&writer);
    json_value_null(&writer);
}

static void name_in_array(void)
{
    json_begin_array(&writer);
    json_name_of(&writer, "a");
}

static void name_twice(void)
{
    json_begin_object(&writer);
    json_name_of(&writer, "a");
    json_name_of(&writer, "b");
}

static void end_after_name(void)
{
    json_begin_object(&writer);
    json_name_of(&writer, "a");
    json_end_object(&writer);
}

static void end_of_other_kind(void)
{
    json_begin_object(&writer);
    json_end_array(&writer);
}

static void end_too_often(void)
{
    json_begin_array(&writer);
    json_end_array(&writer);
    json_end_array(&writer);
}

static void two_values(void)
{
    json_value_null(&writer);
    json_value_null(&writer);
}

static void too_deep(void)
{
    for (int i = 0; i <= JSON_WRITER_DEPTH_MAX; i++) {
        json_begin_array(&writer);
    }
}

static void assert_aborts(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        body();
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
}

static void test_misuse_is_an_assert(void **state)
{
    (void)state;
    assert_aborts(value_without_name);
    assert_aborts(name_in_array);
    assert_aborts(name_twice);
    assert_aborts(end_after_name);
    assert_aborts(end_of_other_kind);
    assert_aborts(end_too_often);
    assert_aborts(two_values);
    assert_aborts(too_deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_members, setup),
        cmocka_unit_test_setup(test_nesting_and_commas, setup),
        cmocka_unit_test_setup(test_scalar_alone, setup),
        cmocka_unit_test_setup(test_deepest, setup),
        cmocka_unit_test_setup(test_every_escape, setup),
        cmocka_unit_test_setup(test_full_buffer, setup),
        cmocka_unit_test_setup(test_misuse_is_an_assert, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
