/*
 * One accepted TCP connection of lwIP as a wire: a queue of received bytes, room to send, and facts (ended, gone).
 *
 * Ownership: the socket is the caller's memory; the PCB is lwIP's and ours until socket_close or until it is gone.
 * Blocking: none. Failure: a reset by the peer or by lwIP only sets `gone`; reads then end, writes take nothing.
 * Limits: TCP_WND received bytes, CONN_SEGMENTS_MAX received segments, TCP_SND_BUF bytes to send, SOCKET_ORPHAN_MS.
 */
#ifndef JETON_NET_SOCKET_H
#define JETON_NET_SOCKET_H

#include "base/bytes.h"

struct tcp_pcb;
struct pbuf;

enum socket_event {
    SOCKET_RECEIVED, /* bytes, the peer's end, or a reset */
    SOCKET_SENT,     /* room to send */
    SOCKET_POLL      /* now and then: try again what had no memory */
};

struct socket {
    struct tcp_pcb *pcb; /* NULL once gone */
    struct pbuf *received;
    bool ended;
    bool gone;
    void (*on_event)(struct socket *socket, enum socket_event event);
};

/* Take over an accepted PCB. */
void socket_open(struct socket *socket, struct tcp_pcb *pcb,
                 void (*on_event)(struct socket *socket, enum socket_event event));

size_t socket_read(struct socket *socket, uint8_t *out, size_t capacity, bool *ended);
size_t socket_write(struct socket *socket, struct bytes bytes);

/* Send what was written. */
void socket_flush(struct socket *socket);

/* Our FIN after what was written. */
void socket_finish(struct socket *socket);

/* True when the peer has acknowledged all that was written, and our FIN. */
bool socket_is_delivered(const struct socket *socket);

/* Let go of it: lwIP delivers what was written and ends the connection by itself, within SOCKET_ORPHAN_MS. */
void socket_close(struct socket *socket);

/* Let go of it by a reset: a peer that takes nothing must not hold memory. */
void socket_reset(struct socket *socket);

#endif
