/*
 * The HTTP interface: one call in, one answer out. net/ is the only caller; the handlers are in the files beside this.
 *
 * Ownership: the request and its views are the caller's and live during the call; the answer's body goes into the
 *   caller's buffer, and its header values live until the next api_handle (static, or in the module's own memory).
 * Blocking: none. Failure: every call gets an answer.
 * Limits: bodies up to API_BODY_MAX_BYTES.
 */
#ifndef JETON_API_API_H
#define JETON_API_API_H

#include "http/request.h"
#include "http/response.h"

/* Whose shape an error has (WIRE.md section 1). */
enum api_family {
    API_FAMILY_0,
    API_FAMILY_1,
    API_FAMILY_2
};

struct api_peer {
    uint8_t address[16]; /* IPv6, or IPv4 mapped (::ffff:a.b.c.d) */
};

struct api_call {
    const struct http_request *request;
    struct api_peer peer;
    uint16_t
        refused_status; /* not 0: the parser refused it; answer that in the path's shape (path may be empty) */
};

struct api_answer {
    struct http_response response; /* `body` is set by the caller to an empty buffer of API_BODY_MAX_BYTES */
    enum api_family family;        /* for api_unavailable later */
    uint64_t depends_on;           /* store position that must be durable before the answer leaves */
    char request_id[HTTP_REQUEST_ID_MAX_BYTES];
    uint8_t route; /* for api_took */
};

/* Answer one request. A HEAD answer has its body as GET would; the caller sends the head only. */
void api_handle(const struct api_call *call, struct api_answer *answer);

/* Replace an answer whose writes did not become durable by the 503 of its family. Same request id. */
void api_unavailable(struct api_answer *answer);

/* ---- for GET /metrics ---- */

/* An answer left `duration_us` after its request was whole. */
void api_took(const struct api_answer *answer, uint64_t duration_us);

/* Have lines of Prometheus text (with their HELP and TYPE) appended by a part that is above api/. At boot, at most
 * API_METRIC_SOURCES_MAX times. */
void api_add_metrics(void (*write)(struct buffer *out));

#endif
