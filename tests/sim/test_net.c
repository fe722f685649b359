/*
 * The whole net/ with lwIP on the simulated wire, in virtual time: segments in every order, frames that are nearly right,
 * time limits, numbers that nobody can guess, memory that returns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "tests/support/net_rig.h"
#include "tests/support/stranger.h"

#define TURNS_MAX   20000
#define FRAMES_KEPT 64

/* ---- tests ---- */

static void test_segments_in_every_order(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 3, 100, 1460};
    for (unsigned i = 0; i < 4 * 4; i++) {
        wire_open_client();
        host.segment_bytes = sizes[i % 4];
        host.order = (enum host_order)(i / 4);
        assert_true(wire_shake_hands());
        assert_true(wire_get());
        assert_true(wire_get());
        wire_end_client();
    }
}

static uint64_t ended_after_ms(void)
{
    uint64_t begin_ns = platform_monotonic_ns();
    for (unsigned i = 0; i < TURNS_MAX && !host.peer_finished && !host.peer_reset; i++)
        wire_wait_ms(50);
    return (platform_monotonic_ns() - begin_ns) / WIRE_MS;
}

static void test_time_limits(void **state)
{
    (void)state;
    wire_open_client();
    assert_in_range(ended_after_ms(), CONN_HANDSHAKE_MS - 1000, CONN_HANDSHAKE_MS + 1000);
    assert_false(host.peer_reset);
    wire_end_client();

    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    assert_in_range(ended_after_ms(), CONN_IDLE_MS - 1000, CONN_IDLE_MS + 1000);
    assert_false(host.peer_reset);
    wire_end_client();

    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(mbedtls_ssl_write(&wired.client.ssl, (const uint8_t *)"WIRE_GET", 3) == 3);
    wire_run(3);
    assert_in_range(ended_after_ms(), CONN_REQUEST_MS - 1000, CONN_REQUEST_MS + 1000);
    wire_end_client();
}

/* A peer that never answers our FIN is let go. */
static void test_linger_ends(void **state)
{
    (void)state;
    struct server_stats stats;
    wire_open_client();
    (void)ended_after_ms();
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 1);
    wire_wait_ms(CONN_LINGER_MS + 200);
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    wire_end_client();
}

/* One that does not even acknowledge our last bytes gets more time, and then a reset. */
static void test_linger_of_the_undelivered_ends(void **state)
{
    (void)state;
    struct server_stats stats;
    wire_open_client();
    for (unsigned i = 0; i < (CONN_HANDSHAKE_MS + CONN_LINGER_MS + 2000) / 50; i++) {
        sim_advance_ns(50 * WIRE_MS);
        wire_turn();
    }
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 1);
    for (unsigned i = 0; i < CONN_LINGERS_MAX * CONN_LINGER_MS / 50; i++) {
        sim_advance_ns(50 * WIRE_MS);
        wire_turn();
    }
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    wire_end_client();
}

/* RFC 6528 and RFC 6274: neither sequence numbers nor IP ids follow from the ones before. */
static void test_unguessable_numbers(void **state)
{
    (void)state;
    uint32_t last_isn = 0, last_step = 0;
    uint16_t last_id = 0;
    unsigned equal_steps = 0, counted_ids = 0;
    for (unsigned i = 0; i < 200; i++) {
        assert_true(wire_connect());
        uint32_t isn_step = host.peer_isn - last_isn;
        equal_steps += isn_step == last_step || isn_step < 100000;
        counted_ids += (uint16_t)(host.newest_ip_id - last_id) < 4;
        last_step = isn_step;
        last_isn = host.peer_isn;
        last_id = host.newest_ip_id;
        host_abort();
        wire_run(2);
    }
    assert_in_range(equal_steps, 0, 3);
    assert_in_range(counted_ids, 0, 3);
}

static uint8_t kept[FRAMES_KEPT][PLATFORM_FRAME_MAX_BYTES];
static size_t kept_size[FRAMES_KEPT];
static size_t kept_count;

