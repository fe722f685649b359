/*
 * Exchanges and the connections that they go over.
 */
#include "net/upstream.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "http/reply.h"
#include "net/upstream_link.h"
#include "platform/platform.h"
#include "store/store.h"

enum state {
    STATE_WAITING, /* for the store */
    STATE_DIALING,
    STATE_HANDSHAKE,
    STATE_SENDING,
    STATE_RECEIVING,
    STATE_FINISHED
};

struct upstream_exchange {
    struct list_node node; /* under way, or finished */
    enum state state;
    uint64_t depends_on;
    uint64_t start_ms; /* when it began to go */
    size_t sent_bytes;
    bool may_have_left; /* some of the request */
    struct link_out *link;
    struct held_answer *held;
    struct conn *owner;
    struct api_upstream_result result;
    struct api_upstream_call call;
    struct http_reply_parser parser;
    struct buffer body;
    uint8_t body_memory[OUTCOME_BODY_MAX_BYTES];
};

static struct heap *heap;
static struct upstream_exchange *offered;
static struct list under_way;
static struct list finished_list;
static struct upstream_stats counts;

static uint64_t now_ms(void)
{
    return platform_monotonic_ns() / 1000000;
}

void upstream_start(struct heap *given, struct bytes dns_server)
{
    heap = given;
    offered = NULL;
    counts = (struct upstream_stats){0};
    list_init(&under_way);
    list_init(&finished_list);
    dial_start(dns_server);
    links_start(given);
}

/* ---- from the API ---- */

struct api_upstream_call *upstream_offer(void)
{
    if (heap == NULL || counts.under_way_count >= UPSTREAM_EXCHANGES_MAX)
        return NULL;
    if (offered == NULL)
        offered = heap_take_zeroed(heap, 1, sizeof *offered);
    return offered == NULL ? NULL : &offered->call;
}

struct upstream_exchange *upstream_submit(struct held_answer *held, uint64_t depends_on)
{
    struct upstream_exchange *exchange = offered;
    assert(exchange != NULL);
    offered = NULL;
    exchange->state = STATE_WAITING;
    exchange->held = held;
    exchange->depends_on = depends_on;
    exchange->body = buffer_over(exchange->body_memory, sizeof exchange->body_memory);
    http_reply_reset(&exchange->parser, &exchange->body);
    list_append(&under_way, &exchange->node);
    counts.under_way_count++;
    counts.exchange_count++;
    return exchange;
}

void upstream_set_owner(struct upstream_exchange *exchange, struct conn *conn)
{
    exchange->owner = conn;
}

/* ---- the end of an exchange ---- */

/* A connection that has said all of a complete answer, and nothing more, may be kept. */
static void part_from_link(struct upstream_exchange *exchange, bool may_keep)
{
    struct link_out *link = exchange->link;
    exchange->link = NULL;
    if (link == NULL)
        return;
    if (may_keep && exchange->parser.keep_alive)
        link_keep(link, exchange->call.pool_key, now_ms());
    else
        link_close(link);
}

static void finish(struct upstream_exchange *exchange, enum api_upstream_end end, bool may_keep)
{
    exchange->result = (struct api_upstream_result){.end = end};
    if (end == API_UPSTREAM_ANSWERED) {
        exchange->result.status = exchange->parser.status;
        exchange->result.content_type = bytes_of(exchange->parser.type, exchange->parser.type_size);
        exchange->result.body = buffer_view(&exchange->body);
    }
    counts.answered_count += end == API_UPSTREAM_ANSWERED;
    counts.not_sent_count += end == API_UPSTREAM_NOT_SENT;
    counts.lost_count += end == API_UPSTREAM_LOST;
    part_from_link(exchange, may_keep);
    exchange->state = STATE_FINISHED;
    list_remove(&exchange->node);
    list_append(&finished_list, &exchange->node);
}

/* Without an answer: what became of the request depends on whether any of it left. */
static void give_up(struct upstream_exchange *exchange)
{
    finish(exchange, exchange->may_have_left ? API_UPSTREAM_LOST : API_UPSTREAM_NOT_SENT, false);
}

/* ---- steps; each says whether the next one may follow at once ---- */

static void begin(struct upstream_exchange *exchange)
{
    exchange->start_ms = now_ms();
    exchange->link = link_take_kept(exchange->call.pool_key, exchange->start_ms);
    if (exchange->link != NULL) {
        counts.reused_count++;
        exchange->state = STATE_SENDING;
        return;
    }
    exchange->link = link_open(exchange->call.host, exchange->call.port);
    exchange->state = STATE_DIALING;
    if (exchange->link == NULL)
        give_up(exchange);
}

static bool dial_on(struct upstream_exchange *exchange)
{
    enum dial_state state = dial_state(&exchange->link->dial);
    if (state == DIAL_FAILED)
        give_up(exchange);
    if (state != DIAL_CONNECTED)
        return false;
    exchange->state = exchange->call.is_https ? STATE_HANDSHAKE : STATE_SENDING;
    if (exchange->call.is_https && !link_secure(exchange->link, exchange->call.host, exchange->call.ca_pem)) {
        give_up(exchange);
        return false;
    }
    return true;
}

static bool shake_hands(struct upstream_exchange *exchange)
{
    enum tls_result result = tls_out_handshake(exchange->link->tls);
    if (result == TLS_OK)
        exchange->state = STATE_SENDING;
    else if (result == TLS_CLOSED || result == TLS_FAILED)
        give_up(exchange);
    return result == TLS_OK;
}

