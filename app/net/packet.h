/*
 * One received frame, read with every length checked before lwIP sees it: Ethernet, ARP, IPv4, IPv6, ICMP, UDP, TCP.
 *
 * Pure. What is not sound, or is nothing that an appliance needs (fragments, IP options, extension headers, source
 * addresses that no host has), is PACKET_BAD: RFC 1858, RFC 5722, RFC 7126 and RFC 9099 say what they are used for. MLD's
 * router alert is the one extension header that passes.
 * Ownership: views point into the frame. Limits: frames of at most 65535 bytes.
 */
#ifndef JETON_NET_PACKET_H
#define JETON_NET_PACKET_H

#include "platform/types.h"

#define ETHERNET_BYTES 14
#define MAC_BYTES      6
#define ARP_BYTES      28
#define IPV4_BYTES     20
#define IPV6_BYTES     40
#define TCP_BYTES      20

/* IPv6, or IPv4 mapped (::ffff:a.b.c.d). */
struct net_address {
    uint8_t bytes[16];
};

enum packet_kind {
    PACKET_BAD,
    PACKET_ARP,
    PACKET_ICMP,
    PACKET_ICMP6,
    PACKET_UDP,
    PACKET_TCP
};

enum {
    PACKET_FIN = 1,
    PACKET_SYN = 2,
    PACKET_RST = 4,
    PACKET_ACK = 16
};

/* The five that name a connection, as the hash takes them: no padding. */
struct tuple {
    struct net_address local;
    struct net_address remote;
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t reserved; /* 0 */
};

struct packet {
    enum packet_kind kind;
    bool is_ipv6;
    bool to_group; /* its destination is broadcast or multicast, of Ethernet or IP */
    const uint8_t *destination_mac;
    const uint8_t *source_mac;
    struct tuple tuple;    /* of IP: addresses; ports with UDP and TCP */
    uint8_t hop_limit;     /* of IP */
    struct bytes payload;  /* ARP, or what follows the IP header */
    uint8_t flags;         /* TCP, and so on: */
    uint32_t sequence;     /* of its first byte */
    uint32_t acknowledged; /* 0 without ACK */
    uint16_t mss;          /* of a SYN's option; 0: none */
    size_t data_bytes;
};

/* `sums_known`: the device has checked the checksums of UDP and TCP, or the frame never was on a wire. */
void packet_read(struct bytes frame, bool sums_known, struct packet *packet);

/* RFC 1071 over `data` and what `sum` already holds; 0xffff for sound data with its checksum in it. Not inverted. */
uint16_t packet_sum(struct bytes data, uint64_t sum);

/* The sum of the pseudo header of `size` bytes of `protocol` between these (RFC 9293 section 3.1, RFC 8200 section 8.1). */
uint64_t packet_pseudo_sum(const struct tuple *tuple, uint8_t protocol, size_t size);

bool net_address_is_ipv4(const struct net_address *address);
bool net_address_equal(const struct net_address *a, const struct net_address *b);
struct net_address net_address_of_ipv4(const uint8_t octets[4]);

/* Big-endian reads and writes. */
uint16_t packet_get16(const uint8_t *at);
uint32_t packet_get32(const uint8_t *at);
void packet_put16(uint8_t *at, uint32_t value);
void packet_put32(uint8_t *at, uint32_t value);

#endif