static void keep(struct bytes frame)
{
    size_t index = kept_count++ % FRAMES_KEPT;
    memcpy(kept[index], frame.data, frame.size);
    kept_size[index] = frame.size;
}

/* One frame of a good exchange, with some of its bytes changed, or cut, or longer. */
static void put_nearly_right(uint64_t *random)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES] = {0};
    size_t index = (size_t)(sim_random(random) % (kept_count < FRAMES_KEPT ? kept_count : FRAMES_KEPT));
    size_t size = kept_size[index];
    memcpy(frame, kept[index], size);
    for (uint64_t i = sim_random(random) % 4; i > 0; i--)
        frame[sim_random(random) % (sim_random(random) % 2 ? 54 : size)] = (uint8_t)sim_random(random);
    if (sim_random(random) % 8 == 0)
        size = 1 + (size_t)(sim_random(random) % (sizeof frame - 1));
    (void)!sim_wire_put(bytes_of(frame, size));
}

/* 60,000 frames that are nearly right among good ones: the next client is served, and memory comes back. */
static void test_frames_nearly_right(void **state)
{
    (void)state;
    uint64_t random = 42;
    wire_serve_one();
    wire_wait_ms(30000);
    size_t before = wired.heap.in_use_count;
    host_tap = keep;
    for (unsigned round = 0; round < 60; round++) {
        kept_count = 0;
        wire_open_client();
        (void)wire_shake_hands();
        host_tap = NULL;
        for (unsigned i = 0; i < 1000 && kept_count >= 4; i++) {
            put_nearly_right(&random);
            if (i % 16 == 0)
                wire_run(1);
        }
        tls_client_close(&wired.client);
        host_tap = keep;
    }
    host_tap = NULL;
    wire_serve_one();
    wire_wait_ms(120000);
    assert_in_range(wired.heap.in_use_count, 0, before + 16); /* ARP entries may have come */
}

/* More connections than there is room for: refused or made room for, never a crash, and all memory comes back. */
static void test_too_many(void **state)
{
    (void)state;
    struct server_stats stats;
    wire_serve_one();
    wire_wait_ms(90000);
    server_stats(&stats);
    size_t before = wired.heap.in_use_count;
    uint32_t bound = stats.connection_bound;
    unsigned refused = 0;
    for (uint32_t i = 0; i < bound + 10; i++) {
        refused += !wire_connect() || host.peer_reset;
        wire_run(1);
        refused += host.peer_reset;
    }
    server_stats(&stats);
    assert_in_range(stats.connection_count, bound / 2, (uint64_t)bound * 3 / 4 + 1);
    assert_true(stats.refused_count > 0 && refused > 0);
    wire_wait_ms(150000);
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    assert_in_range(wired.heap.in_use_count, 0, before + 4);
    wire_serve_one();
}

static void test_link_goes_and_comes(void **state)
{
    (void)state;
    struct net_address address;
    sim_set_nic(true, false, 1500);
    wire_wait_ms(500);
    sim_set_nic(true, true, 1500);
    wire_wait_ms(500);
    assert_int_equal(addresses_list(&address, 1), 1);
    assert_int_equal(packet_get32(address.bytes + 12), GUEST_ADDRESS);
    wire_serve_one();
}

