/*
 * From a parsed request to the bytes of its response, at once or when they are durable.
 *
 * Ownership: a held answer is the caller's until answer_drop. Blocking: none.
 * Failure: false or NULL without memory: the caller closes the connection.
 */
#ifndef JETON_NET_ANSWER_H
#define JETON_NET_ANSWER_H

#include "api/api.h"
#include "net/outbox.h"
#include "net/upstream.h"

/* An answer that depends on a store position which is not durable yet, ready to go, and what is needed to replace it by
 * a 503; or one that waits for an upstream, and is not made yet. */
struct held_answer {
    struct api_answer answer;
    struct upstream_exchange *exchange; /* it is this one's too then, and outlives the connection */
    uint64_t start_ns;                  /* its request was whole then */
    struct outbox out;
    bool is_head;
    bool keep_alive_1_0;
};

struct answer_call {
    struct heap *heap;
    uint8_t *body; /* API_BODY_MAX_BYTES */
    struct api_call api;
    bool close; /* after this answer */
};

/* Let the API answer. What is durable is appended to `out`; else it is in `*held`. */
bool answer_make(const struct answer_call *call, struct outbox *out, struct held_answer **held) MUST_USE;

/* The exchange that it waited for is finished, and dropped by this: make the answer. */
bool answer_make_of_upstream(const struct upstream_finished *finished, uint8_t *body) MUST_USE;

/* The store could not keep what the answer states: make it the 503 of its family. */
bool answer_make_unavailable(struct held_answer *held, uint8_t *body) MUST_USE;

/* The answer is on its way, or will never be: what it held is given back, and its time is counted. While its exchange
 * goes on, only the connection lets go of it. */
void answer_drop(struct heap *heap, struct held_answer *held);

#endif
