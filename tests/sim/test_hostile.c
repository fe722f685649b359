/*
 * A hostile network, in virtual time: floods, forged segments and storms against an appliance that serves a client
 * meanwhile. What is asked of it: RFC 4987, RFC 5961, RFC 6528, and that memory returns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "net/frame.h"
#include "net/segments.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "tests/support/net_rig.h"

#define STRANGER       0x0a000000u /* and their low bits */
#define FLOOD_MS       60000
#define SYNS_PER_MS    3
#define REQUEST_MS     100
#define PROBES         100
#define TOLERATED      8 /* chunks of memory: entries of neighbours may have come */
#define FRAMES_A_STORM 3000

static const uint8_t evil_mac[6] = {2, 0, 0, 0, 6, 6};
static uint64_t seed = 11;

static size_t chunks(void)
{
    return wired.heap.in_use_count;
}

static void put_raw(const uint8_t *data, size_t size)
{
    (void)!sim_wire_put(bytes_of(data, size));
}

static const uint8_t *guest_mac(void)
{
    static struct platform_nic nic;
    platform_nic_info(&nic);
    return nic.mac;
}

static struct net_address ipv4(uint32_t address)
{
    uint8_t octets[4];
    packet_put32(octets, address);
    return net_address_of_ipv4(octets);
}

static struct net_address ipv6(uint16_t first, uint8_t last)
{
    struct net_address address = {.bytes = {(uint8_t)(first >> 8), (uint8_t)first, [15] = last}};
    return address;
}

/* Everything that the appliance has to say, thrown away. */
static unsigned drain(void)
{
    struct bytes frame;
    unsigned count = 0;
    while (sim_wire_take(&frame) == STATUS_OK)
        count++;
    return count;
}

/* ---- SYN floods ---- */

static void put_forged_syn(void)
{
    uint8_t out[128], tcp[TCP_BYTES] = {0};
    uint64_t random = sim_random(&seed);
    packet_put16(tcp, (uint32_t)(random >> 32) | 1024);
    packet_put16(tcp + 2, 443);
    packet_put32(tcp + 4, (uint32_t)random);
    tcp[12] = 0x50;
    tcp[13] = PACKET_SYN;
    const struct frame frame = {.source_mac = evil_mac,
                                .destination_mac = guest_mac(),
                                .source = ipv4(0x0b000000u + (uint32_t)(random >> 40) % 0x1000000),
                                .destination = ipv4(GUEST_ADDRESS),
                                .protocol = FRAME_TCP,
                                .hop_limit = 64,
                                .payload = bytes_of(tcp, sizeof tcp)};
    put_raw(out, frame_build(&frame, out));
}

/* 3,000 forged SYNs a second for a minute; an honest client connects and asks every 100 ms. */
static void test_syn_flood(void **state)
{
    (void)state;
    struct server_stats stats;
    unsigned asked = 0, served = 0;
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = chunks();
    for (unsigned ms = 0; ms < FLOOD_MS; ms++) {
        for (unsigned i = 0; i < SYNS_PER_MS; i++)
            put_forged_syn();
        wire_turn();
        sim_advance_ns(WIRE_MS);
        host_take_frames(&wired.pipes.to_client);
        if (ms % REQUEST_MS != 0)
            continue;
        asked++;
        if (!wire_connect())
            continue;
        tls_client_open(&wired.client, &wired.pipes, MBEDTLS_SSL_VERSION_TLS1_3);
        served += wire_shake_hands() && wire_get();
        wire_end_client();
    }
    assert_in_range(served, asked * 95 / 100, asked);
    wire_wait_ms(2000);
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    wire_wait_ms(12000); /* TIME_WAIT of the honest */
    assert_in_range(chunks(), 0, before + TOLERATED);
}

/* Nothing is kept of a SYN: the flood leaves exactly as much as was there. */
static void test_syns_leave_nothing(void **state)
{
    (void)state;
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = chunks();
    for (unsigned i = 0; i < 600; i++) {
        put_forged_syn();
        wire_turn();
    }
    assert_in_range(drain(), 600, 605);
    assert_int_equal(chunks(), before);
}

