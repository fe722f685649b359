/*
 * A connection over a wire in memory: every size of piece, back pressure, answers that wait for the store, timers, ends,
 * the largest request.
 */
#include "platform/sim/sim.h"
#include "service/service.h"
#include "store/store.h"
#include "tests/support/conn_rig.h"

#define STEPS_MAX 100000

static const mbedtls_ssl_protocol_version versions[] = {MBEDTLS_SSL_VERSION_TLS1_2,
                                                        MBEDTLS_SSL_VERSION_TLS1_3};

/* However many bytes move at once, the answer is the same. */
static void test_pieces(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 5, 6, 100, 1000, PIPE_BYTES};
    for (size_t i = 0; i < 7 * 7 * 2; i++) {
        assert_true(rig_open_conn(HEAP_BYTES));
        wire.most_read = sizes[i % 7];
        wire.most_write = sizes[i / 7 % 7];
        tls_client_open(&client, &wire, versions[i / 49]);
        assert_true(rig_shake_hands());
        rig_client_send(GET GET);
        assert_int_equal(rig_count_of(rig_client_read(), "HTTP/1.1 200 OK"), 2);
        rig_close_both();
    }
}

/* A wire that takes one byte more each time it is asked: no byte is lost or doubled, and nothing is read meanwhile. */
static void test_backpressure(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    wire.room = 0;
    for (unsigned i = 0; i < 200; i++)
        rig_client_send(GET);
    rig_step();
    assert_int_equal(conn.state, CONN_WRITING);
    size_t unread = pipe_view(&wire.to_server).size;
    for (unsigned i = 0; i < 10; i++)
        rig_step();
    assert_int_equal(pipe_view(&wire.to_server).size, unread);
    static char all[200 * 400];
    size_t size = 0;
    for (unsigned i = 0; i < STEPS_MAX && rig_count_of(all, "\"alive\"") < 200; i++) {
        wire.room += 37;
        rig_step();
        int count = mbedtls_ssl_read(&client.ssl, (uint8_t *)all + size, sizeof all - 1 - size);
        size += count > 0 ? (size_t)count : 0;
        all[size] = 0;
    }
    assert_int_equal(rig_count_of(all, "HTTP/1.1 200 OK"), 200);
    assert_int_equal(conn.state, CONN_READING);
    rig_close_both();
}

/* Nothing of an answer leaves before the store holds what it states; what is behind it waits too. */
static void test_waits_for_the_store(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    rig_client_send(GET);
    rig_create_token();
    rig_client_send(GET);
    assert_int_equal(rig_count_of(rig_client_read(), "HTTP/1.1 "), 1);
    assert_int_equal(conn.state, CONN_WAIT_DURABLE);
    conn_release(&conn, true, now_ms); /* flushed, but not this far */
    assert_int_equal(conn.state, CONN_WAIT_DURABLE);
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    conn_release(&conn, true, now_ms);
    const char *text = rig_client_read();
    assert_int_equal(rig_count_of(text, "HTTP/1.1 "), 2);
    assert_non_null(strstr(text, "201 Created"));
    assert_true(strstr(text, "201 Created") < strstr(text, "200 OK"));
    rig_close_both();
}

static void test_store_failure_is_a_503(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    rig_create_token();
    rig_client_send(GET);
    assert_string_equal(rig_client_read(), "");
    conn_release(&conn, false, now_ms);
    const char *text = rig_client_read();
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    assert_null(strstr(text, "clientSecret"));
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    rig_close_both();
}

