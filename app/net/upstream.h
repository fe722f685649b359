/*
 * Exchanges with upstreams: one request out, one answer in, over a connection that is kept for the next where it may be.
 *
 * An exchange is offered to the API (upstream_offer), and when a handler has written its request it is submitted. It goes
 * once what it depends on is durable, and it goes once: a kept connection is used only while nothing has come on it, and
 * a request of which a byte may have left is never sent again. It always finishes, in time, whether or not the client
 * still waits.
 *
 * Ownership: exchanges and connections come from the heap; a finished exchange is the caller's until upstream_drop.
 * Blocking: none. Failure: no memory, or UPSTREAM_EXCHANGES_MAX under way: upstream_offer says NULL.
 * Limits: UPSTREAM_* in limits.h.
 */
#ifndef JETON_NET_UPSTREAM_H
#define JETON_NET_UPSTREAM_H

#include "api/api.h"
#include "base/heap.h"

struct upstream_exchange;
struct held_answer;
struct conn;

/* Once. `dns_server` as in dial.h. */
void upstream_start(struct heap *given, struct bytes dns_server);

/* The call that a handler may fill now, NULL when no exchange can begin. The same until it is submitted. */
struct api_upstream_call *upstream_offer(void);

/* The call on offer is to be made for this answer, once store position `depends_on` is durable. */
struct upstream_exchange *upstream_submit(struct held_answer *held, uint64_t depends_on);

/* Who waits for it; NULL: nobody any more. */
void upstream_set_owner(struct upstream_exchange *exchange, struct conn *conn);

/* After the end of a flush: begin what became durable; what never will be is finished. What depends on nothing that is not
 * durable begins at the next upstream_step(). */
void upstream_release(bool flush_ok);

/* Do what can be done now. True if there was work. */
bool upstream_step(void);

/* What a finished exchange is of. */
struct upstream_finished {
    struct upstream_exchange *exchange;
    struct held_answer *held;
    struct conn *owner; /* may be NULL */
    const struct api_upstream_call *call;
    struct api_upstream_result result;
};
/* One finished exchange; false when there is none. */
bool upstream_next_finished(struct upstream_finished *finished);
void upstream_drop(struct upstream_exchange *exchange);

/* When upstream_step has to be called next even if nothing comes. Monotonic; UINT64_MAX: never. */
uint64_t upstream_next_deadline_ms(void);

struct upstream_stats {
    uint32_t under_way_count;
    uint32_t idle_count; /* connections */
    uint64_t exchange_count;
    uint64_t answered_count;
    uint64_t not_sent_count;
    uint64_t lost_count;
    uint64_t reused_count;
};
void upstream_stats(struct upstream_stats *stats);

#endif