/* The client's MSS is kept, as far as eight sizes go; a tiny one doesn't make us send a thousand segments. */
static void test_segment_size(void **state)
{
    (void)state;
    const struct {
        uint16_t told, most;
    } cases[] = {{0, 536}, {536, 536}, {1460, 1460}, {1, 256}, {1300, 1300}, {1399, 1360}, {9000, 1460}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        host.mss = cases[i].told;
        wire_open_client();
        assert_true(wire_shake_hands());
        assert_true(wire_get());
        assert_in_range(host.largest_segment, cases[i].most / 4, cases[i].most);
        wire_end_client();
    }
    host.mss = 0;
}

static void send_bare(uint8_t flags, uint32_t sequence, uint32_t acknowledged)
{
    const struct host_segment segment = {flags, sequence, acknowledged, bytes_of("", 0)};
    host_send_segment(&segment);
    wire_turn();
    host_take_frames(NULL);
}

static uint32_t connections(void)
{
    struct server_stats stats;
    server_stats(&stats);
    return stats.connection_count;
}

/* A cookie is good for its connection and its time, and for nothing else. */
static void test_cookies(void **state)
{
    (void)state;
    struct segment_stats before, after;
    wire_wait_ms(30000);
    const uint32_t made = connections();
    for (uint32_t i = 1; i < 2000; i++) { /* guesses around the right one */
        if (i % 500 == 1) {
            host_reset(++wired.port);
            send_bare(HOST_SYN, 77, 0);
        }
        send_bare(HOST_ACK, 78, host.peer_isn + 1 + (i % 2 == 0 ? i << 4 : (uint32_t) - (int32_t)(i << 4)));
    }
    send_bare(HOST_ACK, 79, host.peer_isn + 1); /* of another client number */
    assert_int_equal(connections(), made);
    sim_advance_ns(40000 * WIRE_MS);
    send_bare(HOST_ACK, 78, host.peer_isn + 1); /* too late */
    assert_int_equal(connections(), made);
    segments_stats(&before);
    send_bare(HOST_ACK, 78, 12345); /* nobody spoke to it lately: it is told */
    segments_stats(&after);
    assert_int_equal(after.resets_count - before.resets_count, 1);
    assert_true(host.peer_reset);
}

/* The first data overtakes the ACK that makes the connection, or the ACK is lost: no reset, and served. */
static void test_lost_acknowledgement(void **state)
{
    (void)state;
    host_reset(++wired.port);
    host_connect();
    wire_turn();
    struct bytes frame;
    while (sim_wire_take(&frame) == STATUS_OK && frame.data[12] == 8 && frame.data[13] == 6)
        ;
    uint32_t cookie = packet_get32(frame.data + ETHERNET_BYTES + IPV4_BYTES + 4);
    const struct host_segment early = {HOST_ACK, host.next + 100, cookie + 1, BYTES_LITERAL("late data")};
    host_send_segment(&early);
    wire_turn();
    host_take_frames(NULL);
    assert_false(host.peer_reset);
    const struct host_segment first = {HOST_ACK, host.next, cookie + 1, BYTES_LITERAL("\x16\x03\x01")};
    uint32_t made = connections();
    host_send_segment(&first);
    wire_turn();
    assert_int_equal(connections(), made + 1);
    host.next += 3;
    host_abort();
    wire_turn();
    assert_int_equal(connections(), made);
}

/* ---- RFC 5961 ---- */

static uint64_t challenges(void)
{
    struct segment_stats stats;
    segments_stats(&stats);
    return stats.challenges_count;
}