/* Which timer runs, and that events without progress do not renew it. */
static void test_timers(void **state)
{
    (void)state;
    now_ms = 1000;
    assert_true(rig_open_conn(HEAP_BYTES));
    tls_client_open(&client, &wire, MBEDTLS_SSL_VERSION_TLS1_3);
    assert_int_equal(conn.timer, CONN_TIMER_HANDSHAKE);
    now_ms = 5000;
    rig_step();
    assert_int_equal(conn.timer_start_ms, 1000);
    assert_true(rig_shake_hands());
    assert_int_equal(conn.timer, CONN_TIMER_IDLE);
    assert_int_equal(conn.timer_start_ms, 5000);
    now_ms = 9000;
    rig_step();
    assert_int_equal(conn.timer_start_ms, 5000);
    assert_true(conn_is_idle(&conn));
    rig_client_send("GET /");
    rig_step();
    assert_int_equal(conn.timer, CONN_TIMER_REQUEST);
    assert_false(conn_is_idle(&conn));
    now_ms = 12000;
    rig_client_send("health/alive HTTP/1.1\r\n");
    rig_step();
    assert_int_equal(conn.timer_start_ms, 9000);
    rig_client_send("Host: jeton\r\n\r\n");
    assert_int_equal(rig_count_of(rig_client_read(), "200 OK"), 1);
    assert_int_equal(conn.timer, CONN_TIMER_IDLE);
    assert_int_equal(conn.timer_start_ms, 12000);
    wire.room = 0;
    rig_client_send(GET);
    rig_step();
    assert_int_equal(conn.timer, CONN_TIMER_WRITE);
    rig_close_both();
}

/* The end of a timer in each state: close_notify where records can still be written, our FIN, then the peer's or death. */
static void test_expiry(void **state)
{
    (void)state;
    assert_true(rig_open_conn(HEAP_BYTES));
    conn_expire(&conn, now_ms);
    assert_int_equal(conn.state, CONN_LINGERING);
    assert_true(wire.finished);
    assert_memory_equal(pipe_view(&wire.to_client).data,
                        "\x15\x03\x03\x00\x02\x01\x5a\x15\x03\x03\x00\x02\x01\x00", 14);
    conn_expire(&conn, now_ms);
    assert_int_equal(conn.state, CONN_DEAD);
    conn_end(&conn);
    for (unsigned with_request = 0; with_request < 2; with_request++) {
        rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
        if (with_request)
            rig_client_send("GET / HTTP/1.1\r\n");
        rig_step();
        conn_expire(&conn, now_ms);
        uint8_t byte;
        int result;
        do
            result = mbedtls_ssl_read(&client.ssl, &byte, 1);
        while (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
        assert_int_equal(result, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        assert_int_equal(conn.timer, CONN_TIMER_LINGER);
        wire.to_server.ended = true;
        rig_step();
        assert_int_equal(conn.state, CONN_DEAD);
        rig_close_both();
    }
}

/* A turn answers a bounded number of requests of one client and says that there is more. */
static void test_turns_are_bounded(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    for (unsigned i = 0; i < 500; i++)
        rig_client_send(GET);
    while (conn.more)
        rig_step();
    shared.request_count = 0;
    for (unsigned i = 0; i < 500; i++)
        rig_client_send(GET);
    rig_step();
    assert_in_range(shared.request_count, 1, CONN_REQUESTS_PER_STEP);
    assert_true(conn.more);
    rig_close_both();
}

/* So is the number of records, however little is in each: a thousand of one byte do not hold the turn. */
static void test_tiny_records_are_bounded(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    shared.read_count = 0;
    rig_client_send("GET /");
    for (unsigned i = 0; i < 1000; i++)
        rig_client_send("x");
    rig_step();
    assert_int_equal(shared.read_count % CONN_READS_PER_STEP, 0);
    size_t unread = pipe_view(&wire.to_server).size;
    shared.read_count = 0;
    rig_step();
    assert_int_equal(shared.read_count, CONN_READS_PER_STEP);
    assert_true(conn.more);
    assert_in_range(unread - pipe_view(&wire.to_server).size, 1, CONN_READS_PER_STEP * 23);
    rig_close_both();
}

/* Pipelined answers share a record where they fit. */
static void test_pipelined_answers_share_records(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    (void)rig_client_read();
    rig_client_send(GET GET GET GET);
    rig_step();
    uint8_t text[2 * TLS_WRITE_MAX_BYTES] = {0};
    assert_true(mbedtls_ssl_read(&client.ssl, text, sizeof text - 1) > 0);
    assert_int_equal(rig_count_of((const char *)text, "HTTP/1.1 200 OK"), 4);
    assert_int_equal(pipe_view(&wire.to_client).size, 0);
    rig_close_both();
}

static void advance_s(uint64_t seconds)
{
    sim_advance_ns(seconds * UINT64_C(1000000000));
}

/* True when the handshake with this ticket was a resumption. */
static bool resumes(const mbedtls_ssl_session *session)
{
    assert_true(rig_open_conn(HEAP_BYTES));
    tls_client_open(&client, &wire, MBEDTLS_SSL_VERSION_TLS1_2);
    assert_int_equal(mbedtls_ssl_set_session(&client.ssl, session), 0);
    assert_true(rig_shake_hands());
    bool resumed = shared.resumed_count == 1;
    rig_close_both();
    return resumed;
}

/* The key that seals tickets changes; what the one before sealed is good until the next change, and no longer. */
static void test_ticket_keys_change(void **state)
{
    (void)state;
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    advance_s(2 * TLS_TICKET_LIFE_S);
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_2); /* seals with a new key */
    rig_close_both();
    advance_s(TLS_TICKET_LIFE_S - 100);
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_2);
    assert_int_equal(mbedtls_ssl_get_session(&client.ssl, &session), 0);
    rig_close_both();
    assert_true(resumes(&session));
    advance_s(200); /* another key seals now */
    assert_true(resumes(&session));
    advance_s(TLS_TICKET_LIFE_S);
    assert_false(resumes(&session));
    mbedtls_ssl_session_free(&session);
}

