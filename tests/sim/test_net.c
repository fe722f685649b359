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

#include "crypto/certificate.h"
#include "net/link.h"
#include "net/server.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "service/service.h"
#include "store/store.h"
#include "tests/support/wire_host.h"

#define GET         "GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"
#define HEAP_BYTES  (24 * 1024 * 1024)
#define MS          UINT64_C(1000000)
#define TURNS_MAX   20000
#define FRAMES_KEPT 64

static struct heap heap;
static struct memory_wire pipes;
static struct tls_client client;
static uint16_t port = 2000;

/* ---- the appliance ---- */

static void turn(void)
{
    (void)link_poll();
    (void)server_step();
    server_release(store_flush(service_now_s()) == STATUS_OK);
    platform_nic_flush();
}

static void start_tls(void)
{
    struct tls_identity identity;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct buffer out = buffer_over(der, sizeof der);
    const struct certificate_subject subject = {
        .names = {BYTES_LITERAL("jeton.test")}, .name_count = 1, .not_after_s = INT64_C(253402300799)};
    jose_generate_p256(identity.scalar);
    assert_int_equal(certificate_make(identity.scalar, &subject, &out), STATUS_OK);
    identity.certificate_der = buffer_view(&out);
    assert_int_equal(tls_start(&identity), STATUS_OK);
}

static int start(void **state)
{
    (void)state;
    bool first_boot;
    const size_t table_bytes = 4 * 1024 * 1024;
    sim_reset();
    sim_flash_create(SIM_FLASH_DISK, 65536, 64);
    heap_init(&heap, platform_memory_take(HEAP_BYTES), HEAP_BYTES);
    assert_int_equal(crypto_init(&heap), STATUS_OK);
    const struct service_options service = {.table_memory = platform_memory_take(table_bytes),
                                            .table_bytes = table_bytes,
                                            .device_secret =
                                                BYTES_LITERAL("0123456789abcdef0123456789abcdef"),
                                            .host_name = BYTES_LITERAL("jeton.test")};
    assert_int_equal(service_start(&service, &first_boot), STATUS_OK);
    service_clock_update();
    start_tls();
    const struct link_options link = {.heap = &heap,
                                      .host_name = BYTES_LITERAL("jeton"),
                                      .addresses = {.ip = BYTES_LITERAL("10.0.0.2/24")}};
    assert_int_equal(link_start(&link), STATUS_OK);
    const struct server_options server = {.heap = &heap, .port = 443};
    assert_int_equal(server_start(&server), STATUS_OK);
    return 0;
}

/* Both ends until nothing moves, then a little time; as often as `rounds`. */
static void run(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        host_send(&pipes.to_server);
        turn();
        turn();
        host_take_frames(&pipes.to_client);
        sim_advance_ns(MS);
        if (i % 8 == 7 || rounds < 8)
            host_send_again();
    }
}

static bool connect_host(void)
{
    memory_wire_reset(&pipes);
    host_reset(++port);
    host_connect();
    for (unsigned i = 0; i < 50 && !host.established; i++)
        run(1);
    return host.established;
}

static bool shake_hands(void)
{
    int result = -1;
    for (unsigned i = 0; i < 200 && result != 0; i++) {
        result = mbedtls_ssl_handshake(&client.ssl);
        if (result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ)
            return false;
        run(2);
    }
    return result == 0;
}

/* One GET answered by a 200. */
static bool get(void)
{
    char text[2048] = {0};
    size_t size = 0;
    if (mbedtls_ssl_write(&client.ssl, (const uint8_t *)GET, sizeof GET - 1) != sizeof GET - 1)
        return false;
    for (unsigned i = 0; i < 200 && strstr(text, "alive\"}") == NULL; i++) {
        run(1);
        int count = mbedtls_ssl_read(&client.ssl, (uint8_t *)text + size, sizeof text - 1 - size);
        size += count > 0 ? (size_t)count : 0;
    }
    return strncmp(text, "HTTP/1.1 200 OK", 15) == 0;
}

static void open_client(void)
{
    assert_true(connect_host());
    tls_client_open(&client, &pipes, MBEDTLS_SSL_VERSION_TLS1_3);
}

static void end_client(void)
{
    tls_client_close(&client);
    host_finish();
    run(5);
}

static void serve_one(void)
{
    open_client();
    assert_true(shake_hands());
    assert_true(get());
    end_client();
}

/* Let TIME_WAIT and all timers pass; frames flow meanwhile. */
static void wait_ms(uint64_t duration_ms)
{
    for (uint64_t passed = 0; passed < duration_ms; passed += 50) {
        sim_advance_ns(50 * MS);
        turn();
        host_take_frames(&pipes.to_client);
        turn();
    }
}

/* ---- tests ---- */

static void test_segments_in_every_order(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 3, 100, 1460};
    for (unsigned i = 0; i < 4 * 4; i++) {
        open_client();
        host.segment_bytes = sizes[i % 4];
        host.order = (enum host_order)(i / 4);
        assert_true(shake_hands());
        assert_true(get());
        assert_true(get());
        end_client();
    }
}

static uint64_t ended_after_ms(void)
{
    uint64_t begin_ns = platform_monotonic_ns();
    for (unsigned i = 0; i < TURNS_MAX && !host.peer_finished && !host.peer_reset; i++)
        wait_ms(50);
    return (platform_monotonic_ns() - begin_ns) / MS;
}

