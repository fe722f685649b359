/*
 * Accepting, scheduling, bounding. A connection is in a ready list while it has something to do, in the list of the
 * timer that it has running (each list is in order of time, since each timer has one duration), in the list of those that
 * wait for the store, and in the bucket of its address: nothing here ever looks at all connections.
 */
#include "net/server.h"

#include <assert.h>
#include <string.h>

#include <lwip/tcp.h>

#include "base/log.h"
#include "net/answer.h"
#include "net/census.h"
#include "net/clients.h"
#include "net/conn.h"
#include "net/pcbs.h"
#include "net/socket.h"
#include "platform/platform.h"
#include "store/store.h"

struct slot {
    struct conn conn;
    struct socket socket;
    struct list_node ready;
    struct list_node timer;
    struct list_node waiting;
    struct client *client;
    bool lingers;          /* counted as such at its client */
    uint64_t wrote;        /* for the census of writers */
    unsigned linger_count; /* times that the timer ran out on a peer that is slow to take our last bytes */
};

static struct heap *heap;
static struct conn_shared shared;
static struct server_stats counts;
static struct list ready;      /* established ones */
static struct list handshakes; /* clients whose handshakes are ready too, which are slow work */
static struct list timers[CONN_TIMER_COUNT];
static struct list waiting;
static struct census writers;

static uint64_t now_ms(void)
{
    return platform_monotonic_ns() / 1000000;
}

/* ---- lists ---- */

static void make_ready(struct slot *slot)
{
    struct client *client = slot->client;
    if (list_has(&slot->ready))
        return;
    if (slot->conn.state != CONN_HANDSHAKE) {
        list_append(&ready, &slot->ready);
        return;
    }
    list_append(&client->handshakes, &slot->ready);
    if (!list_has(&client->turn))
        list_append(&handshakes, &client->turn);
}

static void on_event(struct socket *socket, enum socket_event event)
{
    struct slot *slot = LIST_OWNER(socket, struct slot, socket);
    if (event != SOCKET_POLL || slot->conn.state != CONN_READING)
        make_ready(slot);
}

static void destroy(struct slot *slot)
{
    list_remove(&slot->ready);
    list_remove(&slot->timer);
    list_remove(&slot->waiting);
    conn_end(&slot->conn);
    socket_close(&slot->socket);
    slot->client->lingering_count -= slot->lingers;
    slot->client->connection_count--;
    clients_forget_unused(slot->client);
    heap_give(heap, slot);
    counts.connection_count--;
    if (counts.connection_count == 0)
        log_debug("no connections; heap: %zu bytes in %zu chunks", heap->in_use_bytes, heap->in_use_count);
}

/* After anything was done to a connection: into the lists that fit its state. */
static void settle(struct slot *slot, uint64_t old_start_ms, enum conn_timer old_timer)
{
    struct conn *conn = &slot->conn;
    if (slot->socket.gone || conn->state == CONN_DEAD) {
        destroy(slot);
        return;
    }
    if (conn->state == CONN_LINGERING && !slot->lingers) {
        slot->lingers = true;
        slot->client->lingering_count++;
    }
    if (conn->timer != old_timer || conn->timer_start_ms != old_start_ms) {
        list_remove(&slot->timer);
        list_append(&timers[conn->timer], &slot->timer);
    }
    if (conn->held == NULL)
        list_remove(&slot->waiting);
    else if (!list_has(&slot->waiting))
        list_append(&waiting, &slot->waiting);
    if (conn->more)
        make_ready(slot);
}

/* ---- the wire of a connection ---- */

static size_t wire_write(void *context, struct bytes bytes)
{
    return socket_write(context, bytes);
}

static size_t wire_read(void *context, uint8_t *out, size_t capacity, bool *ended)
{
    return socket_read(context, out, capacity, ended);
}

static void wire_flush(void *context)
{
    socket_flush(context);
}

static void wire_finish(void *context)
{
    socket_finish(context);
}

