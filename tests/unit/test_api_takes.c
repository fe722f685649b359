/*
 * Each take of a bounded pool fails, one by one, under requests to every route that writes or reads a body: the answer is
 * done, or 503 in the family's shape with nothing taken; the same request with room is done; and in the end all is there
 * as if nothing had failed, before and after a reboot.
 */
#include "api_harness.h"

#include "service/state.h"
#include "tests/support/table_print.h"
#include "tests/support/takes.h"

#define BLOCKS    24
#define MANY      17 /* more than keep the reason of a bulk revocation themselves */
#define TAKES_MAX 1000
#define REFUSED   "Service is temporarily unavailable; retry with backoff."

/* ---- the cast: texts that must outlive the harness's rotating ones ---- */

static char user_id[64];
static char late_id[64];
static char tenant_id[64];
static char platform_id[64];
static char dead_id[64];
static char jwt_id[64];
static char bearer[4096];
static char basic[256];
static char rotated[256];
static char access_token[4096];
static char action[64];
static bool is_lossy; /* something was done that left out what a full pool may lose */

static void make_cast(void)
{
    appliance_start_with(BLOCKS);
    is_lossy = false;
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\"]"));
    strcpy(late_id, make_user("late@example.test", "[]"));
    strcpy(bearer, make_bearer(user_id));
    (void)make_bearer(late_id);
    struct reply made = SEND(.path = "/tokens", .authorization = appliance.root,
                             .body = "{\"name\":\"service\",\"permissions\":[\"VIEW\",\"TRANSACT\"]}");
    strcpy(platform_id, reply_text(&made, "id"));
    strcpy(basic, basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret")));
    made = SEND(.path = "/tokens", .authorization = appliance.root,
                .body = "{\"name\":\"dead\",\"permissions\":[\"VIEW\"]}");
    strcpy(dead_id, reply_text(&made, "id"));
    made = SEND(.path = "/admin/v1/tenants", .authorization = appliance.root, .body = "{\"name\":\"shop\"}");
    strcpy(tenant_id, reply_text(&made, "id"));
    for (int i = 0; i < MANY; i++) {
        (void)SEND(.path = text_of("/admin/v1/tenants/%s/tokens", tenant_id), .authorization = appliance.root,
                   .body = "{\"name\":\"one of many\",\"permissions\":[\"VIEW\"]}");
    }
}

/* ---- the requests ---- */

#define KEY(text) "Idempotency-Key: " text "\r\n"
#define ROOT(...) SEND(.authorization = appliance.root, __VA_ARGS__)

static struct reply create_tenant(void)
{
    return ROOT(.path = "/admin/v1/tenants", .body = "{\"name\":\"new\"}", .extra = KEY("tenant"));
}

static struct reply create_user(void)
{
    return ROOT(.path = "/admin/v1/users", .extra = KEY("user"),
                .body = text_of(
                    "{\"email\":\"bob@example.test\",\"tenants\":[\"%s\"],\"capabilities\":[\"admin\"]}",
                    appliance.tenant));
}

static struct reply create_user_token(void)
{
    return ROOT(.path = text_of("/admin/v1/users/%s/tokens", user_id),
                .body = text_of("{\"tenant\":\"%s\",\"name\":\"second\"}", appliance.tenant));
}

static struct reply create_tenant_token(void)
{
    return ROOT(.path = text_of("/admin/v1/tenants/%s/tokens", tenant_id),
                .body = "{\"name\":\"of shop\",\"permissions\":[\"VIEW\"]}");
}

static struct reply create_jwt(void)
{
    struct reply reply =
        SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant,
             .body = "{\"name\":\"script\",\"description\":\"of Alice\"}", .extra = KEY("jwt"));
    if (reply.status == 201) {
        strcpy(jwt_id, reply_text(&reply, "token_info.id"));
    }
    return reply;
}

static struct reply revoke_jwt(void)
{
    return SEND(.path = text_of("/api/v1/tokens/%s/revoke", jwt_id), .authorization = bearer,
                .business = appliance.tenant, .body = "{\"reason\":\"lost\"}");
}

static struct reply create_platform(void)
{
    return ROOT(.path = "/tokens", .extra = KEY("platform"),
                .body = "{\"name\":\"n\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[\"192.0.2.0/24\"]}");
}