static bool send_on(struct upstream_exchange *exchange)
{
    struct bytes request = buffer_view(&exchange->call.request);
    struct bytes rest = bytes_slice(request, exchange->sent_bytes, request.size);
    size_t size = 0;
    bool alive = !exchange->link->socket.gone;
    enum tls_result result = link_write(exchange->link, rest, &size);
    exchange->sent_bytes += size;
    exchange->may_have_left |= size > 0 || (alive && exchange->link->tls != NULL); /* a part of a record */
    if (result == TLS_CLOSED || result == TLS_FAILED) {
        give_up(exchange);
        return false;
    }
    if (exchange->sent_bytes == request.size)
        exchange->state = STATE_RECEIVING;
    return result == TLS_OK;
}

static bool receive_on(struct upstream_exchange *exchange)
{
    uint8_t bytes[UPSTREAM_READ_BYTES];
    size_t size = 0;
    enum http_reply reply = HTTP_REPLY_MORE;
    enum tls_result result = link_read(exchange->link, bytes, sizeof bytes, &size);
    struct bytes rest = bytes_of(bytes, size);
    if (result == TLS_OK)
        reply = http_reply_feed(&exchange->parser, &rest);
    else if (result == TLS_CLOSED)
        reply = http_reply_end(&exchange->parser);
    else if (result == TLS_FAILED)
        reply = HTTP_REPLY_REFUSED;
    if (reply == HTTP_REPLY_COMPLETE)
        finish(exchange, API_UPSTREAM_ANSWERED, result == TLS_OK && rest.size == 0);
    else if (reply == HTTP_REPLY_REFUSED)
        give_up(exchange);
    return reply == HTTP_REPLY_MORE && result == TLS_OK;
}

static bool advance(struct upstream_exchange *exchange)
{
    switch (exchange->state) {
    case STATE_DIALING:
        return dial_on(exchange);
    case STATE_HANDSHAKE:
        return shake_hands(exchange);
    case STATE_SENDING:
        return send_on(exchange);
    case STATE_RECEIVING:
        return receive_on(exchange);
    default:
        return false;
    }
}

static uint64_t deadline_ms(const struct upstream_exchange *exchange)
{
    if (exchange->state == STATE_WAITING)
        return UINT64_MAX;
    return exchange->start_ms + (exchange->state == STATE_DIALING ? UPSTREAM_CONNECT_MS : UPSTREAM_TOTAL_MS);
}

static void step(struct upstream_exchange *exchange)
{
    while (advance(exchange))
        continue;
    if (exchange->state != STATE_FINISHED && exchange->link != NULL)
        link_flush(exchange->link);
    if (exchange->state != STATE_FINISHED && now_ms() >= deadline_ms(exchange))
        give_up(exchange);
}

/* Durable before the command goes upstream. */
static bool begin_if_durable(struct upstream_exchange *exchange)
{
    if (exchange->state != STATE_WAITING || exchange->depends_on > store_durable())
        return false;
    begin(exchange);
    return exchange->state != STATE_FINISHED;
}

/* ---- from the loop ---- */

void upstream_release(bool flush_ok)
{
    struct list_node *next;
    if (heap == NULL)
        return;
    for (struct list_node *node = list_first(&under_way); node != NULL; node = next) {
        struct upstream_exchange *exchange = LIST_OWNER(node, struct upstream_exchange, node);
        next = list_next(&under_way, node);
        if (begin_if_durable(exchange))
            step(exchange);
        else if (exchange->state == STATE_WAITING && !flush_ok)
            finish(exchange, API_UPSTREAM_NOT_DURABLE, false);
    }
}

bool upstream_step(void)
{
    struct list_node *next;
    if (heap == NULL)
        return false;
    bool worked = links_take_events();
    for (struct list_node *node = list_first(&under_way); node != NULL; node = next) {
        struct upstream_exchange *exchange = LIST_OWNER(node, struct upstream_exchange, node);
        next = list_next(&under_way, node);
        bool begun = begin_if_durable(exchange); /* of those that no flush has to end for */
        if (begun || (exchange->state != STATE_WAITING && (worked || now_ms() >= deadline_ms(exchange))))
            step(exchange);
        worked |= begun;
    }
    if (worked || now_ms() >= links_next_deadline_ms())
        links_tidy(now_ms());
    return worked;
}

bool upstream_next_finished(struct upstream_finished *finished)
{
    struct list_node *node = heap == NULL ? NULL : list_first(&finished_list);
    if (node == NULL)
        return false;
    struct upstream_exchange *exchange = LIST_OWNER(node, struct upstream_exchange, node);
    *finished = (struct upstream_finished){exchange, exchange->held, exchange->owner, &exchange->call,
                                           exchange->result};
    return true;
}

/* Commands and answers don't stay in memory that others get. */
void upstream_drop(struct upstream_exchange *exchange)
{
    assert(exchange->state == STATE_FINISHED);
    list_remove(&exchange->node);
    counts.under_way_count--;
    bytes_wipe(exchange, sizeof *exchange);
    heap_give(heap, exchange);
}

uint64_t upstream_next_deadline_ms(void)
{
    if (heap == NULL)
        return UINT64_MAX;
    if (links_have_events() || !list_is_empty(&finished_list))
        return 0;
    uint64_t next_ms = links_next_deadline_ms();
    for (struct list_node *node = list_first(&under_way); node != NULL; node = list_next(&under_way, node)) {
        uint64_t end_ms = deadline_ms(LIST_OWNER(node, struct upstream_exchange, node));
        next_ms = end_ms < next_ms ? end_ms : next_ms;
    }
    return next_ms;
}

void upstream_stats(struct upstream_stats *stats)
{
    *stats = counts;
    stats->idle_count = links_kept_count();
}
