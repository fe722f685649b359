/*
 * One request on its way through its handler, and the answer being written.
 *
 * api.c makes one struct exchange for each request, checks what the route needs (routes.h) and calls the handler. A
 * handler writes exactly one answer: answer_begin ... answer_end, answer_empty, or a failure of errors.h. A later one
 * replaces an earlier one.
 * Ownership: everything in it lives during one api_handle; the answer's body is the caller's buffer.
 * Blocking: none. Failure: an answer that outgrows the buffer becomes 500 in api.c.
 */
#ifndef JETON_API_EXCHANGE_H
#define JETON_API_EXCHANGE_H

#include "api/api.h"
#include "service/service.h"
#include "json/writer.h"

struct exchange {
    const struct http_request *request;
    const uint8_t *peer_address; /* 16 bytes */
    struct api_answer *answer;
    struct api_upstream_call *upstream; /* NULL: none can be had now */
    struct buffer
        unused_body; /* the answer's whole buffer, empty: to begin the answer again, or as scratch before it */
    enum api_family family;
    struct bytes id;      /* the {id} segment of the path, as sent; empty when the route has none */
    struct caller caller; /* filled when the route needs one */
    struct json_writer json;
};

/* Begin a JSON object as the answer; the writer is exchange->json. */
struct json_writer *answer_begin(struct exchange *exchange, uint16_t status);

/* Close it. */
void answer_end(struct exchange *exchange);

/* An answer without body. */
void answer_empty(struct exchange *exchange, uint16_t status);

/* A body of another type, to be appended to the returned buffer. */
struct buffer *answer_text(struct exchange *exchange, uint16_t status, const char *content_type);

/* A response header. `value` must live until the next api_handle: static text or memory of the module. */
void answer_header(struct exchange *exchange, const char *name, struct bytes value);

/* The answer's whole buffer as scratch memory (API_BODY_MAX_BYTES), until the answer begins. */
struct buffer exchange_scratch(const struct exchange *exchange);

#endif
