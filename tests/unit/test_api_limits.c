/*
 * Rate limits as clients see them: both sides of each, under the virtual clock, in each dialect.
 */
#include "api_harness.h"

#include "api/rates.h"
#include "platform/sim/sim.h"

#define FORM     "application/x-www-form-urlencoded"
#define GRANT    "grant_type=client_credentials"
#define US_PER_S UINT64_C(1000000)
#define RATE     4  /* a second, of a principal */
#define BURST    40 /* ten seconds' worth */
#define TENANT   6
#define FAILURES 10

#define CREATE    "{\"name\":\"n\",\"permissions\":[\"VIEW\"]}"
#define COMMAND   "{\"action\":\"withdrawal.create\",\"withdrawal\":{\"a\":1}}"
#define LIMITED_2 "{\"status\":429,\"code\":\"RATE_LIMITED\",\"message\":\"Too many requests.\"}"

static char manage[256];
static char other[256];
static char view[256];
static char bearer[4096];

static void limit(uint32_t issue_per_s, uint32_t tenant_per_s, uint32_t failures_per_min)
{
    struct rates_options options = {issue_per_s, tenant_per_s, failures_per_min};
    rates_start(&options);
}

/* Everyone exists before the first limit does. */
static int start(void **state)
{
    (void)state;
    appliance_start();
    limit(0, 0, 0);
    strcpy(manage, make_basic("[\"MANAGE\",\"VIEW\"]"));
    strcpy(other, make_basic("[\"MANAGE\",\"VIEW\"]"));
    strcpy(view, make_basic("[\"VIEW\"]"));
    strcpy(bearer, make_bearer(make_user("ada@example.test", "[\"withdrawal.create\"]")));
    send_from = (struct api_peer){{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};
    return 0;
}

static struct reply create(const char *authorization)
{
    return SEND(.path = "/tokens", .authorization = authorization, .body = CREATE);
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

/* ---- issuing ---- */

static void test_principal(void **state)
{
    (void)state;
    limit(RATE, 0, 0);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(create(manage).status, 201);
    }
    struct reply limited = create(manage);
    assert_json(&limited, 429, LIMITED_2);
    assert_string_equal(reply_header(&limited, "Retry-After"), "1");
    assert_int_equal(create(other).status, 201);
    assert_int_equal(look(manage).status, 200);
    wait_us(US_PER_S / RATE - 1);
    assert_int_equal(create(manage).status, 429);
    wait_us(1);
    assert_int_equal(create(manage).status, 201);
    assert_int_equal(create(manage).status, 429);
    wait_us(3600 * US_PER_S);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(create(manage).status, 201);
    }
    assert_int_equal(create(manage).status, 429);
}

/* Many credentials of one tenant are one tenant; another tenant has its own. */
static void test_tenant(void **state)
{
    (void)state;
    struct reply made =
        SEND(.path = "/admin/v1/tenants", .authorization = appliance.root, .body = "{\"name\":\"second\"}");
    made = SEND(.path = text_of("/admin/v1/tenants/%s/tokens", reply_text(&made, "id")),
                .authorization = appliance.root, .body = "{\"name\":\"n\",\"permissions\":[\"MANAGE\"]}");
    const char *stranger = basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret"));
    limit(RATE, TENANT, 0);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(create(manage).status, 201);
    }
    for (size_t i = 0; i < 10 * TENANT - BURST; i++) {
        assert_int_equal(create(other).status, 201);
    }
    assert_int_equal(create(other).status, 429);
    assert_int_equal(create(appliance.root).status, 429);
    assert_int_equal(SEND(.path = "/tokens", .authorization = stranger,
                          .body = "{\"name\":\"n\",\"permissions\":[\"MANAGE\"]}")
                         .status,
                     201);
    /* A call that the tenant refuses costs the principal nothing: it has the rest of its own burst yet. */
    wait_us(10 * US_PER_S);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(create(other).status, 201);
    }
}

static void test_every_dialect(void **state)
{
    (void)state;
    limit(RATE, 0, 0);
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(SEND(.path = "/action-tokens", .authorization = bearer, .body = COMMAND).status,
                         201);
    }
    struct reply reply = SEND(.path = "/action-tokens", .authorization = bearer, .body = COMMAND);
    assert_fits(&reply, 429,
                "{\"code\":\"rate_limited\",\"details\":{\"retry_after_ms\":250},"
                "\"message\":\"Too many requests.\"}");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    reply = SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant,
                 .body = "{\"name\":\"n\"}");
    assert_fits(&reply, 429, "{\"detail\":\"Too Many Requests\"}");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
    for (size_t i = 0; i < BURST; i++) {
        assert_int_equal(
            SEND(.path = "/oauth/token", .authorization = view, .type = FORM, .body = GRANT).status, 200);
    }
    reply = SEND(.path = "/oauth/token", .authorization = view, .type = FORM, .body = GRANT);
    assert_fits(&reply, 429,
                "{\"error\":\"temporarily_unavailable\",\"error_description\":\"Too many requests.\"}");
    assert_string_equal(reply_header(&reply, "Retry-After"), "1");
}

