/*
 * A strict, resumable HTTP/1.1 request parser (RFC 9112, RFC 9110). Pure: no I/O, no allocation, no time.
 *
 * The caller keeps the bytes of one request, from its first byte, in one contiguous buffer and calls
 * http_request_parse again whenever more arrived; the parser remembers how far it came, so that each byte is looked
 * at once (however the bytes are split). Chunked bodies are decoded in place. Views in the result point into the
 * caller's buffer and live as long as it.
 *
 * Refused, with the status to answer, and the connection to be closed after it: both Content-Length and
 * Transfer-Encoding, repeated or signed or non-digit lengths, bare LF or CR, obs-fold, space before the colon, NUL or
 * other control bytes, bad method or header tokens, a target that is neither origin-form nor `*` for OPTIONS nor
 * absolute-form https, no or several Host in 1.1, an unknown Transfer-Encoding (501), unknown Expect (417), HTTP
 * versions other than 1.0 and 1.1 (505), chunk extensions over the limit, trailers over the limit.
 *
 * Limits (limits.h): head <= HTTP_HEAD_MAX_BYTES (8192; 431), body <= HTTP_BODY_MAX_BYTES (16384; 413), headers <=
 * HTTP_HEADERS_MAX. Empty lines before a request line are skipped (RFC 9112 2.2), at most 2.
 */
#ifndef JETON_HTTP_REQUEST_H
#define JETON_HTTP_REQUEST_H

#include "base/bytes.h"
#include "limits.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER /* a valid token that we do not serve */
};

struct http_header {
    struct bytes name;
    struct bytes value; /* without surrounding OWS */
};

struct http_request {
    enum http_method method;
    struct bytes path;  /* origin-form up to '?', as sent (not percent-decoded) */
    struct bytes query; /* after '?', as sent; empty when absent */
    bool is_http_1_0;
    bool keep_alive;      /* what the client wants; HTTP/1.0 only with `Connection: keep-alive` */
    bool expect_continue; /* Expect: 100-continue and the body is not here yet: the caller may send 100 */
    bool has_body;        /* Content-Length > 0 or chunked */
    struct bytes body;    /* decoded */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
};

enum http_parse {
    HTTP_PARSE_MORE,     /* not complete; call again with more bytes */
    HTTP_PARSE_COMPLETE, /* `consumed_bytes` of the buffer are this request; the rest is the next one's */
    HTTP_PARSE_REFUSED   /* answer parser->refused_status and close */
};

struct http_parser {
    struct http_request request;
    size_t consumed_bytes;   /* valid when complete */
    uint16_t refused_status; /* 400, 413, 414, 417, 431, 501 or 505 */
    bool head_complete;      /* request line and headers are valid in `request` (also for a 413 or 417) */
    /* private */
    uint8_t state;
    size_t scanned_bytes;
    size_t line_start;
    size_t body_start;
    size_t body_size;
    size_t chunk_left;
    uint64_t content_length;
    uint32_t flags;
    uint32_t extension_bytes;
};

/* Ready for the first byte of a request. */
void http_parser_reset(struct http_parser *parser);

/* `data` is the same buffer as before, `size` >= what was given before. The buffer may move between calls (views in
 * `request` are valid only after HTTP_PARSE_COMPLETE or head_complete, for the buffer of that call). */
enum http_parse http_request_parse(struct http_parser *parser, uint8_t *data, size_t size);

/* The value of header `name` (any case), or an empty view with NULL data when absent. With several of one name: the
 * first, and *count says how many (count may be NULL). */
struct bytes http_request_header(const struct http_request *request, const char *name, size_t *count);

/* Percent-decoding of one component into `out` ('+' is a space when `plus_is_space`: form data and queries).
 * STATUS_INVALID for a bad escape, STATUS_TOO_LARGE when it does not fit. */
enum status http_percent_decode(struct bytes text, bool plus_is_space, struct buffer *out) MUST_USE;

/* Walk `a=b&c=d`: takes the next raw pair off `rest`; false at the end. */
bool http_form_next(struct bytes *rest, struct bytes *name, struct bytes *value);

#endif
