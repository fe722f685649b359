/*
 * A strict, resumable HTTP/1.1 request parser (RFC 9112, RFC 9110). Pure: no I/O, no allocation, no time.
 *
 * The caller keeps the bytes of one request, from its first byte, in one contiguous buffer and calls
 * http_request_parse again whenever more arrived; the parser remembers how far it came, so that each byte is looked
 * at once, and the outcome does not depend on how the bytes were split. Chunked bodies are decoded in place. Views in
 * the result point into the caller's buffer and live as long as it.
 *
 * Refused, with the status to answer, and the connection to be closed after it:
 * - 400: both Content-Length and Transfer-Encoding; repeated (even equal), signed or non-digit lengths; repeated
 *   Transfer-Encoding, or one in HTTP/1.0; bare LF or CR, obs-fold, space before the colon, NUL and other control
 *   bytes; bad method or header tokens; a target that is neither origin-form nor `*` for OPTIONS nor absolute-form
 *   https; no, several or a malformed Host in 1.1; malformed chunks or chunk extensions, extensions over the limit;
 * - 413: a body over the limit, by Content-Length or while chunks come in;
 * - 417: an Expect other than 100-continue;
 * - 431: head, trailers or number of headers over the limit (a long target too: WIRE.md bounds the head as a whole);
 * - 501: a Transfer-Encoding other than exactly `chunked`; 505: a version other than 1.0 and 1.1.
 *
 * Limits (limits.h): head <= HTTP_HEAD_MAX_BYTES, empty lines before it included; body <= HTTP_BODY_MAX_BYTES;
 * headers <= HTTP_HEADERS_MAX; trailers, with the empty line after them, <= HTTP_TRAILER_MAX_BYTES; chunk extensions
 * of one request <= HTTP_CHUNK_EXTENSION_MAX_BYTES. Empty lines before a request line are skipped (RFC 9112 2.2), at
 * most 2.
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
    size_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX]; /* what is behind the count is undefined */
};

enum http_parse {
    HTTP_PARSE_MORE,     /* not complete; call again with more bytes */
    HTTP_PARSE_COMPLETE, /* `consumed_bytes` of the buffer are this request; the rest is the next one's */
    HTTP_PARSE_REFUSED   /* answer parser->refused_status and close */
};

/* A place in the caller's buffer, which may move between calls. */
struct http_span {
    uint16_t offset;
    uint16_t size;
};

struct http_parser {
    struct http_request request;
    size_t consumed_bytes;   /* valid when complete */
    uint16_t refused_status; /* 400, 413, 417, 431, 501 or 505 */
    bool head_complete;      /* request line and headers are valid in `request`; also for a 413, 417 or 501 */
    bool target_known; /* method, path and query are valid in `request`, whatever went wrong after them */
    /* private */
    uint8_t state;
    uint8_t empty_lines;
    uint8_t chunk_digits;
    uint16_t flags;
    uint16_t extension_bytes;
    uint16_t trailer_bytes;
    size_t scanned_bytes;
    size_t line_start;
    size_t body_start;
    size_t body_size;
    size_t body_left; /* of the whole body with Content-Length, else of this chunk */
    uint64_t content_length;
    struct http_span path;
    struct http_span query;
    struct http_span names[HTTP_HEADERS_MAX];
    struct http_span values[HTTP_HEADERS_MAX];
};

_Static_assert(HTTP_HEAD_MAX_BYTES <= UINT16_MAX, "spans lie in the head");

/* Ready for the first byte of a request. */
void http_parser_reset(struct http_parser *parser);

/* `data` is the same bytes as before and what arrived since, `size` >= what was given before. The buffer may move
 * between calls: views in `request` are those of the latest call, valid as target_known and head_complete say. */
enum http_parse http_request_parse(struct http_parser *parser, uint8_t *data, size_t size);

/* After HTTP_PARSE_MORE: drop the framing of chunks that were decoded, so that the buffer never needs more than
 * HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES and room for one byte, however small the chunks. Returns the new size of
 * the buffer's content (<= the size given last); the next bytes go there. */
size_t http_parser_compact(struct http_parser *parser);

/* The value of header `name` (any case), or an empty view with NULL data when absent. With several of one name: the
 * first, and *count says how many (count may be NULL). */
struct bytes http_request_header(const struct http_request *request, const char *name, size_t *count);

/* Percent-decoding of one component into `out` ('+' is a space when `plus_is_space`: form data and queries).
 * STATUS_INVALID for a bad escape, STATUS_TOO_LARGE when it does not fit. */
enum status http_percent_decode(struct bytes text, bool plus_is_space, struct buffer *out) MUST_USE;

/* Walk `a=b&c=d`: takes the next raw pair off `rest`; false at the end. */
bool http_form_next(struct bytes *rest, struct bytes *name, struct bytes *value);

#endif
