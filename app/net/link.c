/*
 * The netif over platform_nic_*, and what lwIP asks of us: memory, time, random numbers.
 */
#include "net/link.h"

#include <assert.h>
#include <string.h>

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/ip4_addr.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "platform/platform.h"

#include "lwip_hooks.h"

#define DEFAULT_PREFIX_BITS 24
#define ISN_TICK_NS         4000 /* RFC 6528 section 3: M counts once in 4 microseconds */

static struct heap *heap;
static struct netif netif;
static struct pbuf *whole_frame; /* where the next frame goes; NULL: take one first */
static struct mac_key isn_key;
static struct link_stats counts;
static char host_name[HOST_NAME_MAX_BYTES + 1];

/* ---- what lwIP asks of us ---- */

void *link_heap_malloc(size_t size_bytes)
{
    return heap_take(heap, size_bytes);
}

void *link_heap_calloc(size_t count, size_t size_bytes)
{
    return heap_take_zeroed(heap, count, size_bytes);
}

void link_heap_free(void *memory)
{
    heap_give(heap, memory);
}

uint32_t link_random_u32(void)
{
    return crypto_random_u32();
}

u32_t sys_now(void)
{
    return (u32_t)(platform_monotonic_ns() / 1000000);
}

u32_t link_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port)
{
    const uint32_t addresses[2] = {ip4_addr_get_u32(ip_2_ip4(local_ip)),
                                   ip4_addr_get_u32(ip_2_ip4(remote_ip))};
    const uint16_t ports[2] = {local_port, remote_port};
    const struct bytes parts[] = {bytes_of(addresses, sizeof addresses), bytes_of(ports, sizeof ports)};
    uint8_t hash[SHA256_BYTES];
    uint32_t offset;
    mac_compute(&isn_key, parts, 2, hash);
    memcpy(&offset, hash, sizeof offset);
    return offset + (uint32_t)(platform_monotonic_ns() / ISN_TICK_NS);
}

/* ---- frames out ---- */

/* More parts than the platform gathers: copy them into one. */
static enum status send_copied(const struct pbuf *frame)
{
    static uint8_t copy[PLATFORM_FRAME_MAX_BYTES];
    pbuf_copy_partial(frame, copy, frame->tot_len, 0);
    const struct bytes part = {copy, frame->tot_len};
    return platform_nic_send(&part, 1);
}

static enum status send_parts(const struct pbuf *frame)
{
    struct bytes parts[PLATFORM_FRAME_PARTS_MAX];
    size_t count = 0;
    for (const struct pbuf *part = frame; part != NULL; part = part->next) {
        if (count == PLATFORM_FRAME_PARTS_MAX)
            return send_copied(frame);
        parts[count++] = bytes_of(part->payload, part->len);
    }
    return platform_nic_send(parts, count);
}

/* A full device queue is told of and tried once more: a drop costs TCP a retransmission. */
static err_t send_frame(struct netif *from, struct pbuf *frame)
{
    (void)from;
    if (frame->tot_len > PLATFORM_FRAME_MAX_BYTES)
        return ERR_BUF;
    enum status status = send_parts(frame);
    if (status == STATUS_AGAIN) {
        platform_nic_flush();
        status = send_parts(frame);
    }
    counts.sent_count += status == STATUS_OK;
    counts.dropped_count += status != STATUS_OK;
    return status == STATUS_OK ? ERR_OK : ERR_IF;
}

/* ---- frames in ---- */

/* A small frame moves to a small buffer: a queue of tiny segments must not hold a whole frame's memory each. */
static struct pbuf *fit(struct pbuf *whole, size_t size)
{
    if (size > LINK_COPY_MAX_BYTES) {
        whole_frame = NULL;
        pbuf_realloc(whole, (u16_t)size);
        return whole;
    }
    struct pbuf *small = pbuf_alloc(PBUF_RAW, (u16_t)size, PBUF_RAM);
    if (small != NULL)
        (void)pbuf_take(small, whole->payload, (u16_t)size);
    return small;
}

/* Without memory a frame is read all the same, else the device's queue would stay full of old ones. */
static bool drop_one(void)
{
    static uint8_t dropped[PLATFORM_FRAME_MAX_BYTES];
    counts.dropped_count++;
    return platform_nic_receive(dropped, sizeof dropped) > 0;
}

static bool receive_one(void)
{
    if (whole_frame == NULL)
        whole_frame = pbuf_alloc(PBUF_RAW, PLATFORM_FRAME_MAX_BYTES, PBUF_RAM);
    if (whole_frame == NULL)
        return drop_one();
    size_t size = platform_nic_receive(whole_frame->payload, PLATFORM_FRAME_MAX_BYTES);
    if (size == 0)
        return false;
    struct pbuf *frame = fit(whole_frame, size);
    counts.received_count++;
    if (frame == NULL)
        counts.dropped_count++;
    else if (netif.input(frame, &netif) != ERR_OK)
        pbuf_free(frame);
    return true;
}

