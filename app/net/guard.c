/*
 * One rule for each kind of packet.
 */
#include "net/guard.h"

#include <lwip/udp.h>

#include "limits.h"
#include "net/addresses.h"
#include "net/neighbours.h"
#include "net/pace.h"
#include "net/pcbs.h"
#include "net/segments.h"

#define ICMP_ECHO        8
#define PORT_DNS         53
#define PORT_DHCP_SERVER 67
#define PORT_DHCP_CLIENT 68

static struct pace pings;
static struct pace datagrams;

void guard_start(void)
{
    pings = (struct pace){.per_s = GUARD_PINGS_PER_S};
    datagrams = (struct pace){.per_s = GUARD_DATAGRAMS_PER_S};
    pcbs_start();
    segments_start();
    neighbours_start();
}

static bool takes_ping(const struct packet *packet)
{
    return packet->payload.data[0] == ICMP_ECHO && packet->payload.data[1] == 0 && !packet->to_group &&
           addresses_have(&packet->tuple.local) && pace_allows(&pings);
}

/* Answers only: of DHCP, perhaps before we have an address, and of DNS to a port that waits for one. */
static bool takes_datagram(const struct packet *packet)
{
    const struct udp_pcb *pcb = udp_pcbs;
    bool is_dhcp = packet->tuple.local_port == PORT_DHCP_CLIENT &&
                   packet->tuple.remote_port == PORT_DHCP_SERVER && !packet->is_ipv6;
    bool is_dns = packet->tuple.remote_port == PORT_DNS && !packet->to_group;
    while (pcb != NULL && pcb->local_port != packet->tuple.local_port)
        pcb = pcb->next;
    return pcb != NULL && (is_dhcp || is_dns) && pace_allows(&datagrams);
}

bool guard_passes(const struct packet *packet, struct tcp_pcb **pcb)
{
    *pcb = NULL;
    switch (packet->kind) {
    case PACKET_TCP:
        if (addresses_have(&packet->tuple.local) && !addresses_have(&packet->tuple.remote))
            *pcb = segments_take(packet);
        return *pcb != NULL;
    case PACKET_ARP:
        return neighbours_take_arp(packet);
    case PACKET_ICMP6:
        return neighbours_take_icmp6(packet);
    case PACKET_ICMP:
        return takes_ping(packet);
    case PACKET_UDP:
        return takes_datagram(packet);
    default:
        return false;
    }
}
