/*
 * The HTTP interface: one call in, one answer out. net/ is the only caller; the handlers are in the files beside this.
 *
 * Ownership: the request and its views are the caller's and live during the call; the answer's body goes into the
 *   caller's buffer, and its header values live until the next api_handle (static, or in the module's own memory).
 * Blocking: none. Failure: every call gets an answer.
 * Limits: bodies up to API_BODY_MAX_BYTES, those of upstreams up to OUTCOME_BODY_MAX_BYTES.
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

/* What a handler wants another server to be asked, in memory that the caller of api_handle lends. */
struct api_upstream_call {
    bool is_https;
    uint16_t port;
    char host[API_UPSTREAM_HOST_MAX_BYTES + 1]; /* a name or an IPv4 address */
    char ca_pem[TENANT_POLICY_MAX_BYTES + 1];   /* who is trusted to vouch for it; "": nobody */
    uint8_t pool_key[32];  /* connections made under equal keys are as good as each other */
    struct buffer request; /* head and body, over request_memory */
    uint8_t request_memory[API_UPSTREAM_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES];
    uint32_t outcome; /* api's own */
};

enum api_upstream_end {
    API_UPSTREAM_ANSWERED,
    API_UPSTREAM_NOT_SENT,   /* nothing of the request went out: name, connection or certificate failed */
    API_UPSTREAM_LOST,       /* it may have been carried out: no answer, or none that can be read */
    API_UPSTREAM_NOT_DURABLE /* what the request depends on was not kept: nothing went out */
};

struct api_upstream_result {
    enum api_upstream_end end;
    uint16_t status; /* the rest: when answered */
    struct bytes content_type;
    struct bytes body;
};

struct api_call {
    const struct http_request *request;
    struct api_upstream_call *upstream; /* NULL: no exchange can begin now */
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
    bool
        waits; /* no answer yet: carry call->upstream out once depends_on is durable, then api_upstream_done */
};

/* Answer one request. A HEAD answer has its body as GET would; the caller sends the head only. */
void api_handle(const struct api_call *call, struct api_answer *answer);

/* Make the answer that waited, of what came of the exchange; `answer` as api_handle left it, `body` again an empty
 * buffer. To be called exactly once, even when nobody waits for the answer any more: the outcome is kept. */
void api_upstream_done(const struct api_upstream_call *call, const struct api_upstream_result *result,
                       struct api_answer *answer);

/* Replace an answer whose writes did not become durable by the 503 of its family. Same request id. */
void api_unavailable(struct api_answer *answer);

/* ---- for GET /metrics ---- */

/* An answer left `duration_us` after its request was whole. */
void api_took(const struct api_answer *answer, uint64_t duration_us);

/* Have lines of Prometheus text (with their HELP and TYPE) appended by a part that is above api/. At boot, at most
 * API_METRIC_SOURCES_MAX times. */
void api_add_metrics(void (*write)(struct buffer *out));

#endif
