/*
 * Idempotency-Key on the creates of every family, across a reboot.
 */
#include "api_harness.h"

/* Texts that must outlive the harness's rotating ones. */
static char user_id[64];
static char bearer[4096];
static char basic_all[256];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\",\"conversion.create\"]"));
    strcpy(bearer, make_bearer(user_id));
    strcpy(basic_all, make_basic("[\"VIEW\",\"TRANSACT\",\"MANAGE\"]"));
    return 0;
}

#define WITHDRAWAL "{\"action\":\"withdrawal.create\",\"withdrawal\":{}}"
#define OPERATIONS "{\"name\":\"Operations token\",\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"]}"

static void test_keys(void **state)
{
    (void)state;
    struct {
        const char *path;
        const char *authorization;
        const char *body;
        const char *other;
        char first[4096];
    } rows[] = {
        {"/action-tokens", bearer, WITHDRAWAL, "{\"action\":\"withdrawal.create\",\"withdrawal\":{\"x\":1}}",
         ""},
        {"/api/v1/tokens", bearer, "{\"name\":\"keyed\"}", "{\"name\":\"other\"}", ""},
        {"/tokens", basic_all, OPERATIONS, "{\"name\":\"x\",\"permissions\":[\"VIEW\"]}", ""},
        {"/admin/v1/tenants", appliance.root, "{\"name\":\"keyed\"}", "{\"name\":\"other\"}", ""},
    };
    for (int turn = 0; turn < 3; turn++) {
        if (turn == 2) {
            appliance_reboot();
        }
        for (size_t i = 0; i < 4; i++) {
            struct reply reply = SEND(.path = rows[i].path, .authorization = rows[i].authorization,
                                      .business = appliance.tenant,
                                      .extra = text_of("Idempotency-Key: k%zu\r\n", i), .body = rows[i].body);
            assert_int_equal(reply.status, 201);
            if (turn == 0) {
                strcpy(rows[i].first, reply.body);
            }
            assert_string_equal(reply.body, rows[i].first);
            struct reply changed =
                SEND(.path = rows[i].path, .authorization = rows[i].authorization,
                     .business = appliance.tenant, .extra = text_of("Idempotency-Key: k%zu\r\n", i),
                     .body = rows[i].other);
            assert_int_equal(changed.status, 409);
        }
    }
}

static void test_bad_keys(void **state)
{
    (void)state;
    const char *const bad[] = {"Idempotency-Key:\r\n", "Idempotency-Key: a b\r\n",
                               "Idempotency-Key: \xc3\xa9\r\n", text_of("Idempotency-Key: %0256d\r\n", 1),
                               "Idempotency-Key: a\r\nIdempotency-Key: a\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply family0 =
            SEND(.path = "/action-tokens", .authorization = bearer, .extra = bad[i], .body = WITHDRAWAL);
        assert_int_equal(family0.status, 400);
        assert_string_equal(reply_text(&family0, "details.reason"), "Idempotency-Key");
        struct reply family1 =
            SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant,
                 .extra = bad[i], .body = "{\"name\":\"x\"}");
        assert_json(&family1, 400, "{\"detail\":\"Invalid request parameters\"}");
        struct reply family2 =
            SEND(.path = "/tokens", .authorization = basic_all, .extra = bad[i], .body = OPERATIONS);
        assert_int_equal(family2.status, 400);
        assert_string_equal(reply_text(&family2, "details.errors.0.field"), "Idempotency-Key");
    }
    struct reply longest = SEND(.path = "/tokens", .authorization = basic_all,
                                .extra = text_of("Idempotency-Key: %0255d\r\n", 1), .body = OPERATIONS);
    assert_int_equal(longest.status, 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bad_keys),
    };
    return cmocka_run_group_tests_name("api_%s", tests, start, NULL);
}
