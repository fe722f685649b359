/*
 * A strict, resumable HTTP/1.1 response parser (RFC 9112), for the answers of upstreams to a POST. Pure: no I/O, no
 * allocation, no time.
 *
 * Bytes are fed as they come and need not be kept; the body is gathered in the caller's buffer, so that the outcome does
 * not depend on how the bytes were split. Bodies by Content-Length, chunked, or up to the connection's end; 204, 205 and
 * 304 have none. Interim answers (1xx) are passed over.
 *
 * Refused: both Content-Length and Transfer-Encoding; repeated (even equal), signed or non-digit lengths; a
 * Transfer-Encoding that is repeated, in HTTP/1.0, or other than exactly `chunked`; bare LF or CR, obs-fold, space before
 * the colon, control bytes; another version than 1.0 and 1.1; a status outside of 100..599, 101; whatever is over a limit.
 * Limits: head <= HTTP_HEAD_MAX_BYTES, that of interim answers included; headers <= HTTP_HEADERS_MAX each; body <= the
 *   buffer's capacity; chunk extensions and trailers as in requests. A Content-Type over HTTP_TYPE_MAX_BYTES counts as
 *   none.
 */
#ifndef JETON_HTTP_REPLY_H
#define JETON_HTTP_REPLY_H

#include "base/bytes.h"
#include "limits.h"

enum http_reply {
    HTTP_REPLY_MORE,     /* not complete */
    HTTP_REPLY_COMPLETE, /* the fields below are the answer */
    HTTP_REPLY_REFUSED   /* no answer; the connection is of no more use */
};

struct http_reply_parser {
    uint16_t status;
    bool keep_alive;     /* the connection may carry another exchange */
    struct buffer *body; /* the caller's */
    uint8_t type[HTTP_TYPE_MAX_BYTES];
    size_t type_size; /* 0: no Content-Type */
    /* private */
    uint8_t state;
    bool is_http_1_0;
    bool saw_cr;
    bool has_coding;
    bool has_length;
    bool wants_close;
    bool has_type;
    size_t header_count;
    size_t head_bytes;
    size_t extension_bytes;
    size_t trailer_bytes;
    uint64_t left; /* of the body, or of this chunk */
    size_t line_size;
    uint8_t line[HTTP_HEAD_MAX_BYTES];
};

/* Ready for the first byte; the body goes into the empty buffer `body`. */
void http_reply_reset(struct http_reply_parser *parser, struct buffer *body);

/* Take bytes off `rest`; when the answer is complete, what is left there is not its. */
enum http_reply http_reply_feed(struct http_reply_parser *parser, struct bytes *rest);

/* The connection ended in order: that completes a body without length. */
enum http_reply http_reply_end(struct http_reply_parser *parser);

/* Has any byte of an answer come? */
bool http_reply_begun(const struct http_reply_parser *parser);

#endif
