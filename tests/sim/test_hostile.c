/*
 * Hostile segments, in virtual time: floods and forgeries against an appliance that serves a client meanwhile. What is asked
 * of it: RFC 4987, RFC 5961, RFC 6528, and that memory returns.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/frame.h"
#include "net/pcbs.h"
#include "net/segments.h"
#include "platform/sim/sim.h"
#include "tests/support/net_rig.h"
#include "tests/support/stranger.h"

#define FLOOD_MS    60000
#define SYNS_PER_MS 3
#define REQUEST_MS  100
#define PROBES      100
#define MEMBERS     450
#define ROUNDS      2
#define VANISHED    20
#define TOLERATED   8 /* chunks of memory: entries of neighbours may have come */

/* ---- SYN floods ---- */

static void put_forged_syn(void)
{
    uint8_t out[128], tcp[TCP_BYTES] = {0};
    uint64_t random = sim_random(&stranger_seed);
    packet_put16(tcp, (uint32_t)(random >> 32) | 1024);
    packet_put16(tcp + 2, 443);
    packet_put32(tcp + 4, (uint32_t)random);
    tcp[12] = 0x50;
    tcp[13] = PACKET_SYN;
    const struct frame frame = {.source_mac = stranger_mac,
                                .destination_mac = stranger_guest_mac(),
                                .source = stranger_ipv4(0x0b000000u + (uint32_t)(random >> 40) % 0x1000000),
                                .destination = stranger_ipv4(GUEST_ADDRESS),
                                .protocol = FRAME_TCP,
                                .hop_limit = 64,
                                .payload = bytes_of(tcp, sizeof tcp)};
    stranger_put(out, frame_build(&frame, out));
}

/* 3,000 forged SYNs a second for a minute; an honest client connects and asks every 100 ms. */
static void test_syn_flood(void **state)
{
    (void)state;
    struct server_stats stats;
    unsigned asked = 0, served = 0;
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = stranger_chunks();
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
    assert_in_range(stranger_chunks(), 0, before + TOLERATED);
}

/* Nothing is kept of a SYN: the flood leaves exactly as much as was there. */
static void test_syns_leave_nothing(void **state)
{
    (void)state;
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = stranger_chunks();
    for (unsigned i = 0; i < 600; i++) {
        put_forged_syn();
        wire_turn();
    }
    assert_in_range(stranger_drain(), 600, 605);
    assert_int_equal(stranger_chunks(), before);
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
    return variance > 0 ? 8 * log2(sqrt(variance)) : 0;
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
        assert_int_equal(stranger_drain(), 0);
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
        const struct frame frame = {.source_mac = stranger_mac,
                                    .destination_mac = stranger_guest_mac(),
                                    .source = stranger_ipv4(HOST_ADDRESS),
                                    .destination = stranger_ipv4(GUEST_ADDRESS),
                                    .protocol = FRAME_TCP,
                                    .payload = bytes_of(tcp, sizeof tcp)};
        packet_read(bytes_of(out, frame_build(&frame, out)), false, &packet);
        assert_int_equal(packet.kind, PACKET_BAD);
    }
}

/* ---- many connections ---- */

struct member {
    uint16_t port;
    uint32_t next;     /* ours */
    uint32_t expected; /* of it */
};

static void send_as(struct member *member, uint8_t flags, struct bytes data)
{
    const struct host_segment segment = {flags, member->next, member->expected, data};
    host.port = member->port;
    host.expected = member->expected;
    host.next = member->next + (uint32_t)data.size;
    host_send_segment(&segment);
    member->next += (uint32_t)data.size + ((flags & HOST_FIN) != 0);
    wire_turn();
    host_take_frames(NULL);
    member->expected = host.expected;
}

static struct member members[MEMBERS];

static void open_members(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_true(wire_connect());
        members[i] = (struct member){host.port, host.next, host.expected};
    }
    wire_turn();
}

/* One of the first `left` ends, by FIN or RST, after some others were heard. */
static void end_one(size_t left)
{
    size_t one = (size_t)(sim_random(&stranger_seed) % left);
    for (unsigned i = 0; i < 3; i++) {
        struct member *other = &members[sim_random(&stranger_seed) % left];
        send_as(other, HOST_ACK, BYTES_LITERAL("\x16"));
        assert_false(host.peer_reset);
    }
    send_as(&members[one], left % 3 == 0 ? HOST_FIN | HOST_ACK : HOST_RST, bytes_of("", 0));
    members[one] = members[left - 1];
    host.peer_reset = false;
}

