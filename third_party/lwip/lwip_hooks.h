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

/* Looks at each segment before TCP does; a status other than ERR_OK drops it. Defined by app/net. */
struct tcp_pcb;
struct tcp_hdr;
err_t socket_on_segment(struct tcp_pcb *pcb, const struct tcp_hdr *header);

#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, option_size, part_1_size, part_2, segment) \
    socket_on_segment(pcb, header)

#undef IPH_ID_SET
#define IPH_ID_SET(header, counted) ((header)->_id = (u16_t)((void)(counted), link_random_u32()))

#endif
