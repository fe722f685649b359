/*
 * The states of one connection.
 */
#include "net/conn.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "net/answer.h"
#include "store/store.h"

#define STATUS_CONTENT_TOO_LARGE 413 /* RFC 9110 section 15.5.14 */

uint32_t conn_timer_ms(enum conn_timer timer)
{
    static const uint32_t durations_ms[CONN_TIMER_COUNT] = {
        [CONN_TIMER_HANDSHAKE] = CONN_HANDSHAKE_MS, [CONN_TIMER_REQUEST] = CONN_REQUEST_MS,
        [CONN_TIMER_IDLE] = CONN_IDLE_MS,           [CONN_TIMER_WRITE] = CONN_WRITE_MS,
        [CONN_TIMER_LINGER] = CONN_LINGER_MS,
    };
    return durations_ms[timer];
}

static void start_timer(struct conn *conn, enum conn_timer timer, uint64_t now_ms)
{
    conn->timer = timer;
    conn->timer_start_ms = now_ms;
}

bool conn_begin(struct conn *conn, const struct conn_setup *setup, uint64_t now_ms)
{
    conn->shared = setup->shared;
    conn->wire = setup->wire;
    conn->wire_context = setup->wire_context;
    conn->peer = setup->peer;
    conn->state = CONN_HANDSHAKE;
    conn->more = false;
    conn->close_after = false;
    conn->intake = NULL;
    conn->held = NULL;
    conn->written_bytes = 0;
    outbox_init(&conn->out, setup->shared->heap);
    start_timer(conn, CONN_TIMER_HANDSHAKE, now_ms);
    conn->tls = tls_open(&setup->wire->bytes, setup->wire_context);
    return conn->tls != NULL;
}

static void drop_intake(struct conn *conn)
{
    intake_close(conn->shared->heap, conn->intake);
    conn->intake = NULL;
}

static void drop_pending(struct conn *conn)
{
    drop_intake(conn);
    outbox_clear(&conn->out);
    answer_drop(conn->shared->heap, conn->held);
    conn->held = NULL;
}

void conn_end(struct conn *conn)
{
    drop_pending(conn);
    tls_free(conn->tls);
    conn->tls = NULL;
    conn->state = CONN_DEAD;
}

/* Our end is said, or can't be: TCP's own end is next, and then only the peer's is awaited. */
static void linger(struct conn *conn, uint64_t now_ms)
{
    drop_pending(conn);
    conn->wire->finish(conn->wire_context);
    conn->state = CONN_LINGERING;
    start_timer(conn, CONN_TIMER_LINGER, now_ms);
}

/* ---- answering ---- */

static enum conn_state state_to_write(struct conn *conn, uint64_t now_ms)
{
    conn->written_bytes = 0;
    start_timer(conn, CONN_TIMER_WRITE, now_ms);
    return CONN_WRITING;
}

/* Answer the request in the intake, or the refusal of what was no request. */
static void answer(struct conn *conn, uint16_t refused_status, uint64_t now_ms)
{
    const struct http_request *request = &conn->intake->parser.request;
    struct answer_call call = {
        .heap = conn->shared->heap,
        .body = conn->shared->body,
        .api = {.request = request,
                .upstream = upstream_offer(),
                .peer = conn->peer,
                .refused_status = refused_status},
        .close = refused_status != 0 || !request->keep_alive,
    };
    conn->shared->request_count++;
    conn->close_after = call.close;
    if (!answer_make(&call, &conn->out, &conn->held)) {
        log_debug("no memory for an answer");
        conn->state = CONN_CLOSING;
    } else if (conn->held != NULL && conn->held->exchange != NULL) {
        upstream_set_owner(conn->held->exchange, conn);
        conn->state = CONN_WAIT_UPSTREAM;
    } else if (conn->held != NULL) {
        conn->state = CONN_WAIT_DURABLE;
    } else if (call.close) {
        conn->state = state_to_write(conn, now_ms);
    }
    intake_next(conn->intake);
    start_timer(conn, CONN_TIMER_REQUEST, now_ms);
}

