/*
 * A host on the simulated wire.
 */
#include "tests/support/wire_host.h"

#include <assert.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/sim/sim.h"

#define FIN 1
#define SYN 2
#define RST 4
#define ACK 16

#define ETHERNET_BYTES 14
#define IP_BYTES       20
#define IPV6_BYTES     40
#define TCP_BYTES      20
#define SERVER         443

struct wire_host host;
void (*host_tap)(struct bytes frame);

const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 0xaa};
const uint8_t host_address6[16] = {0xfe, 0x80, [15] = 0xaa};

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum(const uint8_t *data, size_t size, uint32_t total)
{
    for (size_t i = 0; i < size; i++)
        total += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    while (total > 0xffff)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

static void put_frame(uint8_t *frame, size_t size, uint32_t type)
{
    struct platform_nic nic;
    platform_nic_info(&nic);
    memcpy(frame, nic.mac, 6);
    memcpy(frame + 6, host_mac, 6);
    put16(frame + 12, type);
    if (host_tap != NULL)
        host_tap(bytes_of(frame, size));
    (void)!sim_wire_put(bytes_of(frame, size)); /* a full wire loses it */
}

/* The IPv4 or IPv6 head before a segment, and the sum that the segment's checksum begins with. */
static size_t put_head(uint8_t *ip, size_t tcp_bytes, uint32_t *pseudo)
{
    if (host.by_ipv6) {
        ip[0] = 0x60;
        put16(ip + 4, (uint32_t)tcp_bytes);
        ip[6] = 6;
        ip[7] = 64;
        memcpy(ip + 8, host_address6, 16);
        memcpy(ip + 24, host.guest6, 16);
        *pseudo = sum(ip + 8, 32, 6 + (uint32_t)tcp_bytes);
        return IPV6_BYTES;
    }
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(IP_BYTES + tcp_bytes));
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, host.source);
    put32(ip + 16, GUEST_ADDRESS);
    put16(ip + 10, ~sum(ip, IP_BYTES, 0) & 0xffff);
    *pseudo = sum(ip + 12, 8, 6 + (uint32_t)tcp_bytes);
    return IP_BYTES;
}

void host_send_segment(const struct host_segment *segment)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES] = {0};
    uint32_t pseudo;
    bool has_mss = host.mss != 0 && (segment->flags & SYN) != 0;
    size_t head_bytes = TCP_BYTES + (has_mss ? 4 : 0);
    size_t tcp_bytes = head_bytes + segment->data.size;
    assert(ETHERNET_BYTES + IPV6_BYTES + tcp_bytes <= sizeof frame);
    size_t ip_bytes = put_head(frame + ETHERNET_BYTES, tcp_bytes, &pseudo);
    uint8_t *tcp = frame + ETHERNET_BYTES + ip_bytes;
    put16(tcp, host.port);
    put16(tcp + 2, SERVER);
    put32(tcp + 4, segment->sequence);
    put32(tcp + 8, segment->acknowledged);
    tcp[12] = (uint8_t)(head_bytes / 4 << 4);
    tcp[13] = segment->flags;
    put16(tcp + 14, 0xffff);
    if (has_mss) {
        put16(tcp + 20, 0x0204);
        put16(tcp + 22, host.mss);
    }
    if (segment->data.size > 0)
        memcpy(tcp + head_bytes, segment->data.data, segment->data.size);
    put16(tcp + 16, ~sum(tcp, tcp_bytes, pseudo) & 0xffff);
    put_frame(frame, ETHERNET_BYTES + ip_bytes + tcp_bytes, host.by_ipv6 ? 0x86dd : 0x0800);
}

static void put_segment(uint8_t flags, uint32_t sequence, struct bytes data)
{
    const struct host_segment segment = {flags, sequence, flags & ACK ? host.expected : 0, data};
    host_send_segment(&segment);
}

void host_reset(uint16_t port)
{
    uint16_t id = host.newest_ip_id;
    uint8_t guest6[16];
    memcpy(guest6, host.guest6, sizeof guest6);
    host = (struct wire_host){.port = port,
                              .next = 1000u * port,
                              .source = host.source ? host.source : HOST_ADDRESS,
                              .by_ipv6 = host.by_ipv6,
                              .mss = host.mss,
                              .newest_ip_id = id,
                              .segment_bytes = host.by_ipv6 ? 1440 : 1460};
    memcpy(host.guest6, guest6, sizeof guest6);
}

void host_connect(void)
{
    put_segment(SYN, host.next++, bytes_of("", 0));
}

static void send_one(struct bytes all, size_t index)
{
    size_t at = index * host.segment_bytes;
    size_t early = host.order == HOST_OVERLAPPING && at > 0 ? 1 : 0;
    struct bytes part = bytes_slice(all, at - early, host.segment_bytes + early);
    put_segment(ACK, host.next + (uint32_t)(at - early), part);
    if (host.order == HOST_DOUBLED)
        put_segment(ACK, host.next + (uint32_t)at, part);
}

void host_send(struct pipe *from)
{
    uint8_t data[32768];
    struct bytes all = {data, pipe_take(from, data, sizeof data)};
    size_t count = (all.size + host.segment_bytes - 1) / host.segment_bytes;
    for (size_t i = 0; i < count; i++)
        send_one(all, host.order == HOST_REVERSED ? count - 1 - i : i);
    host.next += (uint32_t)all.size;
    assert(all.size <= HOST_UNACKNOWLEDGED_MAX - host.unacknowledged_bytes);
    memcpy(host.unacknowledged + host.unacknowledged_bytes, all.data, all.size);
    host.unacknowledged_bytes += all.size;
}

