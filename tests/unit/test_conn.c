/*
 * A connection over a wire in memory: every size of piece, every state's end, memory that runs out at every point,
 * bytes changed on their way, answers that wait for the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mbedtls/platform.h>

#include "base/encode.h"
#include "crypto/certificate.h"
#include "net/conn.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "service/service.h"
#include "store/store.h"
#include "tests/support/tls_client.h"

#define GET        "GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"
#define HEAP_BYTES (8 * 1024 * 1024)
#define STEPS_MAX  100000

static struct heap library_heap; /* of mbedTLS, both ends */
static struct heap conn_heap;    /* of the connection's own buffers */
static _Alignas(16) uint8_t library_region[HEAP_BYTES];
static _Alignas(16) uint8_t conn_region[HEAP_BYTES];
static uint8_t body_memory[API_BODY_MAX_BYTES];
static struct conn_shared shared;
static struct memory_wire wire;
static struct conn conn;
static struct tls_client client;
static uint64_t now_ms;
static char root_header[300];

/* ---- the k-th allocation of the server's TLS fails ---- */

static bool in_server;
static uint64_t allocations;
static uint64_t failing; /* 0: none */

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
    heap_init(&library_heap, library_region, sizeof library_region);
    assert_int_equal(crypto_init(&library_heap), STATUS_OK);
    mbedtls_platform_set_calloc_free(counting_calloc, counting_free);
    const struct service_options options = {.table_memory = platform_memory_take(table_bytes),
                                            .table_bytes = table_bytes,
                                            .device_secret =
                                                BYTES_LITERAL("0123456789abcdef0123456789abcdef"),
                                            .host_name = BYTES_LITERAL("jeton.test")};
    assert_int_equal(service_start(&options, &first_boot), STATUS_OK);
    service_clock_update();
    make_root_header();
    start_tls();
    return 0;
}

static bool open_conn(size_t heap_bytes)
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

static void step(void)
{
    in_server = true;
    conn_step(&conn, now_ms);
    in_server = false;
}

/* Both ends until the handshake is done on both; false when it fails. */
static bool shake_hands(void)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        int result = mbedtls_ssl_handshake(&client.ssl);
        step();
        if (result == 0 && conn.state != CONN_HANDSHAKE)
            return true;
        if ((result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ) || conn.state >= CONN_CLOSING)
            return false;
    }
    fail();
    return false;
}

static void open_both(mbedtls_ssl_protocol_version version)
{
    assert_true(open_conn(HEAP_BYTES));
    tls_client_open(&client, &wire, version);
    assert_true(shake_hands());
}

static void close_both(void)
{
    conn_end(&conn);
    tls_client_close(&client);
    assert_int_equal(conn_heap.in_use_count, 0);
}

static void client_send(const char *text)
{
    size_t size = strlen(text);
    for (size_t sent = 0; sent < size;) {
        int count = mbedtls_ssl_write(&client.ssl, (const uint8_t *)text + sent, size - sent);
        assert_true(count > 0);
        sent += (size_t)count;
    }
}

/* What the client can read now, as text; the steps of the server between the reads. */
static const char *client_read(void)
{
    static char text[PIPE_BYTES];
    size_t size = 0;
    for (unsigned idle = 0; idle < 3;) {
        step();
        int count = mbedtls_ssl_read(&client.ssl, (uint8_t *)text + size, sizeof text - 1 - size);
        idle = count > 0 ? 0 : idle + 1;
        size += count > 0 ? (size_t)count : 0;
    }
    text[size] = 0;
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        count++;
    return count;
}

/* ---- tests ---- */

static const mbedtls_ssl_protocol_version versions[] = {MBEDTLS_SSL_VERSION_TLS1_2,
                                                        MBEDTLS_SSL_VERSION_TLS1_3};

/* However many bytes move at once, the answer is the same. */
static void test_pieces(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 5, 6, 100, 1000, PIPE_BYTES};
    for (size_t i = 0; i < 7 * 7 * 2; i++) {
        assert_true(open_conn(HEAP_BYTES));
        wire.most_read = sizes[i % 7];
        wire.most_write = sizes[i / 7 % 7];
        tls_client_open(&client, &wire, versions[i / 49]);
        assert_true(shake_hands());
        client_send(GET GET);
        assert_int_equal(count_of(client_read(), "HTTP/1.1 200 OK"), 2);
        close_both();
    }
}

/* A wire that takes one byte more each time it is asked: no byte is lost or doubled, and nothing is read meanwhile. */
static void test_backpressure(void **state)
{
    (void)state;
    open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    wire.room = 0;
    for (unsigned i = 0; i < 200; i++)
        client_send(GET);
    step();
    assert_int_equal(conn.state, CONN_WRITING);
    size_t unread = pipe_view(&wire.to_server).size;
    for (unsigned i = 0; i < 10; i++)
        step();
    assert_int_equal(pipe_view(&wire.to_server).size, unread);
    static char all[200 * 400];
    size_t size = 0;
    for (unsigned i = 0; i < STEPS_MAX && count_of(all, "\"alive\"") < 200; i++) {
        wire.room += 37;
        step();
        int count = mbedtls_ssl_read(&client.ssl, (uint8_t *)all + size, sizeof all - 1 - size);
        size += count > 0 ? (size_t)count : 0;
        all[size] = 0;
    }
    assert_int_equal(count_of(all, "HTTP/1.1 200 OK"), 200);
    assert_int_equal(conn.state, CONN_READING);
    close_both();
}