static const struct conn_wire wire = {
    .bytes = {.write = wire_write, .read = wire_read}, .flush = wire_flush, .finish = wire_finish};

/* ---- accepting ---- */

static struct api_peer peer_of(const struct net_address *address)
{
    struct api_peer peer;
    memcpy(peer.address, address->bytes, sizeof peer.address);
    return peer;
}

/* What stands for a client when its connections are counted. */
static struct net_address share_of(const struct net_address *address)
{
    struct net_address share = *address;
    if (!net_address_is_ipv4(address))
        memset(share.bytes + 8, 0, sizeof share.bytes - 8);
    return share;
}

/* The connection that is missed least: one that has ended but for the peer's word, else the longest idle one. A peer that
 * has not taken our last bytes by now must not hold memory. */
static bool evict_one(void)
{
    const enum conn_timer order[] = {CONN_TIMER_LINGER, CONN_TIMER_IDLE};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct list_node *node = list_first(&timers[order[i]]);
        struct slot *slot = node == NULL ? NULL : LIST_OWNER(node, struct slot, timer);
        if (slot == NULL || now_ms() - slot->conn.timer_start_ms < SERVER_EVICT_IDLE_MS)
            continue;
        if (conn_is_idle(&slot->conn))
            conn_expire(&slot->conn, now_ms()); /* close_notify goes out first */
        else if (!socket_is_delivered(&slot->socket))
            socket_reset(&slot->socket);
        counts.evicted_count++;
        destroy(slot);
        return true;
    }
    return false;
}

static bool has_room(void)
{
    size_t spare = heap->region_bytes / 100 * SERVER_HEAP_SPARE_PERCENT;
    return counts.connection_count < counts.connection_bound && heap_free_bytes(heap) >= spare;
}

