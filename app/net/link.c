/*
 * The netif over platform_nic_*, and what lwIP asks of us: memory, time, random numbers.
 */
#include "net/link.h"

#include <assert.h>
#include <string.h>

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "base/log.h"
#include "base/siphash.h"
#include "crypto/crypto.h"
#include "net/guard.h"
#include "net/neighbours.h"
#include "net/packet.h"
#include "net/pcbs.h"
#include "net/train.h"
#include "platform/platform.h"

#include "lwip_hooks.h"

#define ISN_TICK_NS 4000 /* RFC 6528 section 3: M counts once in 4 microseconds */

static struct heap *heap;
static struct netif netif;
static struct pbuf *whole_frame; /* where the next frame goes; NULL: take one first */
static struct siphash_key isn_key;
static struct link_stats counts;
static bool cuts_segments;         /* the interface does */
static bool muted;                 /* lwIP takes in what we made: its answers stay here, but for questions */
static const uint32_t *forced_isn; /* of the connection that it makes meanwhile */
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
    if (forced_isn != NULL)
        return *forced_isn;
    const struct tuple tuple = {.local = net_address_of(local_ip),
                                .remote = net_address_of(remote_ip),
                                .local_port = local_port,
                                .remote_port = remote_port};
    uint32_t offset = (uint32_t)siphash(&isn_key, bytes_of(&tuple, sizeof tuple));
    return offset + (uint32_t)(platform_monotonic_ns() / ISN_TICK_NS);
}

/* ---- frames out ---- */

/* A full device queue is told of and tried once more: a drop costs TCP a retransmission. */
static enum status send_or_flush(const struct bytes *parts, size_t count,
                                 const struct platform_offload *offload)
{
    enum status status = platform_nic_send(parts, count, offload);
    if (status == STATUS_AGAIN) {
        platform_nic_flush();
        status = platform_nic_send(parts, count, offload);
    }
    return status;
}

/* More parts than the platform gathers: copy them into one. */
static enum status send_copied(const struct pbuf *frame, const struct platform_offload *offload)
{
    static uint8_t copy[PLATFORM_FRAME_MAX_BYTES];
    pbuf_copy_partial(frame, copy, frame->tot_len, 0);
    const struct bytes part = {copy, frame->tot_len};
    return send_or_flush(&part, 1, offload);
}

static enum status send_pbuf(const struct pbuf *frame, const struct platform_offload *offload)
{
    struct bytes parts[PLATFORM_FRAME_PARTS_MAX];
    size_t count = 0;
    for (const struct pbuf *part = frame; part != NULL; part = part->next) {
        if (count == PLATFORM_FRAME_PARTS_MAX)
            return send_copied(frame, offload);
        parts[count++] = bytes_of(part->payload, part->len);
    }
    return send_or_flush(parts, count, offload);
}

/* Where TCP's header begins in a frame of lwIP's, which has its headers in one piece and no options before that; 0: none. */
static uint16_t tcp_offset(struct bytes start)
{
    const size_t ipv4 = ETHERNET_BYTES + IPV4_BYTES, ipv6 = ETHERNET_BYTES + IPV6_BYTES;
    if (start.size < ipv4 + TCP_BYTES)
        return 0;
    uint16_t type = packet_get16(start.data + 12);
    if (type == ETHTYPE_IP && start.data[ETHERNET_BYTES + 9] == IP_PROTO_TCP)
        return (uint16_t)ipv4;
    bool is_ipv6 = type == ETHTYPE_IPV6 && start.data[ETHERNET_BYTES + 6] == IP_PROTO_TCP;
    return is_ipv6 && start.size >= ipv6 + TCP_BYTES ? (uint16_t)ipv6 : 0;
}

static bool count_sent(enum status status)
{
    counts.sent_count += status == STATUS_OK;
    counts.dropped_count += status != STATUS_OK;
    return status == STATUS_OK;
}

/* The segments that have waited for each other. */
static void send_train(void)
{
    struct platform_offload offload;
    const struct bytes whole = train_take(&offload);
    if (whole.size > 0)
        (void)count_sent(send_or_flush(&whole, 1, &offload)); /* lost, TCP sends it again */
}

static bool join_train(const struct pbuf *frame, uint16_t tcp)
{
    enum train_step step = train_join(frame, tcp);
    if (step == TRAIN_REFUSED) {
        send_train();
        step = train_join(frame, tcp);
    }
    if (step == TRAIN_COMPLETE)
        send_train();
    return step != TRAIN_REFUSED;
}

