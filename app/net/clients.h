/*
 * Client addresses that have connections, found by address: what one of them may have, and whose turn it is, is counted
 * here and not by connection.
 *
 * Ownership: entries come from the heap given, and live until clients_forget_unused. Blocking: none. Failure: NULL without
 *   memory.
 * Limits: SERVER_ADDRESS_BUCKETS lists; an entry for each address that has a connection.
 */
#ifndef JETON_NET_CLIENTS_H
#define JETON_NET_CLIENTS_H

#include "base/heap.h"
#include "net/addresses.h"
#include "net/list.h"

struct client {
    struct list_node bucket;
    struct net_address address; /* of IPv6 the /64: one host has all of it */
    uint32_t connection_count;
    uint32_t lingering_count; /* of them, those that have ended but for the peer's word */
    struct list handshakes;   /* of its connections, those that can go on with theirs */
    struct list_node turn;    /* in the server's list of clients that have some */
};

void clients_start(struct heap *given);

/* The client of this address, made when there is none. */
struct client *clients_get(const struct net_address *address);

/* Away with it if it has no connection. */
void clients_forget_unused(struct client *client);

#endif