static void create_token(void)
{
    char text[700];
    const char *body = "{\"name\":\"n\",\"permissions\":[\"VIEW\"]}";
    snprintf(text, sizeof text,
             "POST /tokens HTTP/1.1\r\nHost: jeton\r\n%sContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             root_header, strlen(body), body);
    client_send(text);
}

/* Nothing of an answer leaves before the store holds what it states; what is behind it waits too. */
static void test_waits_for_the_store(void **state)
{
    (void)state;
    open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    client_send(GET);
    create_token();
    client_send(GET);
    assert_int_equal(count_of(client_read(), "HTTP/1.1 "), 1);
    assert_int_equal(conn.state, CONN_WAIT_DURABLE);
    conn_release(&conn, true, now_ms); /* flushed, but not this far */
    assert_int_equal(conn.state, CONN_WAIT_DURABLE);
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    conn_release(&conn, true, now_ms);
    const char *text = client_read();
    assert_int_equal(count_of(text, "HTTP/1.1 "), 2);
    assert_non_null(strstr(text, "201 Created"));
    assert_true(strstr(text, "201 Created") < strstr(text, "200 OK"));
    close_both();
}

static void test_store_failure_is_a_503(void **state)
{
    (void)state;
    open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    create_token();
    client_send(GET);
    assert_string_equal(client_read(), "");
    conn_release(&conn, false, now_ms);
    const char *text = client_read();
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    assert_null(strstr(text, "clientSecret"));
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    close_both();
}

/* With the k-th allocation of the library failing, for every k: an answer or an end, and no byte of memory lost. */
static void test_library_memory_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t base = library_heap.in_use_count;
        bool answered = false;
        for (failing = 1; !answered;
             failing += 1 + failing / 64) { /* curves take thousands: not each of them */
            assert_true(failing < 1000000);
            allocations = 0;
            if (!open_conn(HEAP_BYTES)) {
                conn_end(&conn);
                continue;
            }
            tls_client_open(&client, &wire, versions[i]);
            if (shake_hands()) {
                client_send(GET);
                answered = strstr(client_read(), "200 OK") != NULL && allocations < failing;
            } else {
                assert_true(wire.finished || conn.state == CONN_LINGERING || conn.state == CONN_DEAD);
                answered = false;
            }
            close_both();
            assert_int_equal(library_heap.in_use_count, base);
        }
    }
    failing = 0;
}

/* With a heap of any size for its buffers: an answer or an end. */
static void test_conn_memory_fails(void **state)
{
    (void)state;
    bool answered = false;
    for (size_t bytes = 64; !answered; bytes += 512) {
        assert_true(bytes < HEAP_BYTES);
        assert_true(open_conn(bytes));
        tls_client_open(&client, &wire, MBEDTLS_SSL_VERSION_TLS1_3);
        assert_true(shake_hands());
        client_send(GET);
        create_token();
        (void)client_read();
        if (conn.state == CONN_WAIT_DURABLE) {
            assert_int_equal(store_flush(service_now_s()), STATUS_OK);
            conn_release(&conn, true, now_ms);
            answered = strstr(client_read(), "201 Created") != NULL;
        } else {
            assert_true(conn.state >= CONN_CLOSING);
        }
        assert_int_equal(store_flush(service_now_s()), STATUS_OK);
        close_both();
    }
}

/* Any one byte of the client's stream changed: the server ends the connection, with an alert, or it did not matter. */
static void test_changed_bytes(void **state)
{
    (void)state;
    uint64_t random = 1;
    unsigned ended = 0;
    for (unsigned round = 0; round < 400; round++) {
        assert_true(open_conn(HEAP_BYTES));
        tls_client_open(&client, &wire, versions[round % 2]);
        size_t countdown = (size_t)(sim_random(&random) % 900);
        size_t seen = 0;
        for (unsigned i = 0; i < 40; i++) {
            if (mbedtls_ssl_handshake(&client.ssl) == 0)
                (void)mbedtls_ssl_write(&client.ssl, (const uint8_t *)GET, sizeof GET - 1);
            struct bytes waiting = pipe_view(&wire.to_server);
            if (countdown >= seen && countdown < seen + waiting.size)
                wire.to_server.data[wire.to_server.start + countdown - seen] ^= (uint8_t)(1 + round % 255);
            seen += waiting.size;
            step();
        }
        ended += conn.state >= CONN_CLOSING;
        close_both();
    }
    assert_in_range(ended, 200, 399);
}

