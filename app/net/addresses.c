/*
 * Address texts, and what lwIP's interface has.
 */
#include "net/addresses.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/ip6_addr.h>
#include <lwip/netif.h>

#include "api/cidr.h"
#include "base/bytes.h"
#include "net/pcbs.h"

#include "lwip_hooks.h"

#define DEFAULT_PREFIX_BITS 24
#define IPV6_BITS           128
#define IPV6_LINK_BITS      64

static struct address_plan current;
static ip6_addr_t gateway6;

/* ---- text ---- */

/* Four decimal numbers; nothing of the shorter forms that inet_aton takes. */
static enum status read_ipv4(struct bytes text, uint32_t *address)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t size = i < 3 ? bytes_find(text, '.') : text.size;
        uint64_t octet;
        if (size == 0 || size > 3 || bytes_to_u64(bytes_slice(text, 0, size), &octet) != STATUS_OK ||
            octet > 255)
            return STATUS_INVALID;
        value = value << 8 | (uint32_t)octet;
        text = bytes_slice(text, size + 1, text.size);
    }
    *address = lwip_htonl(value);
    return STATUS_OK;
}

static enum status read_prefix(struct bytes text, uint32_t *mask)
{
    uint64_t bits = DEFAULT_PREFIX_BITS;
    if (text.size > 0 && (bytes_to_u64(text, &bits) != STATUS_OK || bits < 1 || bits > 32))
        return STATUS_INVALID;
    *mask = UINT32_MAX << (32 - bits);
    return STATUS_OK;
}

static enum status read_plan_ipv4(const struct address_options *options, struct address_plan *plan)
{
    size_t slash = bytes_find(options->ip, '/');
    uint32_t mask;
    if (options->ip.size == 0)
        return STATUS_OK;
    if (slash + 1 == options->ip.size ||
        read_prefix(bytes_slice(options->ip, slash + 1, options->ip.size), &mask) != STATUS_OK ||
        read_ipv4(bytes_slice(options->ip, 0, slash), &plan->ip) != STATUS_OK || plan->ip == 0)
        return STATUS_INVALID;
    plan->netmask = lwip_htonl(mask);
    if (options->netmask.size > 0 && read_ipv4(options->netmask, &plan->netmask) != STATUS_OK)
        return STATUS_INVALID;
    if (options->gateway.size > 0 && read_ipv4(options->gateway, &plan->gateway) != STATUS_OK)
        return STATUS_INVALID;
    return ip4_addr_netmask_valid(plan->netmask) ? STATUS_OK : STATUS_INVALID;
}

/* One station's address: neither IPv4 inside, nor multicast, nor all zero. */
static enum status read_ipv6(struct bytes text, struct net_address *address)
{
    static const struct net_address none;
    struct cidr cidr;
    if (cidr_read(text, &cidr) != STATUS_OK || cidr.prefix_bits != IPV6_BITS)
        return STATUS_INVALID;
    memcpy(address->bytes, cidr.address, sizeof address->bytes);
    bool is_station =
        address->bytes[0] != 0xff && !net_address_is_ipv4(address) && !net_address_equal(address, &none);
    return is_station ? STATUS_OK : STATUS_INVALID;
}

static enum status read_plan_ipv6(const struct address_options *options, struct address_plan *plan)
{
    size_t slash = bytes_find(options->ip6, '/');
    plan->has_ipv6 = !bytes_equal_string(options->ip6, "off");
    if (!plan->has_ipv6)
        return STATUS_OK;
    if (slash < options->ip6.size &&
        !bytes_equal_string(bytes_slice(options->ip6, slash, options->ip6.size), "/64"))
        return STATUS_INVALID;
    if (options->ip6.size > 0 && read_ipv6(bytes_slice(options->ip6, 0, slash), &plan->ip6) != STATUS_OK)
        return STATUS_INVALID;
    return options->gateway6.size > 0 ? read_ipv6(options->gateway6, &plan->gateway6) : STATUS_OK;
}

enum status addresses_read(const struct address_options *options, struct address_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    enum status status = read_plan_ipv4(options, plan);
    return status == STATUS_OK ? read_plan_ipv6(options, plan) : status;
}

void address_write(struct buffer *out, const struct net_address *address)
{
    uint8_t text[ADDRESS_TEXT_MAX_BYTES + 8];
    struct buffer range = buffer_over(text, sizeof text);
    struct cidr cidr = {.prefix_bits = IPV6_BITS};
    memcpy(cidr.address, address->bytes, sizeof cidr.address);
    cidr_write(&range, &cidr);
    buffer_append(out, bytes_slice(buffer_view(&range), 0, bytes_find(buffer_view(&range), '/')));
}

