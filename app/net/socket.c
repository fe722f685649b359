/*
 * TCP connections of lwIP. Its callbacks set facts and tell the owner; nothing is worked on inside them.
 */
#include "net/socket.h"

#include <assert.h>

#include <lwip/pbuf.h>
#include <lwip/tcp.h>

#include "limits.h"

#define POLL_HALF_SECONDS   2
#define ORPHAN_HALF_SECONDS (SOCKET_ORPHAN_MS / 500)
static_assert(ORPHAN_HALF_SECONDS <= UINT8_MAX, "lwIP counts in 8 bits");

/* ---- callbacks ---- */

/* Too many segments in the queue: lwIP keeps this one and offers it again. */
static err_t on_receive(void *context, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    struct socket *socket = context;
    (void)pcb;
    (void)error;
    if (bytes != NULL && socket->received != NULL && pbuf_clen(socket->received) >= CONN_SEGMENTS_MAX)
        return ERR_MEM;
    if (bytes == NULL)
        socket->ended = true;
    else if (socket->received == NULL)
        socket->received = bytes;
    else
        pbuf_cat(socket->received, bytes);
    socket->on_event(socket, SOCKET_RECEIVED);
    return ERR_OK;
}

static err_t on_sent(void *context, struct tcp_pcb *pcb, u16_t size)
{
    struct socket *socket = context;
    (void)pcb;
    (void)size;
    socket->on_event(socket, SOCKET_SENT);
    return ERR_OK;
}

static err_t on_poll(void *context, struct tcp_pcb *pcb)
{
    struct socket *socket = context;
    (void)pcb;
    socket->on_event(socket, SOCKET_POLL);
    return ERR_OK;
}

/* lwIP has freed the PCB already. */
static void on_error(void *context, err_t error)
{
    struct socket *socket = context;
    (void)error;
    socket->pcb = NULL;
    socket->gone = true;
    socket->on_event(socket, SOCKET_RECEIVED);
}

/* Nobody's connection has had its time: lwIP alone would try for eight minutes. */
static err_t on_orphan_poll(void *context, struct tcp_pcb *pcb)
{
    (void)context;
    tcp_abort(pcb);
    return ERR_ABRT;
}

/* ---- for the owner ---- */

void socket_open(struct socket *socket, struct tcp_pcb *pcb,
                 void (*on_event)(struct socket *socket, enum socket_event event))
{
    *socket = (struct socket){.pcb = pcb, .on_event = on_event};
    tcp_nagle_disable(pcb); /* a response is flushed whole; waiting for an ACK only delays its last segment */
    tcp_arg(pcb, socket);
    tcp_recv(pcb, on_receive);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, POLL_HALF_SECONDS);
    tcp_err(pcb, on_error);
}

size_t socket_read(struct socket *socket, uint8_t *out, size_t capacity, bool *ended)
{
    *ended = socket->gone || (socket->ended && socket->received == NULL);
    if (socket->received == NULL)
        return 0;
    u16_t most = capacity > UINT16_MAX ? UINT16_MAX : (u16_t)capacity;
    u16_t size = pbuf_copy_partial(socket->received, out, most, 0);
    socket->received = pbuf_free_header(socket->received, size);
    if (socket->pcb != NULL)
        tcp_recved(socket->pcb, size);
    return size;
}

size_t socket_write(struct socket *socket, struct bytes bytes)
{
    if (socket->pcb == NULL)
        return 0;
    size_t room = tcp_sndbuf(socket->pcb);
    u16_t size = (u16_t)(bytes.size < room ? bytes.size : room);
    if (size == 0 || tcp_write(socket->pcb, bytes.data, size, TCP_WRITE_FLAG_COPY) != ERR_OK)
        return 0;
    return size;
}

void socket_flush(struct socket *socket)
{
    if (socket->pcb != NULL)
        (void)tcp_output(socket->pcb);
}

void socket_finish(struct socket *socket)
{
    if (socket->pcb != NULL)
        (void)tcp_shutdown(socket->pcb, 0, 1); /* without memory lwIP tries again by itself */
}

bool socket_is_delivered(const struct socket *socket)
{
    return socket->pcb == NULL || (socket->pcb->unsent == NULL && socket->pcb->unacked == NULL);
}

static void forget(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    tcp_err(pcb, NULL);
}

static void drop_received(struct socket *socket)
{
    if (socket->received != NULL)
        pbuf_free(socket->received);
    *socket = (struct socket){.gone = true};
}

/* lwIP answers a close with bytes unread by a reset: they count as read. */
void socket_close(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->pcb;
    if (pcb != NULL) {
        forget(pcb);
        tcp_poll(pcb, on_orphan_poll, ORPHAN_HALF_SECONDS);
        if (socket->received != NULL)
            tcp_recved(pcb, socket->received->tot_len);
        if (tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
    }
    drop_received(socket);
}

void socket_reset(struct socket *socket)
{
    if (socket->pcb != NULL) {
        forget(socket->pcb);
        tcp_abort(socket->pcb);
    }
    drop_received(socket);
}
