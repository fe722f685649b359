/*
 * Reading JSON: trees, limits, duplicates, raw members, and JSONTestSuite. Errors are in test_json_errors.c.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "limits.h"
#include "tests/support/exact.h"
#include "tests/support/json_read.h"
#include "json/json.h"

static uint8_t big[4 * JSON_TEXT_MAX_BYTES];

static const struct json *read_text(const char *text)
{
    const struct json *root = NULL;
    struct json_error error;
    if (read_exact(bytes_of_string(text), JSON_DUPLICATES_LAST, &root, &error) != STATUS_OK) {
        fail_msg("refused (%s at %zu): %s", error.message, error.position, text);
    }
    return root;
}

/* ---- trees ---- */

static void test_scalars(void **state)
{
    (void)state;
    assert_int_equal(json_type(read_text("null")), JSON_NULL);
    assert_int_equal(json_type(read_text(" true ")), JSON_TRUE);
    assert_int_equal(json_type(read_text("\r\n\tfalse")), JSON_FALSE);
    assert_true(json_number(read_text("-12.5e1")) == -125.0);
    assert_true(json_number(read_text("0")) == 0.0);
    assert_true(json_number(read_text("1e-400")) == 0.0);
    assert_true(json_number(read_text("1.7976931348623157e308")) == 1.7976931348623157e308);
    assert_true(json_number(read_text("1.7976931348623158079e308")) == 1.7976931348623157e308);
    assert_true(bytes_equal_string(json_string(read_text("\"\"")), ""));
    assert_true(
        bytes_equal_string(json_string(read_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\"")),
                           "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac"));
    assert_true(bytes_equal_string(json_string(read_text("\"\\uD83D\\ude00\\uffff\\u0001\"")),
                                   "\xf0\x9f\x98\x80\xef\xbf\xbf\x01"));
    assert_true(bytes_equal_string(json_string(read_text("\"\x7f\xc3\xa9\xf0\x9f\x98\x80\"")),
                                   "\x7f\xc3\xa9\xf0\x9f\x98\x80"));
}

static void test_containers(void **state)
{
    (void)state;
    const struct json *root = read_text(" { \"a\" : [ 1 , \"x\" , [ ] , { } ] , \"b\\u0020c\" : null } ");
    assert_int_equal(json_type(root), JSON_OBJECT);
    assert_int_equal(json_count(root), 2);
    const struct json *array = json_member(root, "a");
    assert_int_equal(json_type(array), JSON_ARRAY);
    assert_int_equal(json_count(array), 4);
    assert_true(bytes_equal_string(json_name(array), "a"));
    const struct json *item = json_first(array);
    assert_true(json_number(item) == 1.0);
    item = json_next(item);
    assert_true(bytes_equal_string(json_string(item), "x"));
    item = json_next(item);
    assert_int_equal(json_type(item), JSON_ARRAY);
    assert_null(json_first(item));
    item = json_next(item);
    assert_int_equal(json_type(item), JSON_OBJECT);
    assert_int_equal(json_count(item), 0);
    assert_null(json_next(item));
    assert_int_equal(json_type(json_member(root, "b c")), JSON_NULL);
    assert_null(json_member(root, "b"));
    assert_null(json_member(root, "A"));
    assert_null(json_member(array, "a"));
    assert_null(json_member_view(root, BYTES_LITERAL("a\0")));
    assert_null(json_next(root));
}

/* The exact numbers meet their nodes, whatever looks like a number in strings between them. */
static void test_numbers_in_order(void **state)
{
    (void)state;
    const struct json *root =
        read_text("{\"1\":2,\"a\\\"3\":[4,\"5\\\\\",-6.5e0,{\"7\":8}],\"-9\":\"\\\\\",\"x\":1E+1}");
    assert_true(json_number(json_member(root, "1")) == 2.0);
    const struct json *array = json_member(root, "a\"3");
    assert_true(json_number(json_first(array)) == 4.0);
    assert_true(json_number(json_next(json_next(json_first(array)))) == -6.5);
    assert_true(json_number(json_member(json_next(json_next(json_next(json_first(array)))), "7")) == 8.0);
    assert_true(json_number(json_member(root, "x")) == 10.0);
}

/* ---- limits ---- */

