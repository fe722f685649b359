/*
 * RFC 8785: the RFC's own examples, member order and escapes, and random documents against Node.js.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limits.h"
#include "tests/support/oracle.h"
#include "tests/support/random.h"
#include "json/json.h"

static uint8_t out_memory[JSON_CANONICAL_MAX_BYTES];
static uint8_t again_memory[JSON_CANONICAL_MAX_BYTES];

static struct bytes canonical_of(struct bytes text)
{
    const struct json *root = NULL;
    struct json_error error;
    struct buffer out = buffer_over(out_memory, sizeof(out_memory));
    if (json_read(text, JSON_DUPLICATES_LAST, &root, &error) != STATUS_OK) {
        fail_msg("refused (%s at %zu): %.*s", error.message, error.position, (int)text.size,
                 (const char *)text.data);
    }
    assert_int_equal(json_canonical(root, &out), STATUS_OK);
    return buffer_view(&out);
}

static void assert_canonical(const char *text, const char *expected)
{
    struct bytes canonical = canonical_of(bytes_of_string(text));
    if (!bytes_equal_string(canonical, expected)) {
        fail_msg("wanted %s, got %.*s", expected, (int)canonical.size, (const char *)canonical.data);
    }
}

static void test_examples_of_the_rfc(void **state)
{
    (void)state;
    /* Section 3.2.2 to 3.2.4. */
    assert_canonical("{\n"
                     "  \"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\n"
                     "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
                     "  \"literals\": [null, true, false]\n"
                     "}",
                     "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
                     "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    /* Section 3.2.3: order by UTF-16 code units. */
    assert_canonical("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter "
                     "Dalet With Dagesh\","
                     "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
                     "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
                     "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
                     "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
                     "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
                     "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

static void test_order(void **state)
{
    (void)state;
    assert_canonical("{\"b\":1,\"a\":2,\"\":3,\"aa\":4,\"B\":5,\"a\\u0001\":6}",
                     "{\"\":3,\"B\":5,\"a\":2,\"a\\u0001\":6,\"aa\":4,\"b\":1}");
    /* U+FFFF and U+E000 after U+10000 and U+10FFFF, which are surrogates in UTF-16; U+D7FF before them. */
    assert_canonical("{\"\\uffff\":1,\"\\ue000\":2,\"\\udbff\\udfff\":3,\"\\ud800\\udc00\":4,\"\\ud7ff\":5}",
                     "{\"\xed\x9f\xbf\":5,\"\xf0\x90\x80\x80\":4,\"\xf4\x8f\xbf\xbf\":3,\"\xee\x80\x80\":2,"
                     "\"\xef\xbf\xbf\":1}");
    assert_canonical("[{\"b\":{\"d\":1,\"c\":[{\"f\":1,\"e\":2}]},\"a\":{}},3,1,2,[]]",
                     "[{\"a\":{},\"b\":{\"c\":[{\"e\":2,\"f\":1}],\"d\":1}},3,1,2,[]]");
    assert_canonical("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

static void test_escapes(void **state)
{
    (void)state;
    assert_canonical(
        "\"\\u0001\\u0008\\u0009\\u000a\\u000b\\u000c\\u000d\\u001f\\u0020\\u007f\\u0080\\u2028\\u2029\"",
        "\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \x7f\xc2\x80\xe2\x80\xa8\xe2\x80\xa9\"");
    assert_canonical("\"\\/\\\"\\\\'<>&\"", "\"/\\\"\\\\'<>&\"");
    assert_canonical("{\"\\\"\\n\":\"\"}", "{\"\\\"\\n\":\"\"}");
}

static void test_scalars(void **state)
{
    (void)state;
    assert_canonical(" null ", "null");
    assert_canonical("-0", "0");
    assert_canonical("-0.0e5", "0");
    assert_canonical("[ ]", "[]");
    assert_canonical("{ }", "{}");
    assert_canonical("100E-2", "1");
}

static void test_small_buffer(void **state)
{
    (void)state;
    const struct json *root = NULL;
    assert_int_equal(json_read(BYTES_LITERAL("{\"a\":[1,2]}"), JSON_DUPLICATES_LAST, &root, NULL), STATUS_OK);
    for (size_t room = 0; room <= 11; room++) {
        uint8_t *memory = malloc(room + 1);
        struct buffer out = buffer_over(memory, room);
        assert_int_equal(json_canonical(root, &out), room < 11 ? STATUS_TOO_LARGE : STATUS_OK);
        free(memory);
    }
}

/* The bound that limits.h promises. */
static void test_largest_growth(void **state)
{
    (void)state;
    static uint8_t text[JSON_TEXT_MAX_BYTES];
    static const char *const items[] = {"1e20,", "-1e20,", "1e-6,", "\"\\u0001\",", "1,"};
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct buffer buffer = buffer_over(text, sizeof(text));
        buffer_append_string(&buffer, "[");
        while (buffer.size + strlen(items[i]) <= sizeof(text)) {
            buffer_append_string(&buffer, items[i]);
        }
        text[buffer.size - 1] = ']';
        assert_true(canonical_of(buffer_view(&buffer)).size <= JSON_CANONICAL_MAX_BYTES);
    }
}

/* ---- random documents ---- */

enum {
    DOCUMENTS = 5000,
    DOCUMENT_BYTES = 900
};

static void append_character(uint64_t *random, struct buffer *out)
{
    static const char *const characters[] = {"a",
                                             "b",
                                             "B",
                                             "1",
                                             " ",
                                             "/",
                                             "\\/",
                                             "\\\"",
                                             "\\\\",
                                             "\\n",
                                             "\\u0001",
                                             "\\u001F",
                                             "\x7f",
                                             "\\u00e9",
                                             "\xc3\xa9",
                                             "\\ud7ff",
                                             "\\ue000",
                                             "\\uffff",
                                             "\xef\xbf\xbd",
                                             "\\ud83d\\ude00",
                                             "\\t",
                                             "\\b",
                                             "\\f",
                                             "\\r",
                                             "\\u0041",
                                             "\\u2028",
                                             "\xee\x80\x80",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf",
                                             "'"};
    buffer_append_string(out, characters[random_below(random, sizeof(characters) / sizeof(characters[0]))]);
}

static void append_string(uint64_t *random, struct buffer *out)
{
    uint32_t count = random_below(random, 5);
    buffer_append_byte(out, '"');
    for (uint32_t i = 0; i < count; i++) {
        append_character(random, out);
    }
    buffer_append_byte(out, '"');
}

static void append_number(uint64_t *random, struct buffer *out)
{
    char text[64];
    double mantissa = (double)(int64_t)random_next(random) / 1e15;
    (void)snprintf(text, sizeof(text), "%.*g", 1 + (int)random_below(random, 17), mantissa);
    buffer_append_string(out, text);
    if (strchr(text, 'e') == NULL && random_below(random, 2) == 0) {
        (void)snprintf(text, sizeof(text), "E%d", (int)random_below(random, 600) - 300);
        buffer_append_string(out, text);
    }
}

static void append_value(uint64_t *random, struct buffer *out, uint32_t depth)
{
    static const char *const words[] = {"null", "true", "false",    "0",   "-0",
                                        "1e21", "1e20", "0.000001", "1e-7"};
    uint32_t kind = random_below(random, depth < 4 ? 6 : 3);
    if (kind == 0) {
        buffer_append_string(out, words[random_below(random, sizeof(words) / sizeof(words[0]))]);
    } else if (kind == 1) {
        append_number(random, out);
    } else if (kind == 2) {
        append_string(random, out);
    } else {
        bool is_object = kind >= 4;
        uint32_t count = random_below(random, 6);
        buffer_append_string(out, is_object ? "{ " : "[ ");
        for (uint32_t i = 0; i < count; i++) {
            buffer_append_string(out, i > 0 ? " , " : "");
            if (is_object) {
                append_string(random, out);
                buffer_append_string(out, " : ");
            }
            append_value(random, out, depth + 1);
        }
        buffer_append_string(out, is_object ? "}" : "]");
    }
}

/* RFC 8785 in JavaScript, whose own sort and number text the RFC is defined by. */
static const char node[] =
    "node -e '"
    "const canon=v=>Array.isArray(v)?\"[\"+v.map(canon).join()+\"]\":v&&typeof v===\"object\"?"
    "\"{\"+Object.keys(v).sort().map(k=>JSON.stringify(k)+\":\"+canon(v[k])).join()+\"}\":JSON.stringify(v);"
    "const lines=require(\"fs\").readFileSync(0,\"utf8\").split(\"\\n\");lines.pop();"
    "process.stdout.write(lines.map(l=>canon(JSON.parse(l))).join(\"\\n\")+\"\\n\")'";

static void test_random_documents_against_node(void **state)
{
    (void)state;
    static uint8_t texts[DOCUMENTS * DOCUMENT_BYTES];
    static struct bytes lines[DOCUMENTS];
    uint64_t random = 8785;
    struct buffer all = buffer_over(texts, sizeof(texts));
    if (!oracle_present("node")) {
        print_message("skipped: no node\n");
        skip();
    }
    for (size_t i = 0; i < DOCUMENTS;) {
        struct buffer line = buffer_over(texts + all.size, DOCUMENT_BYTES - 1);
        append_value(&random, &line, 0);
        if (!buffer_failed(&line)) { /* else too long for its place: take another */
            lines[i++] = buffer_view(&line);
            all.size += line.size;
            buffer_append_byte(&all, '\n');
        }
    }
    struct buffer answers = oracle_run(node, buffer_view(&all));
    struct bytes rest = buffer_view(&answers);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        size_t size = bytes_find(rest, '\n');
        struct bytes canonical = canonical_of(lines[i]);
        if (!bytes_equal(canonical, bytes_slice(rest, 0, size))) {
            fail_msg("node: %.*s, ours: %.*s", (int)size, (const char *)rest.data, (int)canonical.size,
                     (const char *)canonical.data);
        }
        rest = bytes_slice(rest, size + 1, rest.size);
    }
    free(answers.data);
}

/* The canonical form of a canonical form is itself. */
static void test_idempotent(void **state)
{
    (void)state;
    static uint8_t text[DOCUMENT_BYTES];
    uint64_t random = 42;
    for (size_t i = 0; i < 2000; i++) {
        struct buffer line = buffer_over(text, sizeof(text));
        append_value(&random, &line, 0);
        if (buffer_failed(&line)) {
            continue;
        }
        struct bytes canonical = canonical_of(buffer_view(&line));
        memcpy(again_memory, canonical.data, canonical.size);
        struct bytes first = bytes_of(again_memory, canonical.size);
        assert_true(bytes_equal(canonical_of(first), first));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_small_buffer),
        cmocka_unit_test(test_largest_growth),
        cmocka_unit_test(test_random_documents_against_node),
        cmocka_unit_test(test_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
