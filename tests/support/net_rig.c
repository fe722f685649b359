/*
 * An appliance and its host in one test program.
 */
#include "tests/support/net_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "net/link.h"
#include "net/server.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "service/service.h"
#include "store/store.h"
#include "tests/support/start.h"

#define HEAP_BYTES (24 * 1024 * 1024)

struct net_rig wired;

/* ---- the appliance ---- */

/* As in app/main.c, without its patience. */
static void commit(void)
{
    static uint64_t released;
    enum status status = store_flush_poll();
    if (store_durable() != released || status == STATUS_READ_ONLY)
        server_release(status != STATUS_READ_ONLY);
    released = store_durable();
    store_flush_begin(service_now_s());
}

void wire_turn(void)
{
    (void)link_poll();
    (void)server_step(UINT64_MAX);
    commit();
    link_end_turn();
}

int wire_start(void **state)
{
    (void)state;
    wired.port = 2000;
    sim_reset();
    sim_flash_create(SIM_FLASH_DISK, 65536, 64);
    sim_flash_set_sync_ns(WIRE_MS / 2);
    heap_init(&wired.heap, platform_memory_take(HEAP_BYTES), HEAP_BYTES);
    assert_int_equal(crypto_init(&wired.heap), STATUS_OK);
    start_service();
    start_identity();
    const struct link_options link = {.heap = &wired.heap,
                                      .host_name = BYTES_LITERAL("jeton"),
                                      .addresses = {.ip = BYTES_LITERAL("10.0.0.2/24")}};
    assert_int_equal(link_start(&link), STATUS_OK);
    const struct server_options server = {.heap = &wired.heap, .port = 443};
    assert_int_equal(server_start(&server), STATUS_OK);
    return 0;
}

/* Both ends until nothing moves, then a little time; as often as `rounds`. */
void wire_run(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        host_send(&wired.pipes.to_server);
        wire_turn();
        wire_turn();
        host_take_frames(&wired.pipes.to_client);
        sim_advance_ns(WIRE_MS);
        if (i % 8 == 7 || rounds < 8)
            host_send_again();
    }
}

bool wire_connect(void)
{
    memory_wire_reset(&wired.pipes);
    host_reset(++wired.port);
    host_connect();
    for (unsigned i = 0; i < 50 && !host.established; i++)
        wire_run(1);
    return host.established;
}

bool wire_shake_hands(void)
{
    int result = -1;
    for (unsigned i = 0; i < 200 && result != 0; i++) {
        result = mbedtls_ssl_handshake(&wired.client.ssl);
        if (result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ)
            return false;
        wire_run(2);
    }
    return result == 0;
}

/* One GET answered by a 200. */
bool wire_get(void)
{
    char text[2048] = {0};
    size_t size = 0;
    if (mbedtls_ssl_write(&wired.client.ssl, (const uint8_t *)WIRE_GET, sizeof WIRE_GET - 1) !=
        sizeof WIRE_GET - 1)
        return false;
    for (unsigned i = 0; i < 200 && strstr(text, "alive\"}") == NULL; i++) {
        wire_run(1);
        int count = mbedtls_ssl_read(&wired.client.ssl, (uint8_t *)text + size, sizeof text - 1 - size);
        size += count > 0 ? (size_t)count : 0;
    }
    return strncmp(text, "HTTP/1.1 200 OK", 15) == 0;
}

void wire_open_client(void)
{
    assert_true(wire_connect());
    tls_client_open(&wired.client, &wired.pipes, MBEDTLS_SSL_VERSION_TLS1_3);
}

void wire_end_client(void)
{
    tls_client_close(&wired.client);
    host_finish();
    wire_run(5);
}

void wire_serve_one(void)
{
    wire_open_client();
    assert_true(wire_shake_hands());
    assert_true(wire_get());
    wire_end_client();
}

/* Let TIME_WAIT and all timers pass; frames flow meanwhile. */
void wire_wait_ms(uint64_t duration_ms)
{
    for (uint64_t passed = 0; passed < duration_ms; passed += 50) {
        sim_advance_ns(50 * WIRE_MS);
        wire_turn();
        host_take_frames(&wired.pipes.to_client);
        wire_turn();
    }
}
