/*
 * Connections to upstreams.
 */
#include "net/upstream_link.h"

#include <string.h>

static struct heap *heap;
static struct list kept; /* in order of time */
static uint32_t kept_count;
static bool has_events;

static void on_event(struct socket *socket, enum socket_event event)
{
    (void)socket;
    (void)event;
    has_events = true;
}

static size_t wire_write(void *context, struct bytes bytes)
{
    return socket_write(context, bytes);
}

static size_t wire_read(void *context, uint8_t *out, size_t capacity, bool *ended)
{
    return socket_read(context, out, capacity, ended);
}

static const struct tls_wire wire = {.write = wire_write, .read = wire_read};

void links_start(struct heap *given)
{
    heap = given;
    list_init(&kept);
    kept_count = 0;
    has_events = false;
}

/* ---- one link ---- */

struct link_out *link_open(const char *host, uint16_t port)
{
    struct link_out *link = heap_take_zeroed(heap, 1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->dial.socket = &link->socket;
    link->dial.on_event = on_event;
    dial_begin(&link->dial, host, port);
    return link;
}

bool link_secure(struct link_out *link, const char *host, const char *ca_pem)
{
    link->tls = tls_out_open(host, ca_pem, &wire, &link->socket);
    return link->tls != NULL;
}

enum tls_result link_read(struct link_out *link, uint8_t *out, size_t capacity, size_t *size)
{
    bool ended = false;
    if (link->tls != NULL)
        return tls_out_read(link->tls, out, capacity, size);
    bool reset = link->socket.gone && !link->socket.ended; /* before its end: cut short */
    *size = socket_read(&link->socket, out, capacity, &ended);
    if (*size > 0)
        return TLS_OK;
    if (!ended)
        return TLS_WANT_READ;
    return reset ? TLS_FAILED : TLS_CLOSED;
}

enum tls_result link_write(struct link_out *link, struct bytes bytes, size_t *size)
{
    *size = 0;
    if (link->socket.gone)
        return TLS_FAILED;
    if (link->tls != NULL)
        return tls_out_write(link->tls, bytes, size);
    *size = socket_write(&link->socket, bytes);
    return *size > 0 ? TLS_OK : TLS_WANT_WRITE;
}

void link_flush(struct link_out *link)
{
    socket_flush(&link->socket);
}

void link_close(struct link_out *link)
{
    dial_cancel(&link->dial);
    if (link->tls != NULL && !link->socket.gone)
        tls_out_close(link->tls);
    tls_out_free(link->tls);
    socket_close(&link->socket);
    heap_give(heap, link);
}

/* ---- kept ones ---- */

static void drop_kept(struct link_out *link)
{
    list_remove(&link->kept);
    kept_count--;
    link_close(link);
}

static bool is_quiet(struct link_out *link)
{
    uint8_t byte;
    size_t size;
    return !link->socket.gone && !link->socket.ended && link_read(link, &byte, 1, &size) == TLS_WANT_READ;
}

static bool is_over(const struct link_out *link, uint64_t now_ms)
{
    return now_ms >= link->kept_since_ms + UPSTREAM_KEPT_MS;
}

void link_keep(struct link_out *link, const uint8_t key[32], uint64_t now_ms)
{
    if (kept_count >= UPSTREAM_KEPT_MAX)
        drop_kept(LIST_OWNER(list_first(&kept), struct link_out, kept));
    memcpy(link->key, key, sizeof link->key);
    link->kept_since_ms = now_ms;
    list_append(&kept, &link->kept);
    kept_count++;
}

struct link_out *link_take_kept(const uint8_t key[32], uint64_t now_ms)
{
    links_tidy(now_ms);
    for (struct list_node *node = list_first(&kept); node != NULL; node = list_next(&kept, node)) {
        struct link_out *link = LIST_OWNER(node, struct link_out, kept);
        if (memcmp(link->key, key, sizeof link->key) != 0)
            continue;
        list_remove(&link->kept);
        kept_count--;
        return link;
    }
    return NULL;
}

void links_tidy(uint64_t now_ms)
{
    struct list_node *next;
    for (struct list_node *node = list_first(&kept); node != NULL; node = next) {
        struct link_out *link = LIST_OWNER(node, struct link_out, kept);
        next = list_next(&kept, node);
        if (is_over(link, now_ms) || !is_quiet(link))
            drop_kept(link);
    }
}

bool links_take_events(void)
{
    bool had = has_events;
    has_events = false;
    return had;
}

bool links_have_events(void)
{
    return has_events;
}

uint64_t links_next_deadline_ms(void)
{
    struct list_node *node = list_first(&kept);
    return node == NULL ? UINT64_MAX
                        : LIST_OWNER(node, struct link_out, kept)->kept_since_ms + UPSTREAM_KEPT_MS;
}

uint32_t links_kept_count(void)
{
    return kept_count;
}