static void test_forged_segments(void **state)
{
    (void)state;
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    wire_wait_ms(200);
    uint64_t before = challenges();
    for (uint32_t i = 1; i <= 200; i++)
        send_bare(HOST_RST, host.next + i * 100, 0); /* in the window */
    send_bare(HOST_RST, host.next - 1, 0);
    send_bare(HOST_RST, host.next + 70000, 0);
    assert_int_equal(challenges() - before, 1); /* they come at once: one challenge */
    wire_wait_ms(150);
    send_bare(HOST_SYN, host.next, 0);
    wire_wait_ms(150);
    send_bare(HOST_SYN, 1, 0);
    assert_int_equal(challenges() - before, 3);
    wire_wait_ms(150);
    const struct host_segment blind[] = {
        {HOST_ACK, host.next, host.expected + 1, BYTES_LITERAL("not yet sent")},
        {HOST_ACK, host.next, host.expected - 200000, BYTES_LITERAL("long ago")},
        {0x28, host.next, host.expected, BYTES_LITERAL("no ACK")},
    };
    for (size_t i = 0; i < 3; i++) {
        host_send_segment(&blind[i]);
        wire_turn();
        host_take_frames(NULL);
    }
    assert_int_equal(challenges() - before, 4);
    assert_true(wire_get()); /* not one byte of them was taken */
    send_bare(HOST_RST, host.next, 0);
    wire_turn();
    assert_int_equal(connections(), 0);
    tls_client_close(&wired.client);
}

/* ---- numbers ---- */

/* nmap's SP, after its reference guide: eight times the binary logarithm of the standard deviation of the ISNs' rates,
 * divided by their greatest common divisor where that exceeds 9. */
static double predictability_index(const uint32_t *isns, size_t count, double gap_s)
{
    double mean = 0, variance = 0;
    uint32_t divisor = 0;
    uint32_t steps[PROBES];
    for (size_t i = 0; i + 1 < count; i++) {
        uint32_t up = isns[i + 1] - isns[i];
        steps[i] = up < -up ? up : -up;
        uint32_t a = divisor, b = steps[i];
        while (b != 0) {
            uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        divisor = a;
    }
    double scale = divisor > 9 ? divisor : 1;
    for (size_t i = 0; i + 1 < count; i++)
        mean += steps[i] / gap_s / scale / (double)(count - 1);
    for (size_t i = 0; i + 1 < count; i++)
        variance += pow(steps[i] / gap_s / scale - mean, 2) / (double)(count - 2);
    return 8 * log2(sqrt(variance));
}

static void test_sequence_index(void **state)
{
    (void)state;
    uint32_t isns[PROBES];
    for (size_t i = 0; i < PROBES; i++) {
        assert_true(wire_connect());
        isns[i] = host.peer_isn;
        host_abort();
        wire_run(2);
        sim_advance_ns(100 * WIRE_MS);
    }
    for (size_t i = 0; i + 6 <= PROBES; i += 6) /* nmap takes six, 100 ms apart */
        assert_true(predictability_index(isns + i, 6, 0.1) >= 0xF0);
    assert_true(predictability_index(isns, PROBES, 0.1) >= 0xF0);
}

/* ---- storms on the link ---- */

static void put_arp(uint32_t from, uint32_t to, uint8_t operation, const uint8_t *destination)
{
    uint8_t out[64];
    const struct frame frame = {.source_mac = evil_mac,
                                .destination_mac = destination,
                                .source = ipv4(from),
                                .destination = ipv4(to)};
    put_raw(out, frame_build_arp(&frame, operation, out));
}

/* Whoever claims the client's address, ours or all of the link: the client's answers go to the client. */
static void test_arp_storm(void **state)
{
    (void)state;
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    size_t before = chunks();
    for (uint32_t i = 0; i < FRAMES_A_STORM; i++) {
        put_arp(HOST_ADDRESS, GUEST_ADDRESS, 2, guest_mac());
        put_arp(HOST_ADDRESS, HOST_ADDRESS, 1, everybody);
        put_arp(STRANGER + 3 + i % 250, GUEST_ADDRESS, 1, everybody);
        put_arp(STRANGER + 3 + i % 250, GUEST_ADDRESS, 2, guest_mac());
        put_arp(GUEST_ADDRESS, GUEST_ADDRESS, 1, everybody);
        wire_turn();
        (void)drain();
        sim_advance_ns(WIRE_MS);
        if (i % 100 != 0)
            continue;
        host.other_mac_count = 0;
        assert_true(wire_get());
        assert_int_equal(host.other_mac_count, 0);
    }
    assert_in_range(chunks(), 0, before + 2);
    wire_end_client();
    wire_serve_one();
}

static void put_ipv4(uint8_t protocol, uint16_t fragment, uint8_t first, struct bytes payload)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES] = {0}, *ip = frame + ETHERNET_BYTES;
    memcpy(frame, guest_mac(), 6);
    memcpy(frame + 6, evil_mac, 6);
    packet_put16(frame + 12, 0x0800);
    size_t head = (size_t)(first & 15) * 4;
    ip[0] = first;
    packet_put16(ip + 2, (uint32_t)(head + payload.size));
    packet_put16(ip + 4, (uint32_t)sim_random(&seed));
    packet_put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    packet_put32(ip + 12, STRANGER + 9);
    packet_put32(ip + 16, GUEST_ADDRESS);
    memcpy(ip + head, payload.data, payload.size);
    packet_put16(ip + 10, (uint32_t)~packet_sum(bytes_of(ip, head), 0));
    put_raw(frame, ETHERNET_BYTES + head + payload.size);
}

