/*
 * Response heads, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/response.h"

#define NOW_S INT64_C(1777629600)

static uint8_t out_memory[2048];

static void assert_head(const struct http_response *response, bool keep_alive_1_0, const char *expected)
{
    struct buffer out = buffer_over(out_memory, sizeof(out_memory));
    http_response_write_head(response, NOW_S, keep_alive_1_0, &out);
    assert_false(buffer_failed(&out));
    assert_int_equal(out.size, strlen(expected));
    assert_memory_equal(out.data, expected, out.size);
}

static void test_full_head(void **state)
{
    (void)state;
    uint8_t memory[16];
    struct buffer body = buffer_over(memory, sizeof(memory));
    buffer_append_string(&body, "{\"a\":1}");
    struct http_response response = {
        .status = 201, .content_type = "application/json", .body = &body, .request_id = BYTES_LITERAL("r-1")};
    http_response_header(&response, "Location", BYTES_LITERAL("/tokens/1"));
    http_response_header(&response, "X-Empty", BYTES_LITERAL(""));
    assert_head(&response, false,
                "HTTP/1.1 201 Created\r\n"
                "Date: Fri, 01 May 2026 10:00:00 GMT\r\n"
                "Content-Type: application/json\r\n"
                "Content-Length: 7\r\n"
                "Cache-Control: no-store\r\n"
                "X-Request-Id: r-1\r\n"
                "Strict-Transport-Security: max-age=31536000\r\n"
                "Location: /tokens/1\r\n"
                "X-Empty: \r\n"
                "\r\n");
}

static void test_connection(void **state)
{
    (void)state;
    struct http_response response = {.status = 503, .request_id = BYTES_LITERAL("r"), .close = true};
    assert_head(&response, true,
                "HTTP/1.1 503 Service Unavailable\r\n"
                "Date: Fri, 01 May 2026 10:00:00 GMT\r\n"
                "Content-Length: 0\r\n"
                "Connection: close\r\n"
                "Cache-Control: no-store\r\n"
                "X-Request-Id: r\r\n"
                "Strict-Transport-Security: max-age=31536000\r\n"
                "\r\n");
    response.close = false;
    response.status = 204;
    assert_head(&response, true,
                "HTTP/1.1 204 No Content\r\n"
                "Date: Fri, 01 May 2026 10:00:00 GMT\r\n"
                "Connection: keep-alive\r\n"
                "Cache-Control: no-store\r\n"
                "X-Request-Id: r\r\n"
                "Strict-Transport-Security: max-age=31536000\r\n"
                "\r\n");
}

static void test_small_buffer_fails(void **state)
{
    (void)state;
    struct http_response response = {.status = 200, .request_id = BYTES_LITERAL("r")};
    struct buffer out = buffer_over(out_memory, sizeof(out_memory));
    http_response_write_head(&response, NOW_S, false, &out);
    size_t size = out.size;
    out = buffer_over(out_memory, size);
    http_response_write_head(&response, NOW_S, false, &out);
    assert_false(buffer_failed(&out));
    out = buffer_over(out_memory, size - 1);
    http_response_write_head(&response, NOW_S, false, &out);
    assert_true(buffer_failed(&out));
}

static void test_reasons(void **state)
{
    (void)state;
    static const uint16_t sent[] = {200, 201, 204, 400, 401, 403, 404, 405, 408, 409, 413,
                                    415, 417, 422, 429, 431, 500, 501, 502, 503, 505};
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        assert_string_not_equal(http_reason(sent[i]), "Unknown");
    }
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(299), "Unknown");
}

static void test_request_ids(void **state)
{
    (void)state;
    uint8_t longest[HTTP_REQUEST_ID_MAX_BYTES + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(http_request_id_valid(BYTES_LITERAL("a")));
    assert_true(http_request_id_valid(BYTES_LITERAL("AZaz09._-")));
    assert_true(http_request_id_valid(bytes_of(longest, HTTP_REQUEST_ID_MAX_BYTES)));
    assert_false(http_request_id_valid(bytes_of(longest, HTTP_REQUEST_ID_MAX_BYTES + 1)));
    assert_false(http_request_id_valid(BYTES_LITERAL("")));
    assert_false(http_request_id_valid(bytes_of(NULL, 0)));
    static const char *const refused[] = {"a b",       "a:b", "a/b", "a,b", "a\"b", "a\xc3\xa9",
                                          "a\r\nX: y", "[",   "@",   "`",   "{"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_false(http_request_id_valid(bytes_of_string(refused[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_head),          cmocka_unit_test(test_connection),
        cmocka_unit_test(test_small_buffer_fails), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_request_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
