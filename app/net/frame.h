/*
 * Building frames that do not come from lwIP: answers that need no state, and what a peer would have sent.
 *
 * Pure. The caller's buffer has room for FRAME_HEAD_MAX_BYTES and the payload.
 */
#ifndef JETON_NET_FRAME_H
#define JETON_NET_FRAME_H

#include "net/packet.h"

#define FRAME_HEAD_MAX_BYTES (ETHERNET_BYTES + IPV6_BYTES)

enum frame_protocol {
    FRAME_TCP = 6,
    FRAME_ICMP6 = 58
};

struct frame {
    const uint8_t *source_mac;
    const uint8_t *destination_mac;
    struct net_address source; /* both IPv4 or both IPv6 */
    struct net_address destination;
    enum frame_protocol protocol;
    uint8_t hop_limit;
    uint16_t id;          /* of IPv4 */
    struct bytes payload; /* with a checksum of zero */
};

/* Write it, its checksums right; its size. */
size_t frame_build(const struct frame *frame, uint8_t *out);

/* An ARP packet (RFC 826) between the frame's addresses; `operation`: 1 asks, 2 answers. */
size_t frame_build_arp(const struct frame *frame, uint8_t operation, uint8_t *out);

#endif