/* A slot with its TLS session, or NULL. */
static struct slot *make_slot(struct client *client, const struct net_address *address)
{
    struct slot *slot = heap_take_zeroed(heap, 1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    const struct conn_setup setup = {&shared, &wire, &slot->socket, peer_of(address)};
    if (!conn_begin(&slot->conn, &setup, now_ms())) {
        conn_end(&slot->conn);
        heap_give(heap, slot);
        return NULL;
    }
    slot->client = client;
    client->connection_count++;
    return slot;
}

/* Those that linger are nobody's share: they make room for whoever comes. */
static bool has_share(const struct client *client)
{
    uint64_t most = (uint64_t)counts.connection_bound * SERVER_ADDRESS_SHARE_PERCENT / 100;
    return client->connection_count - client->lingering_count <= most;
}

static struct slot *make_slot_or_evict(struct client *client, const struct net_address *address)
{
    if (!has_share(client) || (!has_room() && !evict_one()))
        return NULL;
    struct slot *slot = make_slot(client, address);
    if (slot == NULL && evict_one())
        slot = make_slot(client, address);
    return slot;
}

/* The client's entry is held while others are evicted, which might have been its last connections. */
static struct slot *admit(const struct net_address *address)
{
    const struct net_address share = share_of(address);
    struct client *client = clients_get(&share);
    if (client == NULL)
        return NULL;
    client->connection_count++;
    struct slot *slot = make_slot_or_evict(client, address);
    client->connection_count--;
    clients_forget_unused(client);
    return slot;
}

static err_t on_accept(void *context, struct tcp_pcb *pcb, err_t error)
{
    (void)context;
    if (pcb == NULL || error != ERR_OK)
        return ERR_VAL;
    const struct net_address address = net_address_of(&pcb->remote_ip);
    struct slot *slot = admit(&address);
    if (slot == NULL) {
        counts.refused_count++;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    counts.accepted_count++;
    counts.connection_count++;
    socket_open(&slot->socket, pcb, on_event);
    list_append(&timers[slot->conn.timer], &slot->timer);
    return ERR_OK;
}

/* ---- steps ---- */

static void step(struct slot *slot)
{
    enum conn_timer timer = slot->conn.timer;
    uint64_t start_ms = slot->conn.timer_start_ms;
    uint64_t newest = store_newest();
    if (!slot->socket.gone)
        conn_step(&slot->conn, now_ms());
    if (store_newest() != newest)
        census_note(&writers, &slot->wrote, now_ms());
    settle(slot, start_ms, timer);
}

/* Step what is ready now, or the first of many; what becomes ready meanwhile is for the next turn. */
static bool step_ready(uint64_t records)
{
    uint64_t newest = store_newest();
    struct list_node last = {0};
    uint32_t count = 0;
    list_append(&ready, &last);
    while (list_first(&ready) != &last && count < SERVER_STEPS_PER_TURN &&
           store_newest() - newest < records) {
        struct list_node *node = list_first(&ready);
        list_remove(node);
        step(LIST_OWNER(node, struct slot, ready));
        count++;
    }
    list_remove(&last);
    return count > 0;
}

/* One step of one handshake of the client whose turn it is: who has a thousand waits for itself. False: there is none. */
static bool step_handshake(void)
{
    struct list_node *turn = list_first(&handshakes);
    if (turn == NULL)
        return false;
    struct client *client = LIST_OWNER(turn, struct client, turn);
    struct list_node *node = list_first(&client->handshakes);
    list_remove(turn);
    if (node == NULL)
        return true; /* they ended otherwise */
    list_remove(node);
    if (!list_is_empty(&client->handshakes))
        list_append(&handshakes, turn);
    step(LIST_OWNER(node, struct slot, ready));
    return true;
}

static bool step_handshakes(void)
{
    uint64_t begin_ns = platform_monotonic_ns();
    uint32_t count = 0;
    while (count < SERVER_HANDSHAKES_PER_TURN &&
           platform_monotonic_ns() - begin_ns < SERVER_HANDSHAKES_TURN_US * UINT64_C(1000) &&
           step_handshake())
        count++;
    return count > 0;
}

/* A peer behind a slow line gets more time for the answer that is on its way, but not for ever. */
static void expire_one(struct slot *slot)
{
    if (slot->conn.state != CONN_LINGERING) {
        counts.timeout_count++;
        conn_expire(&slot->conn, now_ms());
    } else if (!socket_is_delivered(&slot->socket) && slot->linger_count < CONN_LINGERS_MAX) {
        slot->linger_count++;
        slot->conn.timer_start_ms = now_ms();
    } else {
        socket_reset(&slot->socket);
    }
}

static bool expire(enum conn_timer timer)
{
    bool worked = false;
    struct list_node *node;
    while ((node = list_first(&timers[timer])) != NULL) {
        struct slot *slot = LIST_OWNER(node, struct slot, timer);
        uint64_t start_ms = slot->conn.timer_start_ms;
        if (now_ms() - start_ms < conn_timer_ms(timer))
            break;
        expire_one(slot);
        settle(slot, start_ms, timer);
        worked = true;
    }
    return worked;
}

/* The exchange's answer, to whom it may concern. */
static void finish_exchange(const struct upstream_finished *finished)
{
    bool made = answer_make_of_upstream(finished, shared.body);
    if (finished->owner == NULL) {
        answer_drop(heap, finished->held);
        return;
    }
    struct slot *slot = LIST_OWNER(finished->owner, struct slot, conn);
    enum conn_timer timer = slot->conn.timer;
    uint64_t start_ms = slot->conn.timer_start_ms;
    conn_upstream_done(&slot->conn, made, now_ms());
    settle(slot, start_ms, timer);
}

static bool finish_exchanges(void)
{
    struct upstream_finished finished;
    bool worked = false;
    while (upstream_next_finished(&finished)) {
        finish_exchange(&finished);
        worked = true;
    }
    return worked;
}

bool server_step(uint64_t records)
{
    bool worked = upstream_step();
    worked |= finish_exchanges();
    for (enum conn_timer timer = 0; timer < CONN_TIMER_COUNT; timer++)
        worked |= expire(timer);
    worked |= step_ready(records);
    worked |= step_handshakes();
    return worked;
}

void server_release(bool flush_ok)
{
    struct list_node last = {0};
    upstream_release(flush_ok);
    list_append(&waiting, &last);
    while (list_first(&waiting) != &last) {
        struct slot *slot = LIST_OWNER(list_first(&waiting), struct slot, waiting);
        enum conn_timer timer = slot->conn.timer;
        uint64_t start_ms = slot->conn.timer_start_ms;
        list_remove(&slot->waiting);
        conn_release(&slot->conn, flush_ok, now_ms());
        settle(slot, start_ms, timer);
    }
    list_remove(&last);
}

uint32_t server_writer_count(void)
{
    return census_count(&writers, now_ms());
}

uint64_t server_next_deadline_ns(void)
{
    uint64_t next_ms = upstream_next_deadline_ms();
    if (!list_is_empty(&ready) || !list_is_empty(&handshakes))
        return 0;
    for (enum conn_timer timer = 0; timer < CONN_TIMER_COUNT; timer++) {
        struct list_node *node = list_first(&timers[timer]);
        if (node == NULL)
            continue;
        uint64_t end_ms = LIST_OWNER(node, struct slot, timer)->conn.timer_start_ms + conn_timer_ms(timer);
        next_ms = end_ms < next_ms ? end_ms : next_ms;
    }
    return next_ms == UINT64_MAX ? UINT64_MAX : next_ms * 1000000;
}

/* ---- start ---- */

static uint32_t bound_for(const struct server_options *options)
{
    size_t fit = heap_free_bytes(options->heap) / SERVER_CONNECTION_BYTES;
    uint32_t bound = options->connection_count;
    if (bound == 0)
        bound = fit > SERVER_CONNECTIONS_MAX ? SERVER_CONNECTIONS_MAX : (uint32_t)fit;
    return bound < SERVER_CONNECTIONS_MIN ? SERVER_CONNECTIONS_MIN : bound;
}

static void start_lists(void)
{
    list_init(&ready);
    list_init(&handshakes);
    list_init(&waiting);
    for (size_t i = 0; i < CONN_TIMER_COUNT; i++)
        list_init(&timers[i]);
}

static enum status listen_on(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (pcb == NULL)
        return STATUS_FULL;
    if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
        tcp_abort(pcb);
        return STATUS_IO;
    }
    struct tcp_pcb *listening = tcp_listen_with_backlog(pcb, SERVER_BACKLOG);
    if (listening == NULL) {
        tcp_abort(pcb);
        return STATUS_FULL;
    }
    tcp_accept(listening, on_accept);
    return STATUS_OK;
}

enum status server_start(const struct server_options *options)
{
    heap = options->heap;
    start_lists();
    writers = (struct census){0};
    clients_start(heap);
    counts = (struct server_stats){0};
    shared = (struct conn_shared){.heap = heap, .body = heap_take(heap, API_BODY_MAX_BYTES)};
    if (shared.body == NULL)
        return STATUS_FULL;
    counts.connection_bound = bound_for(options);
    upstream_start(heap, options->dns_server);
    return listen_on(options->port);
}

void server_drop_all(void)
{
    for (size_t i = 0; i < CONN_TIMER_COUNT; i++)
        while (list_first(&timers[i]) != NULL)
            destroy(LIST_OWNER(list_first(&timers[i]), struct slot, timer));
}

void server_stats(struct server_stats *stats)
{
    *stats = counts;
    stats->handshake_count = shared.handshake_count;
    stats->resumed_count = shared.resumed_count;
    stats->handshake_failed_count = shared.handshake_failed_count;
    stats->request_count = shared.request_count;
    stats->heap_used_bytes = heap->in_use_bytes;
}
