/*
 * Family 1's 422 and 400 answers: every recorded answer of FastAPI, and bodies that are not in the record.
 */
#include "api_harness.h"

#include <time.h>

#include "base/encode.h"

#define RECORD "../shared/reference/fastapi_answers.json"

static char bearer[4096];

static int start(void **state)
{
    (void)state;
    appliance_start();
    return 0;
}

/* A user has at most 10 active tokens: each accepted body gets a fresh one. */
static void take_fresh_bearer(void)
{
    static unsigned number;
    strcpy(bearer, make_bearer(make_user(text_of("user%u@example.test", number++), "[]")));
}

static struct reply post(const char *type, const char *body, size_t body_size)
{
    return SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant, .type = type,
                .body = body, .body_size = body_size);
}

static struct reply get(const char *query)
{
    return SEND(.path = text_of("/api/v1/tokens?%s", query), .authorization = bearer,
                .business = appliance.tenant);
}

/* ---- the record ---- */

static size_t unhex(const char *hex, char *out)
{
    size_t size = strlen(hex) / 2;
    assert_int_equal(decode_hex(bytes_of_string(hex), false, (uint8_t *)out, size), STATUS_OK);
    return size;
}

static void compare(const cJSON *entry, const char *what, const struct reply *reply)
{
    unsigned status = (unsigned)json_long(entry, "status");
    cJSON *got = read_json(reply->body);
    const cJSON *wanted = cJSON_GetObjectItem(entry, "answer");
    bool same = got != NULL && (status < 300 || json_equal(wanted, got));
    if (reply->status != status || !same) {
        fail_msg("%s: wanted %u %s, got %u %s", what, status, cJSON_PrintUnformatted(wanted), reply->status,
                 reply->body);
    }
    cJSON_Delete(got);
}

/* Effects of an accepted body: the record says what FastAPI made of it. */
static void compare_accepted(const cJSON *entry, const struct reply *reply)
{
    const cJSON *answer = cJSON_GetObjectItem(entry, "answer");
    long days = json_long(answer, "expires_in_days");
    assert_string_equal(reply_text(reply, "token_info.name"),
                        cJSON_GetObjectItem(answer, "name")->valuestring);
    time_t expires = (time_t)(START_S + (int64_t)days * 86400);
    char text[32];
    struct tm tm;
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&expires, &tm));
    assert_string_equal(reply_text(reply, "token_info.expires_at"), text);
}

static cJSON *load_record(void)
{
    char *text = read_whole_file(RECORD, NULL);
    if (text == NULL) {
        print_message("skipped: no %s\n", RECORD);
        skip();
    }
    cJSON *record = read_json(text);
    free(text);
    assert_non_null(record);
    return record;
}

static void test_recorded_bodies(void **state)
{
    (void)state;
    static char memory[20000];
    cJSON *record = load_record();
    const cJSON *entry;
    size_t count = 0;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(record, "post"))
    {
        const cJSON *hex = cJSON_GetObjectItem(entry, "body_hex");
        const cJSON *body = cJSON_GetObjectItem(entry, "body");
        size_t size =
            hex != NULL ? unhex(hex->valuestring, memory) : strlen(strcpy(memory, body->valuestring));
        take_fresh_bearer();
        struct reply reply = post(cJSON_GetObjectItem(entry, "content_type")->valuestring, memory, size);
        compare(entry, hex != NULL ? hex->valuestring : body->valuestring, &reply);
        if (reply.status == 201) {
            compare_accepted(entry, &reply);
        }
        count++;
    }
    assert_true(count > 50);
    cJSON_Delete(record);
}

static void test_recorded_queries(void **state)
{
    (void)state;
    cJSON *record = load_record();
    const cJSON *entry;
    take_fresh_bearer();
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(record, "get"))
    {
        const char *query = cJSON_GetObjectItem(entry, "query")->valuestring;
        struct reply reply = get(query);
        compare(entry, query, &reply);
        if (reply.status == 200) {
            assert_int_equal((int)reply_number(&reply, "limit"),
                             json_long(cJSON_GetObjectItem(entry, "answer"), "limit"));
        }
    }
    cJSON_Delete(record);
}

/* ---- past the record ---- */

#define ITEM(type, loc, msg, input)                                                                          \
    "{\"type\":\"" type "\",\"loc\":" loc ",\"msg\":\"" msg "\",\"input\":" input "}"
