/*
 * Responses of upstreams: every row whole, byte by byte, and cut anywhere; both sides of each limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/reply.h"

#define BODY_MAX 64

static struct http_reply_parser parser;
static struct buffer body;

/* Fed in pieces of `step` bytes, each in memory of its own size. The bytes left over are counted in *rest. */
static enum http_reply feed(struct bytes text, size_t step, bool ends, size_t *rest)
{
    static uint8_t memory[BODY_MAX];
    enum http_reply result = HTTP_REPLY_MORE;
    body = buffer_over(memory, sizeof memory);
    http_reply_reset(&parser, &body);
    assert_false(http_reply_begun(&parser));
    while (text.size > 0 && result == HTTP_REPLY_MORE) {
        struct bytes part = bytes_slice(text, 0, step);
        uint8_t *copy = malloc(part.size);
        memcpy(copy, part.data, part.size);
        struct bytes piece = bytes_of(copy, part.size);
        result = http_reply_feed(&parser, &piece);
        assert_true(http_reply_begun(&parser));
        text = bytes_slice(text, part.size - piece.size, text.size);
        assert_true(piece.size == 0 || result != HTTP_REPLY_MORE);
        free(copy);
    }
    *rest = text.size;
    return ends && result == HTTP_REPLY_MORE ? http_reply_end(&parser) : result;
}

struct row {
    const char *text;
    enum http_reply result; /* when the connection ends after it */
    unsigned status;
    const char *body;
    const char *type;
    bool keep_alive;
    size_t rest;
};

#define OK_(...) HTTP_REPLY_COMPLETE, __VA_ARGS__
#define NO       HTTP_REPLY_REFUSED, 0, NULL, NULL, false, 0
#define HEAD     "HTTP/1.1 200 OK\r\n"

