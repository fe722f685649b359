/*
 * Wrong credentials: an address that sends too many has to wait, and nobody beside it; in each dialect, under the virtual
 * clock.
 */
#include "api_harness.h"

#include "api/rates.h"
#include "platform/sim/sim.h"

#define FORM      "application/x-www-form-urlencoded"
#define GRANT     "grant_type=client_credentials"
#define US_PER_S  UINT64_C(1000000)
#define FAILURES  10
#define COMMAND   "{\"action\":\"withdrawal.create\",\"withdrawal\":{\"a\":1}}"
#define LIMITED_2 "{\"status\":429,\"code\":\"RATE_LIMITED\",\"message\":\"Too many requests.\"}"

static char manage[256];
static char view[256];

static void limit(uint32_t failures_per_min)
{
    struct rates_options options = {.failures_per_min = failures_per_min};
    rates_start(&options);
}

/* Everyone exists before the first limit does. */
static int start(void **state)
{
    (void)state;
    appliance_start();
    limit(0);
    strcpy(manage, make_basic("[\"MANAGE\",\"VIEW\"]"));
    strcpy(view, make_basic("[\"VIEW\"]"));
    send_from = (struct api_peer){{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};
    return 0;
}

static void from(uint8_t subnet, uint8_t host)
{
    send_from = (struct api_peer){{[10] = 0xff, [11] = 0xff, [12] = 10, [14] = subnet, [15] = host}};
}

static struct reply create(const char *authorization)
{
    return SEND(.path = "/tokens", .authorization = authorization,
                .body = "{\"name\":\"n\",\"permissions\":[\"VIEW\"]}");
}

static struct reply look(const char *authorization)
{
    return SEND(.path = "/tokens?limit=1", .authorization = authorization);
}

/* One more wrong credential each time. */
static const char *wrong(void)
{
    static unsigned number;
    return basic_of(appliance.client_id, text_of("%036x", ++number));
}

static void fail_times(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(look(wrong()).status, 401);
    }
}

static void wait_us(uint64_t us)
{
    sim_advance_ns(us * 1000);
}

/* ---- wrong credentials ---- */

static void test_back_off(void **state)
{
    (void)state;
    limit(FAILURES);
    fail_times(FAILURES + 1);
    struct reply limited = look(wrong());
    assert_json(&limited, 429, LIMITED_2);
    assert_string_equal(reply_header(&limited, "Retry-After"), "1");
    assert_null(reply_header(&limited, "WWW-Authenticate"));
    wait_us(US_PER_S - 1);
    assert_int_equal(look(wrong()).status, 429);
    wait_us(1);
    for (uint64_t seconds = 2; seconds <= 64; seconds *= 2) {
        assert_int_equal(look(wrong()).status, 401);
        limited = look(wrong());
        assert_int_equal(limited.status, 429);
        assert_string_equal(reply_header(&limited, "Retry-After"), text_of("%u", (unsigned)seconds));
        wait_us(seconds * US_PER_S);
    }
    wait_us(60 * US_PER_S);
    fail_times(FAILURES + 1);
    limited = look(wrong());
    assert_string_equal(reply_header(&limited, "Retry-After"), "1");
}

/* Refused calls are not looked at, so they lengthen nothing. */
static void test_refused_calls_do_not_count(void **state)
{
    (void)state;
    limit(FAILURES);
    fail_times(FAILURES + 1);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(look(wrong()).status, 429);
    }
    wait_us(US_PER_S);
    assert_int_equal(look(wrong()).status, 401);
}

static void test_slow_failures_never_block(void **state)
{
    (void)state;
    limit(FAILURES);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(look(wrong()).status, 401);
        wait_us(60 * US_PER_S / FAILURES);
    }
}

