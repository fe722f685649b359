/*
 * A hostile link, in virtual time: storms of ARP, Neighbor Discovery, fragments, pings, options and broadcasts, and a client
 * that is served meanwhile; HTTPS over IPv6. Memory returns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/frame.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "tests/support/net_rig.h"
#include "tests/support/stranger.h"

#define STRANGER       0x0a000000u /* and their low bits */
#define FRAMES_A_STORM 3000

/* ---- storms on the link ---- */

static void put_arp(uint32_t from, uint32_t to, uint8_t operation, const uint8_t *destination)
{
    uint8_t out[64];
    const struct frame frame = {.source_mac = stranger_mac,
                                .destination_mac = destination,
                                .source = stranger_ipv4(from),
                                .destination = stranger_ipv4(to)};
    stranger_put(out, frame_build_arp(&frame, operation, out));
}

/* Whoever claims the client's address, ours or all of the link: the client's answers go to the client. */
static void test_arp_storm(void **state)
{
    (void)state;
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    size_t before = stranger_chunks();
    for (uint32_t i = 0; i < FRAMES_A_STORM; i++) {
        put_arp(HOST_ADDRESS, GUEST_ADDRESS, 2, stranger_guest_mac());
        put_arp(HOST_ADDRESS, HOST_ADDRESS, 1, everybody);
        put_arp(STRANGER + 3 + i % 250, GUEST_ADDRESS, 1, everybody);
        put_arp(STRANGER + 3 + i % 250, GUEST_ADDRESS, 2, stranger_guest_mac());
        put_arp(GUEST_ADDRESS, GUEST_ADDRESS, 1, everybody);
        wire_turn();
        (void)stranger_drain();
        sim_advance_ns(WIRE_MS);
        if (i % 100 != 0)
            continue;
        host.other_mac_count = 0;
        assert_true(wire_get());
        assert_int_equal(host.other_mac_count, 0);
    }
    assert_in_range(stranger_chunks(), 0, before + 2);
    wire_end_client();
    wire_serve_one();
}

static void put_ipv4(uint8_t protocol, uint16_t fragment, uint8_t first, struct bytes payload)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES] = {0}, *ip = frame + ETHERNET_BYTES;
    memcpy(frame, stranger_guest_mac(), 6);
    memcpy(frame + 6, stranger_mac, 6);
    packet_put16(frame + 12, 0x0800);
    size_t head = (size_t)(first & 15) * 4;
    ip[0] = first;
    packet_put16(ip + 2, (uint32_t)(head + payload.size));
    packet_put16(ip + 4, (uint32_t)sim_random(&stranger_seed));
    packet_put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    packet_put32(ip + 12, STRANGER + 9);
    packet_put32(ip + 16, GUEST_ADDRESS);
    memcpy(ip + head, payload.data, payload.size);
    packet_put16(ip + 10, (uint32_t)~packet_sum(bytes_of(ip, head), 0));
    stranger_put(frame, ETHERNET_BYTES + head + payload.size);
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
    size_t before = stranger_chunks();
    for (unsigned i = 0; i < FRAMES_A_STORM; i++) {
        put_ping(0x45, (uint16_t)(0x2000 | i % 45 * 185), 1480);
        put_ping(0x45, 8191, 1480);
        put_ping(0x45, (uint16_t)(0x2000 | i % 3), 24);
        wire_turn();
    }
    assert_int_equal(stranger_chunks(), before);
    assert_int_equal(stranger_drain(), 0);
    wire_serve_one();
}

/* Pings are answered, up to a bound a second; with options, to groups or with other types they are not. */
static void test_pings(void **state)
{
    (void)state;
    sim_advance_ns(2000 * WIRE_MS);
    wire_serve_one();
    (void)stranger_drain();
    put_ping(0x45, 0, 64);
    wire_turn();
    wire_turn();
    unsigned to_stranger = stranger_drain(); /* an ARP question first, as nothing is known of it */
    assert_int_equal(to_stranger, 1);
    uint8_t out[64];
    const struct frame answer = {.source_mac = stranger_mac,
                                 .destination_mac = stranger_guest_mac(),
                                 .source = stranger_ipv4(STRANGER + 9),
                                 .destination = stranger_ipv4(GUEST_ADDRESS)};
    stranger_put(out, frame_build_arp(&answer, 2, out));
    wire_turn();
    wire_turn();
    assert_int_equal(stranger_drain(), 1);
    unsigned answered = 0;
    for (unsigned i = 0; i < FRAMES_A_STORM; i++) {
        put_ping(0x45, 0, 64);
        put_ping(0x46, 0, 64);
        wire_turn();
        answered += stranger_drain();
    }
    assert_in_range(answered, 900, 1000);
}

/* A storm to everybody is looked at in small portions, and gives nothing. */
static void test_broadcast_storm(void **state)
{
    (void)state;
    uint8_t frame[600];
    memset(frame, 0xff, sizeof frame);
    memcpy(frame + 6, stranger_mac, 6);
    packet_put16(frame + 12, 0x0800);
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = stranger_chunks();
    for (unsigned i = 0; i < SIM_WIRE_FRAMES_MAX; i++)
        stranger_put(frame, sizeof frame);
    struct link_stats first, second;
    link_stats(&first);
    (void)link_poll();
    link_stats(&second);
    assert_int_equal(second.received_count - first.received_count, LINK_FRAMES_PER_TURN);
    for (unsigned i = 0; i < SIM_WIRE_FRAMES_MAX / LINK_FRAMES_PER_TURN; i++)
        wire_turn();
    assert_int_equal(stranger_drain(), 0);
    assert_int_equal(stranger_chunks(), before);
    wire_serve_one();
}