static void put_ping(uint8_t first, uint16_t fragment, size_t size)
{
    uint8_t ping[1480] = {8};
    packet_put16(ping + 2, (uint32_t)~packet_sum(bytes_of(ping, size), 0));
    put_ipv4(1, fragment, first, bytes_of(ping, size));
}

/* 64 KiB pings, teardrops, lone last fragments: nothing is kept, nobody waits. */
static void test_fragments(void **state)
{
    (void)state;
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = chunks();
    for (unsigned i = 0; i < FRAMES_A_STORM; i++) {
        put_ping(0x45, (uint16_t)(0x2000 | i % 45 * 185), 1480);
        put_ping(0x45, 8191, 1480);
        put_ping(0x45, (uint16_t)(0x2000 | i % 3), 24);
        wire_turn();
    }
    assert_int_equal(chunks(), before);
    assert_int_equal(drain(), 0);
    wire_serve_one();
}

/* Pings are answered, up to a bound a second; with options, to groups or with other types they are not. */
static void test_pings(void **state)
{
    (void)state;
    sim_advance_ns(2000 * WIRE_MS);
    wire_serve_one();
    (void)drain();
    put_ping(0x45, 0, 64);
    wire_turn();
    wire_turn();
    unsigned to_stranger = drain(); /* an ARP question first, as nothing is known of it */
    assert_int_equal(to_stranger, 1);
    uint8_t out[64];
    const struct frame answer = {.source_mac = evil_mac,
                                 .destination_mac = guest_mac(),
                                 .source = ipv4(STRANGER + 9),
                                 .destination = ipv4(GUEST_ADDRESS)};
    put_raw(out, frame_build_arp(&answer, 2, out));
    wire_turn();
    wire_turn();
    assert_int_equal(drain(), 1);
    unsigned answered = 0;
    for (unsigned i = 0; i < FRAMES_A_STORM; i++) {
        put_ping(0x45, 0, 64);
        put_ping(0x46, 0, 64);
        wire_turn();
        answered += drain();
    }
    assert_in_range(answered, 900, 1000);
}

/* All flags, none, and every combination, with and without a connection: those that no sender sends are not answered. */
static void test_flags(void **state)
{
    (void)state;
    wire_open_client();
    assert_true(wire_shake_hands());
    wire_wait_ms(200);
    for (unsigned flags = 0; flags < 256; flags++) {
        uint8_t kind = flags & 0x17;
        bool sound = kind == HOST_SYN || kind == (HOST_SYN | HOST_ACK) ||
                     (!(kind & HOST_SYN) && (kind & (HOST_ACK | HOST_RST)) != 0);
        const struct host_segment odd = {(uint8_t)flags, host.next - 5000, host.expected,
                                         BYTES_LITERAL("odd")};
        if (sound)
            continue;
        host_send_segment(&odd);
        wire_turn();
        assert_int_equal(drain(), 0);
    }
    assert_true(wire_get());
    wire_end_client();
}

