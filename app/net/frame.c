/*
 * Ethernet and IP heads, and checksums.
 */
#include "net/frame.h"

#include <string.h>

#define TYPE_IPV4    0x0800
#define TYPE_ARP     0x0806
#define TYPE_IPV6    0x86dd
#define IPV4_DONT    0x4000
#define TCP_SUM_AT   16
#define ICMP6_SUM_AT 2
#define IPV4_ADDRESS 12 /* where its four bytes are in a mapped one */

static uint8_t *put_bytes(uint8_t *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

static uint8_t *put_ethernet(uint8_t *at, const struct frame *frame, uint32_t type)
{
    at = put_bytes(at, frame->destination_mac, MAC_BYTES);
    at = put_bytes(at, frame->source_mac, MAC_BYTES);
    packet_put16(at, type);
    return at + 2;
}

static uint8_t *put_ipv4(uint8_t *ip, const struct frame *frame)
{
    memset(ip, 0, IPV4_BYTES);
    ip[0] = 0x45;
    packet_put16(ip + 2, (uint32_t)(IPV4_BYTES + frame->payload.size));
    packet_put16(ip + 4, frame->id);
    packet_put16(ip + 6, IPV4_DONT);
    ip[8] = frame->hop_limit;
    ip[9] = (uint8_t)frame->protocol;
    memcpy(ip + 12, frame->source.bytes + IPV4_ADDRESS, 4);
    memcpy(ip + 16, frame->destination.bytes + IPV4_ADDRESS, 4);
    packet_put16(ip + 10, (uint32_t)~packet_sum((struct bytes){ip, IPV4_BYTES}, 0));
    return ip + IPV4_BYTES;
}

static uint8_t *put_ipv6(uint8_t *ip, const struct frame *frame)
{
    packet_put32(ip, UINT32_C(6) << 28);
    packet_put16(ip + 4, (uint32_t)frame->payload.size);
    ip[6] = (uint8_t)frame->protocol;
    ip[7] = frame->hop_limit;
    memcpy(ip + 8, frame->source.bytes, 16);
    memcpy(ip + 24, frame->destination.bytes, 16);
    return ip + IPV6_BYTES;
}

size_t frame_build(const struct frame *frame, uint8_t *out)
{
    bool is_ipv4 = net_address_is_ipv4(&frame->source);
    const struct tuple between = {.local = frame->source, .remote = frame->destination};
    uint8_t *payload = put_ethernet(out, frame, is_ipv4 ? TYPE_IPV4 : TYPE_IPV6);
    payload = is_ipv4 ? put_ipv4(payload, frame) : put_ipv6(payload, frame);
    uint8_t *end = put_bytes(payload, frame->payload.data, frame->payload.size);
    uint64_t pseudo = packet_pseudo_sum(&between, (uint8_t)frame->protocol, frame->payload.size);
    uint16_t sum = packet_sum((struct bytes){payload, frame->payload.size}, pseudo);
    packet_put16(payload + (frame->protocol == FRAME_TCP ? TCP_SUM_AT : ICMP6_SUM_AT), (uint32_t)~sum);
    return (size_t)(end - out);
}

size_t frame_build_arp(const struct frame *frame, uint8_t operation, uint8_t *out)
{
    const uint8_t head[8] = {0, 1, 8, 0, MAC_BYTES, 4, 0, operation};
    uint8_t *at = put_ethernet(out, frame, TYPE_ARP);
    at = put_bytes(at, head, sizeof head);
    at = put_bytes(at, frame->source_mac, MAC_BYTES);
    at = put_bytes(at, frame->source.bytes + IPV4_ADDRESS, 4);
    at = put_bytes(at, frame->destination_mac, MAC_BYTES);
    at = put_bytes(at, frame->destination.bytes + IPV4_ADDRESS, 4);
    return (size_t)(at - out);
}
