/*
 * The bytes of a response head: status line, the headers that every response carries, the handler's own.
 *
 * Pure. Every response has Date, Content-Length, Cache-Control: no-store, X-Request-Id and
 * Strict-Transport-Security (WIRE.md section 1); a 204 has no Content-Length (RFC 9110 section 8.6).
 */
#ifndef JETON_HTTP_RESPONSE_H
#define JETON_HTTP_RESPONSE_H

#include "base/bytes.h"
#include "limits.h"

struct http_response {
    uint16_t status;
    const char *content_type; /* static text, or NULL when there is no body */
    struct buffer *body;      /* filled by the handler; a HEAD answer keeps its length but not its bytes */
    struct bytes request_id;  /* to echo or made by us: 1..HTTP_REQUEST_ID_MAX_BYTES of [A-Za-z0-9._-] */
    struct http_response_header {
        const char *name;
        struct bytes value; /* must live until the head is written */
    } headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t header_count;
    bool close; /* add `Connection: close` */
};

/* Add one header. Asserts that there is room and that the value has no control bytes. */
void http_response_header(struct http_response *response, const char *name, struct bytes value);

/* RFC 9110 reason phrase of a status, "Unknown" for one that we never send. */
const char *http_reason(uint16_t status);

/* Append the head, through the empty line. `keep_alive_1_0`: say `Connection: keep-alive` to an HTTP/1.0 client. */
void http_response_write_head(const struct http_response *response, int64_t now_s, bool keep_alive_1_0,
                              struct buffer *out);

/* A client's X-Request-Id is echoed when it has 1..HTTP_REQUEST_ID_MAX_BYTES of [A-Za-z0-9._-]. */
bool http_request_id_valid(struct bytes id);

#endif
