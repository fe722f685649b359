/*
 * What all routes share: paths, methods, request ids, refusals, and the three dialects of failure.
 */
#include "api_harness.h"

static int start(void **state)
{
    (void)state;
    appliance_start();
    return 0;
}

/* ---- paths and methods ---- */

static const struct {
    const char *path;
    const char *allow; /* NULL: there is no such path */
    int family;
} paths[] = {
    {"/action-tokens", "POST, OPTIONS", 0},
    {"/action-tokens/consume", "POST, OPTIONS", 0},
    {"/action-tokens/", NULL, 0},
    {"/action-tokens/x", NULL, 0},
    {"/action-tokensx", NULL, 2},
    {"/api/v1/tokens", "GET, HEAD, POST, OPTIONS", 1},
    {"/api/v1/tokens/x/revoke", "POST, OPTIONS", 1},
    {"/api/v1/tokens/", NULL, 1},
    {"/api/v1/tokens/x", NULL, 1},
    {"/api/v1/tokens//revoke", NULL, 1},
    {"/api/v1/tokens/x/revoke/", NULL, 1},
    {"/api/v1", NULL, 2},
    {"/tokens", "GET, HEAD, POST, OPTIONS", 2},
    {"/tokens/x", "GET, HEAD, DELETE, OPTIONS", 2},
    {"/tokens/x/revoke", "POST, OPTIONS", 2},
    {"/tokens/x/rotate", "POST, OPTIONS", 2},
    {"/tokens/x/y", NULL, 2},
    {"/tokens/", NULL, 2},
    {"/Tokens", NULL, 2},
    {"/%74okens", NULL, 2},
    {"/admin/v1/tenants", "GET, HEAD, POST, OPTIONS", 2},
    {"/admin/v1/tenants/x", "GET, HEAD, PATCH, OPTIONS", 2},
    {"/admin/v1/tenants/x/tokens", "POST, OPTIONS", 2},
    {"/admin/v1/users", "GET, HEAD, POST, OPTIONS", 2},
    {"/admin/v1/users/x", "GET, HEAD, PATCH, DELETE, OPTIONS", 2},
    {"/admin/v1/users/x/tokens", "POST, OPTIONS", 2},
    {"/admin/v1/revocations", "POST, OPTIONS", 2},
    {"/health/alive", "GET, HEAD, OPTIONS", 2},
    {"/health/ready", "GET, HEAD, OPTIONS", 2},
    {"/health/state", "GET, HEAD, OPTIONS", 2},
    {"/oauth/token", "POST, OPTIONS", 2},
    {"/oauth/introspect", "POST, OPTIONS", 2},
    {"/oauth/revoke", "POST, OPTIONS", 2},
    {"/oauth", NULL, 2},
    {"/.well-known/jwks.json", "GET, HEAD, OPTIONS", 2},
    {"/.well-known/oauth-authorization-server", "GET, HEAD, OPTIONS", 2},
    {"/.well-known/", NULL, 2},
    {"/verify", "GET, HEAD, OPTIONS", 2},
    {"/metrics", "GET, HEAD, OPTIONS", 2},
    {"/openapi.json", "GET, HEAD, OPTIONS", 2},
    {"/transfers", NULL, 2},
    {"/", NULL, 2},
    {"//", NULL, 2},
};

static void assert_fault(const struct reply *reply, int family, unsigned status, const char *code,
                         const char *phrase)
{
    if (family == 0) {
        assert_int_equal(reply->status, status);
        assert_string_equal(reply_text(reply, "code"), code);
        assert_true(strlen(reply_text(reply, "message")) > 0);
        assert_null(strstr(reply->body, "\"status\""));
    } else if (family == 1) {
        assert_json(reply, status, text_of("{\"detail\":\"%s\"}", phrase));
    } else {
        char upper[64];
        size_t size = strlen(code);
        for (size_t i = 0; i <= size; i++) {
            upper[i] = (char)(code[i] >= 'a' && code[i] <= 'z' ? code[i] - 32 : code[i]);
        }
        assert_int_equal(reply->status, status);
        assert_string_equal(reply_text(reply, "code"), upper);
        assert_string_equal(reply_text(reply, "status"), text_of("%u", status));
        assert_true(strlen(reply_text(reply, "message")) > 0);
    }
}

/* Asks for no caller, or answers in a dialect of its own. */
static bool is_open(const char *path)
{
    return strncmp(path, "/health", 7) == 0 || strncmp(path, "/oauth", 6) == 0 ||
           strncmp(path, "/.well", 6) == 0 || strcmp(path, "/verify") == 0 ||
           strcmp(path, "/openapi.json") == 0;
}