#define ITEM_CTX(type, loc, msg, input, ctx)                                                                 \
    "{\"type\":\"" type "\",\"loc\":" loc ",\"msg\":\"" msg "\",\"input\":" input ",\"ctx\":" ctx "}"
#define DETAIL(items) "{\"detail\":[" items "]}"
#define JSON_INVALID(position, error)                                                                        \
    DETAIL(ITEM_CTX("json_invalid", "[\"body\"," position "]", "JSON decode error", "{}",                    \
                    "{\"error\":\"" error "\"}"))
#define DAYS    "[\"body\",\"expires_in_days\"]"
#define NAME    "[\"body\",\"name\"]"
#define NO_INT  "Input should be a valid integer"
#define PARSING "{\"detail\":\"There was an error parsing the body\"}"

struct expectation {
    unsigned status;
    const char *body;
    const char *answer; /* NULL: only the status counts */
};

static const struct expectation bodies[] = {
    {422, "{}", DETAIL(ITEM("missing", NAME, "Field required", "{}"))},
    {422, "{\"Name\":\"x\"}", DETAIL(ITEM("missing", NAME, "Field required", "{\"Name\":\"x\"}"))},
    {422, "{ \"a\" : [1, {}] }", DETAIL(ITEM("missing", NAME, "Field required", "{\"a\":[1,{}]}"))},
    {422, "{\"expires_in_days\":0}",
     DETAIL(ITEM("missing", NAME, "Field required", "{\"expires_in_days\":0}") "," ITEM_CTX(
         "greater_than_equal", DAYS, "Input should be greater than or equal to 1", "0", "{\"ge\":1}"))},
    {422, "{\"name\":null}", DETAIL(ITEM("string_type", NAME, "Input should be a valid string", "null"))},
    {422, "{\"name\":[\"x\"]}",
     DETAIL(ITEM("string_type", NAME, "Input should be a valid string", "[\"x\"]"))},
    {422, "{\"name\":-0}", DETAIL(ITEM("string_type", NAME, "Input should be a valid string", "0"))},
    {422, "{\"name\":\"x\",\"expires_in_days\":null}", DETAIL(ITEM("int_type", DAYS, NO_INT, "null"))},
    {422, "{\"name\":\"x\",\"expires_in_days\":\"\"}",
     DETAIL(ITEM("int_parsing", DAYS, NO_INT ", unable to parse string as an integer", "\"\""))},
    {422, "{\"name\":\"x\",\"expires_in_days\":\"30.5\"}",
     DETAIL(ITEM("int_parsing", DAYS, NO_INT ", unable to parse string as an integer", "\"30.5\""))},
    {422, "{\"name\":\"x\",\"expires_in_days\":1e-3}",
     DETAIL(ITEM("int_from_float", DAYS, NO_INT ", got a number with a fractional part", "0.001"))},
    {422, "{\"name\":\"x\",\"expires_in_days\":366}",
     DETAIL(ITEM_CTX("less_than_equal", DAYS, "Input should be less than or equal to 365", "366",
                     "{\"le\":365}"))},
    {422, "{\"name\":\"x\",\"expires_in_days\":-100000000000000000000}",
     DETAIL(ITEM_CTX("greater_than_equal", DAYS, "Input should be greater than or equal to 1",
                     "-100000000000000000000", "{\"ge\":1}"))},
    {201, "{\"name\":\"x\",\"expires_in_days\":365}", NULL},
    {201, "{\"name\":\"x\",\"expires_in_days\":\" +0_07.00 \"}", NULL},
    {201, "{\"name\":\"x\",\"expires_in_days\":1e2}", NULL},
    {201, "{\"name\":\"x\",\"description\":\"\",\"unknown\":[{}]}", NULL},
    {422, "null", DETAIL(ITEM("missing", "[\"body\"]", "Field required", "null"))},
    {422, " null ", DETAIL(ITEM("missing", "[\"body\"]", "Field required", "null"))},
    {422, "[]",
     DETAIL(ITEM("model_attributes_type", "[\"body\"]",
                 "Input should be a valid dictionary or object to extract fields from", "[]"))},
    {422, "\"x\"",
     DETAIL(ITEM("model_attributes_type", "[\"body\"]",
                 "Input should be a valid dictionary or object to extract fields from", "\"x\""))},
    {422, "17",
     DETAIL(ITEM("model_attributes_type", "[\"body\"]",
                 "Input should be a valid dictionary or object to extract fields from", "17"))},
    {422, "true",
     DETAIL(ITEM("model_attributes_type", "[\"body\"]",
                 "Input should be a valid dictionary or object to extract fields from", "true"))},
    {422, "{", JSON_INVALID("1", "Expecting property name enclosed in double quotes")},
    {422, "   ", JSON_INVALID("3", "Expecting value")},
    {422, "{\"name\":\"x", JSON_INVALID("8", "Unterminated string starting at")},
    {422, "{\"\xc3\xa9\xf0\x9f\x98\x80\" 1}", JSON_INVALID("6", "Expecting ':' delimiter")},
    {422, "{\"name\":\"a\tb\"}", JSON_INVALID("10", "Invalid control character at")},
    {422, "{\"name\":\"\\x\"}", JSON_INVALID("9", "Invalid \\\\escape")},
    {422, "{\"name\":\"\\u12g4\"}", JSON_INVALID("10", "Invalid \\\\uXXXX escape")},
    {422, "{\"name\":\"x\"} x", JSON_INVALID("13", "Extra data")},
    {422, "{\"name\":01}", JSON_INVALID("9", "Expecting ',' delimiter")},
    {422, "{\"name\":+1}", JSON_INVALID("8", "Expecting value")},
    {422, "{\"name\":.5}", JSON_INVALID("8", "Expecting value")},
    {422, "{\"name\":\"x\",}", JSON_INVALID("11", "Illegal trailing comma before end of object")},
    {422, "[1,]", NULL},
    {400, "{\"name\":NaN}", PARSING},
    {400, "{\"name\":-Infinity}", PARSING},
    {400, "{\"name\":\"\\ud800\"}", PARSING},
    {400, "{\"name\":\"\\u0000\"}", PARSING},
    {400, "{\"name\":1e999}", PARSING},
};