static struct bytes nested(const char *open, const char *inside, const char *close, size_t depth)
{
    struct buffer buffer = buffer_over(big, sizeof(big));
    for (size_t i = 0; i < depth; i++) {
        buffer_append_string(&buffer, open);
    }
    buffer_append_string(&buffer, inside);
    for (size_t i = 0; i < depth; i++) {
        buffer_append_string(&buffer, close);
    }
    return buffer_view(&buffer);
}

static void test_depth(void **state)
{
    (void)state;
    const struct json *root = NULL;
    assert_int_equal(read_exact(nested("[", "", "]", JSON_DEPTH_MAX), JSON_DUPLICATES_LAST, &root, NULL),
                     STATUS_OK);
    assert_int_equal(
        read_exact(nested("{\"a\":", "1", "}", JSON_DEPTH_MAX), JSON_DUPLICATES_LAST, &root, NULL),
        STATUS_OK);
    assert_error(nested("[", "", "]", JSON_DEPTH_MAX + 1), JSON_ERROR_DEPTH, "nested too deep",
                 JSON_DEPTH_MAX);
    assert_error(nested("{\"a\":", "1", "}", JSON_DEPTH_MAX + 1), JSON_ERROR_DEPTH, "nested too deep",
                 5 * JSON_DEPTH_MAX);
    assert_error(nested("[", "", "]", JSON_TEXT_MAX_BYTES / 2), JSON_ERROR_DEPTH, "nested too deep",
                 JSON_DEPTH_MAX);
    assert_error(nested("[", "", "", JSON_TEXT_MAX_BYTES), JSON_ERROR_GRAMMAR, "Expecting value",
                 JSON_TEXT_MAX_BYTES);
    /* Brackets of both kinds, closed by the other one at the bottom. */
    assert_error(nested("[{\"a\":", "", "", 1000), JSON_ERROR_GRAMMAR, "Expecting value", 6000);
    assert_error(nested("[{\"a\":", "1]", "", 1000), JSON_ERROR_GRAMMAR, "Expecting ',' delimiter", 6001);
    assert_error(nested("{\"a\":[", "1}", "", 1000), JSON_ERROR_GRAMMAR, "Expecting ',' delimiter", 6001);
}

/* `front`, then as many `item` as fit, without the last one's final byte, then `back`. */
static struct bytes filled(const char *front, const char *item, const char *back)
{
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, front);
    while (buffer.size + strlen(item) - 1 + strlen(back) <= JSON_TEXT_MAX_BYTES) {
        buffer_append_string(&buffer, item);
    }
    buffer.size--;
    buffer_append_string(&buffer, back);
    assert_true(buffer.size <= JSON_TEXT_MAX_BYTES);
    return buffer_view(&buffer);
}

/* Texts that need the most arena for their size: cJSON would fail, and an assert say so. */
static void test_arena_holds_the_worst_texts(void **state)
{
    (void)state;
    static const char *const items[] = {"1,",  "-1,", "12,",   "1.5,",  "\"\",",  "\"a\",",  "\"\\n\",",
                                        "[],", "{},", "[[]],", "null,", "[1,1],", "[\"\"],", "{\"\":1},"};
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        const struct json *root = NULL;
        assert_int_equal(read_exact(filled("[", items[i], "]"), JSON_DUPLICATES_LAST, &root, NULL),
                         STATUS_OK);
        assert_true(json_count(root) >= JSON_TEXT_MAX_BYTES / (strlen(items[i]) + 1));
    }
    static const char *const members[] = {"\"\":1,", "\"a\":[],", "\"\\n\":\"\","};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct json *root = NULL;
        assert_int_equal(read_exact(filled("{", members[i], "}"), JSON_DUPLICATES_LAST, &root, NULL),
                         STATUS_OK);
        assert_int_equal(json_count(root), 1);
    }
    /* One number or string as long as a text can be, after as many values as fit before it. */
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "[");
    while (buffer.size < JSON_TEXT_MAX_BYTES / 2) {
        buffer_append_string(&buffer, "1,");
    }
    buffer_append_string(&buffer, "0.");
    while (buffer.size < JSON_TEXT_MAX_BYTES - 1) {
        buffer_append_string(&buffer, "1");
    }
    buffer_append_string(&buffer, "]");
    const struct json *root = NULL;
    assert_int_equal(read_exact(buffer_view(&buffer), JSON_DUPLICATES_LAST, &root, NULL), STATUS_OK);
}

