/*
 * lwIP's lists of TCP connections, found by a hash and left in constant time: stock lwIP walks them for each segment.
 *
 * lwip_hooks.h puts these calls in place of lwIP's own list macros. What they need lies in each PCB's external arguments
 * (tcp_ext_arg), so that nothing is allocated and nothing can fail.
 * Blocking: none. Limits: PCBS_BUCKETS lists of PCBs that share a hash.
 */
#ifndef JETON_NET_PCBS_H
#define JETON_NET_PCBS_H

#include <lwip/ip_addr.h>

#include "net/packet.h"

struct tcp_pcb;

/* A key that strangers don't know. Once, before lwIP starts. */
void pcbs_start(void);

/* In place of lwIP's TCP_REG and TCP_RMV. */
void pcbs_link(struct tcp_pcb **list, struct tcp_pcb *pcb);
void pcbs_unlink(struct tcp_pcb **list, struct tcp_pcb *pcb);

/* The connection of this tuple, in TIME_WAIT too; NULL when there is none. */
struct tcp_pcb *pcbs_find(const struct tuple *tuple);

/* Before lwIP gets a segment of `pcb` (NULL: one that makes a new connection), so that its search ends at once; and after. */
void pcbs_present(struct tcp_pcb *pcb);
void pcbs_restore(void);

/* A word of memory for the connection: when it last was sent a challenge. */
uint32_t pcbs_challenged_ms(const struct tcp_pcb *pcb);
void pcbs_set_challenged_ms(struct tcp_pcb *pcb, uint32_t now_ms);

/* True if each connection is where it says, and in the hash if in a list. For tests: it looks at all. */
bool pcbs_are_sound(void);

struct net_address net_address_of(const ip_addr_t *address);

#endif
