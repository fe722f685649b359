/*
 * Outgoing TCP connections over lwIP: from a name or an address to an established connection.
 *
 * Ownership: the dial and its socket are the caller's memory, until dial_cancel. Blocking: none: the socket's on_event is
 *   called when something happened, and dial_state tells what. Failure: DIAL_FAILED; the caller bounds the time.
 * Limits: a name's IPv4 address, or its IPv6 address where it has no other; one DNS question at a time for a name, with
 *   random id and port (lwIP's default).
 */
#ifndef JETON_NET_DIAL_H
#define JETON_NET_DIAL_H

#include "net/list.h"
#include "net/socket.h"

enum dial_state {
    DIAL_LOOKING, /* for the address */
    DIAL_CONNECTING,
    DIAL_CONNECTED,
    DIAL_FAILED
};

struct dial {
    struct list_node looking;
    uint32_t serial;
    enum dial_state state;
    uint16_t port;
    struct socket *socket;
    void (*on_event)(struct socket *socket, enum socket_event event);
};

/* The server to ask for names, as text; empty: what DHCP tells. Once. */
void dial_start(struct bytes dns_server);

/* Begin; `socket` is not open yet. */
void dial_begin(struct dial *dial, const char *host, uint16_t port);

enum dial_state dial_state(struct dial *dial);

/* Let go of it; the socket is the caller's to close. */
void dial_cancel(struct dial *dial);

#endif