void host_send_again(void)
{
    struct bytes all = {host.unacknowledged, host.unacknowledged_bytes};
    uint32_t first = host.next - (uint32_t)all.size;
    for (size_t at = 0; at < all.size; at += 1440)
        put_segment(ACK, first + (uint32_t)at, bytes_slice(all, at, 1440));
}

static void take_acknowledgement(uint32_t acknowledged)
{
    uint32_t left = host.next - acknowledged;
    if (left >= host.unacknowledged_bytes)
        return;
    size_t gone = host.unacknowledged_bytes - left;
    memmove(host.unacknowledged, host.unacknowledged + gone, left);
    host.unacknowledged_bytes = left;
}

void host_finish(void)
{
    put_segment(FIN | ACK, host.next++, bytes_of("", 0));
}

void host_abort(void)
{
    put_segment(RST | ACK, host.next, bytes_of("", 0));
}

/* ---- what comes ---- */

static void answer_arp(const uint8_t *request)
{
    uint8_t frame[60] = {0};
    uint8_t *arp = frame + ETHERNET_BYTES;
    memcpy(arp, request, 8); /* hardware and protocol */
    arp[7] = 2;              /* reply */
    memcpy(arp + 8, host_mac, 6);
    memcpy(arp + 14, request + 24, 4); /* whoever is asked for, it is us */
    memcpy(arp + 18, request + 8, 10);
    put_frame(frame, sizeof frame, 0x0806);
}

/* A neighbour's question, whoever it asks for. */
static void answer_neighbour(const uint8_t *ip)
{
    uint8_t frame[ETHERNET_BYTES + IPV6_BYTES + 32] = {0};
    uint8_t *answer = frame + ETHERNET_BYTES, *icmp = answer + IPV6_BYTES;
    answer[0] = 0x60;
    put16(answer + 4, 32);
    answer[6] = 58;
    answer[7] = 255;
    memcpy(answer + 8, ip + 48, 16); /* the target */
    memcpy(answer + 24, ip + 8, 16);
    icmp[0] = 136;
    icmp[4] = 0x60;
    memcpy(icmp + 8, ip + 48, 16);
    icmp[24] = 2;
    icmp[25] = 1;
    memcpy(icmp + 26, host_mac, sizeof host_mac);
    put16(icmp + 2, ~sum(icmp, 32, sum(answer + 8, 32, 58 + 32)) & 0xffff);
    put_frame(frame, sizeof frame, 0x86dd);
}

static void take_segment(const uint8_t *tcp, size_t size, struct pipe *into)
{
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    uint32_t sequence = get32(tcp + 4);
    uint8_t flags = tcp[13];
    const size_t addresses_bytes = host.by_ipv6 ? 32 : 8; /* right before */
    if (get16(tcp + 2) != host.port || header < TCP_BYTES || header > size)
        return;
    assert(sum(tcp, size, sum(tcp - addresses_bytes, addresses_bytes, 6 + (uint32_t)size)) == 0xffff);
    if (flags & RST) {
        host.peer_reset = true;
        return;
    }
    if (flags & SYN) {
        host.peer_isn = sequence;
        host.expected = sequence + 1;
        host.established = true;
        put_segment(ACK, host.next, bytes_of("", 0));
        return;
    }
    size_t data_bytes = size - header;
    host.segment_count++;
    if (data_bytes > host.largest_segment)
        host.largest_segment = (uint16_t)data_bytes;
    take_acknowledgement(get32(tcp + 8));
    if (sequence != host.expected || (data_bytes == 0 && !(flags & FIN)))
        return;
    if (into != NULL)
        pipe_put(into, bytes_of(tcp + header, data_bytes));
    host.expected += (uint32_t)data_bytes + (flags & FIN ? 1 : 0);
    host.peer_finished |= (flags & FIN) != 0;
    put_segment(ACK, host.next, bytes_of("", 0));
}

static void take_ipv6(const uint8_t *ip, size_t size, struct pipe *into)
{
    if (size >= IPV6_BYTES + 24 && ip[6] == 58 && ip[40] == 135 && memcmp(ip + 48, host_address6, 16) == 0)
        answer_neighbour(ip);
    if (size >= IPV6_BYTES + TCP_BYTES && host.by_ipv6 && ip[6] == 6 &&
        memcmp(ip + 24, host_address6, 16) == 0)
        take_segment(ip + IPV6_BYTES, get16(ip + 4), into);
}

static void take_frame(struct bytes frame, struct pipe *into)
{
    const uint8_t *body = frame.data + ETHERNET_BYTES;
    host.frame_count++;
    if (frame.size < ETHERNET_BYTES + IP_BYTES)
        return;
    host.other_mac_count += memcmp(frame.data, host_mac, sizeof host_mac) != 0;
    if (get16(frame.data + 12) == 0x86dd)
        take_ipv6(body, frame.size - ETHERNET_BYTES, into);
    if (get16(frame.data + 12) == 0x0806 && body[7] == 1 && get32(body + 24) == host.source)
        answer_arp(body);
    if (get16(frame.data + 12) != 0x0800 || body[9] != 6 || get32(body + 16) != host.source || host.by_ipv6)
        return;
    host.newest_ip_id = (uint16_t)get16(body + 4);
    take_segment(body + IP_BYTES, get16(body + 2) - IP_BYTES, into);
}

void host_take_frames(struct pipe *into)
{
    struct bytes frame;
    while (sim_wire_take(&frame) == STATUS_OK)
        take_frame(frame, into);
}