static void check(const struct expectation *wanted, const char *type)
{
    struct reply reply = post(type, wanted->body, 0);
    if (reply.status != wanted->status) {
        fail_msg("%s: wanted %u, got %u %s", wanted->body, wanted->status, reply.status, reply.body);
    }
    if (wanted->answer != NULL) {
        assert_json(&reply, wanted->status, wanted->answer);
    }
}

static void test_other_bodies(void **state)
{
    (void)state;
    take_fresh_bearer();
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        check(&bodies[i], NULL);
    }
    struct reply empty = post(NULL, "", 0);
    assert_json(&empty, 422, DETAIL(ITEM("missing", "[\"body\"]", "Field required", "null")));
    struct reply no_type = post("", "{\"name\":\"no content type\"}", 0);
    assert_int_equal(no_type.status, 201);
}

static void test_content_types(void **state)
{
    (void)state;
    static const char *const json[] = {"application/json", "Application/JSON;charset=utf-8",
                                       "application/a+json", "application/json ; x=y"};
    static const char *const other[] = {"text/plain",         "application/json5",
                                        "application/x-json", "json",
                                        "application/json/x", "multipart/form-data; boundary=x"};
    take_fresh_bearer();
    for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++) {
        assert_int_equal(post(json[i], "{\"name\":\"x\"}", 0).status, 201);
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        struct reply reply = post(other[i], "a\"\\\x01\xc3\xa9", 0);
        assert_json(&reply, 422,
                    DETAIL(ITEM("model_attributes_type", "[\"body\"]",
                                "Input should be a valid dictionary or object to extract fields from",
                                "\"a\\\"\\\\\\u0001\xc3\xa9\"")));
    }
    struct reply not_utf8 = post("text/plain", "\xc3(", 0);
    assert_json(&not_utf8, 400, PARSING);
}

/* Both sides of each length, in code points of one to four bytes. */
static void test_lengths(void **state)
{
    (void)state;
    static const char *const letters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static char text[16000];
    for (size_t i = 0; i < 4; i++) {
        take_fresh_bearer();
        for (int extra = 0; extra < 2; extra++) {
            text[0] = 0;
            for (int n = 0; n < 255 + extra; n++) {
                strcat(text, letters[i]);
            }
            struct reply name = post(NULL, text_of("{\"name\":\"%s\"}", text), 0);
            assert_int_equal(name.status, extra == 0 ? 201 : 422);
            for (int n = 255 + extra; n < 1024 + extra; n++) {
                strcat(text, letters[i]);
            }
            struct reply description =
                post(NULL, text_of("{\"name\":\"x\",\"description\":\"%s\"}", text), 0);
            assert_int_equal(description.status, extra == 0 ? 201 : 422);
            if (extra == 1) {
                assert_json(&description, 422,
                            text_of(DETAIL(ITEM_CTX("string_too_long", "[\"body\",\"description\"]",
                                                    "String should have at most 1024 characters", "\"%s\"",
                                                    "{\"max_length\":1024}")),
                                    text));
            }
        }
    }
}