static struct reply rotate(void)
{
    struct reply reply = ROOT(.path = text_of("/tokens/%s/rotate", platform_id), .extra = KEY("rotate"),
                              .body = "{\"overlapSeconds\":600}");
    if (reply.status == 200) {
        strcpy(rotated, basic_of(reply_text(&reply, "clientId"), reply_text(&reply, "clientSecret")));
    }
    return reply;
}

static struct reply revoke_platform(void)
{
    return ROOT(.method = "POST", .path = text_of("/tokens/%s/revoke", dead_id));
}

static struct reply create_action(void)
{
    struct reply reply = SEND(.path = "/action-tokens", .authorization = bearer, .extra = KEY("action"),
                              .body = "{\"action\":\"withdrawal.create\",\"withdrawal\":{\"a\":1}}");
    if (reply.status == 201) {
        strcpy(action, reply_text(&reply, "token"));
    }
    return reply;
}

static struct reply consume(void)
{
    return SEND(.path = "/action-tokens/consume", .authorization = basic, .extra = KEY("consume"),
                .body = text_of("{\"token\":\"%s\",\"actor\":\"users/%s\",\"action\":\"withdrawal.create\","
                                "\"withdrawal\":{\"a\":1}}",
                                action, user_id));
}

static struct reply get_access_token(void)
{
    struct reply reply = SEND(.path = "/oauth/token", .authorization = basic,
                              .body = "{\"grant_type\":\"client_credentials\"}");
    if (reply.status == 200) {
        strcpy(access_token, reply_text(&reply, "access_token"));
    }
    return reply;
}

static struct reply introspect(void)
{
    return SEND(.path = "/oauth/introspect", .authorization = basic,
                .body = text_of("{\"token\":\"%s\"}", access_token));
}

static struct reply revoke_access_token(void)
{
    return SEND(.path = "/oauth/revoke", .authorization = basic,
                .body = text_of("{\"token\":\"%s\"}", access_token));
}

static struct reply set_policy(void)
{
    return ROOT(.method = "PATCH", .path = text_of("/admin/v1/tenants/%s", appliance.tenant),
                .body = "{\"policy\":{\"action_token_ttl_s\":60,\"actions\":{\"withdrawal.create\":"
                        "{\"upstream\":\"https://bank.test\"}}}}");
}

static struct reply suspend_tenant(void)
{
    return ROOT(.method = "PATCH", .path = text_of("/admin/v1/tenants/%s", tenant_id),
                .body = "{\"suspended\":true}");
}

static struct reply change_user(void)
{
    return ROOT(.method = "PATCH", .path = text_of("/admin/v1/users/%s", late_id),
                .body = "{\"email\":\"later.than.that@example.test\",\"disabled\":true}");
}

static struct reply delete_user(void)
{
    return ROOT(.method = "DELETE", .path = text_of("/admin/v1/users/%s", late_id));
}

static struct reply revoke_many(void)
{
    return ROOT(.path = "/admin/v1/revocations",
                .body = text_of("{\"tenant\":\"%s\",\"reason\":\"all of them\"}", tenant_id));
}

static struct reply create_signing_key(void)
{
    return ROOT(.method = "POST", .path = "/admin/v1/signing-keys");
}

static struct reply list_tokens(void)
{
    return ROOT(.path = "/tokens?limit=3");
}

static struct reply withdraw_nowhere(void)
{
    return SEND(.path = "/conversions", .authorization = basic, .body = "{}");
}

/* Refused even with room, as this harness has no upstream: by then body, policy and key have been read. */
static struct reply withdraw(void)
{
    return SEND(.path = "/withdrawals", .authorization = basic, .body = "{\"a\":1}",
                .extra = KEY("withdraw"));
}

