/*
 * The request parser: a table of requests as they come over the wire, and what is made of them. Each one is fed whole,
 * byte by byte, at every split in two, and byte by byte with compaction; the outcome must be the same. Before each
 * call the bytes move to a fresh block of exactly their size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/request.h"
#include "tests/support/exact.h"

#define H  "Host: a\r\n"
#define TE "Transfer-Encoding: chunked\r\n"

/* An outcome is the refusal's status, "more", or: method path?query version close|keep [body=...] [rest=n], where
 * rest is what follows the request. */
struct http_case {
    const char *input;
    const char *outcome;
};

static const struct http_case good[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep"},
    {"GET /a/b%20c?x=1&y=%zz HTTP/1.1\r\n" H "\r\n", "GET /a/b%20c?x=1&y=%zz 1.1 keep"},
    {"GET /verify?q={\"a\"|^`<>\\} HTTP/1.1\r\n" H "\r\n", "GET /verify?q={\"a\"|^`<>\\} 1.1 keep"},
    {"GET /a? HTTP/1.1\r\n" H "\r\n", "GET /a 1.1 keep"},
    {"GET /a?b?c/d HTTP/1.1\r\n" H "\r\n", "GET /a?b?c/d 1.1 keep"},
    {"GET //a HTTP/1.1\r\n" H "\r\n", "GET //a 1.1 keep"},
    {"HEAD / HTTP/1.1\r\n" H "\r\n", "HEAD / 1.1 keep"},
    {"PUT / HTTP/1.1\r\n" H "\r\n", "PUT / 1.1 keep"},
    {"PATCH / HTTP/1.1\r\n" H "\r\n", "PATCH / 1.1 keep"},
    {"DELETE / HTTP/1.1\r\n" H "\r\n", "DELETE / 1.1 keep"},
    {"TRACE / HTTP/1.1\r\n" H "\r\n", "OTHER / 1.1 keep"},
    {"get / HTTP/1.1\r\n" H "\r\n", "OTHER / 1.1 keep"},
    {"M-SEARCH!#$%&'*+.^_`|~9 / HTTP/1.1\r\n" H "\r\n", "OTHER / 1.1 keep"},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * 1.1 keep"},
    {"OPTIONS https://a HTTP/1.1\r\n" H "\r\n", "OPTIONS * 1.1 keep"},
    {"OPTIONS /a HTTP/1.1\r\n" H "\r\n", "OPTIONS /a 1.1 keep"},
    {"GET https://a.example:8443/b?c HTTP/1.1\r\n" H "\r\n", "GET /b?c 1.1 keep"},
    {"GET HTTPS://[::1]?c HTTP/1.1\r\n" H "\r\n", "GET /?c 1.1 keep"},
    {"GET https://a HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep"},
    {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep"},
    {"GET / HTTP/1.1\r\nhOsT:a\r\n\r\n", "GET / 1.1 keep"},
    {"GET / HTTP/1.1\r\nHost: \t [::1]:8443 \t\r\n\r\n", "GET / 1.1 keep"},
    {"GET / HTTP/1.1\r\n" H "X:\r\nY: \xc3\xa9\xff \t z\r\nX: 2\r\n\r\n", "GET / 1.1 keep"},
    /* versions and connection */
    {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close"},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0 keep"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / 1.0 close"},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET / 1.1 close"},
    {"GET / HTTP/1.1\r\n" H "Connection: x , ,\tCLOSE\r\n\r\n", "GET / 1.1 close"},
    {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", "GET / 1.1 keep"},
    {"GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n\r\n", "GET / 1.1 close"},
    /* bodies by length */
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "POST /a 1.1 keep body=hello"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "POST /a 1.1 keep"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 0000005\r\n\r\nhello", "POST /a 1.1 keep body=hello"},
    {"POST /a HTTP/1.1\r\n" H "\r\n", "POST /a 1.1 keep"},
    {"POST /a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "POST /a 1.0 close body=hello"},
    {"GET /a HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n\r\n", "GET /a 1.1 keep body=\r\n"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello",
     "POST /a 1.1 keep body=hello"},
    {"POST /a HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx", "POST /a 1.0 close body=x"},
    /* pipelining */
    {"GET / HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n", "GET / 1.1 keep rest=17"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nabcd", "POST / 1.1 keep body=ab rest=2"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n2\r\nab\r\n0\r\n\r\ncd", "POST / 1.1 keep body=ab rest=2"},
    /* chunks */
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\n\r\n", "POST / 1.1 keep body="},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
     "POST / 1.1 keep body=hello world"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n00000000000000a\r\n0123456789\r\n000\r\n\r\n",
     "POST / 1.1 keep body=0123456789"},
    {"POST / HTTP/1.1\r\n" H TE "\r\nA\r\n0123456789\r\n0\r\n\r\n", "POST / 1.1 keep body=0123456789"},
    {"POST / HTTP/1.1\r\n" H "transfer-encoding:CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n",
     "POST / 1.1 keep body=x"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n1;a=b;c=\"d e\"\r\nx\r\n0;last\r\n\r\n", "POST / 1.1 keep body=x"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n1 \t;a\r\nx\r\n0\r\n\r\n", "POST / 1.1 keep body=x"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n1\r\nx\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n",
     "POST / 1.1 keep body=x"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n4\r\n\r\n0\r\r\n0\r\n\r\n", "POST / 1.1 keep body=\r\n0\r"},
};

static const struct http_case unfinished[] = {
    {"", "more"},
    {"\r\n", "more"},
    {"GET / HTTP/1.1\r\n" H, "more"},
    {"GET / HTTP/1.1\r\n" H "\r", "more"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhell", "more"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhello\r\n0\r\n\r", "more"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhello\r\n0\r\nA: b\r\n", "more"},
};

static const struct http_case refused[] = {
    /* request lines */
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "400"},
    {"GET /\r\n", "400"}, /* HTTP/0.9 */
    {"GET\r\n", "400"},
    {"GET  / HTTP/1.1\r\n", "400"},
    {"GET /  HTTP/1.1\r\n", "400"},
    {"GET / HTTP/1.1 \r\n", "400"},
    {" GET / HTTP/1.1\r\n", "400"},
    {"GET\t/ HTTP/1.1\r\n", "400"},
    {"GET / a HTTP/1.1\r\n", "400"},
    {"G(T / HTTP/1.1\r\n", "400"},
    {"GET / http/1.1\r\n", "400"},
    {"GET / HTTP/11\r\n", "400"},
    {"GET / HTTP/1.11\r\n", "400"},
    {"GET / HTTP/1,1\r\n", "400"},
    {"GET / HTTP/x.1\r\n", "400"},
    {"GET / HTTPS/1.1\r\n", "400"},
    {"GET / HTTP/1.2\r\n", "505"},
    {"GET / HTTP/0.9\r\n", "505"},
    {"GET / HTTP/2.0\r\n", "505"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
    {"GET /\nHost: a\n\n", "400"},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\r\n", "400"},
    {"GET / HTTP/1.1\rHost: a\r\n", "400"},
    {"\nGET / HTTP/1.1\r\n", "400"},
    {"\x16\x03\x01", "400"}, /* TLS in TLS */
    /* targets */
    {"GET * HTTP/1.1\r\n", "400"},
    {"GET a HTTP/1.1\r\n", "400"},
    {"GET a.example:443 HTTP/1.1\r\n", "400"},
    {"CONNECT a.example:443 HTTP/1.1\r\n", "400"},
    {"GET http://a/ HTTP/1.1\r\n", "400"},
    {"GET ftp://a/ HTTP/1.1\r\n", "400"},
    {"GET https:/a HTTP/1.1\r\n", "400"},
    {"GET https:///a HTTP/1.1\r\n", "400"},
    {"GET https:// HTTP/1.1\r\n", "400"},
    {"GET https://user@a/ HTTP/1.1\r\n", "400"},
    {"GET https://a#b HTTP/1.1\r\n", "400"},
    {"GET ?a HTTP/1.1\r\n", "400"},
    {"GET /a#b HTTP/1.1\r\n", "400"},
    {"GET /a?b#c HTTP/1.1\r\n", "400"},
    {"GET /% HTTP/1.1\r\n", "400"},
    {"GET /%4 HTTP/1.1\r\n", "400"},
    {"GET /%4g HTTP/1.1\r\n", "400"},
    {"GET /a\\b HTTP/1.1\r\n", "400"},
    {"GET /<a> HTTP/1.1\r\n", "400"},
    {"GET /a|b HTTP/1.1\r\n", "400"},
    {"GET /\xc3\xa9 HTTP/1.1\r\n", "400"},
    {"GET /?\xc3\xa9 HTTP/1.1\r\n", "400"},
    {"GET /a\x7f HTTP/1.1\r\n", "400"},
    {"GET /a\tb HTTP/1.1\r\n", "400"},
    /* header lines */
    {"GET / HTTP/1.1\r\n" H "X : y\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X\t: y\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H " X: y\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X: y\r\n z\r\n", "400"}, /* obs-fold */
    {"GET / HTTP/1.1\r\n" H "X: y\r\n\tz\r\n", "400"},
    {"GET / HTTP/1.1\r\n folded: x\r\n" H "\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H ": y\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X(: y\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X\xc3\xa9: y\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X: y\rz\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X: y\nz: 1\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X: \x01\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X: \x7f\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H "X: y\r\n\n", "400"},
    {"GET / HTTP/1.1\r\n" H "\r\r\n", "400"},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" H H "\r\n", "400"},
    {"GET / HTTP/1.0\r\n" H H "\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", "400"},
    {"GET https://a/ HTTP/1.1\r\n\r\n", "400"},
    /* framing, as request smuggling tries it */
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n" TE "\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H TE "Content-Length: 5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H TE "Content-Length: 0\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -0\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: \"5\"\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: \xc2\xb2\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H TE TE "\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H TE "Transfer-Encoding: identity\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     "400"},
    {"POST / HTTP/1.0\r\n" TE "\r\n0\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", "501 / head"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n", "501 / head"},
    /* expectations and sizes */
    {"POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\nContent-Length: 5\r\n\r\n", "417 / head"},
    {"POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nExpect: x\r\n\r\n", "417 / head"},
    {"POST / HTTP/1.1\r\n" H "Expect:\r\n\r\n", "417 / head"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 16385\r\n\r\n", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 18446744073709551615\r\n\r\n", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999999999\r\n\r\n", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H TE "\r\n4001", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H TE "\r\n1\r\nx\r\n4000", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H TE "\r\nffffffffffffffff", "413 /a head"},
    {"POST /a HTTP/1.1\r\n" H TE "\r\n10000000000000005", "413 /a head"},
    /* chunks */
    {"POST / HTTP/1.1\r\n" H TE "\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n 5\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5 \r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n+5\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n-5\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0x5\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5g\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5,\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n;a\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\rhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5;a\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5;a\rb\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5 a\r\nhello", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhelloX", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhello\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhello\r0", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n5\r\nhello\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n00000000000000000\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\n\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\n\rX", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\n A: b\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\nA : b\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\nA\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\nA: b\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\nA: \x01\r\n\r\n", "400 / head"},
    {"POST / HTTP/1.1\r\n" H TE "\r\n0\r\nGET / HTTP/1.1\r\n", "400 / head"},
};

/* ---- feeding ---- */

struct feed {
    struct http_parser parser;
    enum http_parse result;
    uint8_t *data; /* exactly `size` bytes */
    size_t size;
    size_t fed_bytes;
    bool compact;
};

static void feed_start(struct feed *feed, bool compact)
{
    memset(feed, 0, sizeof(*feed));
    memset(&feed->parser, 0xa5, sizeof(feed->parser));
    http_parser_reset(&feed->parser);
    feed->data = exact_copy("", 0);
    feed->compact = compact;
}

static void feed_bytes(struct feed *feed, const uint8_t *bytes, size_t count)
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

static void feed_end(struct feed *feed)
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

static void assert_outcome(const struct feed *feed, struct bytes input, const char *outcome, const char *how)
{
    uint8_t text[256];
    struct buffer described = buffer_over(text, sizeof(text));
    describe(feed, input.size, &described);
    if (!bytes_equal_string(buffer_view(&described), outcome)) {
        fail_msg("%s: wanted '%s', got '%.*s' for: %.*s", how, outcome, (int)described.size,
                 (const char *)text, (int)input.size, (const char *)input.data);
    }
}

/* Pieces of `piece` bytes after a first one of `first` bytes, until the parser has had enough. */
static void feed_pieces(struct feed *feed, struct bytes input, size_t first, size_t piece)
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

static void check_input(struct bytes input, const char *outcome)
{
    struct feed feed;
    for (int compact = 0; compact < 2; compact++) {
        feed_start(&feed, compact == 1);
        feed_pieces(&feed, input, 1, 1);
        assert_outcome(&feed, input, outcome, compact == 1 ? "byte by byte, compact" : "byte by byte");
        feed_end(&feed);
    }
    for (size_t first = 0; first <= input.size; first++) {
        feed_start(&feed, first % 2 == 1);
        feed_pieces(&feed, input, first, input.size);
        assert_outcome(&feed, input, outcome, "in two");
        feed_end(&feed);
    }
}

static void check_cases(const struct http_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_input(bytes_of_string(cases[i].input), cases[i].outcome);
    }
}

static void test_good_requests(void **state)
{
    (void)state;
    check_cases(good, sizeof(good) / sizeof(good[0]));
}

static void test_unfinished_requests(void **state)
{
    (void)state;
    check_cases(unfinished, sizeof(unfinished) / sizeof(unfinished[0]));
}

static void test_refused_requests(void **state)
{
    (void)state;
    check_cases(refused, sizeof(refused) / sizeof(refused[0]));
}

/* Every control byte at every place of a head. */
static void test_control_bytes(void **state)
{
    (void)state;
    static const char head[] = "GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    for (size_t place = 0; place < sizeof(head) - 1; place++) {
        for (unsigned byte = 0; byte < 0x20; byte++) {
            uint8_t text[sizeof(head) - 1];
            memcpy(text, head, sizeof(text));
            if (byte == '\t' || text[place] == byte) {
                continue;
            }
            text[place] = (uint8_t)byte;
            struct feed feed;
            feed_start(&feed, false);
            feed_bytes(&feed, text, sizeof(text));
            assert_int_equal(feed.result, HTTP_PARSE_REFUSED);
            assert_int_equal(feed.parser.refused_status, 400);
            feed_end(&feed);
        }
    }
}

/* ---- limits ---- */

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

/* ---- form data ---- */

static void check_decode(const char *text, bool plus_is_space, const char *expected)
{
    size_t size = strlen(text);
    uint8_t *exact = exact_copy(text, size);
    uint8_t out[64];
    struct buffer buffer = buffer_over(out, sizeof(out));
    enum status status = http_percent_decode(bytes_of(exact, size), plus_is_space, &buffer);
    if (expected == NULL) {
        assert_int_equal(status, STATUS_INVALID);
    } else {
        assert_int_equal(status, STATUS_OK);
        assert_true(bytes_equal_string(buffer_view(&buffer), expected));
    }
    free(exact);
}

static void test_percent_decode(void **state)
{
    (void)state;
    check_decode("", true, "");
    check_decode("a+b%20c%2B%c3%A9", true, "a b c+\xc3\xa9");
    check_decode("a+b", false, "a+b");
    check_decode("%25", false, "%");
    check_decode("%2525", false, "%25");
    check_decode("%", false, NULL);
    check_decode("a%2", false, NULL);
    check_decode("%zz", false, NULL);
    check_decode("%-1", false, NULL);
    check_decode("%+1", true, NULL);
    uint8_t out[3];
    struct buffer buffer = buffer_over(out, 3);
    assert_int_equal(http_percent_decode(BYTES_LITERAL("a%00c"), false, &buffer), STATUS_OK);
    assert_memory_equal(out, "a\0c", 3);
    buffer = buffer_over(out, 3);
    assert_int_equal(http_percent_decode(BYTES_LITERAL("abcd"), false, &buffer), STATUS_TOO_LARGE);
}

static void test_form_pairs(void **state)
{
    (void)state;
    static const char *const expected[][2] = {{"a", "b"}, {"c", ""}, {"d", ""}, {"", "e"}, {"f", "g=h"}};
    struct bytes rest = BYTES_LITERAL("&a=b&c&d=&&=e&f=g=h&");
    struct bytes name;
    struct bytes value;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(http_form_next(&rest, &name, &value));
        assert_true(bytes_equal_string(name, expected[i][0]));
        assert_true(bytes_equal_string(value, expected[i][1]));
    }
    assert_false(http_form_next(&rest, &name, &value));
    rest = bytes_of(NULL, 0);
    assert_false(http_form_next(&rest, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_requests),
        cmocka_unit_test(test_unfinished_requests),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_control_bytes),
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_header_count_limit),
        cmocka_unit_test(test_extension_limit),
        cmocka_unit_test(test_trailer_limit),
        cmocka_unit_test(test_largest_body_by_length),
        cmocka_unit_test(test_small_chunks),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_target_known_when_refused_later),
        cmocka_unit_test(test_outcome_is_final),
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_form_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
