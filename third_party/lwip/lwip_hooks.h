/*
 * Where we change what stock lwIP does, included by lwIP's own files after their headers.
 *
 * Stock 2.2.1 counts IP ids up by one and initial sequence numbers in one constant step, so that a stranger can predict
 * both. Here an id is random (RFC 6864 asks for no more, as nothing we send is ever fragmented), and a sequence number
 * is a keyed hash of the connection plus a clock (RFC 6528), computed by app/net.
 */
#ifndef JETON_LWIP_HOOKS_H
#define JETON_LWIP_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip_addr.h"

/* RFC 6528: the initial sequence number of a connection. Defined by app/net. */
u32_t link_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                   u16_t remote_port);

#define LWIP_HOOK_TCP_ISN link_tcp_isn

/* lwIP's lists of connections are kept by app/net (pcbs.h): in and out without walking through them. */
struct tcp_pcb;
void pcbs_link(struct tcp_pcb **list, struct tcp_pcb *pcb);
void pcbs_unlink(struct tcp_pcb **list, struct tcp_pcb *pcb);

#undef TCP_REG
#define TCP_REG(list, pcb)                                                                                   \
    do {                                                                                                     \
        pcbs_link((list), (pcb));                                                                            \
        tcp_timer_needed();                                                                                  \
    } while (0)
#undef TCP_RMV
#define TCP_RMV(list, pcb) pcbs_unlink((list), (pcb))

/* The static IPv6 router, NULL where there is none. Defined by app/net. */
const ip6_addr_t *link_ipv6_gateway(void);
#define LWIP_HOOK_ND6_GET_GW(netif, destination) link_ipv6_gateway()

#undef IPH_ID_SET
#define IPH_ID_SET(header, counted) ((header)->_id = (u16_t)((void)(counted), link_random_u32()))

#endif