/* A client that waits for leave to send its body gets it (RFC 9110 section 10.1.1). */
static void send_continue(struct conn *conn)
{
    if (conn->intake->continue_sent || !conn->intake->parser.head_complete ||
        !conn->intake->parser.request.expect_continue)
        return;
    conn->intake->continue_sent = true;
    if (!outbox_append(&conn->out, BYTES_LITERAL("HTTP/1.1 100 Continue\r\n\r\n")))
        conn->state = CONN_CLOSING;
}

/* ---- reading ---- */

/* More bytes into the intake: true if some came. */
static bool read_more(struct conn *conn, uint64_t now_ms)
{
    uint8_t *room;
    size_t room_bytes;
    size_t size = 0;
    bool was_empty = intake_pending(conn->intake) == 0;
    enum status status = intake_room(conn->shared->heap, conn->intake, &room, &room_bytes);
    if (status == STATUS_TOO_LARGE) {
        answer(conn, STATUS_CONTENT_TOO_LARGE, now_ms);
        return false;
    }
    if (status != STATUS_OK) {
        conn->state = CONN_CLOSING;
        return false;
    }
    conn->shared->read_count++;
    enum tls_result result = tls_read(conn->tls, room, room_bytes, &size);
    if (result == TLS_OK) {
        intake_added(conn->intake, size);
        if (was_empty)
            start_timer(conn, CONN_TIMER_REQUEST, now_ms);
        return true;
    }
    if (result == TLS_CLOSED)
        conn->state = CONN_CLOSING;
    if (result == TLS_FAILED)
        linger(conn, now_ms);
    return false;
}

/* Parse what is here, read when that is not enough: true while requests get answered at once. */
static bool take_request(struct conn *conn, uint64_t now_ms)
{
    switch (intake_parse(conn->intake)) {
    case HTTP_PARSE_COMPLETE:
        answer(conn, 0, now_ms);
        return true;
    case HTTP_PARSE_REFUSED:
        answer(conn, conn->intake->parser.refused_status, now_ms);
        return false;
    default:
        send_continue(conn);
        return conn->state == CONN_READING && read_more(conn, now_ms);
    }
}

/* At most CONN_REQUESTS_PER_STEP requests and CONN_READS_PER_STEP reads, and no more than the peer takes the answers of. */
static void read_requests(struct conn *conn, uint64_t now_ms)
{
    uint64_t before = conn->shared->request_count;
    uint64_t reads_before = conn->shared->read_count;
    if (conn->intake == NULL)
        conn->intake = intake_open(conn->shared->heap);
    if (conn->intake == NULL) {
        conn->state = CONN_CLOSING;
        return;
    }
    bool going_on = true;
    while (going_on && conn->state == CONN_READING) {
        conn->more = conn->out.size_bytes >= CONN_OUT_HIGH_BYTES ||
                     conn->shared->request_count - before >= CONN_REQUESTS_PER_STEP ||
                     conn->shared->read_count - reads_before >= CONN_READS_PER_STEP;
        going_on = !conn->more && take_request(conn, now_ms);
    }
    if (conn->intake != NULL && intake_pending(conn->intake) == 0)
        drop_intake(conn);
}

/* ---- writing ---- */

/* Hand to the wire what it takes. False when the connection can't go on. */
static bool push(struct conn *conn, uint64_t now_ms)
{
    enum tls_result result = TLS_OK;
    while (result == TLS_OK && conn->out.size_bytes > 0) {
        size_t size;
        result = tls_write(conn->tls, outbox_front(&conn->out), &size);
        outbox_consume(&conn->out, size);
        conn->written_bytes += size;
    }
    if (conn->state == CONN_WRITING && conn->written_bytes >= CONN_WRITE_STEP_BYTES)
        (void)state_to_write(conn, now_ms);
    if (result != TLS_CLOSED && result != TLS_FAILED)
        return true;
    linger(conn, now_ms);
    return false;
}

/* Where to go once the wire took what it could. */
static void after_push(struct conn *conn, uint64_t now_ms)
{
    if (conn->state == CONN_READING && conn->out.size_bytes > 0) {
        conn->state = state_to_write(conn, now_ms);
    } else if (conn->state == CONN_WRITING && conn->out.size_bytes == 0) {
        conn->state = conn->close_after ? CONN_CLOSING : CONN_READING;
        conn->more = true;
    }
    enum conn_timer timer = conn->intake == NULL ? CONN_TIMER_IDLE : CONN_TIMER_REQUEST;
    if (conn->state == CONN_READING && conn->timer != timer)
        start_timer(conn, timer, now_ms);
}