static void test_back_off_in_every_dialect(void **state)
{
    (void)state;
    limit(FAILURES);
    fail_times(FAILURES + 1);
    struct reply reply = SEND(.path = "/action-tokens", .authorization = "Bearer dz_x", .body = COMMAND);
    assert_fits(&reply, 429,
                "{\"code\":\"rate_limited\",\"details\":{\"retry_after_ms\":1000},"
                "\"message\":\"Too many requests.\"}");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    reply = SEND(.path = "/api/v1/tokens", .authorization = "Bearer dz_x", .business = appliance.tenant);
    assert_fits(&reply, 429, "{\"detail\":\"Too Many Requests\"}");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    static const char *const oauth[] = {"/oauth/token", "/oauth/introspect", "/oauth/revoke"};
    for (size_t i = 0; i < 3; i++) {
        reply = SEND(.path = oauth[i], .authorization = wrong(), .type = FORM, .body = GRANT);
        assert_fits(&reply, 429,
                    "{\"error\":\"temporarily_unavailable\",\"error_description\":\"Too many requests.\"}");
        assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    }
}

/* Each way to send a wrong credential counts. */
static void test_what_counts(void **state)
{
    (void)state;
    static const char *const headers[] = {"Basic !!!", "Bearer x", "Bearer dz_x", "Digest x", "Basic"};
    for (size_t way = 0; way < 7; way++) {
        limit(FAILURES);
        for (size_t i = 0; i <= FAILURES; i++) {
            struct reply reply =
                way < 5
                    ? look(headers[way])
                    : SEND(.path = "/oauth/token", .type = FORM, .authorization = way == 5 ? wrong() : NULL,
                           .body = way == 5 ? GRANT : GRANT "&client_id=a&client_secret=b");
            assert_int_equal(reply.status, 401);
        }
        assert_int_equal(look(wrong()).status, 429);
    }
}

static void test_what_does_not_count(void **state)
{
    (void)state;
    limit(FAILURES);
    for (size_t i = 0; i < 5 * FAILURES; i++) {
        assert_int_equal(look(NULL).status, 401);
        assert_int_equal(create(view).status, 403);
        assert_int_equal(SEND(.path = "/verify", .authorization = wrong()).status, 401);
        assert_int_equal(SEND(.path = "/health/alive", .authorization = wrong()).status, 200);
    }
    assert_int_equal(look(wrong()).status, 401);
}

/* GET /verify speaks for strangers, and proxies understand 200, 401 and 403 only. */
static void test_verify_is_never_refused(void **state)
{
    (void)state;
    limit(FAILURES);
    fail_times(FAILURES + 1);
    assert_int_equal(look(wrong()).status, 429);
    assert_int_equal(SEND(.path = "/verify", .authorization = wrong()).status, 401);
    assert_int_equal(SEND(.path = "/verify", .authorization = view).status, 200);
}

/* ---- who shares an address with a guesser ---- */

static void test_known_credentials_go_on(void **state)
{
    (void)state;
    limit(FAILURES);
    from(1, 1);
    assert_int_equal(look(view).status, 200); /* known, from elsewhere even */
    from(1, 2);
    struct reply reply = SEND(.path = "/oauth/token", .authorization = view, .type = FORM, .body = GRANT);
    const char *issued = text_of("Bearer %s", reply_text(&reply, "access_token"));
    fail_times(FAILURES + 1);
    assert_int_equal(look(wrong()).status, 429);
    assert_int_equal(look(NULL).status, 401);
    assert_int_equal(look(view).status, 200);
    assert_int_equal(look(issued).status, 200); /* its first use */
    assert_int_equal(look(manage).status, 429); /* never seen: waits */
    wait_us(US_PER_S);
    assert_int_equal(look(manage).status, 200);
    assert_int_equal(look(wrong()).status, 401); /* success forgave nothing */
    assert_int_equal(look(wrong()).status, 429);
    assert_int_equal(look(manage).status, 200);
}