static void test_time_limits(void **state)
{
    (void)state;
    open_client();
    assert_in_range(ended_after_ms(), CONN_HANDSHAKE_MS - 1000, CONN_HANDSHAKE_MS + 1000);
    assert_false(host.peer_reset);
    end_client();

    open_client();
    assert_true(shake_hands());
    assert_true(get());
    assert_in_range(ended_after_ms(), CONN_IDLE_MS - 1000, CONN_IDLE_MS + 1000);
    assert_false(host.peer_reset);
    end_client();

    open_client();
    assert_true(shake_hands());
    assert_true(mbedtls_ssl_write(&client.ssl, (const uint8_t *)"GET", 3) == 3);
    run(3);
    assert_in_range(ended_after_ms(), CONN_REQUEST_MS - 1000, CONN_REQUEST_MS + 1000);
    end_client();
}

/* A peer that never answers our FIN is let go. */
static void test_linger_ends(void **state)
{
    (void)state;
    struct server_stats stats;
    open_client();
    (void)ended_after_ms();
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 1);
    wait_ms(CONN_LINGER_MS + 200);
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    end_client();
}

/* One that does not even acknowledge our last bytes gets more time, and then a reset. */
static void test_linger_of_the_undelivered_ends(void **state)
{
    (void)state;
    struct server_stats stats;
    open_client();
    for (unsigned i = 0; i < (CONN_HANDSHAKE_MS + CONN_LINGER_MS + 2000) / 50; i++) {
        sim_advance_ns(50 * MS);
        turn();
    }
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 1);
    for (unsigned i = 0; i < CONN_LINGERS_MAX * CONN_LINGER_MS / 50; i++) {
        sim_advance_ns(50 * MS);
        turn();
    }
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    end_client();
}

/* RFC 6528 and RFC 6274: neither sequence numbers nor IP ids follow from the ones before. */
static void test_unguessable_numbers(void **state)
{
    (void)state;
    uint32_t last_isn = 0, last_step = 0;
    uint16_t last_id = 0;
    unsigned equal_steps = 0, counted_ids = 0;
    for (unsigned i = 0; i < 200; i++) {
        assert_true(connect_host());
        uint32_t isn_step = host.peer_isn - last_isn;
        equal_steps += isn_step == last_step || isn_step < 100000;
        counted_ids += (uint16_t)(host.newest_ip_id - last_id) < 4;
        last_step = isn_step;
        last_isn = host.peer_isn;
        last_id = host.newest_ip_id;
        host_abort();
        run(2);
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
    serve_one();
    wait_ms(30000);
    size_t before = heap.in_use_count;
    host_tap = keep;
    for (unsigned round = 0; round < 60; round++) {
        kept_count = 0;
        open_client();
        (void)shake_hands();
        host_tap = NULL;
        for (unsigned i = 0; i < 1000 && kept_count >= 4; i++) {
            put_nearly_right(&random);
            if (i % 16 == 0)
                run(1);
        }
        tls_client_close(&client);
        host_tap = keep;
    }
    host_tap = NULL;
    serve_one();
    wait_ms(120000);
    assert_in_range(heap.in_use_count, 0, before + 16); /* ARP entries may have come */
}

/* More connections than there is room for: refused or made room for, never a crash, and all memory comes back. */
static void test_too_many(void **state)
{
    (void)state;
    struct server_stats stats;
    serve_one();
    wait_ms(90000);
    server_stats(&stats);
    size_t before = heap.in_use_count;
    uint32_t bound = stats.connection_bound;
    unsigned refused = 0;
    for (uint32_t i = 0; i < bound + 10; i++) {
        refused += !connect_host() || host.peer_reset;
        run(1);
        refused += host.peer_reset;
    }
    server_stats(&stats);
    assert_in_range(stats.connection_count, bound / 2, (uint64_t)bound * 3 / 4 + 1);
    assert_true(stats.refused_count > 0 && refused > 0);
    wait_ms(150000);
    server_stats(&stats);
    assert_int_equal(stats.connection_count, 0);
    assert_in_range(heap.in_use_count, 0, before + 4);
    serve_one();
}

static void test_link_goes_and_comes(void **state)
{
    (void)state;
    struct net_address address;
    sim_set_nic(true, false, 1500);
    wait_ms(500);
    sim_set_nic(true, true, 1500);
    wait_ms(500);
    assert_int_equal(addresses_list(&address, 1), 1);
    assert_int_equal(packet_get32(address.bytes + 12), GUEST_ADDRESS);
    serve_one();
}

/* A device that takes no frames for a while: TCP sends again. */
static void test_full_send_queue(void **state)
{
    (void)state;
    open_client();
    assert_true(shake_hands());
    sim_set_send_queue(0);
    assert_int_equal(mbedtls_ssl_write(&client.ssl, (const uint8_t *)GET, sizeof GET - 1), sizeof GET - 1);
    run(5);
    sim_set_send_queue(256);
    wait_ms(5000);
    uint8_t text[15];
    int count = mbedtls_ssl_read(&client.ssl, text, sizeof text);
    while (count == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        count = mbedtls_ssl_read(&client.ssl, text, sizeof text);
    assert_int_equal(count, sizeof text);
    assert_memory_equal(text, "HTTP/1.1 200 OK", sizeof text);
    end_client();
}

static void test_bad_addresses(void **state)
{
    (void)state;
    const char *bad[] = {"10.0.0",     "10.0.0.256",   "10.0.0.1.2", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/0",
                         "10.0.0.1/x", "010.0.0.0001", "a.b.c.d",    " 10.0.0.1", "10.0.0.1 ",   "0.0.0.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct link_options options = {
            .heap = &heap, .host_name = BYTES_LITERAL("jeton"), .addresses = {.ip = bytes_of_string(bad[i])}};
        assert_int_equal(link_start(&options), STATUS_INVALID);
    }
    const struct link_options mask = {
        .heap = &heap,
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
        cmocka_unit_test(test_bad_addresses),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