static err_t send_frame(struct netif *from, struct pbuf *frame)
{
    (void)from;
    if (frame->tot_len > PLATFORM_FRAME_MAX_BYTES)
        return ERR_BUF;
    if (!neighbours_note_question(bytes_of(frame->payload, frame->len)) && muted)
        return ERR_OK;
    bool leaves_sums = (netif.chksum_flags & NETIF_CHECKSUM_GEN_TCP) == 0;
    uint16_t tcp = leaves_sums ? tcp_offset(bytes_of(frame->payload, frame->len)) : 0;
    if (cuts_segments && join_train(frame, tcp))
        return ERR_OK;
    if (tcp == 0)
        return count_sent(send_pbuf(frame, NULL)) ? ERR_OK : ERR_IF;
    const struct platform_offload offload = train_leave_sum(frame->payload, frame->tot_len, tcp);
    return count_sent(send_pbuf(frame, &offload)) ? ERR_OK : ERR_IF;
}

void link_end_turn(void)
{
    send_train();
    platform_nic_flush();
}

void link_send(struct bytes frame)
{
    (void)count_sent(platform_nic_send(&frame, 1, NULL)); /* who asked asks again */
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

/* The frame in whole_frame: to lwIP, if the guard lets it pass. */
static void take_frame(size_t size, bool sums_known)
{
    struct packet packet;
    struct tcp_pcb *pcb;
    packet_read(bytes_of(whole_frame->payload, size), sums_known, &packet);
    if (!guard_passes(&packet, &pcb)) {
        counts.refused_count++;
        return;
    }
    struct pbuf *frame = fit(whole_frame, size);
    counts.dropped_count += frame == NULL;
    if (frame == NULL)
        return;
    if (pcb != NULL)
        pcbs_present(pcb);
    if (netif.input(frame, &netif) != ERR_OK)
        pbuf_free(frame);
    pcbs_restore();
}

/* Without memory a frame is read all the same, else the device's queue would stay full of old ones. */
static bool drop_one(void)
{
    static uint8_t dropped[PLATFORM_FRAME_MAX_BYTES];
    bool sums_known = false;
    counts.dropped_count++;
    return platform_nic_receive(dropped, sizeof dropped, &sums_known) > 0;
}

static bool receive_one(void)
{
    if (whole_frame == NULL)
        whole_frame = pbuf_alloc(PBUF_RAW, PLATFORM_FRAME_MAX_BYTES, PBUF_RAM);
    if (whole_frame == NULL)
        return drop_one();
    bool sums_known = false;
    size_t size = platform_nic_receive(whole_frame->payload, PLATFORM_FRAME_MAX_BYTES, &sums_known);
    if (size == 0)
        return false;
    counts.received_count++;
    take_frame(size, sums_known);
    return true;
}

void link_take_in(struct bytes frame, const uint32_t *isn)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)frame.size, PBUF_RAM);
    if (copy == NULL)
        return;
    (void)pbuf_take(copy, frame.data, (u16_t)frame.size);
    muted = true;
    forced_isn = isn;
    if (netif.input(copy, &netif) != ERR_OK)
        pbuf_free(copy);
    forced_isn = NULL;
    muted = false;
}

static void follow_link(void)
{
    struct platform_nic nic;
    platform_nic_info(&nic);
    bool up = nic.present && nic.link_up;
    cuts_segments = nic.cuts_segments;
    NETIF_SET_CHECKSUM_CTRL(&netif, nic.fills_sums ? NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP
                                                   : NETIF_CHECKSUM_ENABLE_ALL);
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
    starting->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    starting->output = etharp_output;
    starting->output_ip6 = ethip6_output;
    starting->linkoutput = send_frame;
    netif_set_hostname(starting, host_name);
    return ERR_OK;
}

enum status link_start(const struct link_options *options)
{
    struct address_plan plan;
    struct platform_nic nic;
    if (options->host_name.size > HOST_NAME_MAX_BYTES ||
        addresses_read(&options->addresses, &plan) != STATUS_OK)
        return STATUS_INVALID;
    platform_nic_info(&nic);
    if (!nic.present)
        return STATUS_IO;
    heap = options->heap;
    memcpy(host_name, options->host_name.data, options->host_name.size);
    crypto_random(&isn_key, sizeof isn_key);
    guard_start();
    lwip_init();
    const ip4_addr_t ip = {plan.ip}, netmask = {plan.netmask}, gateway = {plan.gateway};
    if (netif_add(&netif, &ip, &netmask, &gateway, NULL, start_netif, ethernet_input) == NULL)
        return STATUS_IO;
    netif_set_default(&netif);
    netif_set_up(&netif);
    follow_link();
    addresses_start_ipv6(&plan);
    if (plan.ip == 0 && dhcp_start(&netif) != ERR_OK)
        return STATUS_FULL;
    return STATUS_OK;
}

const uint8_t *link_mac(void)
{
    return netif.hwaddr;
}

void link_stats(struct link_stats *stats)
{
    *stats = counts;
}