/* The bodies are bad: a call counts before its body is looked at, and nothing is made. */
static void test_every_create_counts(void **state)
{
    (void)state;
    static const char *const paths[] = {"/tokens",
                                        "/tokens/x/rotate",
                                        "/action-tokens",
                                        "/admin/v1/tenants",
                                        "/admin/v1/tenants/x/tokens",
                                        "/admin/v1/users",
                                        "/admin/v1/users/x/tokens"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        limit(RATE, 0, 0);
        for (size_t n = 0; n < BURST; n++) {
            assert_in_range(SEND(.path = paths[i], .authorization = appliance.root, .body = "{").status, 400,
                            422);
        }
        assert_int_equal(SEND(.path = paths[i], .authorization = appliance.root, .body = "{").status, 429);
    }
}

/* What takes rights away, or only looks, never waits. */
static void test_nothing_else_counts(void **state)
{
    (void)state;
    struct reply made = create(manage);
    const char *id = reply_text(&made, "id");
    struct reply action = SEND(.path = "/action-tokens", .authorization = bearer, .body = COMMAND);
    const char *consume = text_of("{\"token\":\"%s\",\"actor\":\"%s\",\"action\":\"withdrawal.create\","
                                  "\"withdrawal\":{\"a\":1}}",
                                  reply_text(&action, "token"), reply_text(&action, "bound_actor"));
    limit(1, 1, 0);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(create(appliance.root).status, 201);
    }
    assert_int_equal(create(appliance.root).status, 429);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(
            SEND(.path = text_of("/tokens/%s/revoke", id), .authorization = appliance.root, .method = "POST")
                .status,
            200);
        assert_int_equal(look(appliance.root).status, 200);
        assert_int_equal(SEND(.path = "/verify", .authorization = appliance.root).status, 200);
    }
    assert_int_equal(
        SEND(.path = "/action-tokens/consume", .authorization = appliance.root, .body = consume).status, 200);
    struct reply revoked = SEND(.path = "/admin/v1/revocations", .authorization = appliance.root,
                                .body = text_of("{\"tenant\":\"%s\",\"family\":1}", appliance.tenant));
    assert_json(&revoked, 200, "{\"revoked\":1}");
}

/* Who may not issue spends nothing, and is told so. */
static void test_forbidden_comes_first(void **state)
{
    (void)state;
    limit(1, 1, 0);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(create(view).status, 403);
    }
    assert_int_equal(create(manage).status, 201);
}

static void test_many_principals(void **state)
{
    (void)state;
    char basics[60][256];
    for (size_t i = 0; i < 60; i++) {
        strcpy(basics[i], make_basic("[\"MANAGE\",\"VIEW\"]"));
    }
    limit(1, 0, 0);
    for (size_t i = 0; i < 60; i++) {
        for (size_t n = 0; n < 10; n++) {
            assert_int_equal(create(basics[i]).status, 201);
        }
        assert_int_equal(create(basics[i]).status, 429);
    }
}

/* ---- off, metrics ---- */

static void test_off(void **state)
{
    (void)state;
    limit(0, 0, 0);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(look("Basic eDp5").status, 401);
    }
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(create(manage).status, 201);
    }
}

static void assert_metric(const char *line)
{
    struct reply reply = SEND(.path = "/metrics", .authorization = appliance.root);
    assert_int_equal(reply.status, 200);
    if (strstr(reply.body, text_of("\n%s\n", line)) == NULL) {
        fail_msg("no %s", line);
    }
}

static void test_metrics(void **state)
{
    (void)state;
    limit(1, 0, FAILURES);
    assert_metric("jeton_rate_blocked_addresses 0");
    for (size_t i = 0; i < 13; i++) {
        (void)create(manage);
    }
    fail_times(FAILURES + 1);
    (void)look(wrong());
    assert_metric("jeton_rate_limited_principal_total 3");
    assert_metric("jeton_rate_limited_tenant_total 0");
    assert_metric("jeton_rate_failures_total 11");
    assert_metric("jeton_rate_blocked_addresses 1");
    assert_metric("jeton_rate_limited_address_total 1");
    limit(0, 1, 0);
    for (size_t i = 0; i < 12; i++) {
        (void)create(manage);
    }
    assert_metric("jeton_rate_limited_tenant_total 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_principal, start),
        cmocka_unit_test_setup(test_tenant, start),
        cmocka_unit_test_setup(test_every_dialect, start),
        cmocka_unit_test_setup(test_every_create_counts, start),
        cmocka_unit_test_setup(test_nothing_else_counts, start),
        cmocka_unit_test_setup(test_forbidden_comes_first, start),
        cmocka_unit_test_setup(test_many_principals, start),
        cmocka_unit_test_setup(test_off, start),
        cmocka_unit_test_setup(test_metrics, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