static void test_text_size(void **state)
{
    (void)state;
    const struct json *root = NULL;
    memset(big, ' ', sizeof(big));
    big[0] = '1';
    assert_int_equal(read_exact(bytes_of(big, JSON_TEXT_MAX_BYTES), JSON_DUPLICATES_LAST, &root, NULL),
                     STATUS_OK);
    root = NULL;
    assert_error(bytes_of(big, JSON_TEXT_MAX_BYTES + 1), JSON_ERROR_RANGE, "text too large", 0);
}

/* CPython's int() gives up at 4,301 digits, before it would see a mistake of grammar further on. */
static void test_long_integers(void **state)
{
    (void)state;
    memset(big, '1', 4400);
    big[0] = '-';
    big[4301] = 'x';
    assert_error(bytes_of(big, 4302), JSON_ERROR_GRAMMAR, "Extra data", 4301);
    big[4301] = '1';
    big[4302] = 'x';
    assert_error(bytes_of(big, 4303), JSON_ERROR_RANGE, "integer of too many digits", 0);
    big[4302] = '.';
    big[4304] = 'x';
    assert_error(bytes_of(big, 4305), JSON_ERROR_GRAMMAR, "Extra data", 4304);
}

/* ---- duplicates ---- */

static void test_duplicates(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":0,\"\\u0061\":2}",
                                        "{\"a\":2,\"a\":2,\"a\":2}", "{\"b\":{\"x\":1,\"x\":2},\"a\":2}",
                                        "{\"\":1,\"\":2,\"a\":2}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct json *root = NULL;
        struct json_error error = {JSON_ERROR_NONE, "", 0};
        assert_int_equal(read_exact(bytes_of_string(texts[i]), JSON_DUPLICATES_REFUSE, &root, &error),
                         STATUS_INVALID);
        assert_int_equal(error.kind, JSON_ERROR_DUPLICATE);
        root = read_text(texts[i]);
        assert_true(json_number(json_member(root, "a")) == 2.0);
    }
    assert_int_equal(json_count(read_text(texts[0])), 1);
    assert_int_equal(json_count(read_text(texts[1])), 2);
    assert_int_equal(json_count(read_text(texts[2])), 1);
    assert_int_equal(json_count(json_member(read_text(texts[3]), "b")), 1);
    assert_int_equal(json_count(json_first(read_text("[{\"a\":1,\"a\":{\"a\":1}}]"))), 1);
    const struct json *root = NULL;
    assert_int_equal(read_exact(BYTES_LITERAL("{\"a\":1,\"A\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}"),
                                JSON_DUPLICATES_REFUSE, &root, NULL),
                     STATUS_OK);
}

/* First, middle, last, and runs of them: the list stays whole in both directions. */
static void test_duplicates_leave_the_order(void **state)
{
    (void)state;
    const struct json *root =
        read_text("{\"d\":1,\"a\":1,\"d\":2,\"b\":1,\"b\":2,\"c\":1,\"a\":2,\"d\":3,\"c\":4}");
    static const char *const names[] = {"b", "a", "d", "c"};
    static const double values[] = {2, 2, 3, 4};
    const struct json *member = json_first(root);
    for (size_t i = 0; i < 4; i++) {
        assert_true(bytes_equal_string(json_name(member), names[i]));
        assert_true(json_number(member) == values[i]);
        member = json_next(member);
    }
    assert_null(member);
}

static void test_duplicates_among_many(void **state)
{
    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        struct buffer buffer = buffer_over(big, JSON_TEXT_MAX_BYTES);
        buffer_append_string(&buffer, "{\"1499\":0");
        for (uint64_t i = 0; i < 1499 + (uint64_t)twice; i++) {
            buffer_append_string(&buffer, ",\"");
            buffer_append_u64(&buffer, i);
            buffer_append_string(&buffer, "\":");
            buffer_append_u64(&buffer, i % 10);
        }
        buffer_append_string(&buffer, "}");
        assert_false(buffer_failed(&buffer));
        const struct json *root = NULL;
        enum status expected = twice == 1 ? STATUS_INVALID : STATUS_OK;
        assert_int_equal(read_exact(buffer_view(&buffer), JSON_DUPLICATES_REFUSE, &root, NULL), expected);
    }
}

/* ---- raw members ---- */