/* Of a refusal, in the dialect of whom the route is for. */
enum shape {
    FAMILY_0,
    FAMILY_1,
    FAMILY_2,
    OAUTH
};
struct step {
    struct reply (*send)(void);
    unsigned status;
    enum shape shape;
};
static const struct step steps[] = {
    {create_tenant, 201, FAMILY_2},     {create_user, 201, FAMILY_2},
    {create_user_token, 201, FAMILY_2}, {create_tenant_token, 201, FAMILY_2},
    {create_jwt, 201, FAMILY_1},        {create_platform, 201, FAMILY_2},
    {create_action, 201, FAMILY_0},     {consume, 200, FAMILY_0},
    {get_access_token, 200, OAUTH},     {introspect, 200, OAUTH},
    {revoke_access_token, 200, OAUTH},  {rotate, 200, FAMILY_2},
    {set_policy, 200, FAMILY_2},        {withdraw_nowhere, 404, FAMILY_0},
    {withdraw, 503, FAMILY_0},          {revoke_jwt, 201, FAMILY_1},
    {revoke_platform, 200, FAMILY_2},   {suspend_tenant, 200, FAMILY_2},
    {change_user, 200, FAMILY_2},       {delete_user, 204, FAMILY_2},
    {revoke_many, 200, FAMILY_2},       {create_signing_key, 201, FAMILY_2},
    {list_tokens, 200, FAMILY_2},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* ---- what must be true ---- */

static size_t refused_count;

static void assert_unavailable(const struct reply *reply, enum shape shape)
{
    static const char *const shapes[] = {
        [FAMILY_0] = "{\"code\":\"temporarily_unavailable\",\"message\":\"" REFUSED "\"}",
        [FAMILY_1] = "{\"detail\":\"Service Unavailable\"}",
        [FAMILY_2] = "{\"status\":503,\"code\":\"SERVICE_UNAVAILABLE\",\"message\":\"" REFUSED "\"}",
        [OAUTH] = "{\"error\":\"temporarily_unavailable\",\"error_description\":\"Retry with backoff.\"}",
    };
    assert_json(reply, 503, shapes[shape]);
    assert_non_null(reply_header(reply, "Retry-After"));
}

static void take_step(const struct step *step)
{
    struct table_print before;
    struct table_print after;
    static struct tables tables;
    memcpy(&tables, &service.tables, sizeof(tables));
    table_print(&before);
    takes_begin();
    struct reply reply = step->send();
    takes_end();
    if (takes.failed > 0) {
        takes_give();
    }
    if (takes.failed > 0 && reply.status == 503) {
        assert_unavailable(&reply, step->shape);
        assert_memory_equal(&tables, &service.tables, sizeof(tables));
        table_print(&after);
        assert_true(table_prints_equal(&before, &after, true));
        refused_count++;
        reply = step->send();
    } else {
        is_lossy = is_lossy || takes.failed > 0;
    }
    if (reply.status != step->status) {
        fail_msg("step %zu: wanted %u, got %u %s", (size_t)(step - steps), step->status, reply.status,
                 reply.body);
    }
    takes.failed = 0;
}

static unsigned status_of(const char *authorization)
{
    return SEND(.path = "/verify", .authorization = authorization).status;
}

/* What was acknowledged holds, whatever failed. */
static void check_acknowledged(void)
{
    assert_int_equal(status_of(basic), 200); /* for the overlap */
    assert_int_equal(status_of(rotated), 200);
    assert_int_equal(status_of(text_of("Bearer %s", access_token)), 401);
    struct reply reply = consume();
    assert_int_equal(reply.status, is_lossy && reply.status == 409 ? 409 : 200);
    reply = SEND(.path = text_of("/tokens/%s", dead_id), .authorization = appliance.root);
    assert_string_equal(reply_text(&reply, "status"), "REVOKED");
    reply = ROOT(.path = text_of("/admin/v1/users/%s", late_id));
    assert_int_equal(reply.status, 404);
}

static void check_tables(const struct table_print *expected)
{
    struct table_print print;
    table_print(&print);
    assert_true(table_prints_equal(expected, &print, !is_lossy));
    check_acknowledged();
}

/* One run; how many takes it had. */
static uint64_t run(uint64_t failing, uint64_t number)
{
    make_cast();
    takes_fail(failing, number);
    for (size_t i = 0; i < STEPS; i++) {
        take_step(&steps[i]);
    }
    return takes.count;
}

static void test_each_take_of_the_requests(void **state)
{
    (void)state;
    struct table_print whole;
    uint64_t count = run(0, 0);
    assert_in_range(count, STEPS, TAKES_MAX);
    table_print(&whole);
    const uint64_t numbers[] = {1, TAKES_ALL}; /* of takes that fail in a row */
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t failing = 1; failing <= count; failing++) {
            run(failing, numbers[i]);
            check_tables(&whole);
            appliance_reboot();
            check_tables(&whole);
        }
    }
    print_message("%u takes, %zu requests refused\n", (unsigned)count, refused_count);
    assert_true(takes.kinds[TAKE_JSON] > 0 && takes.kinds[TAKE_TEXT] > 0 && takes.kinds[TAKE_PRINCIPAL] > 0);
    assert_true(takes.kinds[TAKE_LOG] > 0 && takes.kinds[TAKE_NOTE] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_take_of_the_requests),
    };
    return cmocka_run_group_tests_name("api_takes", tests, NULL, NULL);
}
