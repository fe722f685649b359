/*
 * Reading JSON: what is accepted, what is refused with which words at which place, limits, duplicates, raw members.
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
#include "tests/support/oracle.h"
#include "tests/support/random.h"
#include "json/json.h"

static uint8_t big[4 * JSON_TEXT_MAX_BYTES];

/* json_read from memory of exactly that size. The tree stays valid: it does not point into the text. */
static enum status read_exact(struct bytes text, enum json_duplicates duplicates, const struct json **root,
                              struct json_error *error)
{
    uint8_t *copy = exact_copy(text.data, text.size);
    enum status status = json_read(bytes_of(copy, text.size), duplicates, root, error);
    free(copy);
    return status;
}

static const struct json *read_text(const char *text)
{
    const struct json *root = NULL;
    struct json_error error;
    if (read_exact(bytes_of_string(text), JSON_DUPLICATES_LAST, &root, &error) != STATUS_OK) {
        fail_msg("refused (%s at %zu): %s", error.message, error.position, text);
    }
    return root;
}

static void assert_error(struct bytes text, enum json_error_kind kind, const char *message, size_t position)
{
    const struct json *root = NULL;
    struct json_error error = {JSON_ERROR_NONE, "", 9999};
    if (read_exact(text, JSON_DUPLICATES_LAST, &root, &error) != STATUS_INVALID) {
        fail_msg("accepted: %.*s", (int)text.size, (const char *)text.data);
    }
    if (error.kind != kind || strcmp(error.message, message) != 0 || error.position != position) {
        fail_msg("wanted %d '%s' at %zu, got %d '%s' at %zu, for: %.*s", (int)kind, message, position,
                 (int)error.kind, error.message, error.position, (int)text.size, (const char *)text.data);
    }
    assert_null(root);
    uint8_t *copy = exact_copy(text.data, text.size);
    assert_int_equal(json_read(bytes_of(copy, text.size), JSON_DUPLICATES_LAST, &root, NULL), STATUS_INVALID);
    free(copy);
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

/* ---- errors: CPython 3.13's words and positions ---- */

static void test_grammar_errors(void **state)
{
    (void)state;
    static const char value[] = "Expecting value";
    static const char name[] = "Expecting property name enclosed in double quotes";
    static const char comma[] = "Expecting ',' delimiter";
    static const char colon[] = "Expecting ':' delimiter";
    static const char extra[] = "Extra data";
    static const char open_string[] = "Unterminated string starting at";
    static const char control[] = "Invalid control character at";
    static const char escape[] = "Invalid \\escape";
    static const char hex[] = "Invalid \\uXXXX escape";
    static const char last_object[] = "Illegal trailing comma before end of object";
    static const char last_array[] = "Illegal trailing comma before end of array";
    static const struct {
        const char *text;
        const char *message;
        size_t position;
    } cases[] = {
        {"", value, 0},
        {" \n", value, 2},
        {"nul", value, 0},
        {"]", value, 0},
        {"-", value, 0},
        {"-x", value, 0},
        {"-Infinit", value, 0},
        {"+1", value, 0},
        {".5", value, 0},
        {"'a'", value, 0},
        {"\x0b"
         "1",
         value, 0},
        {"\xc2\xa0"
         "1",
         value, 0},
        {"name=x", value, 0},
        {"null1", extra, 4},
        {"01", extra, 1},
        {"-01", extra, 2},
        {"1.", extra, 1},
        {"1.e1", extra, 1},
        {"1e", extra, 1},
        {"1e+", extra, 1},
        {"1E5x", extra, 3},
        {"1 2", extra, 2},
        {"{}}", extra, 2},
        {"{\"name\":\"x\"}{\"name\":\"y\"}", extra, 12},
        {"{", name, 1},
        {"{ ", name, 2},
        {"{,}", name, 1},
        {"{1:2}", name, 1},
        {"{'a':1}", name, 1},
        {"{a:1}", name, 1},
        {"[{]", name, 2},
        {"{\"a\":1,", name, 7},
        {"{\"a\":1, ", name, 8},
        {"{\"a\":1,2}", name, 7},
        {"{\"a\":1,,}", name, 7},
        {"{\"a\":1,]", name, 7},
        {"{\"a\":1,}", last_object, 6},
        {"{\"a\":1 , }", last_object, 7},
        {"[1,]", last_array, 2},
        {"[1 , ]", last_array, 3},
        {"{\"\xc3\xa9\":[1,]}", last_array, 7},
        {"[1,}", value, 3},
        {"[1,", value, 3},
        {"[", value, 1},
        {"[ ", value, 2},
        {"[,]", value, 1},
        {"[1,,2]", value, 3},
        {"{\"a\":", value, 5},
        {"{\"a\": }", value, 6},
        {"{\"a\":[1,}", value, 8},
        {"{\"a\"", colon, 4},
        {"{\"a\" 1}", colon, 5},
        {"{\"a\",\"b\"}", colon, 4},
        {"{\"a\":1", comma, 6},
        {"{\"a\":1 ", comma, 7},
        {"{\"a\":1;}", comma, 6},
        {"{\"a\":1]", comma, 6},
        {"{\"a\":1 \"b\":2}", comma, 7},
        {"{\"a\":01}", comma, 6},
        {"[1 2]", comma, 3},
        {"[1}", comma, 2},
        {"[1", comma, 2},
        {"[[1", comma, 3},
        {"[1.5.2]", comma, 4},
        {"\"", open_string, 0},
        {"{\"a", open_string, 1},
        {"{\"a\":\"b", open_string, 5},
        {"[\"\xc3\xa9\",\"\xf0\x9f\x98\x80", open_string, 5},
        {"\"\\", open_string, 0},
        {"\"\\\"", open_string, 0},
        {"\"\\u12345", open_string, 0},
        {"\"\n\"", control, 1},
        {"\"a\x1f", control, 2},
        {"\"a\tb\"", control, 2},
        {"{\"a\r\":1}", control, 3},
        {"\"\\x\"", escape, 1},
        {"\"\\U0041\"", escape, 1},
        {"\"\\'\"", escape, 1},
        {"{\"\xc3\xa9\":\"\\q\"}", escape, 6},
        {"\"\\\xc3\xa9\"", escape, 1},
        {"\"\\u", hex, 2},
        {"\"\\u\"", hex, 2},
        {"\"\\u12\"", hex, 2},
        {"\"\\u1234", hex, 2},
        {"\"\\u12g4\"", hex, 2},
        {"\"\\u 123\"", hex, 2},
        {"\"\\u+123\"", hex, 2},
        {"\"\\u123\xc3\xa9\"", hex, 2},
        {"\"\\ud83d\\u\"", hex, 8},
        {"\"\\ud83d\\u12\"", hex, 8},
        {"\"\\ud83d\\ude0x\"", hex, 8},
        {"\"\\ud83d\\x\"", escape, 7},
        {"\"\\ud83d\\", open_string, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_error(bytes_of_string(cases[i].text), JSON_ERROR_GRAMMAR, cases[i].message, cases[i].position);
    }
    assert_error(BYTES_LITERAL("\0"), JSON_ERROR_GRAMMAR, value, 0);
    assert_error(BYTES_LITERAL("{} \0"), JSON_ERROR_GRAMMAR, extra, 3);
    assert_error(BYTES_LITERAL("\"ab\0\""), JSON_ERROR_GRAMMAR, control, 3);
    assert_error(BYTES_LITERAL("\"ab\\\0\""), JSON_ERROR_GRAMMAR, escape, 3);
    assert_error(bytes_of(NULL, 0), JSON_ERROR_GRAMMAR, value, 0);
}

static void test_other_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_error_kind kind;
        const char *message;
        size_t position;
    } cases[] = {
        {"\xef\xbb\xbf{}", JSON_ERROR_ENCODING, "not UTF-8", 0},
        {"\"\xff\"", JSON_ERROR_ENCODING, "not UTF-8", 0},
        {"\"\xed\xa0\x80\"", JSON_ERROR_ENCODING, "not UTF-8", 0},
        {"\"\xc0\x80\"", JSON_ERROR_ENCODING, "not UTF-8", 0},
        {"{\"a\":1,}\xff", JSON_ERROR_ENCODING, "not UTF-8", 0}, /* decoding comes before parsing */
        {"\xff\xfe{", JSON_ERROR_ENCODING, "not UTF-8", 0},
        {"\"a\\ud800\"", JSON_ERROR_ENCODING, "lone surrogate", 2},
        {"\"\\udc00\"", JSON_ERROR_ENCODING, "lone surrogate", 1},
        {"\"\\ud83d\\ud83d\\ude00\"", JSON_ERROR_ENCODING, "lone surrogate", 1},
        {"\"\\ude00\\ud83d\"", JSON_ERROR_ENCODING, "lone surrogate", 1},
        {"\"\\ud83d\\n\"", JSON_ERROR_ENCODING, "lone surrogate", 1},
        {"\"\\ud83dude00\"", JSON_ERROR_ENCODING, "lone surrogate", 1},
        {"{\"\\uDFFF\":1}", JSON_ERROR_ENCODING, "lone surrogate", 2},
        {"\"\xc3\xa9\\u0000\"", JSON_ERROR_ENCODING, "U+0000 in a string", 2},
        {"NaN", JSON_ERROR_RANGE, "not a finite number", 0},
        {"[1,Infinity]", JSON_ERROR_RANGE, "not a finite number", 3},
        {"-Infinity", JSON_ERROR_RANGE, "not a finite number", 0},
        {"[\"\xc3\xa9\",1e309]", JSON_ERROR_RANGE, "number out of range", 5},
        {"-1e309", JSON_ERROR_RANGE, "number out of range", 0},
        {"1.7976931348623159e308", JSON_ERROR_RANGE, "number out of range", 0},
        {"1e99999999999999999999", JSON_ERROR_RANGE, "number out of range", 0},
        /* grammar wins, wherever it is */
        {"[NaN,}", JSON_ERROR_GRAMMAR, "Expecting value", 5},
        {"NaNx", JSON_ERROR_GRAMMAR, "Extra data", 3},
        {"-Infinityx", JSON_ERROR_GRAMMAR, "Extra data", 9},
        {"[\"\\ud800\",]", JSON_ERROR_GRAMMAR, "Illegal trailing comma before end of array", 9},
        {"[1e999,]", JSON_ERROR_GRAMMAR, "Illegal trailing comma before end of array", 6},
        {"\"\\u0000", JSON_ERROR_GRAMMAR, "Invalid \\uXXXX escape", 2},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", JSON_ERROR_GRAMMAR, "Expecting value", 33},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_error(bytes_of_string(cases[i].text), cases[i].kind, cases[i].message, cases[i].position);
    }
    /* What json.loads would read as UTF-16 or UTF-32. */
    assert_error(BYTES_LITERAL("{\0}\0"), JSON_ERROR_ENCODING, "not UTF-8", 0);
    assert_error(BYTES_LITERAL("\0001"), JSON_ERROR_ENCODING, "not UTF-8", 0);
    assert_error(BYTES_LITERAL("1\0"), JSON_ERROR_ENCODING, "not UTF-8", 0);
    assert_error(BYTES_LITERAL("1\0 "), JSON_ERROR_GRAMMAR, "Extra data", 1);
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
    memcpy(big + 4301, "x", 1);
    assert_error(bytes_of(big, 4302), JSON_ERROR_GRAMMAR, "Extra data", 4301);
    big[4301] = '1';
    memcpy(big + 4302, "x", 1);
    assert_error(bytes_of(big, 4303), JSON_ERROR_RANGE, "integer of too many digits", 0);
    memcpy(big + 4302, ".0x", 3);
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
        kind = has_nul ? 'n' : kind;
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

/* ---- CPython as the oracle: words and positions for mutated texts ---- */

static const char *const seeds[] = {
    "{\"name\":\"x\",\"description\":null,\"expires_in_days\":30}",
    "{\"a\":[1,-2.5e+3,true,false,null,{\"b\":\"c\"}],\"d\":{}}",
    "[\"\\u00e9\\ud83d\\ude00\\n\\\"\",\"\xc3\xa9\xf0\x9f\x98\x80\",NaN,-Infinity,[],[[]]]",
    " { \"k\" : [ 1 , 2 ] , \"l\" : \"\\\\\" }\n",
    "\"\\ud800\\u0041\"",
};

static size_t mutate(uint64_t *random, uint8_t *text, size_t size, size_t room)
{
    static const char alphabet[] = "{}[]\",:\\u09.eE+-ntfNI \n\x01/bxdD8\xc3\xa9";
    uint32_t changes = 1 + random_below(random, 3);
    for (uint32_t i = 0; i < changes; i++) {
        size_t place = random_below(random, (uint32_t)size + 1);
        uint8_t byte = (uint8_t)alphabet[random_below(random, sizeof(alphabet) - 1)];
        uint32_t way = random_below(random, 4);
        if (way == 0 && place < size) {
            text[place] = byte;
        } else if (way == 1 && size < room) {
            memmove(text + place + 1, text + place, size - place);
            text[place] = byte;
            size++;
        } else if (way == 2 && place < size) {
            memmove(text + place, text + place + 1, size - place - 1);
            size--;
        } else {
            size = place;
        }
    }
    return size;
}

/* A line of what CPython 3.13 says to one text per line, in hex. Older ones lack the words for trailing commas. */
static const char python[] = "python3 -c 'import json,sys\n"
                             "for line in sys.stdin:\n"
                             "  try:\n"
                             "    text=bytes.fromhex(line).decode()\n"
                             "  except ValueError:\n"
                             "    print(\"not utf-8\");continue\n"
                             "  try:\n"
                             "    json.loads(text);print(\"ok\")\n"
                             "  except json.JSONDecodeError as e: print(e.pos,e.msg)\n'";

static void describe_ours(struct bytes text, char *line, size_t room)
{
    const struct json *root = NULL;
    struct json_error error = {JSON_ERROR_NONE, "", 0};
    enum status status = read_exact(text, JSON_DUPLICATES_LAST, &root, &error);
    if (status == STATUS_OK || error.kind == JSON_ERROR_RANGE ||
        (error.kind == JSON_ERROR_ENCODING && strcmp(error.message, "not UTF-8") != 0)) {
        (void)snprintf(line, room, "ok");
    } else if (error.kind == JSON_ERROR_ENCODING) {
        (void)snprintf(line, room, "not utf-8");
    } else {
        (void)snprintf(line, room, "%zu %s", error.position, error.message);
    }
}

static void test_against_cpython(void **state)
{
    (void)state;
    enum {
        COUNT = 20000,
        ROOM = 120
    };
    static uint8_t texts[COUNT][ROOM];
    static size_t sizes[COUNT];
    static char hex[COUNT * (2 * ROOM + 1)];
    if (!oracle_present("python3")) {
        print_message("skipped: no python3\n");
        skip();
    }
    uint64_t random = 20261122;
    size_t used = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const char *seed = seeds[random_below(&random, sizeof(seeds) / sizeof(seeds[0]))];
        memcpy(texts[i], seed, strlen(seed));
        sizes[i] = mutate(&random, texts[i], strlen(seed), ROOM);
        for (size_t k = 0; k < sizes[i]; k++) {
            used += (size_t)snprintf(hex + used, 3, "%02x", texts[i][k]);
        }
        hex[used++] = '\n';
    }
    struct buffer answers = oracle_run(python, bytes_of(hex, used));
    bool knows_commas = strstr((char *)answers.data, "Illegal trailing comma") != NULL;
    char *answer = strtok((char *)answers.data, "\n");
    size_t compared = 0;
    for (size_t i = 0; i < COUNT; i++) {
        char ours[128];
        assert_non_null(answer);
        describe_ours(bytes_of(texts[i], sizes[i]), ours, sizeof(ours));
        if (knows_commas || strstr(ours, "Illegal trailing comma") == NULL) {
            compared++;
            if (strcmp(ours, answer) != 0) {
                fail_msg("CPython: '%s', ours: '%s', for: %.*s", answer, ours, (int)sizes[i],
                         (char *)texts[i]);
            }
        }
        answer = strtok(NULL, "\n");
    }
    assert_true(compared > COUNT * 9 / 10);
    free(answers.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_numbers_in_order),
        cmocka_unit_test(test_grammar_errors),
        cmocka_unit_test(test_other_errors),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_arena_holds_the_worst_texts),
        cmocka_unit_test(test_text_size),
        cmocka_unit_test(test_long_integers),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_duplicates_leave_the_order),
        cmocka_unit_test(test_duplicates_among_many),
        cmocka_unit_test(test_raw_members),
        cmocka_unit_test(test_json_test_suite),
        cmocka_unit_test(test_against_cpython),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
