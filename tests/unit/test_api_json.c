/*
 * JSON at the door: JSONTestSuite whole, through the create route of each family and the operator plane; and naughty strings,
 * which must come back exactly or be refused.
 */
#include "api_harness.h"

#include <dirent.h>

#include "base/encode.h"

#define SUITE   "../shared/vectors/JSONTestSuite/test_parsing"
#define STRINGS "../shared/vectors/naughty_strings.json"

static char bearer[4096];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(bearer, make_bearer(make_user("json@example.test", "[\"withdrawal.create\"]")));
    return 0;
}

/* ---- JSONTestSuite ---- */

enum verdict {
    MALFORMED,
    WELL_FORMED, /* whatever else may be wrong with it */
    NEITHER      /* an answer that is none: a defect */
};

/* Each family says "malformed" in its own way. */

static enum verdict family0(const char *body, size_t size)
{
    struct reply reply =
        SEND(.path = "/action-tokens", .authorization = bearer, .body = body, .body_size = size);
    if (reply.status != 400) {
        return NEITHER;
    }
    /* The suite's y_ files are no commands: those that are objects lack "action", and others are no objects. */
    return strcmp(reply_text(&reply, "details.reason"), "body") != 0 ? WELL_FORMED : MALFORMED;
}

static enum verdict family1(const char *body, size_t size)
{
    struct reply reply = SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant,
                              .body = body, .body_size = size);
    if (reply.status == 400) {
        return strcmp(reply.body, "{\"detail\":\"There was an error parsing the body\"}") == 0 ? MALFORMED
                                                                                               : NEITHER;
    }
    if (reply.status != 422) {
        return NEITHER;
    }
    return strcmp(reply_text(&reply, "detail.0.type"), "json_invalid") == 0 ? MALFORMED : WELL_FORMED;
}

static enum verdict family2_at(const char *path, const char *body, size_t size)
{
    struct reply reply = SEND(.path = path, .authorization = appliance.root, .body = body, .body_size = size);
    if (reply.status != 400) {
        return NEITHER;
    }
    return strcmp(reply_text(&reply, "details.errors.0.constraint"), "json") == 0 ? MALFORMED : WELL_FORMED;
}

static enum verdict family2(const char *body, size_t size)
{
    return family2_at("/tokens", body, size);
}

static enum verdict operators(const char *body, size_t size)
{
    return family2_at("/admin/v1/tenants", body, size);
}

static bool is_object(const char *body)
{
    return body[strspn(body, " \t\r\n")] == '{';
}

static void judge(const char *name, const char *body, size_t size, size_t *counts)
{
    static enum verdict (*const routes[])(const char *, size_t) = {family0, family1, family2, operators};
    for (size_t i = 0; i < 4; i++) {
        enum verdict verdict = routes[i](body, size);
        /* Family 0 says "body" of what is no object too, and refuses duplicates. */
        bool blind = i == 0 && (!is_object(body) || strstr(name, "duplicated") != NULL);
        /* The two y_ files that WIRE.md refuses: U+0000 in a string. */
        blind = blind || strstr(name, "escaped_null") != NULL || strstr(name, "null_escape") != NULL;
        bool wrong = verdict == NEITHER || (name[0] == 'n' && verdict == WELL_FORMED) ||
                     (name[0] == 'y' && verdict == MALFORMED && !blind);
        if (wrong) {
            fail_msg("%s: route %zu says %d", name, i, (int)verdict);
        }
    }
    counts[name[0] == 'n' ? 0 : name[0] == 'y' ? 1 : 2]++;
}

static void test_suite(void **state)
{
    (void)state;
    DIR *folder = opendir(SUITE);
    size_t counts[3] = {0};
    size_t too_large = 0;
    if (folder == NULL) {
        print_message("skipped: no %s\n", SUITE);
        skip();
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        size_t size = 0;
        if (entry->d_name[0] == '.') {
            continue;
        }
        char *body = read_whole_file(text_of("%s/%s", SUITE, entry->d_name), &size);
        assert_non_null(body);
        if (size > HTTP_BODY_MAX_BYTES) {
            too_large++; /* refused before JSON, with 413 */
        } else if (size > 0) {
            judge(entry->d_name, body, size, counts);
        }
        free(body);
    }
    closedir(folder);
    print_message("JSONTestSuite: %zu refused, %zu accepted, %zu either, %zu over the body's limit\n",
                  counts[0], counts[1], counts[2], too_large);
    assert_true(counts[0] >= 180 && counts[1] >= 90 && too_large <= 2);
}

/* ---- naughty strings ---- */

/* A JSON string, by the test's own writer: every byte outside printable ASCII escaped or raw UTF-8. */
static void quote(const char *text, char *out)
{
    *out++ = '"';
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\' || byte < 0x20) {
            out += sprintf(out, "\\u%04x", byte);
        } else {
            *out++ = (char)byte;
        }
    }
    *out++ = '"';
    *out = 0;
}

static void round_trip(const char *text)
{
    static char quoted[12000];
    static char body[12100];
    char id[64];
    size_t count = 0;
    quote(text, quoted);
    sprintf(body, "{\"name\":%s,\"permissions\":[\"VIEW\"]}", quoted);
    struct reply made = SEND(.path = "/tokens", .authorization = appliance.root, .body = body);
    assert_int_equal(utf8_check(bytes_of_string(text), &count), STATUS_OK);
    if (count < 1 || count > 255) {
        assert_int_equal(made.status, 400);
        return;
    }
    assert_int_equal(made.status, 201);
    assert_string_equal(reply_text(&made, "name"), text);
    strcpy(id, reply_text(&made, "id"));
    struct reply got = SEND(.path = text_of("/tokens/%s", id), .authorization = appliance.root);
    assert_string_equal(reply_text(&got, "name"), text);
    sprintf(body, "{\"name\":\"x\",\"expires_in_days\":%s}", quoted);
    struct reply echo =
        SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant, .body = body);
    if (echo.status == 422) {
        assert_string_equal(reply_text(&echo, "detail.0.input"), text);
    }
}

static void test_naughty_strings(void **state)
{
    (void)state;
    char *file = read_whole_file(STRINGS, NULL);
    if (file == NULL) {
        print_message("skipped: no %s\n", STRINGS);
        skip();
    }
    cJSON *strings = read_json(file);
    const cJSON *item;
    size_t count = 0;
    free(file);
    assert_non_null(strings);
    cJSON_ArrayForEach(item, strings)
    {
        if (cJSON_IsString(item) && strlen(item->valuestring) < 2000) {
            round_trip(item->valuestring);
            count++;
        }
    }
    print_message("%zu naughty strings\n", count);
    assert_true(count > 400);
    cJSON_Delete(strings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_naughty_strings),
    };
    return cmocka_run_group_tests_name("api_json", tests, start, NULL);
}