/* A device that takes no frames for a while: TCP sends again. */
static void test_full_send_queue(void **state)
{
    (void)state;
    wire_open_client();
    assert_true(wire_shake_hands());
    sim_set_send_queue(0);
    assert_int_equal(mbedtls_ssl_write(&wired.client.ssl, (const uint8_t *)WIRE_GET, sizeof WIRE_GET - 1),
                     sizeof WIRE_GET - 1);
    wire_run(5);
    sim_set_send_queue(256);
    wire_wait_ms(5000);
    uint8_t text[15];
    int count = mbedtls_ssl_read(&wired.client.ssl, text, sizeof text);
    while (count == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        count = mbedtls_ssl_read(&wired.client.ssl, text, sizeof text);
    assert_int_equal(count, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 200 OK", sizeof text);
    wire_end_client();
}

/* The host at the wire looks at each segment's sum; by IPv6, test_storms.c does the same. */
static void test_sums_by_the_interface(void **state)
{
    (void)state;
    sim_set_fills_sums(true);
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    wire_end_client();
    sim_set_fills_sums(false);
}

/* Answers of several segments, pipelined, come as trains; the host looks at each segment that they were cut into. */
static void get_many(void)
{
    char text[8 * 1024] = {0};
    size_t size = 0;
    static const char ask[] = WIRE_GET WIRE_GET WIRE_GET WIRE_GET WIRE_GET WIRE_GET WIRE_GET WIRE_GET;
    assert_int_equal(mbedtls_ssl_write(&wired.client.ssl, (const uint8_t *)ask, sizeof ask - 1),
                     sizeof ask - 1);
    for (unsigned i = 0; i < 100; i++) {
        wire_run(1);
        int count = mbedtls_ssl_read(&wired.client.ssl, (uint8_t *)text + size, sizeof text - 1 - size);
        size += count > 0 ? (size_t)count : 0;
    }
    unsigned answers = 0;
    for (const char *at = text; (at = strstr(at, "HTTP/1.1 200 OK")) != NULL; at++)
        answers++;
    assert_int_equal(answers, 8);
}

/* The frames that it takes to answer; `segments` are what the host got. */
static uint64_t frames_to_answer(bool cuts, uint64_t *segments)
{
    struct link_stats before, after;
    sim_set_cuts_segments(cuts);
    wire_open_client();
    assert_true(wire_shake_hands());
    link_stats(&before);
    *segments = host.segment_count;
    get_many();
    link_stats(&after);
    *segments = host.segment_count - *segments;
    wire_end_client();
    return after.sent_count - before.sent_count;
}

static void test_trains(void **state)
{
    (void)state;
    const struct net_address guest = stranger_guest_link_local();
    wire_wait_ms(3000); /* that address is looked for once */
    memcpy(host.guest6, guest.bytes, sizeof guest.bytes);
    for (int by_ipv6 = 0; by_ipv6 <= 1; by_ipv6++) {
        uint64_t alone = 0, cut = 0;
        host.by_ipv6 = by_ipv6;
        const uint64_t sent_alone = frames_to_answer(false, &alone);
        const uint64_t sent_cut = frames_to_answer(true, &cut);
        assert_in_range(alone, 3, 20);
        assert_int_equal(sent_alone, alone);
        assert_in_range(sent_cut, 1, alone / 2);
        assert_int_equal(cut, alone);
    }
    host.by_ipv6 = false;
    sim_set_fills_sums(false);
}

static void test_bad_addresses(void **state)
{
    (void)state;
    const char *bad[] = {"10.0.0",     "10.0.0.256",   "10.0.0.1.2", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/0",
                         "10.0.0.1/x", "010.0.0.0001", "a.b.c.d",    " 10.0.0.1", "10.0.0.1 ",   "0.0.0.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct link_options options = {.heap = &wired.heap,
                                             .host_name = BYTES_LITERAL("jeton"),
                                             .addresses = {.ip = bytes_of_string(bad[i])}};
        assert_int_equal(link_start(&options), STATUS_INVALID);
    }
    const struct link_options mask = {
        .heap = &wired.heap,
        .host_name = BYTES_LITERAL("jeton"),
        .addresses = {.ip = BYTES_LITERAL("10.0.0.2"), .netmask = BYTES_LITERAL("255.0.255.0")}};
    assert_int_equal(link_start(&mask), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_in_every_order),
        cmocka_unit_test(test_time_limits),
        cmocka_unit_test(test_linger_ends),
        cmocka_unit_test(test_linger_of_the_undelivered_ends),
        cmocka_unit_test(test_unguessable_numbers),
        cmocka_unit_test(test_frames_nearly_right),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_link_goes_and_comes),
        cmocka_unit_test(test_full_send_queue),
        cmocka_unit_test(test_sums_by_the_interface),
        cmocka_unit_test(test_trains),
        cmocka_unit_test(test_bad_addresses),
    };
    return cmocka_run_group_tests(tests, wire_start, NULL);
}