/* A known credential that is revoked is a wrong one like any other: looked at once more, then not. */
static void test_known_credential_revoked(void **state)
{
    (void)state;
    struct reply made = create(appliance.root);
    const char *id = reply_text(&made, "id");
    const char *gone = basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret"));
    limit(FAILURES);
    assert_int_equal(look(gone).status, 200);
    fail_times(FAILURES + 1);
    assert_int_equal(look(gone).status, 200);
    from(9, 9);
    assert_int_equal(
        SEND(.path = text_of("/tokens/%s/revoke", id), .authorization = appliance.root, .method = "POST")
            .status,
        200);
    send_from = (struct api_peer){{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};
    assert_int_equal(look(gone).status, 401);
    assert_int_equal(look(gone).status, 429);
}

/* ---- addresses ---- */

static void test_addresses_are_apart(void **state)
{
    (void)state;
    limit(FAILURES);
    from(1, 1);
    fail_times(FAILURES + 1);
    assert_int_equal(look(wrong()).status, 429);
    from(1, 2);
    assert_int_equal(look(manage).status, 200);
    assert_int_equal(look(wrong()).status, 401);
}

static void test_ipv6_by_subnet(void **state)
{
    (void)state;
    limit(FAILURES);
    send_from = (struct api_peer){{0x20, 0x01, 0x0d, 0xb8, [7] = 1}};
    for (size_t i = 0; i <= FAILURES; i++) {
        send_from.address[15] = (uint8_t)i; /* a new address each time */
        assert_int_equal(look(wrong()).status, 401);
    }
    send_from.address[8] = 0xff;
    assert_int_equal(look(wrong()).status, 429);
    send_from.address[7] = 2;
    assert_int_equal(look(wrong()).status, 401);
}

/* More addresses than there are buckets, all failing: the attacker's own wait stays as it is. */
static void test_flood_of_addresses(void **state)
{
    (void)state;
    limit(FAILURES);
    fail_times(FAILURES + 1);
    struct api_peer attacker = send_from;
    for (unsigned i = 0; i < 3 * RATE_ADDRESS_SETS * BUCKET_WAYS; i++) {
        send_from = (struct api_peer){{[10] = 0xff,
                                       [11] = 0xff,
                                       [12] = 11,
                                       [13] = (uint8_t)(i >> 16),
                                       [14] = (uint8_t)(i >> 8),
                                       [15] = (uint8_t)i}};
        assert_int_not_equal(look("Basic eDp5").status, 200);
    }
    send_from = attacker;
    struct reply limited = look(wrong());
    assert_int_equal(limited.status, 429);
    assert_string_equal(reply_header(&limited, "Retry-After"), "1");
    wait_us(US_PER_S);
    assert_int_equal(look(wrong()).status, 401);
    limited = look(wrong());
    assert_string_equal(reply_header(&limited, "Retry-After"), "2");
}

/* ---- clocks ---- */

/* The wall clock has no say. */
static void test_wall_clock_jumps(void **state)
{
    (void)state;
    limit(FAILURES);
    fail_times(FAILURES + 1);
    sim_set_wall_clock_s(START_S + 400 * 86400);
    appliance_wait_s(0);
    assert_int_equal(look(wrong()).status, 429);
    appliance_wait_s(1);
    assert_int_equal(look(wrong()).status, 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_back_off, start),
        cmocka_unit_test_setup(test_refused_calls_do_not_count, start),
        cmocka_unit_test_setup(test_slow_failures_never_block, start),
        cmocka_unit_test_setup(test_back_off_in_every_dialect, start),
        cmocka_unit_test_setup(test_what_counts, start),
        cmocka_unit_test_setup(test_what_does_not_count, start),
        cmocka_unit_test_setup(test_verify_is_never_refused, start),
        cmocka_unit_test_setup(test_known_credentials_go_on, start),
        cmocka_unit_test_setup(test_known_credential_revoked, start),
        cmocka_unit_test_setup(test_addresses_are_apart, start),
        cmocka_unit_test_setup(test_ipv6_by_subnet, start),
        cmocka_unit_test_setup(test_flood_of_addresses, start),
        cmocka_unit_test_setup(test_wall_clock_jumps, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