/* ---- the interface ---- */

static ip6_addr_t lwip_ipv6(const struct net_address *address)
{
    ip6_addr_t plain = {0};
    memcpy(plain.addr, address->bytes, sizeof plain.addr);
    return plain;
}

static bool is_set(const struct net_address *address)
{
    static const struct net_address none;
    return !net_address_equal(address, &none);
}

void addresses_start_ipv6(const struct address_plan *plan)
{
    current = *plan;
    gateway6 = lwip_ipv6(&plan->gateway6);
    if (!plan->has_ipv6)
        return;
    netif_create_ip6_linklocal_address(netif_default, 1);
    netif_set_ip6_autoconfig_enabled(netif_default, !is_set(&plan->ip6));
    if (is_set(&plan->ip6)) {
        netif_ip6_addr_set_parts(netif_default, 1, lwip_ipv6(&plan->ip6).addr[0],
                                 lwip_ipv6(&plan->ip6).addr[1], lwip_ipv6(&plan->ip6).addr[2],
                                 lwip_ipv6(&plan->ip6).addr[3]);
        netif_ip6_addr_set_state(netif_default, 1, IP6_ADDR_TENTATIVE);
    }
}

/* lwIP's question: the static router for what is beyond the link. */
const ip6_addr_t *link_ipv6_gateway(void)
{
    return is_set(&current.gateway6) ? &gateway6 : NULL;
}

/* The state that lwIP has this IPv6 address in; IP6_ADDR_INVALID where it has it not. */
static uint8_t state_of(const struct net_address *address)
{
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (memcmp(netif_ip6_addr(netif_default, i)->addr, address->bytes, sizeof address->bytes) == 0)
            return netif_ip6_addr_state(netif_default, i);
    return IP6_ADDR_INVALID;
}

bool addresses_have(const struct net_address *address)
{
    if (net_address_is_ipv4(address))
        return !ip4_addr_isany(netif_ip4_addr(netif_default)) &&
               memcmp(address->bytes + 12, netif_ip4_addr(netif_default), 4) == 0;
    return ip6_addr_isvalid(state_of(address)) != 0;
}

bool addresses_try(const struct net_address *address)
{
    return !net_address_is_ipv4(address) && ip6_addr_istentative(state_of(address));
}

static bool is_local_ipv6(const struct net_address *address)
{
    if (address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80)
        return true;
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif_default, i)) &&
            memcmp(netif_ip6_addr(netif_default, i)->addr, address->bytes, IPV6_LINK_BITS / 8) == 0)
            return true;
    return false;
}

bool addresses_are_local(const struct net_address *address)
{
    uint32_t ipv4;
    if (!net_address_is_ipv4(address))
        return is_local_ipv6(address);
    memcpy(&ipv4, address->bytes + 12, sizeof ipv4);
    uint32_t own = ip4_addr_get_u32(netif_ip4_addr(netif_default));
    return ((ipv4 ^ own) & ip4_addr_get_u32(netif_ip4_netmask(netif_default))) == 0;
}

bool addresses_router(const struct net_address *beyond, const uint8_t *mac, struct net_address *router)
{
    struct eth_addr *station;
    const ip4_addr_t *entry;
    const ip4_addr_t *gateway = netif_ip4_gw(netif_default);
    if (!net_address_is_ipv4(beyond) || ip4_addr_isany(gateway) ||
        etharp_find_addr(netif_default, gateway, &station, &entry) < 0 ||
        memcmp(station->addr, mac, MAC_BYTES) != 0)
        return false;
    *router = net_address_of_ipv4((const uint8_t *)&gateway->addr);
    return true;
}

size_t addresses_list(struct net_address *list, size_t most)
{
    size_t count = 0;
    if (!ip4_addr_isany(netif_ip4_addr(netif_default)) && count < most)
        list[count++] = net_address_of(&netif_default->ip_addr);
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES && count < most; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif_default, i)))
            list[count++] = net_address_of(netif_ip_addr6(netif_default, i));
    return count;
}

size_t addresses_list_lasting_ipv6(struct net_address *list)
{
    size_t count = 0;
    if (!current.has_ipv6)
        return 0;
    list[count++] = net_address_of(netif_ip_addr6(netif_default, 0));
    if (is_set(&current.ip6))
        list[count++] = current.ip6;
    return count;
}
