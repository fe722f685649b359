/*
 * Who asks for much does not keep others waiting: floods of handshakes against a client that is served and a stranger who
 * comes last, in virtual time. What a turn may do is counted in the frames that it sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/packet.h"
#include "platform/sim/sim.h"
#include "tests/support/net_rig.h"

#define FLOOD_COUNT    30
#define STRANGER       (HOST_ADDRESS + 7)
#define HELLO_BYTES    400 /* our first flight is larger, everything else during a handshake smaller */
#define PORT_OFFSET    (14 + 20 + 2)
#define HEADERS_BYTES  (14 + 20 + 20)
#define PORTS          65536
#define TURNS_TO_SERVE 64

static struct wire_host flood[FLOOD_COUNT];
static struct memory_wire hello_wire;
static struct pipe outgoing;

/* Payload bytes that the appliance sent to each port. */
static size_t sent_to[PORTS];

static void count_frames(void)
{
    struct bytes frame;
    memset(sent_to, 0, sizeof sent_to);
    while (sim_wire_take(&frame) == STATUS_OK)
        if (frame.size >= HEADERS_BYTES)
            sent_to[packet_get16(frame.data + PORT_OFFSET)] += frame.size - HEADERS_BYTES;
}

static struct bytes client_hello(void)
{
    static struct tls_client client;
    memory_wire_reset(&hello_wire);
    tls_client_open(&client, &hello_wire, MBEDTLS_SSL_VERSION_TLS1_3);
    (void)mbedtls_ssl_handshake(&client.ssl);
    tls_client_close(&client);
    return pipe_view(&hello_wire.to_server);
}

/* A TCP connection of its own, which says nothing yet. */
static struct wire_host connect_from(uint32_t source)
{
    host_reset(++wired.port);
    host.source = source;
    host_connect();
    for (unsigned i = 0; i < 50 && !host.established; i++)
        wire_run(1);
    assert_true(host.established);
    return host;
}

static void send_from(struct wire_host *who, struct bytes bytes)
{
    host = *who;
    outgoing.start = 0;
    outgoing.end = 0;
    pipe_put(&outgoing, bytes);
    host_send(&outgoing);
    *who = host;
}

static unsigned answered_in_flood(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FLOOD_COUNT; i++)
        count += sent_to[flood[i].port] > HELLO_BYTES;
    return count;
}

/* In the turn in which a flood begins, the client that is served gets its answer, the stranger its handshake's, and of
 * the flood no more than a turn may. */
static void test_flood_of_handshakes(void **state)
{
    (void)state;
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    struct wire_host served = host;
    for (unsigned i = 0; i < FLOOD_COUNT; i++)
        flood[i] = connect_from(HOST_ADDRESS);
    struct wire_host stranger = connect_from(STRANGER);
    struct bytes hello = client_hello();
    for (unsigned i = 0; i < FLOOD_COUNT; i++)
        send_from(&flood[i], hello);
    send_from(&stranger, hello);
    assert_int_equal(mbedtls_ssl_write(&wired.client.ssl, (const uint8_t *)WIRE_GET, sizeof WIRE_GET - 1),
                     sizeof WIRE_GET - 1);
    host = served;
    host_send(&wired.pipes.to_server);
    count_frames();
    wire_turn();
    count_frames();
    assert_true(sent_to[served.port] > 0);
    assert_true(sent_to[stranger.port] > HELLO_BYTES);
    assert_in_range(answered_in_flood(), 1, SERVER_HANDSHAKES_PER_TURN - 1);
}

/* And the flood is served in the end. */
static void test_flood_is_served(void **state)
{
    (void)state;
    struct server_stats before, after;
    struct bytes hello = client_hello();
    server_stats(&before);
    for (unsigned i = 0; i < FLOOD_COUNT; i++)
        flood[i] = connect_from(HOST_ADDRESS);
    for (unsigned i = 0; i < FLOOD_COUNT; i++)
        send_from(&flood[i], hello);
    count_frames();
    unsigned answered = 0;
    for (unsigned i = 0; i < TURNS_TO_SERVE && answered < FLOOD_COUNT; i++) {
        wire_turn();
        count_frames();
        answered += answered_in_flood();
    }
    assert_int_equal(answered, FLOOD_COUNT);
    server_stats(&after);
    assert_int_equal(after.handshake_failed_count, before.handshake_failed_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_of_handshakes),
        cmocka_unit_test(test_flood_is_served),
    };
    return cmocka_run_group_tests(tests, wire_start, NULL);
}
