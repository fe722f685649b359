/*
 * The request parser's limits, each from both sides, and what a result says beside the request itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/request.h"
#include "tests/support/http_feed.h"

#define H  "Host: a\r\n"
#define TE "Transfer-Encoding: chunked\r\n"

static uint8_t big[80 * 1024];

static struct bytes big_view(const struct buffer *buffer)
{
    assert_false(buffer_failed(buffer));
    return buffer_view(buffer);
}

static void append_times(struct buffer *buffer, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(buffer, text);
    }
}

/* Like check_input for long inputs: not at every split. */
static void check_big(struct bytes input, const char *outcome)
{
    static const size_t firsts[] = {0, 1, 20, 8190, 8191, 8192, 8193, 10000};
    struct feed feed;
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        feed_start(&feed, i % 2 == 0);
        feed_pieces(&feed, input, firsts[i], i < 4 ? input.size : 997);
        assert_outcome(&feed, input, outcome, "big");
        feed_end(&feed);
    }
}

static void check_head_of(size_t head_bytes, const char *outcome, const char *before)
{
    static const char front[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, before);
    buffer_append_string(&buffer, front);
    append_times(&buffer, "x", head_bytes - strlen(before) - strlen(front) - 4);
    buffer_append_string(&buffer, "\r\n\r\n");
    assert_int_equal(buffer.size, head_bytes);
    check_big(big_view(&buffer), outcome);
}

static void test_head_limit(void **state)
{
    (void)state;
    check_head_of(HTTP_HEAD_MAX_BYTES, "GET / 1.1 keep", "");
    check_head_of(HTTP_HEAD_MAX_BYTES + 1, "431", "");
    check_head_of(HTTP_HEAD_MAX_BYTES, "GET / 1.1 keep", "\r\n");
    check_head_of(HTTP_HEAD_MAX_BYTES + 1, "431", "\r\n");

    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "GET /");
    append_times(&buffer, "a", 9000);
    check_big(big_view(&buffer), "431");
}

static void check_header_count(size_t count, const char *outcome)
{
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "GET / HTTP/1.1\r\n" H);
    append_times(&buffer, "x: y\r\n", count - 1);
    buffer_append_string(&buffer, "\r\n");
    check_big(big_view(&buffer), outcome);
}

static void test_header_count_limit(void **state)
{
    (void)state;
    check_header_count(HTTP_HEADERS_MAX, "GET / 1.1 keep");
    check_header_count(HTTP_HEADERS_MAX + 1, "431");
}

/* The last header is found, and nothing is looked for beyond it. */
static void test_lookup_among_most_headers(void **state)
{
    (void)state;
    struct feed feed;
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "GET / HTTP/1.1\r\n" H);
    append_times(&buffer, "x: y\r\n", HTTP_HEADERS_MAX - 2);
    buffer_append_string(&buffer, "last: z\r\n\r\n");
    feed_start(&feed, false);
    feed_pieces(&feed, big_view(&buffer), 100, 100);
    assert_int_equal(feed.result, HTTP_PARSE_COMPLETE);
    size_t count = 0;
    assert_true(bytes_equal_string(http_request_header(&feed.parser.request, "last", NULL), "z"));
    assert_null(http_request_header(&feed.parser.request, "none", &count).data);
    assert_int_equal(count, 0);
    (void)http_request_header(&feed.parser.request, "x", &count);
    assert_int_equal(count, HTTP_HEADERS_MAX - 2);
    feed_end(&feed);
}

static void check_extension_of(size_t first, size_t second, const char *outcome)
{
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "POST / HTTP/1.1\r\n" H TE "\r\n1;");
    append_times(&buffer, "x", first - 1);
    buffer_append_string(&buffer, "\r\na\r\n0;");
    append_times(&buffer, "x", second - 1);
    buffer_append_string(&buffer, "\r\n\r\n");
    check_big(big_view(&buffer), outcome);
}

static void test_extension_limit(void **state)
{
    (void)state;
    check_extension_of(HTTP_CHUNK_EXTENSION_MAX_BYTES - 100, 100, "POST / 1.1 keep body=a");
    check_extension_of(HTTP_CHUNK_EXTENSION_MAX_BYTES - 100, 101, "400 / head");
    check_extension_of(HTTP_CHUNK_EXTENSION_MAX_BYTES + 1, 1, "400 / head");
}

static void check_trailers_of(size_t size, const char *outcome)
{
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "POST / HTTP/1.1\r\n" H TE "\r\n1\r\na\r\n0\r\nx: ");
    append_times(&buffer, "y", size - strlen("x: \r\n\r\n"));
    buffer_append_string(&buffer, "\r\n\r\n");
    check_big(big_view(&buffer), outcome);
}

static void test_trailer_limit(void **state)
{
    (void)state;
    check_trailers_of(HTTP_TRAILER_MAX_BYTES, "POST / 1.1 keep body=a");
    check_trailers_of(HTTP_TRAILER_MAX_BYTES + 1, "431 / head");
}

static void test_largest_body_by_length(void **state)
{
    (void)state;
    struct buffer buffer = buffer_over(big, sizeof(big));
    buffer_append_string(&buffer, "POST / HTTP/1.1\r\n" H "Content-Length: ");
    buffer_append_u64(&buffer, HTTP_BODY_MAX_BYTES);
    buffer_append_string(&buffer, "\r\n\r\n");
    append_times(&buffer, "b", HTTP_BODY_MAX_BYTES);
    struct feed feed;
    feed_start(&feed, false);
    feed_pieces(&feed, big_view(&buffer), 100, 1000);
    assert_int_equal(feed.result, HTTP_PARSE_COMPLETE);
    assert_int_equal(feed.parser.request.body.size, HTTP_BODY_MAX_BYTES);
    assert_int_equal(feed.parser.consumed_bytes, buffer.size);
    feed_end(&feed);
}