static void follow_link(void)
{
    struct platform_nic nic;
    platform_nic_info(&nic);
    bool up = nic.present && nic.link_up;
    if (up == (netif_is_link_up(&netif) != 0))
        return;
    log_info("network link is %s", up ? "up" : "down");
    if (up)
        netif_set_link_up(&netif);
    else
        netif_set_link_down(&netif);
}

bool link_poll(void)
{
    size_t count = 0;
    follow_link();
    while (count < LINK_FRAMES_PER_TURN && receive_one())
        count++;
    sys_check_timeouts();
    return count > 0;
}

uint64_t link_next_deadline_ns(void)
{
    uint32_t wait_ms = sys_timeouts_sleeptime();
    if (wait_ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE)
        return UINT64_MAX;
    return (platform_monotonic_ns() / 1000000 + wait_ms) * 1000000;
}

/* ---- start ---- */

static err_t start_netif(struct netif *starting)
{
    struct platform_nic nic;
    platform_nic_info(&nic);
    starting->name[0] = 'j';
    starting->name[1] = 't';
    starting->mtu = nic.mtu_bytes;
    starting->hwaddr_len = sizeof nic.mac;
    memcpy(starting->hwaddr, nic.mac, sizeof nic.mac);
    starting->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    starting->output = etharp_output;
    starting->linkoutput = send_frame;
    netif_set_hostname(starting, host_name);
    return ERR_OK;
}

/* Four decimal numbers; nothing of the shorter forms that inet_aton takes. */
static enum status read_address(struct bytes text, ip4_addr_t *address)
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
    ip4_addr_set_u32(address, lwip_htonl(value));
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

struct addresses {
    ip4_addr_t ip;
    ip4_addr_t netmask;
    ip4_addr_t gateway;
};

static enum status read_addresses(const struct link_options *options, struct addresses *out)
{
    size_t slash = bytes_find(options->ip, '/');
    uint32_t mask;
    memset(out, 0, sizeof *out);
    if (options->ip.size == 0)
        return STATUS_OK;
    if (slash + 1 == options->ip.size ||
        read_prefix(bytes_slice(options->ip, slash + 1, options->ip.size), &mask) != STATUS_OK ||
        read_address(bytes_slice(options->ip, 0, slash), &out->ip) != STATUS_OK || ip4_addr_isany(&out->ip))
        return STATUS_INVALID;
    ip4_addr_set_u32(&out->netmask, lwip_htonl(mask));
    if (options->netmask.size > 0 && read_address(options->netmask, &out->netmask) != STATUS_OK)
        return STATUS_INVALID;
    if (options->gateway.size > 0 && read_address(options->gateway, &out->gateway) != STATUS_OK)
        return STATUS_INVALID;
    return ip4_addr_netmask_valid(ip4_addr_get_u32(&out->netmask)) ? STATUS_OK : STATUS_INVALID;
}

static void make_isn_key(void)
{
    uint8_t secret[KEY_BYTES];
    crypto_random(secret, sizeof secret);
    mac_key_init(&isn_key, secret);
    bytes_wipe(secret, sizeof secret);
}

enum status link_start(const struct link_options *options)
{
    struct addresses addresses;
    struct platform_nic nic;
    if (options->host_name.size > HOST_NAME_MAX_BYTES || read_addresses(options, &addresses) != STATUS_OK)
        return STATUS_INVALID;
    platform_nic_info(&nic);
    if (!nic.present)
        return STATUS_IO;
    heap = options->heap;
    memcpy(host_name, options->host_name.data, options->host_name.size);
    make_isn_key();
    lwip_init();
    if (netif_add(&netif, &addresses.ip, &addresses.netmask, &addresses.gateway, NULL, start_netif,
                  ethernet_input) == NULL)
        return STATUS_IO;
    netif_set_default(&netif);
    netif_set_up(&netif);
    follow_link();
    if (options->ip.size == 0 && dhcp_start(&netif) != ERR_OK)
        return STATUS_FULL;
    return STATUS_OK;
}

bool link_address(uint32_t *ipv4)
{
    const ip4_addr_t *address = netif_ip4_addr(&netif);
    if (ip4_addr_isany(address))
        return false;
    *ipv4 = lwip_ntohl(ip4_addr_get_u32(address));
    return true;
}

void link_stats(struct link_stats *stats)
{
    *stats = counts;
}
