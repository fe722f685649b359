/*
 * Who is at which address of the link: what of ARP and of Neighbor Discovery (RFC 826, RFC 4861) lwIP gets to see.
 *
 * Questions for our addresses are answered here and leave nothing behind. lwIP learns of a station in two ways: from the
 * answer to a question of its own, and from a TCP peer that has proved that it receives at its address (segments.h). Who
 * has proved that lately keeps its place, whatever others claim.
 * Ownership: none. Blocking: none. Limits: NEIGHBOUR_* in limits.h.
 */
#ifndef JETON_NET_NEIGHBOURS_H
#define JETON_NET_NEIGHBOURS_H

#include "net/packet.h"

void neighbours_start(void);

/* True if lwIP gets it. */
bool neighbours_take_arp(const struct packet *packet);
bool neighbours_take_icmp6(const struct packet *packet);

/* A frame that lwIP sends. True if it asks for a station: an answer is welcome then. */
bool neighbours_note_question(struct bytes frame);

/* A segment of a connection, its numbers right. */
void neighbours_note_proof(const struct packet *packet);

#endif
