/*
 * A connection under faults: memory that runs out at every point, bytes changed on their way, bytes that are no TLS.
 */
#include "platform/sim/sim.h"
#include "service/service.h"
#include "store/store.h"
#include "tests/support/conn_rig.h"
#include "tests/support/takes.h"

static const mbedtls_ssl_protocol_version versions[] = {MBEDTLS_SSL_VERSION_TLS1_2,
                                                        MBEDTLS_SSL_VERSION_TLS1_3};

/* With the k-th allocation of the library failing, for every k: an answer or an end, and no byte of memory lost. */
static void test_library_memory_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t base = library_heap.in_use_count;
        bool answered = false;
        for (failing = 1; !answered; failing++) {
            assert_true(failing < 1000000);
            allocations = 0;
            if (!rig_open_conn(HEAP_BYTES)) {
                conn_end(&conn);
                continue;
            }
            tls_client_open(&client, &wire, versions[i]);
            if (rig_shake_hands()) {
                rig_client_send(GET);
                answered = strstr(rig_client_read(), "200 OK") != NULL && allocations < failing;
            } else {
                assert_true(wire.finished || conn.state == CONN_LINGERING || conn.state == CONN_DEAD);
                answered = false;
            }
            rig_close_both();
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
        assert_true(rig_open_conn(bytes));
        tls_client_open(&client, &wire, MBEDTLS_SSL_VERSION_TLS1_3);
        assert_true(rig_shake_hands());
        rig_client_send(GET);
        rig_create_token();
        (void)rig_client_read();
        if (conn.state == CONN_WAIT_DURABLE) {
            assert_int_equal(store_flush(service_now_s()), STATUS_OK);
            conn_release(&conn, true, now_ms);
            answered = strstr(rig_client_read(), "201 Created") != NULL;
        } else {
            assert_true(conn.state >= CONN_CLOSING);
        }
        assert_int_equal(store_flush(service_now_s()), STATUS_OK);
        rig_close_both();
    }
}

/* What came, with that of an answer which waited until it was durable. */
static const char *read_durable(void)
{
    const char *text = rig_client_read();
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    if (conn.state != CONN_WAIT_DURABLE)
        return text;
    conn_release(&conn, true, now_ms);
    return rig_client_read();
}

/* A long request; a long answer (which ends in so many braces) that depends on a change; a change: how many were answered. */
static size_t ask_three_times(void)
{
    static char text[7000];
    snprintf(text, sizeof text, "GET /health/alive?%06000d HTTP/1.1\r\nHost: jeton\r\n\r\n", 0);
    rig_client_send(text);
    size_t answers = rig_count_of(read_durable(), "\"state\":\"alive\"");
    assert_int_equal(service_setting_set("faults", BYTES_LITERAL("a change")), STATUS_OK);
    if (conn.state < CONN_CLOSING)
        rig_client_send("GET /openapi.json HTTP/1.1\r\nHost: jeton\r\n\r\n");
    answers += rig_count_of(read_durable(), "}}}}}}}");
    if (conn.state < CONN_CLOSING)
        rig_create_token();
    return answers + rig_count_of(read_durable(), "201 Created");
}

static size_t exchange(void)
{
    if (!rig_open_conn(HEAP_BYTES)) {
        conn_end(&conn);
        return 0;
    }
    tls_client_open(&client, &wire, MBEDTLS_SSL_VERSION_TLS1_3);
    size_t answers = rig_shake_hands() ? ask_three_times() : 0;
    assert_true(answers == 3 || conn.state >= CONN_CLOSING);
    rig_close_both();
    return answers;
}

static size_t exchange_failing(uint64_t first, uint64_t number)
{
    takes_fail(first, number);
    takes_begin();
    size_t answers = exchange();
    takes_end();
    takes_give();
    return answers;
}

/* With the k-th chunk of a connection's buffers failing, for every k: all answers or an end, and nothing kept; the
 * next connection is served. */
static void test_each_chunk_fails(void **state)
{
    (void)state;
    size_t ended = 0;
    takes.heap = &conn_heap;
    assert_int_equal(exchange_failing(0, 0), 3);
    uint64_t count = takes.count;
    for (uint64_t k = 1; k <= count; k++) {
        ended += exchange_failing(k, 1) < 3;
        ended += exchange_failing(k, TAKES_ALL) < 3;
        assert_int_equal(exchange_failing(0, 0), 3);
    }
    takes.heap = NULL;
    print_message("%u chunks, %zu connections ended early\n", (unsigned)count, ended);
    assert_in_range(ended, 20, 2 * count);
}

/* Any one byte of the client's stream changed: the server ends the connection, with an alert, or it did not matter. */
static void test_changed_bytes(void **state)
{
    (void)state;
    uint64_t random = 1;
    unsigned ended = 0;
    for (unsigned round = 0; round < 400; round++) {
        assert_true(rig_open_conn(HEAP_BYTES));
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
            rig_step();
        }
        ended += conn.state >= CONN_CLOSING;
        rig_close_both();
    }
    assert_in_range(ended, 200, 399);
}

/* Bytes that are no TLS at all. */
static void test_garbage(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (unsigned round = 0; round < 300; round++) {
        const uint8_t head[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
        uint8_t bytes[600];
        assert_true(rig_open_conn(HEAP_BYTES));
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)sim_random(&random);
        if (round % 2 == 1)
            memcpy(bytes, head, sizeof head);
        pipe_put(&wire.to_server, bytes_of(bytes, sizeof bytes));
        rig_step();
        assert_int_equal(conn.state, CONN_LINGERING);
        struct bytes alert = pipe_view(&wire.to_client);
        assert_int_equal(alert.size, 7);
        assert_memory_equal(alert.data, "\x15\x03\x03\x00\x02\x02", 6);
        assert_int_not_equal(alert.data[6], 80);
        conn_end(&conn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_memory_fails),
        cmocka_unit_test(test_conn_memory_fails),
        cmocka_unit_test(test_each_chunk_fails),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, rig_start, NULL);
}