/* ---- IPv6 ---- */

static void put_icmp6(const struct net_address *from, uint8_t hop_limit, struct bytes message)
{
    uint8_t out[256];
    const struct frame frame = {.source_mac = stranger_mac,
                                .destination_mac = stranger_guest_mac(),
                                .source = *from,
                                .destination = stranger_guest_link_local(),
                                .protocol = FRAME_ICMP6,
                                .hop_limit = hop_limit,
                                .payload = message};
    stranger_put(out, frame_build(&frame, out));
    wire_turn();
}

/* A router's advertisement of `prefix` (its first group; the fourth is `part`), valid for an hour. */
static void advertise(uint8_t hop_limit, uint16_t prefix, uint16_t part)
{
    uint8_t message[16 + 32] = {134, 0, 0, 0, 64, 0, 7, 8};
    uint8_t *option = message + 16;
    const struct net_address router = stranger_ipv6(0xfe80, 1);
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
    struct net_address guest = stranger_guest_link_local();
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
    size_t memory = stranger_chunks();
    for (uint16_t i = 0; i < FRAMES_A_STORM; i++) {
        advertise(255, 0x2001, i);
        sim_advance_ns(WIRE_MS);
        (void)stranger_drain();
    }
    wire_wait_ms(5000);
    assert_in_range(own_addresses(), before + 1, 5);
    assert_in_range(stranger_chunks(), 0, memory + 16);
    struct net_address guest = stranger_guest_link_local();
    assert_true(addresses_have(&guest));
}

/* Questions for us are answered and leave nothing; claims that nobody asked for change nothing. */
static void test_neighbour_storm(void **state)
{
    (void)state;
    uint8_t ask[32] = {135, [24] = 1, 1, 2, 0, 0, 0, 6, 6};
    uint8_t claim[32] = {136, [4] = 0x20, [24] = 2, 1, 2, 0, 0, 0, 6, 6};
    struct net_address guest = stranger_guest_link_local();
    memcpy(ask + 8, guest.bytes, 16);
    memcpy(claim + 8, host_address6, 16);
    memcpy(host.guest6, guest.bytes, 16);
    host.by_ipv6 = true;
    sim_set_fills_sums(true);
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    size_t before = stranger_chunks();
    for (unsigned i = 0; i < 1000; i++) {
        struct net_address from = stranger_ipv6(0xfe80, (uint8_t)i);
        from.bytes[14] = (uint8_t)(i >> 8) | 8;
        (void)stranger_drain();
        put_icmp6(&from, 255, bytes_of(ask, sizeof ask));
        assert_int_equal(stranger_drain(), 1);
        put_icmp6(&from, 254, bytes_of(ask, sizeof ask));
        put_icmp6(&from, 255, bytes_of(ask, 25 + i % 7));
        put_icmp6(&from, 255, bytes_of(claim, sizeof claim));
        if (i % 100 != 0)
            continue;
        host.other_mac_count = 0;
        assert_true(wire_get());
        assert_int_equal(host.other_mac_count, 0);
    }
    assert_in_range(stranger_chunks(), 0, before + 2);
    wire_end_client();
    host.by_ipv6 = false;
    sim_set_fills_sums(false);
}

/* Extension headers in any number, fragments, options without size: nothing of it gets anywhere. */
static void test_extension_headers(void **state)
{
    (void)state;
    const uint8_t kinds[] = {0, 43, 44, 50, 51, 60, 135, 139, 59, 253};
    wire_wait_ms(3000);
    size_t before = stranger_chunks();
    (void)stranger_drain();
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t frame[ETHERNET_BYTES + IPV6_BYTES + 160] = {0}, *ip = frame + ETHERNET_BYTES;
        const struct net_address from = stranger_ipv6(0xfe80, 9), to = stranger_guest_link_local();
        memcpy(frame, stranger_guest_mac(), 6);
        memcpy(frame + 6, stranger_mac, 6);
        packet_put16(frame + 12, 0x86dd);
        ip[0] = 0x60;
        packet_put16(ip + 4, i % 3 == 0 ? 65535 : 160);
        ip[6] = kinds[i % sizeof kinds];
        ip[7] = 64;
        memcpy(ip + 8, from.bytes, 16);
        memcpy(ip + 24, to.bytes, 16);
        for (unsigned at = 0; at < 160; at += 8) {
            ip[IPV6_BYTES + at] = kinds[sim_random(&stranger_seed) % sizeof kinds];
            ip[IPV6_BYTES + at + 1] = (uint8_t)(sim_random(&stranger_seed) % 3);
        }
        stranger_put(frame, sizeof frame);
        wire_turn();
    }
    assert_int_equal(stranger_drain(), 0);
    assert_int_equal(stranger_chunks(), before);
    wire_serve_one();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp_storm),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_broadcast_storm),
        cmocka_unit_test(test_ipv6_serves),
        cmocka_unit_test(test_neighbour_storm),
        cmocka_unit_test(test_extension_headers),
        cmocka_unit_test(test_ipv6_autoconfiguration),
    };
    return cmocka_run_group_tests(tests, wire_start, NULL);
}
