/*
 * One client connection: TLS handshake, requests in, answers out in their order, an orderly end. It knows no TCP: bytes
 * move through a wire that its owner gives, so that tests can give another.
 *
 * States. HANDSHAKE -> READING -> (WAIT_UPSTREAM ->) (WAIT_DURABLE ->) (WRITING ->) READING ... -> CLOSING -> LINGERING -> DEAD.
 * conn_step does what can be done now and returns; the owner calls it again when bytes came, when the wire takes bytes
 * again, or when `more` is set. A response is handed to the wire only when the store position that it depends on is
 * durable; until then the connection waits, and with it the requests behind (pipelining).
 *
 * Ownership: the owner holds the struct; TLS session and buffers are the connection's, from the heap, until conn_end.
 * Blocking: none. Failure: conn_begin says false without memory; later failures end the connection.
 * Limits: CONN_* and INTAKE_* in limits.h.
 */
#ifndef JETON_NET_CONN_H
#define JETON_NET_CONN_H

#include "api/api.h"
#include "net/intake.h"
#include "net/outbox.h"
#include "net/tls.h"

enum conn_state {
    CONN_HANDSHAKE,
    CONN_READING,       /* a request is awaited or incomplete */
    CONN_WAIT_DURABLE,  /* an answer waits for the store */
    CONN_WAIT_UPSTREAM, /* or for another server first */
    CONN_WRITING,       /* the wire does not take more for now */
    CONN_CLOSING,       /* nothing more to say but the end */
    CONN_LINGERING,     /* our end is out: what comes is thrown away, until the peer ends too */
    CONN_DEAD           /* to be taken away by its owner */
};

/* What a connection may be waiting for too long. Each has one duration (limits.h). */
enum conn_timer {
    CONN_TIMER_HANDSHAKE,
    CONN_TIMER_REQUEST, /* from a request's first byte to its last */
    CONN_TIMER_IDLE,
    CONN_TIMER_WRITE, /* the peer takes CONN_WRITE_STEP_BYTES within it */
    CONN_TIMER_LINGER,
    CONN_TIMER_COUNT
};

struct conn_wire {
    struct tls_wire bytes;
    void (*flush)(void *context);  /* send now what was written */
    void (*finish)(void *context); /* end our direction after what was written */
};

/* What all connections of a server share. */
struct conn_shared {
    struct heap *heap;
    uint8_t *body; /* API_BODY_MAX_BYTES, for the answer being made */
    uint64_t handshake_count;
    uint64_t resumed_count;
    uint64_t handshake_failed_count;
    uint64_t request_count;
    uint64_t read_count; /* of TLS sessions, at most one record each */
};

struct held_answer;

struct conn {
    enum conn_state state;
    enum conn_timer timer;
    uint64_t timer_start_ms;
    bool more; /* can go on without a new event: step again soon */
    bool close_after;
    struct conn_shared *shared;
    const struct conn_wire *wire;
    void *wire_context;
    struct api_peer peer;
    struct tls *tls;
    struct intake *intake; /* NULL while no byte is pending */
    struct outbox out;     /* may leave: all of it is durable */
    size_t written_bytes;  /* since the write timer began */
    struct held_answer *held;
};

struct conn_setup {
    struct conn_shared *shared;
    const struct conn_wire *wire;
    void *wire_context;
    struct api_peer peer;
};

/* Begin a connection in CONN_HANDSHAKE. */
bool conn_begin(struct conn *conn, const struct conn_setup *setup, uint64_t now_ms) MUST_USE;

/* Let go of everything. The struct may be used again. */
void conn_end(struct conn *conn);

/* Do what can be done now. */
void conn_step(struct conn *conn, uint64_t now_ms);

/* The store was flushed: if the answer that waits has become durable, or never will, it goes on its way. */
void conn_release(struct conn *conn, bool flush_ok, uint64_t now_ms);

/* What the connection in WAIT_UPSTREAM waited for is made; false: it could not be. */
void conn_upstream_done(struct conn *conn, bool made, uint64_t now_ms);

/* The timer ran out, or the owner needs the room: an orderly end where that can be, at once in LINGERING. */
void conn_expire(struct conn *conn, uint64_t now_ms);

/* Between requests: may be closed without harm. */
bool conn_is_idle(const struct conn *conn);

/* How long a timer runs. */
uint32_t conn_timer_ms(enum conn_timer timer);

#endif
