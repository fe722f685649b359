/*
 * The request parser: a table of requests as they come over the wire, and what is made of them. Each one is fed whole,
 * byte by byte, at every split in two, and byte by byte with compaction; the outcome must be the same.
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

/* Outcomes are in the words of assert_outcome. */
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
    {"azAZ09 /azAZ09-._~!$&'()*+,;=:@%aF%09 HTTP/1.1\r\nHost: azAZ09-._~[]:%!$&'()*+,;=\r\nazAZ09: "
     "\x80\xff\r\n\r\n",
     "OTHER /azAZ09-._~!$&'()*+,;=:@%aF%09 1.1 keep"},
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
    {"GET / HTTP/1.x\r\n", "400"},
    {"GET / HTTP/1./\r\n", "400"},
    {"GET / HTTP/:.1\r\n", "400"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_requests),
        cmocka_unit_test(test_unfinished_requests),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_control_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