static void assert_raw(const char *text, const char *name, const char *expected)
{
    size_t size = strlen(text);
    uint8_t *copy = exact_copy(text, size);
    const struct json *root = NULL;
    assert_int_equal(json_read(bytes_of(copy, size), JSON_DUPLICATES_LAST, &root, NULL), STATUS_OK);
    struct bytes raw = json_raw_member(bytes_of(copy, size), name);
    if (expected == NULL) {
        assert_int_equal(raw.size, 0);
    } else if (!bytes_equal_string(raw, expected)) {
        fail_msg("%s of %s: wanted %s, got %.*s", name, text, expected, (int)raw.size,
                 (const char *)raw.data);
    }
    free(copy);
}

static void test_raw_members(void **state)
{
    (void)state;
    assert_raw("{\"a\":1.50}", "a", "1.50");
    assert_raw(" { \"a\" : 1.50 , \"b\" : [ 1 , {\"a\":2} ] , \"c\" : \"x\\\"}\" } ", "a", "1.50");
    assert_raw(" { \"a\" : 1.50 , \"b\" : [ 1 , {\"a\":2} ] , \"c\" : \"x\\\"}\" } ", "b",
               "[ 1 , {\"a\":2} ]");
    assert_raw(" { \"a\" : 1.50 , \"b\" : [ 1 , {\"a\":2} ] , \"c\" : \"x\\\"}\" } ", "c", "\"x\\\"}\"");
    assert_raw("{\"b\":{\"a\":\"}]\\\\\"},\"a\":{\"a\":[\"}\"]}}", "a", "{\"a\":[\"}\"]}");
    assert_raw("{\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\":1}",
               "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80", "1");
    assert_raw("[\"a\",1]", "a", NULL);
    assert_raw("{\"a\":1,\"a\":2,\"\\u0061\":3}", "a", "3");
    assert_raw("{\"\\u00E9\\n\\/\\\"\\\\\\b\\f\\r\\t\\ud83d\\ude00\\u20ac\":true}",
               "\xc3\xa9\n/\"\\\b\f\r\t\xf0\x9f\x98\x80\xe2\x82\xac", "true");
    assert_raw("{\"\":null}", "", "null");
    assert_raw("{\"ab\":1,\"a\":2}", "a", "2");
    assert_raw("{\"a\":1,\"ab\":2}", "ab", "2");
    assert_raw("{\"a\":1}", "b", NULL);
    assert_raw("{\"a\":1}", "", NULL);
    assert_raw("{}", "a", NULL);
    assert_raw("[{\"a\":1}]", "a", NULL);
    assert_raw("\"{\\\"a\\\":1}\"", "a", NULL);
    assert_raw("{\"x\":{\"a\":1}}", "a", NULL);
}

/* ---- other people's tests ---- */

#define SUITE "../shared/vectors/JSONTestSuite/test_parsing"

static struct bytes read_file(const char *folder, const char *name, uint8_t *memory, size_t room)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(memory, 1, room, file);
    (void)fclose(file);
    return bytes_of(memory, size);
}

static void test_json_test_suite(void **state)
{
    (void)state;
    static uint8_t memory[300000];
    DIR *folder = opendir(SUITE);
    if (folder == NULL) {
        print_message("skipped: %s is not there\n", SUITE);
        skip();
    }
    size_t accepted = 0;
    size_t refused = 0;
    struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        char kind = entry->d_name[0];
        if (entry->d_name[1] != '_') {
            continue;
        }
        const struct json *root = NULL;
        /* WIRE.md section 1 refuses U+0000 in any string. */
        bool has_nul = strcmp(entry->d_name, "y_string_null_escape.json") == 0 ||
                       strcmp(entry->d_name, "y_object_escaped_null_in_key.json") == 0;
        if (has_nul) {
            kind = 'n';
        }
        struct bytes text = read_file(SUITE, entry->d_name, memory, sizeof(memory));
        enum status status = read_exact(text, JSON_DUPLICATES_LAST, &root, NULL);
        if ((kind == 'y' && status != STATUS_OK) || (kind == 'n' && status != STATUS_INVALID)) {
            fail_msg("%s: %d", entry->d_name, (int)status);
        }
        accepted += kind == 'y';
        refused += kind == 'n';
    }
    (void)closedir(folder);
    assert_true(accepted >= 90);
    assert_true(refused >= 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_numbers_in_order),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_arena_holds_the_worst_texts),
        cmocka_unit_test(test_text_size),
        cmocka_unit_test(test_long_integers),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_duplicates_leave_the_order),
        cmocka_unit_test(test_duplicates_among_many),
        cmocka_unit_test(test_raw_members),
        cmocka_unit_test(test_json_test_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
