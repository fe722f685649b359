/*
 * The HTTPS server over lwIP: accepts connections, steps those that have something to do, lets answers go once they are
 * durable, ends those that are too slow.
 *
 * Ownership: connections, their TLS sessions and their buffers come from the heap given. Blocking: none.
 * Failure: server_start says STATUS_FULL without memory for the answer buffer, STATUS_IO when the port can't be had. After
 *   it, what has no room is refused or closed.
 * Limits: SERVER_* and CONN_* in limits.h.
 */
#ifndef JETON_NET_SERVER_H
#define JETON_NET_SERVER_H

#include "base/heap.h"
#include "limits.h"

struct server_options {
    struct heap *heap;
    uint16_t port;
    struct bytes dns_server;   /* an IPv4 address, for the names of upstreams; empty: as DHCP tells */
    uint32_t connection_count; /* most at a time; 0: as many as the heap has room for */
};

/* After tls_start. */
enum status server_start(const struct server_options *options) MUST_USE;

/* Step what was ready when the call began, SERVER_STEPS_PER_TURN connections at the most, or until they have appended so
 * many records to the store, and end those whose time is over. True if there was work. */
bool server_step(uint64_t records);

/* After a flush: what waited for it goes on its way, or, when the flush failed, becomes a 503. */
void server_release(bool flush_ok);

/* Connections whose requests have changed the store lately: so many may share a flush. */
uint32_t server_writer_count(void);

/* When server_step has to be called next even if nothing comes: 0 while a connection is ready, UINT64_MAX: never. */
uint64_t server_next_deadline_ns(void);

struct server_stats {
    uint32_t connection_count;
    uint32_t connection_bound;
    uint64_t accepted_count;
    uint64_t refused_count; /* over a bound, or no memory */
    uint64_t evicted_count; /* idle ones that made room */
    uint64_t timeout_count;
    uint64_t handshake_count; /* completed */
    uint64_t resumed_count;
    uint64_t handshake_failed_count;
    uint64_t request_count;
    uint64_t heap_used_bytes;
};
void server_stats(struct server_stats *stats);

/* End every connection without another word. */
void server_drop_all(void);

#endif