/* ---- queries ---- */

#define QUERY(field, type, msg, input) DETAIL(ITEM(type, "[\"query\",\"" field "\"]", msg, input))
#define BAD_BOOL                       "Input should be a valid boolean, unable to interpret input"

static const struct expectation queries[] = {
    {422, "include_revoked=maybe", QUERY("include_revoked", "bool_parsing", BAD_BOOL, "\"maybe\"")},
    {422, "include_revoked=", QUERY("include_revoked", "bool_parsing", BAD_BOOL, "\"\"")},
    {422, "include_revoked", QUERY("include_revoked", "bool_parsing", BAD_BOOL, "\"\"")},
    {422, "descending=%20true", QUERY("descending", "bool_parsing", BAD_BOOL, "\" true\"")},
    {422, "descending=+true", QUERY("descending", "bool_parsing", BAD_BOOL, "\" true\"")},
    {422, "limit=x%zz%",
     QUERY("limit", "int_parsing", NO_INT ", unable to parse string as an integer", "\"x%zz%\"")},
    {422, "limit=%ff",
     QUERY("limit", "int_parsing", NO_INT ", unable to parse string as an integer", "\"\xef\xbf\xbd\"")},
    {422, "limit=0",
     DETAIL(ITEM_CTX("greater_than_equal", "[\"query\",\"limit\"]",
                     "Input should be greater than or equal to 1", "\"0\"", "{\"ge\":1}"))},
    {422, "direction=up",
     DETAIL(ITEM_CTX("literal_error", "[\"query\",\"direction\"]", "Input should be 'next' or 'prev'",
                     "\"up\"", "{\"expected\":\"'next' or 'prev'\"}"))},
    {422, "sort_by=NAME",
     DETAIL(ITEM_CTX("literal_error", "[\"query\",\"sort_by\"]",
                     "Input should be 'created_at', 'name', 'last_used_at' or 'expires_at'", "\"NAME\"",
                     "{\"expected\":\"'created_at', 'name', 'last_used_at' or 'expires_at'\"}"))},
    {422, "sort_by=x&limit=y&include_revoked=z",
     DETAIL(ITEM("bool_parsing", "[\"query\",\"include_revoked\"]", BAD_BOOL, "\"z\"") "," ITEM(
         "int_parsing", "[\"query\",\"limit\"]", NO_INT ", unable to parse string as an integer",
         "\"y\"") "," ITEM_CTX("literal_error", "[\"query\",\"sort_by\"]",
                               "Input should be 'created_at', 'name', 'last_used_at' or 'expires_at'",
                               "\"x\"",
                               "{\"expected\":\"'created_at', 'name', 'last_used_at' or 'expires_at'\"}"))},
    {200, "limit=x&limit=7", NULL}, /* the last one counts */
    {200, "limit=1000&direction=prev&sort_by=expires_at&unknown=1&=&&", NULL},
    {200, "%6cimit=%31", NULL},
    {200, "cursor=", NULL},
    {400, "cursor=x", "{\"detail\":\"Invalid request parameters\"}"},
};

static void test_other_queries(void **state)
{
    (void)state;
    take_fresh_bearer();
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct reply reply = get(queries[i].body);
        if (reply.status != queries[i].status) {
            fail_msg("%s: wanted %u, got %u %s", queries[i].body, queries[i].status, reply.status,
                     reply.body);
        }
        if (queries[i].answer != NULL) {
            assert_json(&reply, queries[i].status, queries[i].answer);
        }
    }
    struct reply last = get("limit=x&limit=7");
    assert_string_equal(reply_text(&last, "limit"), "7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_bodies), cmocka_unit_test(test_recorded_queries),
        cmocka_unit_test(test_other_bodies),    cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_lengths),         cmocka_unit_test(test_other_queries),
    };
    return cmocka_run_group_tests_name("api_fastapi", tests, start, NULL);
}
