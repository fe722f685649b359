/*
 * What JSON texts are refused for: the words and positions of CPython 3.13, by hand and against CPython itself, and what
 * CPython would take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/json_read.h"
#include "tests/support/oracle.h"
#include "tests/support/random.h"
#include "json/json.h"

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
} grammar_cases[] = {
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

static void test_grammar_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(grammar_cases) / sizeof(grammar_cases[0]); i++) {
        assert_error(bytes_of_string(grammar_cases[i].text), JSON_ERROR_GRAMMAR, grammar_cases[i].message,
                     grammar_cases[i].position);
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
    static char lines[COUNT * (2 * ROOM + 1)];
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
            used += (size_t)snprintf(lines + used, 3, "%02x", texts[i][k]);
        }
        lines[used++] = '\n';
    }
    struct buffer answers = oracle_run(python, bytes_of(lines, used));
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
        cmocka_unit_test(test_grammar_errors),
        cmocka_unit_test(test_other_errors),
        cmocka_unit_test(test_against_cpython),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