static const struct row rows[] = {
    {HEAD "Content-Length: 2\r\n\r\n{}", OK_(200, "{}", "", true, 0)},
    {HEAD "Content-Length: 2\r\n\r\n{}more", OK_(200, "{}", "", true, 4)},
    {HEAD "Content-Length: 0\r\n\r\n", OK_(200, "", "", true, 0)},
    {HEAD "content-length:\t2 \r\nCONTENT-TYPE: a/b; c=d \r\n\r\n[]", OK_(200, "[]", "a/b; c=d", true, 0)},
    {HEAD "Content-Type: a\r\nContent-Type: b\r\nContent-Length: 0\r\n\r\n", OK_(200, "", "a", true, 0)},
    {HEAD "Content-Type: a\tb\r\nContent-Length: 0\r\n\r\n", OK_(200, "", "", true, 0)},
    {HEAD "Connection: x, Close\r\nContent-Length: 0\r\n\r\n", OK_(200, "", "", false, 0)},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", OK_(200, "x", "", false, 0)},
    {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", OK_(404, "", "", true, 0)},
    {"HTTP/1.1 599 \xc3\xa9 ok\r\nContent-Length: 0\r\n\r\n", OK_(599, "", "", true, 0)},
    {HEAD "\r\nto the end", OK_(200, "to the end", "", false, 0)},
    {HEAD "\r\n", OK_(200, "", "", false, 0)},
    {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", OK_(204, "", "", true, 0)},
    {"HTTP/1.1 204 No\r\n\r\n", OK_(204, "", "", true, 0)},
    {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", OK_(304, "", "", true, 0)},
    {HEAD "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n02;x=\"y\"\r\nbc\r\n0\r\n\r\n",
     OK_(200, "abc", "", true, 0)},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nC:\r\n\r\nnext", OK_(200, "", "", true, 4)},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\nConnection: close\r\nContent-Length: 1\r\n\r\n" HEAD
     "Content-Length: 1\r\n\r\ny",
     OK_(200, "y", "", true, 0)},

    {"", NO},
    {"\r\n" HEAD "Content-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 200 OK\r\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 200 OK\rx\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 2\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 101 OK\r\n\r\n" HEAD "Content-Length: 0\r\n\r\n", NO},
    {"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NO},
    {"SSH-2.0-OpenSSH_9.2\r\n", NO},
    {HEAD "Content-Length: 2\r\n\r\n{", NO},
    {HEAD "Content-Length: 2\r\n", NO},
    {HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", NO},
    {HEAD "Content-Length: 2, 2\r\n\r\n{}", NO},
    {HEAD "Content-Length: +2\r\n\r\n{}", NO},
    {HEAD "Content-Length: -2\r\n\r\n{}", NO},
    {HEAD "Content-Length: \r\n\r\n", NO},
    {HEAD "Content-Length: 0x2\r\n\r\n{}", NO},
    {HEAD "Content-Length: 18446744073709551616\r\n\r\n{}", NO},
    {HEAD "Content-Length: 65\r\n\r\n", NO},
    {HEAD "Content-Length : 2\r\n\r\n{}", NO},
    {HEAD " folded\r\n\r\n", NO},
    {HEAD "A: b\r\n folded\r\n\r\n", NO},
    {HEAD ": b\r\n\r\n", NO},
    {HEAD "no colon\r\n\r\n", NO},
    {HEAD "A: \x01\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", NO},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\nx\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1 x\r\na\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1;\x01\r\na\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n000000001\r\na\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\nffffffff\r\na\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n41\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n40\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n", NO},
    {HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n a: b\r\n\r\n", NO},
};

static void check(const struct row *row, size_t step)
{
    size_t rest;
    enum http_reply result = feed(bytes_of_string(row->text), step, true, &rest);
    if (result != row->result) {
        print_error("%s\n", row->text);
    }
    assert_int_equal(result, row->result);
    if (result != HTTP_REPLY_COMPLETE) {
        return;
    }
    assert_int_equal(parser.status, row->status);
    assert_true(bytes_equal_string(buffer_view(&body), row->body));
    assert_true(bytes_equal_string(bytes_of(parser.type, parser.type_size), row->type));
    assert_int_equal(parser.keep_alive, row->keep_alive);
    assert_int_equal(rest, row->rest);
}

static void rows_in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t step = 1; step <= strlen(rows[i].text) + 1; step++) {
            check(&rows[i], step);
        }
    }
}

/* Everything that is cut short is not complete, however it ends. */
static void a_cut_answer_is_none(void **state)
{
    (void)state;
    const char *texts[] = {HEAD "Content-Type: a/b\r\nContent-Length: 5\r\n\r\nhello",
                           HEAD "Transfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nA: b\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        for (size_t size = 0; size < strlen(texts[i]); size++) {
            size_t rest;
            assert_int_equal(feed(bytes_of(texts[i], size), 1000, false, &rest), HTTP_REPLY_MORE);
            assert_int_equal(http_reply_end(&parser), HTTP_REPLY_REFUSED);
        }
    }
}

/* `count` times `part` between two texts. */
static enum http_reply feed_many(const char *head, const char *part, size_t count, const char *tail)
{
    static char text[4 * HTTP_HEAD_MAX_BYTES];
    size_t rest;
    char *end = text + sprintf(text, "%s", head);
    while (count-- > 0) {
        end += sprintf(end, "%s", part);
    }
    end += sprintf(end, "%s", tail);
    assert_true((size_t)(end - text) < sizeof text);
    return feed(bytes_of(text, (size_t)(end - text)), 1000, true, &rest);
}

static void limits_from_both_sides(void **state)
{
    (void)state;
    const char *empty = "Content-Length: 0\r\n\r\n";
    assert_int_equal(feed_many(HEAD, "A: b\r\n", HTTP_HEADERS_MAX - 1, empty), HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(HEAD, "A: b\r\n", HTTP_HEADERS_MAX, empty), HTTP_REPLY_REFUSED);
    size_t other_bytes = strlen(HEAD "A: \r\n") + strlen(empty);
    size_t room = HTTP_HEAD_MAX_BYTES - other_bytes;
    assert_int_equal(feed_many(HEAD "A: ", "x", room, "\r\nContent-Length: 0\r\n\r\n"), HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(HEAD "A: ", "x", room + 1, "\r\nContent-Length: 0\r\n\r\n"),
                     HTTP_REPLY_REFUSED);
    assert_int_equal(feed_many("", "HTTP/1.1 100 C\r\n\r\n", 100, HEAD "Content-Length: 0\r\n\r\n"),
                     HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many("", "HTTP/1.1 100 C\r\n\r\n", 1000, HEAD "Content-Length: 0\r\n\r\n"),
                     HTTP_REPLY_REFUSED);
    assert_int_equal(
        feed_many(HEAD "Content-Type: ", "x", HTTP_TYPE_MAX_BYTES, "\r\nContent-Length: 0\r\n\r\n"),
        HTTP_REPLY_COMPLETE);
    assert_int_equal(parser.type_size, HTTP_TYPE_MAX_BYTES);
    assert_int_equal(
        feed_many(HEAD "Content-Type: ", "x", HTTP_TYPE_MAX_BYTES + 1, "\r\nContent-Length: 0\r\n\r\n"),
        HTTP_REPLY_COMPLETE);
    assert_int_equal(parser.type_size, 0);
    assert_int_equal(feed_many(HEAD "Content-Length: 64\r\n\r\n", "x", 64, ""), HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(HEAD "\r\n", "x", 64, ""), HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(HEAD "\r\n", "x", 65, ""), HTTP_REPLY_REFUSED);
    const char *chunked = HEAD "Transfer-Encoding: chunked\r\n\r\n";
    assert_int_equal(feed_many(chunked, "1\r\nx\r\n", 64, "0\r\n\r\n"), HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(chunked, "1\r\nx\r\n", 65, "0\r\n\r\n"), HTTP_REPLY_REFUSED);
    assert_int_equal(feed_many(HEAD "Transfer-Encoding: chunked\r\n\r\n0;", "x", 255, "\r\n\r\n"),
                     HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(HEAD "Transfer-Encoding: chunked\r\n\r\n0;", "x", 256, "\r\n\r\n"),
                     HTTP_REPLY_REFUSED);
    assert_int_equal(feed_many(HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 170, "\r\n"),
                     HTTP_REPLY_COMPLETE);
    assert_int_equal(feed_many(HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 171, "\r\n"),
                     HTTP_REPLY_REFUSED);
}

/* A NUL is in no line; bytes of a body may be anything. */
static void any_bytes_in_bodies_only(void **state)
{
    (void)state;
    size_t rest;
    assert_int_equal(feed(BYTES_LITERAL(HEAD "A: \0\r\n\r\n"), 7, true, &rest), HTTP_REPLY_REFUSED);
    assert_int_equal(feed(BYTES_LITERAL("HTTP/1.1 200 \0\r\n\r\n"), 7, true, &rest), HTTP_REPLY_REFUSED);
    assert_int_equal(feed(BYTES_LITERAL(HEAD "Content-Length: 4\r\n\r\n\r\n\0\xff"), 7, true, &rest),
                     HTTP_REPLY_COMPLETE);
    assert_memory_equal(body.data, "\r\n\0\xff", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_pieces),
        cmocka_unit_test(a_cut_answer_is_none),
        cmocka_unit_test(limits_from_both_sides),
        cmocka_unit_test(any_bytes_in_bodies_only),
    };
    return cmocka_run_group_tests_name("http_reply", tests, NULL, NULL);
}