static void test_methods(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct reply options = SEND(.method = "OPTIONS", .path = paths[i].path);
        if (paths[i].allow == NULL) {
            assert_fault(&options, paths[i].family, 404, "not_found", "Not Found");
        } else {
            assert_int_equal(options.status, 204);
            assert_int_equal(options.body_size, 0);
            assert_string_equal(reply_header(&options, "Allow"), paths[i].allow);
        }
        for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
            struct reply reply = SEND(.method = methods[m], .path = paths[i].path);
            if (paths[i].allow == NULL) {
                assert_fault(&reply, paths[i].family, 404, "not_found", "Not Found");
            } else if (strstr(paths[i].allow, methods[m]) == NULL) {
                assert_fault(&reply, paths[i].family, 405, "method_not_allowed", "Method Not Allowed");
                assert_string_equal(reply_header(&reply, "Allow"), paths[i].allow);
            } else if (is_open(paths[i].path)) {
                assert_in_range(reply.status, 200, 401); /* their own tests know better */
            } else {
                assert_fault(&reply, paths[i].family, 401, "unauthorized", "Not authenticated");
                assert_string_equal(reply_header(&reply, "WWW-Authenticate"),
                                    paths[i].family == 2 ? "Basic realm=\"jeton\"" : "Bearer");
            }
        }
    }
}

static void test_options_of_server(void **state)
{
    (void)state;
    struct reply reply = SEND(.method = "OPTIONS", .path = "*");
    assert_int_equal(reply.status, 204);
    assert_string_equal(reply_header(&reply, "Allow"), "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
}

static void test_head(void **state)
{
    (void)state;
    struct reply get = SEND(.method = "GET", .path = "/tokens", .authorization = appliance.root);
    size_t size = get.body_size;
    struct reply head = SEND(.method = "HEAD", .path = "/tokens", .authorization = appliance.root);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.body_size, size);
}

/* ---- request ids ---- */

static void test_request_ids(void **state)
{
    (void)state;
    struct reply own = SEND(.path = "/health/alive", .extra = "X-Request-Id: a.B-9_\r\n");
    assert_int_equal(own.response->request_id.size, 6);
    assert_memory_equal(own.response->request_id.data, "a.B-9_", 6);
    struct reply none = SEND(.path = "/health/alive");
    assert_int_equal(none.response->request_id.size, 32);
    struct reply bad = SEND(.path = "/health/alive", .extra = "X-Request-Id: a b\r\n");
    assert_int_equal(bad.response->request_id.size, 32);
    struct reply two = SEND(.path = "/health/alive", .extra = "X-Request-Id: a\r\nX-Request-Id: b\r\n");
    assert_int_equal(two.response->request_id.size, 32);
}