/* Bytes that are no TLS at all. */
static void test_garbage(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t bytes[600];
        assert_true(open_conn(HEAP_BYTES));
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)sim_random(&random);
        if (round % 2 == 1)
            memcpy(bytes, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
        pipe_put(&wire.to_server, bytes_of(bytes, sizeof bytes));
        step();
        assert_int_equal(conn.state, CONN_LINGERING);
        struct bytes alert = pipe_view(&wire.to_client);
        assert_int_equal(alert.size, 7);
        assert_memory_equal(alert.data, "\x15\x03\x03\x00\x02\x02", 6);
        assert_int_not_equal(alert.data[6], 80);
        conn_end(&conn);
    }
}

/* Which timer runs, and that events without progress do not renew it. */
static void test_timers(void **state)
{
    (void)state;
    now_ms = 1000;
    assert_true(open_conn(HEAP_BYTES));
    tls_client_open(&client, &wire, MBEDTLS_SSL_VERSION_TLS1_3);
    assert_int_equal(conn.timer, CONN_TIMER_HANDSHAKE);
    now_ms = 5000;
    step();
    assert_int_equal(conn.timer_start_ms, 1000);
    assert_true(shake_hands());
    assert_int_equal(conn.timer, CONN_TIMER_IDLE);
    assert_int_equal(conn.timer_start_ms, 5000);
    now_ms = 9000;
    step();
    assert_int_equal(conn.timer_start_ms, 5000);
    assert_true(conn_is_idle(&conn));
    client_send("GET /");
    step();
    assert_int_equal(conn.timer, CONN_TIMER_REQUEST);
    assert_false(conn_is_idle(&conn));
    now_ms = 12000;
    client_send("health/alive HTTP/1.1\r\n");
    step();
    assert_int_equal(conn.timer_start_ms, 9000);
    client_send("Host: jeton\r\n\r\n");
    assert_int_equal(count_of(client_read(), "200 OK"), 1);
    assert_int_equal(conn.timer, CONN_TIMER_IDLE);
    assert_int_equal(conn.timer_start_ms, 12000);
    wire.room = 0;
    client_send(GET);
    step();
    assert_int_equal(conn.timer, CONN_TIMER_WRITE);
    close_both();
}

/* The end of a timer in each state: close_notify where records can still be written, our FIN, then the peer's or death. */
static void test_expiry(void **state)
{
    (void)state;
    assert_true(open_conn(HEAP_BYTES));
    conn_expire(&conn, now_ms);
    assert_int_equal(conn.state, CONN_LINGERING);
    assert_true(wire.finished);
    assert_memory_equal(pipe_view(&wire.to_client).data,
                        "\x15\x03\x03\x00\x02\x01\x5a\x15\x03\x03\x00\x02\x01\x00", 14);
    conn_expire(&conn, now_ms);
    assert_int_equal(conn.state, CONN_DEAD);
    conn_end(&conn);
    for (unsigned with_request = 0; with_request < 2; with_request++) {
        open_both(MBEDTLS_SSL_VERSION_TLS1_3);
        if (with_request)
            client_send("GET / HTTP/1.1\r\n");
        step();
        conn_expire(&conn, now_ms);
        uint8_t byte;
        int result;
        do
            result = mbedtls_ssl_read(&client.ssl, &byte, 1);
        while (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
        assert_int_equal(result, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        assert_int_equal(conn.timer, CONN_TIMER_LINGER);
        wire.to_server.ended = true;
        step();
        assert_int_equal(conn.state, CONN_DEAD);
        close_both();
    }
}

/* A turn answers a bounded number of requests of one client and says that there is more. */
static void test_turns_are_bounded(void **state)
{
    (void)state;
    open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    for (unsigned i = 0; i < 500; i++)
        client_send(GET);
    while (conn.more)
        step();
    shared.request_count = 0;
    for (unsigned i = 0; i < 500; i++)
        client_send(GET);
    step();
    assert_in_range(shared.request_count, 1, CONN_REQUESTS_PER_STEP);
    assert_true(conn.more);
    close_both();
}

/* The longest request in the longest way, and one byte more of it. */
static void test_largest_request(void **state)
{
    (void)state;
    open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    client_send("POST /nowhere HTTP/1.1\r\nHost: jeton\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < HTTP_BODY_MAX_BYTES; i++) {
        client_send("1\r\nx\r\n");
        step();
    }
    client_send("0\r\n\r\n" GET);
    const char *text = client_read();
    assert_int_equal(count_of(text, "HTTP/1.1 "), 2);
    assert_null(strstr(text, "413"));
    client_send("POST /nowhere HTTP/1.1\r\nHost: jeton\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < HTTP_BODY_MAX_BYTES + 1 && conn.state == CONN_READING; i++) {
        client_send("1\r\nx\r\n");
        step();
    }
    assert_non_null(strstr(client_read(), "HTTP/1.1 413 "));
    assert_int_equal(conn.state, CONN_LINGERING);
    close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_waits_for_the_store),
        cmocka_unit_test(test_store_failure_is_a_503),
        cmocka_unit_test(test_library_memory_fails),
        cmocka_unit_test(test_conn_memory_fails),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_turns_are_bounded),
        cmocka_unit_test(test_largest_request),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