/* One-byte chunks: the worst case for the buffer, which compaction keeps within head and body. */
static void check_small_chunks(size_t chunks, bool fits)
{
    struct feed feed;
    static const char head[] = "POST / HTTP/1.1\r\n" H TE "\r\n";
    size_t largest = 0;
    feed_start(&feed, true);
    feed_bytes(&feed, (const uint8_t *)head, strlen(head));
    for (size_t i = 0; i < chunks; i++) {
        const uint8_t chunk[] = {'1', '\r', '\n', (uint8_t)('a' + i % 26), '\r', '\n'};
        feed_bytes(&feed, chunk, sizeof(chunk));
        largest = feed.size > largest ? feed.size : largest;
        if (feed.result != HTTP_PARSE_MORE) {
            break;
        }
    }
    assert_true(largest <= strlen(head) + HTTP_BODY_MAX_BYTES + 6);
    if (fits) {
        feed_bytes(&feed, (const uint8_t *)"0\r\n\r\n", 5);
        assert_int_equal(feed.result, HTTP_PARSE_COMPLETE);
        assert_int_equal(feed.parser.request.body.size, chunks);
        for (size_t i = 0; i < chunks; i++) {
            assert_int_equal(feed.parser.request.body.data[i], 'a' + i % 26);
        }
    } else {
        assert_int_equal(feed.result, HTTP_PARSE_REFUSED);
        assert_int_equal(feed.parser.refused_status, 413);
    }
    feed_end(&feed);
}

static void test_small_chunks(void **state)
{
    (void)state;
    check_small_chunks(HTTP_BODY_MAX_BYTES, true);
    check_small_chunks(HTTP_BODY_MAX_BYTES + 1, false);
}

/* ---- what else the result says ---- */

static void test_expect_continue(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    struct feed feed;
    feed_start(&feed, false);
    feed_bytes(&feed, (const uint8_t *)head, strlen(head) - 1);
    assert_false(feed.parser.request.expect_continue);
    feed_bytes(&feed, (const uint8_t *)"\n", 1);
    assert_int_equal(feed.result, HTTP_PARSE_MORE);
    assert_true(feed.parser.request.expect_continue);
    feed_bytes(&feed, (const uint8_t *)"a", 1);
    assert_false(feed.parser.request.expect_continue);
    feed_bytes(&feed, (const uint8_t *)"b", 1);
    assert_int_equal(feed.result, HTTP_PARSE_COMPLETE);
    assert_false(feed.parser.request.expect_continue);
    feed_end(&feed);
}

static void test_headers(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\n" H "X-One:  a b \r\nx-two:\r\nX-ONE: c\r\n\r\n";
    struct feed feed;
    size_t count = 9;
    feed_start(&feed, false);
    feed_pieces(&feed, bytes_of_string(text), 1, 1);
    assert_int_equal(feed.result, HTTP_PARSE_COMPLETE);
    const struct http_request *request = &feed.parser.request;
    assert_int_equal(request->header_count, 4);
    assert_true(bytes_equal_string(request->headers[1].name, "X-One"));
    assert_true(bytes_equal_string(http_request_header(request, "x-one", &count), "a b"));
    assert_int_equal(count, 2);
    struct bytes empty = http_request_header(request, "X-Two", &count);
    assert_int_equal(count, 1);
    assert_int_equal(empty.size, 0);
    assert_non_null(empty.data);
    assert_null(http_request_header(request, "x-three", &count).data);
    assert_int_equal(count, 0);
    assert_true(bytes_equal_string(http_request_header(request, "host", NULL), "a"));
    feed_end(&feed);
}

/* The path is known as soon as the request line was good: the shape of the error depends on it. */
static void test_target_known_when_refused_later(void **state)
{
    (void)state;
    struct feed feed;
    feed_start(&feed, false);
    feed_pieces(&feed, BYTES_LITERAL("POST /tokens?a HTTP/1.1\r\nbad header\r\n"), 7, 100);
    assert_int_equal(feed.result, HTTP_PARSE_REFUSED);
    assert_true(feed.parser.target_known);
    assert_false(feed.parser.head_complete);
    assert_true(bytes_equal_string(feed.parser.request.path, "/tokens"));
    feed_end(&feed);
    feed_start(&feed, false);
    feed_pieces(&feed, BYTES_LITERAL("POST /to|kens HTTP/1.1\r\n"), 7, 100);
    assert_int_equal(feed.result, HTTP_PARSE_REFUSED);
    assert_false(feed.parser.target_known);
    feed_end(&feed);
}

static void test_outcome_is_final(void **state)
{
    (void)state;
    struct feed feed;
    feed_start(&feed, false);
    feed_pieces(&feed, BYTES_LITERAL("GET /a HTTP/1.1\r\n" H "\r\n"), 100, 100);
    feed_bytes(&feed, (const uint8_t *)"garbage\n", 8);
    assert_int_equal(feed.result, HTTP_PARSE_COMPLETE);
    assert_int_equal(feed.parser.consumed_bytes, feed.size - 8);
    assert_true(bytes_equal_string(feed.parser.request.path, "/a"));
    feed_end(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_header_count_limit),
        cmocka_unit_test(test_lookup_among_most_headers),
        cmocka_unit_test(test_extension_limit),
        cmocka_unit_test(test_trailer_limit),
        cmocka_unit_test(test_largest_body_by_length),
        cmocka_unit_test(test_small_chunks),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_target_known_when_refused_later),
        cmocka_unit_test(test_outcome_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
