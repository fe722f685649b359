/*
 * Feeding the request parser in tests.
 */
#include "tests/support/http_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/exact.h"

void feed_start(struct feed *feed, bool compact)
{
    memset(feed, 0, sizeof(*feed));
    memset(&feed->parser, 0xa5, sizeof(feed->parser));
    http_parser_reset(&feed->parser);
    feed->data = exact_copy("", 0);
    feed->compact = compact;
}

void feed_bytes(struct feed *feed, const uint8_t *bytes, size_t count)
{
    uint8_t *moved = malloc(feed->size + count);
    memcpy(moved, feed->data, feed->size);
    if (count > 0) {
        memcpy(moved + feed->size, bytes, count);
    }
    free(feed->data);
    feed->data = moved;
    feed->size += count;
    feed->fed_bytes += count;
    feed->result = http_request_parse(&feed->parser, feed->data, feed->size);
    if (feed->compact && feed->result == HTTP_PARSE_MORE) {
        size_t size = http_parser_compact(&feed->parser);
        assert_true(size <= feed->size);
        feed->size = size;
    }
}

void feed_end(struct feed *feed)
{
    free(feed->data);
    feed->data = NULL;
}

/* ---- outcomes ---- */

static const char *const method_names[] = {"GET",   "HEAD",   "POST",    "PUT",
                                           "PATCH", "DELETE", "OPTIONS", "OTHER"};

static void describe_request(const struct feed *feed, size_t input_size, struct buffer *out)
{
    const struct http_request *request = &feed->parser.request;
    buffer_append_string(out, method_names[request->method]);
    buffer_append_byte(out, ' ');
    buffer_append(out, request->path);
    if (request->query.size > 0) {
        buffer_append_byte(out, '?');
        buffer_append(out, request->query);
    }
    buffer_append_string(out, request->is_http_1_0 ? " 1.0" : " 1.1");
    buffer_append_string(out, request->keep_alive ? " keep" : " close");
    if (request->has_body) {
        buffer_append_string(out, " body=");
        buffer_append(out, request->body);
    }
    /* With compaction the request is shorter than what came; what follows it is not. */
    size_t rest = feed->size - feed->parser.consumed_bytes + (input_size - feed->fed_bytes);
    if (rest > 0) {
        buffer_append_string(out, " rest=");
        buffer_append_u64(out, rest);
    }
    assert_true(feed->parser.head_complete && feed->parser.target_known);
}

static void describe(const struct feed *feed, size_t input_size, struct buffer *out)
{
    if (feed->result == HTTP_PARSE_MORE) {
        buffer_append_string(out, "more");
    } else if (feed->result == HTTP_PARSE_COMPLETE) {
        describe_request(feed, input_size, out);
    } else {
        buffer_append_u64(out, feed->parser.refused_status);
        if (feed->parser.head_complete) {
            buffer_append_byte(out, ' ');
            buffer_append(out, feed->parser.request.path);
            buffer_append_string(out, " head");
        }
    }
}

void assert_outcome(const struct feed *feed, struct bytes input, const char *outcome, const char *how)
{
    uint8_t text[256];
    struct buffer described = buffer_over(text, sizeof(text));
    describe(feed, input.size, &described);
    if (!bytes_equal_string(buffer_view(&described), outcome)) {
        fail_msg("%s: wanted '%s', got '%.*s' for: %.*s", how, outcome, (int)described.size,
                 (const char *)text, (int)input.size, (const char *)input.data);
    }
}

void feed_pieces(struct feed *feed, struct bytes input, size_t first, size_t piece)
{
    size_t offset = 0;
    size_t count = first;
    do {
        struct bytes part = bytes_slice(input, offset, count);
        feed_bytes(feed, part.data, part.size);
        offset += part.size;
        count = piece;
    } while (offset < input.size && feed->result == HTTP_PARSE_MORE);
}