/* ---- refusals of the parser ---- */

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int family;
    } groups[] = {{"/action-tokens", 0}, {"/api/v1/tokens", 1}, {"/tokens", 2}};
    for (size_t i = 0; i < 3; i++) {
        struct reply large =
            send_raw(text_of("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n", groups[i].path));
        assert_fault(&large, groups[i].family, 413, "payload_too_large", http_reason(413));
        assert_true(large.response->close);
        struct reply expect =
            send_raw(text_of("POST %s HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", groups[i].path));
        assert_fault(&expect, groups[i].family, 417, "expectation_failed", "Expectation Failed");
        struct reply coding = send_raw(
            text_of("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", groups[i].path));
        assert_fault(&coding, groups[i].family, 501, "not_implemented", "Not Implemented");
        struct reply head = send_raw(text_of("POST %s HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n", groups[i].path,
                                             HTTP_HEAD_MAX_BYTES, 1));
        assert_fault(&head, groups[i].family, 431, "headers_too_large", http_reason(431));
        struct reply framing =
            send_raw(text_of("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                             groups[i].path));
        assert_int_equal(framing.status, 400);
        assert_true(framing.response->close);
    }
    struct reply garbage = send_raw("\x16\x03\x01\r\n\r\n");
    assert_fault(&garbage, 2, 400, "INVALID_INPUT", NULL);
    struct reply version = send_raw("GET / HTTP/2.0\r\nHost: x\r\n\r\n");
    assert_int_equal(version.status, 505);
}

/* ---- content types of families 0 and 2 ---- */

static void test_content_types(void **state)
{
    (void)state;
    char user[4096];
    strcpy(user, make_bearer(make_user("types@example.test", "[]")));
    static const char *const wrong[] = {"text/plain", "application/x-www-form-urlencoded",
                                        "application/jsonx", "", "text/json"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct reply family0 =
            SEND(.path = "/action-tokens", .authorization = user, .type = wrong[i], .body = "{}");
        assert_fault(&family0, 0, 415, "unsupported_media_type", NULL);
        struct reply family2 =
            SEND(.path = "/tokens", .authorization = appliance.root, .type = wrong[i], .body = "{}");
        assert_fault(&family2, 2, 415, "unsupported_media_type", NULL);
        struct reply admin =
            SEND(.path = "/admin/v1/users", .authorization = appliance.root, .type = wrong[i], .body = "{}");
        assert_fault(&admin, 2, 415, "unsupported_media_type", NULL);
    }
    struct reply good =
        SEND(.path = "/tokens", .authorization = appliance.root, .type = "Application/Json; charset=UTF-8",
             .body = "{\"name\":\"x\",\"permissions\":[\"VIEW\"]}");
    assert_int_equal(good.status, 201);
}

/* ---- unavailable ---- */

static void test_unavailable(void **state)
{
    (void)state;
    static uint8_t memory[API_BODY_MAX_BYTES];
    static const struct {
        enum api_family family;
        const char *body;
    } rows[] = {
        {API_FAMILY_0, "{\"code\":\"temporarily_unavailable\",\"message\":"
                       "\"Service is temporarily unavailable; retry with backoff.\"}"},
        {API_FAMILY_1, "{\"detail\":\"Service Unavailable\"}"},
        {API_FAMILY_2, "{\"status\":503,\"code\":\"SERVICE_UNAVAILABLE\",\"message\":"
                       "\"Service is temporarily unavailable; retry with backoff.\"}"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct buffer body = buffer_over(memory, sizeof(memory));
        struct api_answer answer = {.response = {.status = 201, .body = &body}, .family = rows[i].family};
        buffer_append_string(&body, "{\"token\":\"secret\"}");
        strcpy(answer.request_id, "id");
        answer.response.request_id = bytes_of(answer.request_id, 2);
        api_unavailable(&answer);
        assert_int_equal(answer.response.status, 503);
        assert_int_equal(body.size, strlen(rows[i].body));
        assert_memory_equal(body.data, rows[i].body, body.size);
        assert_int_equal(answer.response.request_id.size, 2);
        assert_string_equal(answer.response.headers[0].name, "Retry-After");
    }
}

/* ---- Authorization headers that are none ---- */

static void test_bad_credentials(void **state)
{
    (void)state;
    const char *const bad[] = {
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic OjpC",
        "Bearer",
        "Bearer ",
        "Bearer dz_",
        "Bearer dz_a.b.c",
        "Bearer a.b.c",
        "Digest x",
        "x",
        basic_of(appliance.client_id, ""),
        basic_of(appliance.client_id, "ed0ad25881e234cc28fb2dec0a4fe64e4172"),
        basic_of("", appliance.client_secret),
        basic_of("00000000000000000000000000000000", appliance.client_secret),
        text_of("Bearer %s", appliance.client_secret),
        text_of("Basic %s:%s", appliance.client_id, appliance.client_secret),
        text_of("%s=", appliance.root),
        text_of("%s %s", appliance.root, appliance.root + 6),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply reply = SEND(.path = "/tokens", .authorization = bad[i]);
        if (reply.status != 401) {
            fail_msg("%s: %u", bad[i], reply.status);
        }
    }
    struct reply twice = SEND(.path = "/tokens", .authorization = appliance.root,
                              .extra = text_of("Authorization: %s\r\n", appliance.root));
    assert_int_equal(twice.status, 401);
    struct reply once = SEND(.path = "/tokens", .authorization = appliance.root);
    assert_int_equal(once.status, 200);
}

/* ---- health ---- */

static void test_health(void **state)
{
    (void)state;
    struct reply alive = SEND(.path = "/health/alive");
    assert_json(&alive, 200, "{\"state\":\"alive\"}");
    struct reply ready = SEND(.path = "/health/ready");
    assert_json(&ready, 200, "{\"state\":\"operational\"}");
    struct reply health = SEND(.path = "/health/state");
    assert_json(&health, 200, "{\"state\":\"operational\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),     cmocka_unit_test(test_options_of_server),
        cmocka_unit_test(test_head),        cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_unavailable), cmocka_unit_test(test_bad_credentials),
        cmocka_unit_test(test_health),
    };
    return cmocka_run_group_tests_name("api_dispatch", tests, start, NULL);
}
