/*
 * Our addresses: static or by DHCP (IPv4), link-local, static or autoconfigured (IPv6, RFC 4862).
 *
 * Ownership: options' views are copied. Blocking: none. Failure: STATUS_INVALID for text that is no address.
 * Limits: one of IPv4, LWIP_IPV6_NUM_ADDRESSES of IPv6.
 */
#ifndef JETON_NET_ADDRESSES_H
#define JETON_NET_ADDRESSES_H

#include "net/packet.h"

#define ADDRESS_TEXT_MAX_BYTES 40

struct address_options {
    struct bytes ip;       /* "192.0.2.5" or "192.0.2.5/24"; empty: DHCP */
    struct bytes netmask;  /* "255.255.255.0"; empty: from `ip`, else /24 */
    struct bytes gateway;  /* empty: none */
    struct bytes ip6;      /* "2001:db8::5" in a /64; empty: by router advertisements; "off": no IPv6 */
    struct bytes gateway6; /* empty: by router advertisements */
};

struct address_plan {
    uint32_t ip, netmask, gateway; /* IPv4, in network byte order; 0: none */
    bool has_ipv6;
    struct net_address ip6, gateway6; /* all zero: none */
};

enum status addresses_read(const struct address_options *options, struct address_plan *plan) MUST_USE;

/* Put the plan's IPv6 on the interface. Once, when it is up. */
void addresses_start_ipv6(const struct address_plan *plan);

/* True for an address that we use. */
bool addresses_have(const struct net_address *address);

/* True for one that is not yet known to be ours alone (duplicate address detection). */
bool addresses_try(const struct net_address *address);

/* True if it is on our link. */
bool addresses_are_local(const struct net_address *address);

/* If `mac` is the station that we send to for this IPv4 address beyond our link: the router's address. */
bool addresses_router(const struct net_address *beyond, const uint8_t *mac, struct net_address *router);

/* Our addresses in use, IPv4 first; at most `most`. The count. */
size_t addresses_list(struct net_address *list, size_t most);

/* The link-local and the static one, in use or not: they last. The count, at most 2. */
size_t addresses_list_lasting_ipv6(struct net_address *list);

/* As text, IPv6 after RFC 5952. */
void address_write(struct buffer *out, const struct net_address *address);

#endif
