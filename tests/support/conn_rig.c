/*
 * A connection, its client and the service behind it, without TCP.
 */
#include "tests/support/conn_rig.h"

#include <mbedtls/platform.h>

#include "base/encode.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "service/service.h"
#include "store/store.h"
#include "tests/support/start.h"

#define STEPS_MAX 100000

struct heap library_heap; /* of mbedTLS, both ends */
struct heap conn_heap;    /* of the connection's own buffers */
static _Alignas(16) uint8_t library_region[HEAP_BYTES];
static _Alignas(16) uint8_t conn_region[HEAP_BYTES];
static uint8_t body_memory[API_BODY_MAX_BYTES];
struct conn_shared shared;
struct memory_wire wire;
struct conn conn;
struct tls_client client;
uint64_t now_ms;
static char root_header[300];

/* ---- the k-th allocation of the server's TLS fails ---- */

static bool in_server;
uint64_t allocations;
uint64_t failing; /* 0: none */

static void *counting_calloc(size_t count, size_t size)
{
    if (in_server && ++allocations == failing)
        return NULL;
    return heap_take_zeroed(&library_heap, count, size);
}

static void counting_free(void *chunk)
{
    heap_give(&library_heap, chunk);
}

/* ---- set up ---- */

static void make_root_header(void)
{
    struct service_root root;
    char text[200], encoded[256] = {0};
    assert_int_equal(service_create_root(&root), STATUS_OK);
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    int size = snprintf(text, sizeof text, "%s:%s", root.client_id, root.client_secret);
    struct buffer out = buffer_over(encoded, sizeof encoded - 1);
    encode_base64(&out, bytes_of(text, (size_t)size));
    snprintf(root_header, sizeof root_header, "Authorization: Basic %s\r\n", encoded);
}

int rig_start(void **state)
{
    (void)state;
    sim_reset();
    sim_flash_create(SIM_FLASH_DISK, 65536, 64);
    heap_init(&library_heap, library_region, sizeof library_region);
    assert_int_equal(crypto_init(&library_heap), STATUS_OK);
    mbedtls_platform_set_calloc_free(counting_calloc, counting_free);
    start_service();
    make_root_header();
    start_identity();
    return 0;
}

bool rig_open_conn(size_t heap_bytes)
{
    const struct conn_setup setup = {&shared, &memory_conn_wire, &wire, {{0}}};
    heap_init(&conn_heap, conn_region, heap_bytes);
    shared = (struct conn_shared){.heap = &conn_heap, .body = body_memory};
    memory_wire_reset(&wire);
    in_server = true;
    bool begun = conn_begin(&conn, &setup, now_ms);
    in_server = false;
    return begun;
}

void rig_step(void)
{
    in_server = true;
    conn_step(&conn, now_ms);
    in_server = false;
}

/* Both ends until the handshake is done on both; false when it fails. */
bool rig_shake_hands(void)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        int result = mbedtls_ssl_handshake(&client.ssl);
        rig_step();
        if (result == 0 && conn.state != CONN_HANDSHAKE)
            return true;
        if ((result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ) || conn.state >= CONN_CLOSING)
            return false;
    }
    fail();
    return false;
}

void rig_open_both(mbedtls_ssl_protocol_version version)
{
    assert_true(rig_open_conn(HEAP_BYTES));
    tls_client_open(&client, &wire, version);
    assert_true(rig_shake_hands());
}

void rig_close_both(void)
{
    conn_end(&conn);
    tls_client_close(&client);
    assert_int_equal(conn_heap.in_use_count, 0);
}

void rig_client_send(const char *text)
{
    size_t size = strlen(text);
    for (size_t sent = 0; sent < size;) {
        int count = mbedtls_ssl_write(&client.ssl, (const uint8_t *)text + sent, size - sent);
        assert_true(count > 0);
        sent += (size_t)count;
    }
}

/* What the client can read now, as text; the steps of the server between the reads. */
const char *rig_client_read(void)
{
    static char text[PIPE_BYTES];
    size_t size = 0;
    for (unsigned idle = 0; idle < 3;) {
        rig_step();
        int count = mbedtls_ssl_read(&client.ssl, (uint8_t *)text + size, sizeof text - 1 - size);
        idle = count > 0 ? 0 : idle + 1;
        size += count > 0 ? (size_t)count : 0;
    }
    text[size] = 0;
    return text;
}

size_t rig_count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        count++;
    return count;
}

void rig_create_token(void)
{
    char text[700];
    const char *body = "{\"name\":\"n\",\"permissions\":[\"VIEW\"]}";
    snprintf(text, sizeof text,
             "POST /tokens HTTP/1.1\r\nHost: jeton\r\n%sContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             root_header, strlen(body), body);
    rig_client_send(text);
}