/* ---- steps ---- */

static void shake_hands(struct conn *conn, uint64_t now_ms)
{
    enum tls_result result = tls_handshake(conn->tls);
    if (result == TLS_OK) {
        conn->shared->handshake_count++;
        conn->shared->resumed_count += tls_was_resumed(conn->tls);
        conn->state = CONN_READING;
        start_timer(conn, CONN_TIMER_IDLE, now_ms);
    } else if (result == TLS_CLOSED || result == TLS_FAILED) {
        conn->shared->handshake_failed_count++;
        linger(conn, now_ms);
    }
}

static void close_down(struct conn *conn, uint64_t now_ms)
{
    if (!push(conn, now_ms) || conn->out.size_bytes > 0)
        return;
    if (tls_close(conn->tls) != TLS_WANT_WRITE)
        linger(conn, now_ms);
}

/* A connection closed with bytes unread would be reset, and the reset could overtake our last answer. */
static void discard(struct conn *conn)
{
    uint8_t bytes[256];
    bool ended = false;
    while (conn->wire->bytes.read(conn->wire_context, bytes, sizeof bytes, &ended) > 0)
        continue;
    if (ended)
        conn->state = CONN_DEAD;
}

static void read_and_answer(struct conn *conn, uint64_t now_ms)
{
    read_requests(conn, now_ms);
    if (conn->state != CONN_LINGERING && push(conn, now_ms))
        after_push(conn, now_ms);
    conn->more |= conn->state == CONN_CLOSING;
}

void conn_step(struct conn *conn, uint64_t now_ms)
{
    conn->more = false;
    switch (conn->state) {
    case CONN_HANDSHAKE:
        shake_hands(conn, now_ms);
        /* The request came with Finished, as a rule: its answer shares a segment with our tickets. */
        if (conn->state == CONN_READING)
            read_and_answer(conn, now_ms);
        break;
    case CONN_READING:
        read_and_answer(conn, now_ms);
        break;
    case CONN_WAIT_DURABLE:
    case CONN_WAIT_UPSTREAM:
    case CONN_WRITING:
        if (push(conn, now_ms))
            after_push(conn, now_ms);
        break;
    case CONN_CLOSING:
        close_down(conn, now_ms);
        break;
    case CONN_LINGERING:
        discard(conn);
        break;
    case CONN_DEAD:
        return;
    }
    conn->wire->flush(conn->wire_context);
}

void conn_release(struct conn *conn, bool flush_ok, uint64_t now_ms)
{
    struct held_answer *held = conn->held;
    if (held == NULL || held->exchange != NULL)
        return;
    bool durable = held->answer.depends_on <= store_durable();
    if (!durable && flush_ok)
        return;
    if (!durable && !answer_make_unavailable(held, conn->shared->body)) {
        conn->state = CONN_CLOSING;
    } else {
        outbox_move(&conn->out, &held->out);
        conn->state = state_to_write(conn, now_ms);
    }
    answer_drop(conn->shared->heap, held);
    conn->held = NULL;
    conn_step(conn, now_ms);
}

void conn_upstream_done(struct conn *conn, bool made, uint64_t now_ms)
{
    assert(conn->state == CONN_WAIT_UPSTREAM);
    conn->state = CONN_WAIT_DURABLE;
    if (made) {
        conn_release(conn, true, now_ms);
        return;
    }
    answer_drop(conn->shared->heap, conn->held);
    conn->held = NULL;
    conn->state = CONN_CLOSING;
    conn->more = true;
}

void conn_expire(struct conn *conn, uint64_t now_ms)
{
    if (conn->state == CONN_LINGERING || conn->state == CONN_DEAD) {
        conn->state = CONN_DEAD;
        return;
    }
    if (conn->state != CONN_WRITING)
        tls_close(conn->tls);
    linger(conn, now_ms);
    conn->wire->flush(conn->wire_context);
}

bool conn_is_idle(const struct conn *conn)
{
    return conn->state == CONN_READING && conn->intake == NULL && conn->out.size_bytes == 0;
}