/* Once a connection is open, its requests cost TLS and cryptography no memory, and the connection's own comes from where
 * the request before gave it back. */
static void test_requests_take_no_new_memory(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 2; version++) {
        rig_open_both(version == 0 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3);
        rig_client_send(GET);
        (void)rig_client_read();
        uint64_t allocations_before = allocations;
        size_t used_before = conn_heap.bump_bytes;
        for (unsigned i = 0; i < 50; i++) {
            rig_client_send(GET);
            assert_int_equal(rig_count_of(rig_client_read(), "200 OK"), 1);
        }
        rig_create_token(); /* a credential is checked, a secret made, a record sealed */
        (void)rig_client_read();
        assert_int_equal(store_flush(service_now_s()), STATUS_OK);
        conn_release(&conn, true, now_ms);
        assert_int_equal(rig_count_of(rig_client_read(), "201 Created"), 1);
        assert_int_equal(allocations, allocations_before);
        assert_int_equal(conn_heap.bump_bytes, used_before);
        rig_close_both();
    }
}

/* The longest request in the longest way, and one byte more of it. */
static void test_largest_request(void **state)
{
    (void)state;
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    rig_client_send("POST /nowhere HTTP/1.1\r\nHost: jeton\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < HTTP_BODY_MAX_BYTES; i++) {
        rig_client_send("1\r\nx\r\n");
        rig_step();
    }
    rig_client_send("0\r\n\r\n" GET);
    const char *text = rig_client_read();
    assert_int_equal(rig_count_of(text, "HTTP/1.1 "), 2);
    assert_null(strstr(text, "413"));
    rig_client_send("POST /nowhere HTTP/1.1\r\nHost: jeton\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < HTTP_BODY_MAX_BYTES + 1 && conn.state == CONN_READING; i++) {
        rig_client_send("1\r\nx\r\n");
        rig_step();
    }
    assert_non_null(strstr(rig_client_read(), "HTTP/1.1 413 "));
    assert_int_equal(conn.state, CONN_LINGERING);
    rig_close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_waits_for_the_store),
        cmocka_unit_test(test_store_failure_is_a_503),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_turns_are_bounded),
        cmocka_unit_test(test_tiny_records_are_bounded),
        cmocka_unit_test(test_ticket_keys_change),
        cmocka_unit_test(test_pipelined_answers_share_records),
        cmocka_unit_test(test_requests_take_no_new_memory),
        cmocka_unit_test(test_largest_request),
    };
    return cmocka_run_group_tests(tests, rig_start, NULL);
}
