/*
 * Reading frames.
 */
#include "net/packet.h"

#include <string.h>

#define TYPE_IPV4         0x0800
#define TYPE_ARP          0x0806
#define TYPE_IPV6         0x86dd
#define PROTOCOL_HOPS     0 /* hop-by-hop options */
#define PROTOCOL_ICMP     1
#define PROTOCOL_TCP      6
#define PROTOCOL_UDP      17
#define PROTOCOL_ICMP6    58
#define UDP_BYTES         8
#define ICMP_BYTES        4
#define IPV4_DONT         0x4000 /* don't fragment; the only bit of that field that may be set */
#define OPTION_END        0
#define OPTION_NOTHING    1
#define OPTION_MSS        2
#define ROUTER_ALERT_HEAD 0x0502 /* type 5 of 2 bytes (RFC 2711) */
#define HOPS_BYTES        8

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* ---- bytes ---- */

uint16_t packet_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t packet_get32(const uint8_t *at)
{
    return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

void packet_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void packet_put32(uint8_t *at, uint32_t value)
{
    packet_put16(at, value >> 16);
    packet_put16(at + 2, value);
}

/* Little-endian words sum up to the big-endian sum with its bytes swapped (RFC 1071 section 2, B). */
uint16_t packet_sum(struct bytes data, uint64_t sum)
{
    uint64_t words = 0;
    const uint8_t *at = data.data;
    size_t left = data.size;
    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        words += word;
    }
    for (size_t i = 0; i < left; i++)
        words += (uint64_t)at[i] << (8 * i);
    while (words > 0xffff)
        words = (words & 0xffff) + (words >> 16);
    sum += (words & 0xff) << 8 | words >> 8;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

uint64_t packet_pseudo_sum(const struct tuple *tuple, uint8_t protocol, size_t size)
{
    size_t skip = net_address_is_ipv4(&tuple->local) ? sizeof mapped : 0;
    const size_t count = sizeof tuple->local.bytes - skip;
    const struct bytes local = {tuple->local.bytes + skip, count};
    const struct bytes remote = {tuple->remote.bytes + skip, count};
    return (uint64_t)packet_sum(local, packet_sum(remote, 0)) + protocol + size;
}

/* ---- addresses ---- */

bool net_address_is_ipv4(const struct net_address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

struct net_address net_address_of_ipv4(const uint8_t octets[4])
{
    struct net_address address;
    memcpy(address.bytes, mapped, sizeof mapped);
    memcpy(address.bytes + sizeof mapped, octets, 4);
    return address;
}

/* This network, loopback, multicast, reserved, broadcast (RFC 1122 section 3.2.1.3). DHCP's 0.0.0.0 is none we'd hear. */
static bool ipv4_is_no_host(const uint8_t *octets)
{
    return octets[0] == 0 || octets[0] == 127 || octets[0] >= 224;
}

/* Multicast, IPv4 inside, loopback; not ::, which duplicate address detection asks from. */
static bool ipv6_is_no_host(const struct net_address *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    return address->bytes[0] == 0xff || net_address_is_ipv4(address) ||
           memcmp(address->bytes, loopback, sizeof loopback) == 0;
}

/* ---- transport ---- */

static bool sum_is_right(const struct packet *packet, uint8_t protocol)
{
    uint64_t pseudo = packet_pseudo_sum(&packet->tuple, protocol, packet->payload.size);
    return packet_sum(packet->payload, pseudo) == 0xffff;
}

/* Every option must end within the header. The MSS belongs to SYNs only (RFC 9293 section 3.2). */
static bool read_options(struct packet *packet, struct bytes options)
{
    for (size_t at = 0; at < options.size;) {
        uint8_t kind = options.data[at];
        if (kind == OPTION_END)
            return true;
        if (kind == OPTION_NOTHING) {
            at++;
            continue;
        }
        size_t size = at + 1 < options.size ? options.data[at + 1] : 0;
        if (size < 2 || size > options.size - at)
            return false;
        if (kind == OPTION_MSS && (size != 4 || !(packet->flags & PACKET_SYN)))
            return false;
        if (kind == OPTION_MSS)
            packet->mss = packet_get16(options.data + at + 2);
        at += size;
    }
    return true;
}

/* Flags that no sound sender combines: none at all, SYN with FIN or RST, data's flags without ACK. */
static bool flags_are_sound(uint8_t flags)
{
    unsigned kind = flags & (PACKET_FIN | PACKET_SYN | PACKET_RST | PACKET_ACK);
    if (flags & PACKET_SYN)
        return (kind & ~(unsigned)PACKET_ACK) == PACKET_SYN;
    return (flags & (PACKET_ACK | PACKET_RST)) != 0;
}

static void read_tcp(struct packet *packet)
{
    const uint8_t *tcp = packet->payload.data;
    size_t header = packet->payload.size < TCP_BYTES ? 0 : (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_BYTES || header > packet->payload.size)
        return;
    packet->tuple.remote_port = packet_get16(tcp);
    packet->tuple.local_port = packet_get16(tcp + 2);
    packet->sequence = packet_get32(tcp + 4);
    packet->flags = tcp[13];
    packet->acknowledged = packet->flags & PACKET_ACK ? packet_get32(tcp + 8) : 0;
    packet->data_bytes = packet->payload.size - header;
    if (flags_are_sound(packet->flags) && packet->tuple.remote_port != 0 && !packet->to_group &&
        read_options(packet, (struct bytes){tcp + TCP_BYTES, header - TCP_BYTES}))
        packet->kind = PACKET_TCP;
}

static void read_udp(struct packet *packet)
{
    const uint8_t *udp = packet->payload.data;
    if (packet->payload.size < UDP_BYTES || packet_get16(udp + 4) != packet->payload.size)
        return;
    packet->tuple.remote_port = packet_get16(udp);
    packet->tuple.local_port = packet_get16(udp + 2);
    packet->kind = PACKET_UDP;
}

static void read_transport(struct packet *packet, uint8_t protocol, bool sums_known)
{
    bool no_sum = protocol == PROTOCOL_UDP && !packet->is_ipv6 && packet->payload.size >= UDP_BYTES &&
                  packet_get16(packet->payload.data + 6) == 0;
    bool offloaded = sums_known && (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP);
    bool is_icmp = protocol == PROTOCOL_ICMP && !packet->is_ipv6;
    if (is_icmp ? packet_sum(packet->payload, 0) != 0xffff
                : !no_sum && !offloaded && !sum_is_right(packet, protocol))
        return;
    if (protocol == PROTOCOL_TCP)
        read_tcp(packet);
    else if (protocol == PROTOCOL_UDP)
        read_udp(packet);
    else if (is_icmp && packet->payload.size >= ICMP_BYTES)
        packet->kind = PACKET_ICMP;
    else if (protocol == PROTOCOL_ICMP6 && packet->is_ipv6 && packet->payload.size >= ICMP_BYTES)
        packet->kind = PACKET_ICMP6;
}

/* ---- network ---- */

static void read_ipv4(struct packet *packet, struct bytes ip, bool sums_known)
{
    if (ip.size < IPV4_BYTES || ip.data[0] != 0x45)
        return;
    size_t size = packet_get16(ip.data + 2);
    if (size < IPV4_BYTES || size > ip.size || (packet_get16(ip.data + 6) & ~IPV4_DONT) != 0 ||
        ipv4_is_no_host(ip.data + 12) || packet_sum((struct bytes){ip.data, IPV4_BYTES}, 0) != 0xffff)
        return;
    packet->tuple.remote = net_address_of_ipv4(ip.data + 12);
    packet->tuple.local = net_address_of_ipv4(ip.data + 16);
    packet->to_group |= ip.data[16] >= 224;
    packet->hop_limit = ip.data[8];
    packet->payload = (struct bytes){ip.data + IPV4_BYTES, size - IPV4_BYTES};
    read_transport(packet, ip.data[9], sums_known);
}

/* Hop-by-hop options are for MLD queries: a router alert, and padding. */
static bool skip_router_alert(struct packet *packet, uint8_t *protocol)
{
    const uint8_t *hops = packet->payload.data;
    if (packet->payload.size < HOPS_BYTES || hops[0] != PROTOCOL_ICMP6 || hops[1] != 0 ||
        packet_get16(hops + 2) != ROUTER_ALERT_HEAD)
        return false;
    *protocol = hops[0];
    packet->payload = (struct bytes){hops + HOPS_BYTES, packet->payload.size - HOPS_BYTES};
    return true;
}

static void read_ipv6(struct packet *packet, struct bytes ip, bool sums_known)
{
    if (ip.size < IPV6_BYTES || ip.data[0] >> 4 != 6)
        return;
    uint8_t protocol = ip.data[6];
    size_t size = packet_get16(ip.data + 4);
    if (size > ip.size - IPV6_BYTES)
        return;
    memcpy(packet->tuple.remote.bytes, ip.data + 8, 16);
    memcpy(packet->tuple.local.bytes, ip.data + 24, 16);
    if (ipv6_is_no_host(&packet->tuple.remote) || net_address_is_ipv4(&packet->tuple.local))
        return;
    packet->is_ipv6 = true;
    packet->to_group |= packet->tuple.local.bytes[0] == 0xff;
    packet->hop_limit = ip.data[7];
    packet->payload = (struct bytes){ip.data + IPV6_BYTES, size};
    if (protocol != PROTOCOL_HOPS || skip_router_alert(packet, &protocol))
        read_transport(packet, protocol, sums_known);
}

/* RFC 826: Ethernet, IPv4, from one station. */
static void read_arp(struct packet *packet, struct bytes arp)
{
    static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};
    if (arp.size < ARP_BYTES || memcmp(arp.data, head, sizeof head) != 0 ||
        memcmp(arp.data + 8, packet->source_mac, MAC_BYTES) != 0)
        return;
    packet->payload = (struct bytes){arp.data, ARP_BYTES};
    packet->tuple.remote = net_address_of_ipv4(arp.data + 14);
    packet->tuple.local = net_address_of_ipv4(arp.data + 24);
    packet->kind = PACKET_ARP;
}

void packet_read(struct bytes frame, bool sums_known, struct packet *packet)
{
    *packet = (struct packet){.kind = PACKET_BAD};
    if (frame.size <= ETHERNET_BYTES)
        return;
    struct bytes body = {frame.data + ETHERNET_BYTES, frame.size - ETHERNET_BYTES};
    packet->destination_mac = frame.data;
    packet->source_mac = frame.data + MAC_BYTES;
    packet->to_group = (frame.data[0] & 1) != 0;
    if ((packet->source_mac[0] & 1) != 0)
        return;
    switch (packet_get16(frame.data + 12)) {
    case TYPE_IPV4:
        read_ipv4(packet, body, sums_known);
        break;
    case TYPE_IPV6:
        read_ipv6(packet, body, sums_known);
        break;
    case TYPE_ARP:
        read_arp(packet, body);
        break;
    default:
        break;
    }
}