/* Options that end beyond the header, have no size, or change the MSS of a connection. */
static void test_options(void **state)
{
    (void)state;
    static const uint8_t bad[][4] = {{2, 4, 0, 1}, {2, 0, 0, 0}, {3, 9, 0, 0}, {1, 1, 1, 8}, {0xfe, 1, 0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[128], tcp[TCP_BYTES + 4] = {0};
        struct packet packet;
        packet_put16(tcp, 1234);
        packet_put16(tcp + 2, 443);
        tcp[12] = sizeof tcp / 4 << 4;
        tcp[13] = PACKET_ACK;
        memcpy(tcp + TCP_BYTES, bad[i], 4);
        const struct frame frame = {.source_mac = evil_mac,
                                    .destination_mac = guest_mac(),
                                    .source = ipv4(HOST_ADDRESS),
                                    .destination = ipv4(GUEST_ADDRESS),
                                    .protocol = FRAME_TCP,
                                    .payload = bytes_of(tcp, sizeof tcp)};
        packet_read(bytes_of(out, frame_build(&frame, out)), false, &packet);
        assert_int_equal(packet.kind, PACKET_BAD);
    }
}

/* A storm to everybody is looked at in small portions, and gives nothing. */
static void test_broadcast_storm(void **state)
{
    (void)state;
    uint8_t frame[600];
    memset(frame, 0xff, sizeof frame);
    memcpy(frame + 6, evil_mac, 6);
    packet_put16(frame + 12, 0x0800);
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = chunks();
    for (unsigned i = 0; i < SIM_WIRE_FRAMES_MAX; i++)
        put_raw(frame, sizeof frame);
    struct link_stats first, second;
    link_stats(&first);
    (void)link_poll();
    link_stats(&second);
    assert_int_equal(second.received_count - first.received_count, LINK_FRAMES_PER_TURN);
    for (unsigned i = 0; i < SIM_WIRE_FRAMES_MAX / LINK_FRAMES_PER_TURN; i++)
        wire_turn();
    assert_int_equal(drain(), 0);
    assert_int_equal(chunks(), before);
    wire_serve_one();
}

/* ---- IPv6 ---- */

static struct net_address link_local(void)
{
    const uint8_t *mac = guest_mac();
    struct net_address address = {
        .bytes = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
    return address;
}

static void put_icmp6(const struct net_address *from, uint8_t hop_limit, struct bytes message)
{
    uint8_t out[256];
    const struct frame frame = {.source_mac = evil_mac,
                                .destination_mac = guest_mac(),
                                .source = *from,
                                .destination = link_local(),
                                .protocol = FRAME_ICMP6,
                                .hop_limit = hop_limit,
                                .payload = message};
    put_raw(out, frame_build(&frame, out));
    wire_turn();
}

/* A router's advertisement of `prefix` (its first group; the fourth is `part`), valid for an hour. */
static void advertise(uint8_t hop_limit, uint16_t prefix, uint16_t part)
{
    uint8_t message[16 + 32] = {134, 0, 0, 0, 64, 0, 7, 8};
    uint8_t *option = message + 16;
    const struct net_address router = ipv6(0xfe80, 1);
    option[0] = 3;
    option[1] = 4;
    option[2] = 64;
    option[3] = 0xc0;
    packet_put32(option + 4, 3600);
    packet_put32(option + 8, 3600);
    packet_put16(option + 16, prefix);
    packet_put16(option + 22, part);
    put_icmp6(&router, hop_limit, bytes_of(message, sizeof message));
}

static size_t own_addresses(void)
{
    struct net_address list[8];
    return addresses_list(list, 8);
}

static void test_ipv6_serves(void **state)
{
    (void)state;
    struct net_address guest = link_local();
    wire_wait_ms(3000); /* its address is looked for once */
    assert_true(addresses_have(&guest));
    memcpy(host.guest6, guest.bytes, 16);
    host.by_ipv6 = true;
    for (unsigned i = 0; i < 3; i++) {
        wire_serve_one();
        wire_wait_ms(10000);
    }
    wire_open_client();
    assert_true(wire_shake_hands());
    for (unsigned i = 0; i < 20; i++) { /* as a neighbour becomes stale, it is asked for */
        wire_wait_ms(7000);
        assert_true(wire_get());
    }
    wire_end_client();
    host.by_ipv6 = false;
    wire_serve_one();
}

static void test_ipv6_autoconfiguration(void **state)
{
    (void)state;
    size_t before = own_addresses();
    advertise(254, 0x2001, 1); /* from beyond the link */
    wire_wait_ms(3000);
    assert_int_equal(own_addresses(), before);
    advertise(255, 0x2001, 1);
    wire_wait_ms(3000);
    assert_int_equal(own_addresses(), before + 1);
    size_t memory = chunks();
    for (uint16_t i = 0; i < FRAMES_A_STORM; i++) {
        advertise(255, 0x2001, i);
        sim_advance_ns(WIRE_MS);
        (void)drain();
    }
    wire_wait_ms(5000);
    assert_in_range(own_addresses(), before + 1, 5);
    assert_in_range(chunks(), 0, memory + 16);
    struct net_address guest = link_local();
    assert_true(addresses_have(&guest));
}

/* Questions for us are answered and leave nothing; claims that nobody asked for change nothing. */
static void test_neighbour_storm(void **state)
{
    (void)state;
    uint8_t ask[32] = {135, [24] = 1, 1, 2, 0, 0, 0, 6, 6};
    uint8_t claim[32] = {136, [4] = 0x20, [24] = 2, 1, 2, 0, 0, 0, 6, 6};
    struct net_address guest = link_local();
    memcpy(ask + 8, guest.bytes, 16);
    memcpy(claim + 8, host_address6, 16);
    memcpy(host.guest6, guest.bytes, 16);
    host.by_ipv6 = true;
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    size_t before = chunks();
    for (unsigned i = 0; i < 1000; i++) {
        struct net_address from = ipv6(0xfe80, (uint8_t)i);
        from.bytes[14] = (uint8_t)(i >> 8) | 8;
        (void)drain();
        put_icmp6(&from, 255, bytes_of(ask, sizeof ask));
        assert_int_equal(drain(), 1);
        put_icmp6(&from, 254, bytes_of(ask, sizeof ask));
        put_icmp6(&from, 255, bytes_of(ask, 25 + i % 7));
        put_icmp6(&from, 255, bytes_of(claim, sizeof claim));
        if (i % 100 != 0)
            continue;
        host.other_mac_count = 0;
        assert_true(wire_get());
        assert_int_equal(host.other_mac_count, 0);
    }
    assert_in_range(chunks(), 0, before + 2);
    wire_end_client();
    host.by_ipv6 = false;
}

/* Extension headers in any number, fragments, options without size: nothing of it gets anywhere. */
static void test_extension_headers(void **state)
{
    (void)state;
    const uint8_t kinds[] = {0, 43, 44, 50, 51, 60, 135, 139, 59, 253};
    wire_wait_ms(3000);
    size_t before = chunks();
    (void)drain();
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t frame[ETHERNET_BYTES + IPV6_BYTES + 160] = {0}, *ip = frame + ETHERNET_BYTES;
        const struct net_address from = ipv6(0xfe80, 9), to = link_local();
        memcpy(frame, guest_mac(), 6);
        memcpy(frame + 6, evil_mac, 6);
        packet_put16(frame + 12, 0x86dd);
        ip[0] = 0x60;
        packet_put16(ip + 4, i % 3 == 0 ? 65535 : 160);
        ip[6] = kinds[i % sizeof kinds];
        ip[7] = 64;
        memcpy(ip + 8, from.bytes, 16);
        memcpy(ip + 24, to.bytes, 16);
        for (unsigned at = 0; at < 160; at += 8) {
            ip[IPV6_BYTES + at] = kinds[sim_random(&seed) % sizeof kinds];
            ip[IPV6_BYTES + at + 1] = (uint8_t)(sim_random(&seed) % 3);
        }
        put_raw(frame, sizeof frame);
        wire_turn();
    }
    assert_int_equal(drain(), 0);
    assert_int_equal(chunks(), before);
    wire_serve_one();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syns_leave_nothing),
        cmocka_unit_test(test_syn_flood),
        cmocka_unit_test(test_segment_size),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_lost_acknowledgement),
        cmocka_unit_test(test_forged_segments),
        cmocka_unit_test(test_sequence_index),
        cmocka_unit_test(test_arp_storm),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_broadcast_storm),
        cmocka_unit_test(test_ipv6_serves),
        cmocka_unit_test(test_neighbour_storm),
        cmocka_unit_test(test_extension_headers),
        cmocka_unit_test(test_ipv6_autoconfiguration),
    };
    return cmocka_run_group_tests(tests, wire_start, NULL);
}