/* Each of many finds its own segments, in any order, while others end around it. */
static void test_many_connections(void **state)
{
    (void)state;
    wire_wait_ms(30000);
    const uint32_t others = connections();
    const size_t before = stranger_chunks();
    for (unsigned round = 0; round < ROUNDS; round++) {
        open_members();
        assert_int_equal(connections(), others + MEMBERS);
        for (size_t left = MEMBERS; left > 0; left--) {
            end_one(left);
            assert_true(pcbs_are_sound());
        }
        wire_wait_ms(30000);
        assert_true(pcbs_are_sound());
        assert_int_equal(connections(), others);
        assert_in_range(stranger_chunks(), 0, before + TOLERATED);
    }
    wire_serve_one();
}

/* Connections that we end wait in TIME_WAIT. Late segments bring the oldest to the front of lwIP's list, so that its timer
 * takes them out before others. */
static void test_many_wait(void **state)
{
    (void)state;
    open_members();
    wire_wait_ms(CONN_HANDSHAKE_MS + 200);
    uint32_t told = host.expected - members[MEMBERS - 1].expected; /* an end, the same for all */
    assert_true(host.peer_finished && told > 0);
    for (size_t i = 0; i < MEMBERS; i++) {
        members[i].expected += told;
        send_as(&members[i], HOST_FIN | HOST_ACK, bytes_of("", 0));
        if (i % (MEMBERS / 4) == 0)
            wire_wait_ms(600);
    }
    assert_int_equal(connections(), 0);
    host_reset(members[MEMBERS - 2].port); /* a new connection from a port that waits, with ECN's flags too */
    send_bare(HOST_SYN | 0xc0, members[MEMBERS - 2].next + 1000, 0);
    assert_true(host.established);
    for (size_t i = MEMBERS / 2; i-- > 0;)
        send_as(&members[i], HOST_ACK, bytes_of("", 0));
    for (unsigned i = 0; i < 30; i++) {
        wire_wait_ms(500);
        assert_true(pcbs_are_sound());
    }
    wire_serve_one();
}

/* TCP alone, as often as it is let in. */
static unsigned open_silent(void)
{
    unsigned count = 0;
    while (wire_connect()) {
        wire_run(2);
        if (host.peer_reset)
            break;
        count++;
    }
    return count;
}

/* One that opens all that it may and says nothing: its share is its own again when the time for a handshake is over, though
 * it takes none of our last bytes either. */
static void test_silent_crowd(void **state)
{
    (void)state;
    wire_wait_ms(30000);
    const uint32_t others = connections();
    const size_t before = stranger_chunks();
    const unsigned first = open_silent();
    assert_in_range(first, 100, UINT16_MAX);
    for (unsigned round = 0; round < ROUNDS; round++) {
        wire_run(CONN_HANDSHAKE_MS);
        wire_serve_one();
        assert_in_range(open_silent(), first / 2, first);
    }
    wire_wait_ms(120000);
    assert_int_equal(connections(), others);
    assert_in_range(stranger_chunks(), 0, before + TOLERATED);
}

static uint64_t evicted(void)
{
    struct server_stats stats;
    server_stats(&stats);
    return stats.evicted_count;
}

/* Idle clients that are not there any more: they make room for others, and hold nothing for long. */
static void test_vanished(void **state)
{
    (void)state;
    wire_wait_ms(30000);
    const size_t before = stranger_chunks();
    const uint64_t until = evicted() + VANISHED;
    for (unsigned i = 0; evicted() < until; i++) {
        host.source = HOST_ADDRESS + 8 * (i % 2);
        wire_open_client();
        assert_true(wire_shake_hands());
        tls_client_close(&wired.client);
    }
    host.source = HOST_ADDRESS;
    host_reset(++wired.port);
    wire_wait_ms(CONN_IDLE_MS + 2 * SOCKET_ORPHAN_MS);
    assert_in_range(stranger_chunks(), 0, before + TOLERATED);
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
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_many_wait),
        cmocka_unit_test(test_silent_crowd),
        cmocka_unit_test(test_vanished),
    };
    return cmocka_run_group_tests(tests, wire_start, NULL);
}
