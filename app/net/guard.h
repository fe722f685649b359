/*
 * What lwIP gets to see: only what an appliance needs, with every length checked. Everything else ends here, without
 * memory taken and mostly without an answer.
 *
 * Fragments are not put together again: nothing that we serve comes in them. Neither IP options nor extension headers
 * pass, nor what is sent to a group but for address questions and DHCP.
 * Ownership: none. Blocking: none. Limits: GUARD_*, NEIGHBOUR_*, SEGMENT_* in limits.h.
 */
#ifndef JETON_NET_GUARD_H
#define JETON_NET_GUARD_H

#include "net/packet.h"

struct tcp_pcb;

/* Once, before frames come. */
void guard_start(void);

/* True if lwIP gets the packet; with TCP `pcb` is its connection, else NULL. */
bool guard_passes(const struct packet *packet, struct tcp_pcb **pcb);

#endif
