/*
 * The operator plane: tenants, users, their tokens, policies, bulk revocation; and what they do to callers.
 */
#include "api_harness.h"

static char user_id[64];
static char bearer[4096];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\"]"));
    strcpy(bearer, make_bearer(user_id));
    return 0;
}

static struct reply admin(const char *method, const char *path, const char *body)
{
    return SEND(.method = method, .path = path, .authorization = appliance.root, .body = body);
}

static struct reply own_tokens(const char *authorization)
{
    return SEND(.path = "/api/v1/tokens", .authorization = authorization, .business = appliance.tenant);
}

static struct reply withdraw(const char *body)
{
    return SEND(.path = "/action-tokens", .authorization = bearer, .body = body);
}

/* ---- callers ---- */

static void test_callers(void **state)
{
    (void)state;
    char admin_bearer[4096];
    char basic[256];
    strcpy(admin_bearer, make_bearer(make_user("operator@example.test", "[\"admin\"]")));
    strcpy(basic, make_basic("[\"VIEW\",\"TRANSACT\",\"MANAGE\"]"));
    const struct {
        const char *authorization;
        unsigned status;
    } rows[] = {{NULL, 401}, {bearer, 403}, {basic, 403}, {admin_bearer, 200}, {appliance.root, 200}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = SEND(.path = "/admin/v1/users", .authorization = rows[i].authorization);
        assert_int_equal(reply.status, rows[i].status);
        if (rows[i].status != 200) {
            assert_string_equal(reply_text(&reply, "status"), text_of("%u", rows[i].status));
        }
    }
}

/* ---- tenants ---- */

static void test_tenants(void **state)
{
    (void)state;
    char id[64];
    struct reply made = admin("POST", "/admin/v1/tenants", "{\"name\":\"Acme \\u20ac\"}");
    strcpy(id, reply_text(&made, "id"));
    assert_json(&made, 201,
                text_of("{\"id\":\"%s\",\"name\":\"Acme \xe2\x82\xac\",\"suspended\":false,\"policy\":{},"
                        "\"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"2026-01-01T00:00:00Z\"}",
                        id));
    assert_memory_equal(made.body, "{\"id\":", 6);
    appliance_wait_s(60);
    struct reply changed =
        admin("PATCH", text_of("/admin/v1/tenants/%s", id),
              "{\"name\":\"B\",\"suspended\":true,\"policy\":{\"action_token_ttl_s\":30}}");
    assert_json(
        &changed, 200,
        text_of("{\"id\":\"%s\",\"name\":\"B\",\"suspended\":true,\"policy\":{\"action_token_ttl_s\":30},"
                "\"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"2026-01-01T00:01:00Z\"}",
                id));
    struct reply got = admin("GET", text_of("/admin/v1/tenants/%s", id), NULL);
    assert_string_equal(reply_text(&got, "name"), "B");
    struct reply same = admin("PATCH", text_of("/admin/v1/tenants/%s", id), "{}");
    assert_string_equal(reply_text(&same, "policy"), "{\"action_token_ttl_s\":30}");
    assert_int_equal(admin("GET", "/admin/v1/tenants/01947d22-8405-7f89-8000-e63bca4810df", NULL).status,
                     404);
    assert_int_equal(admin("GET", "/admin/v1/tenants/x", NULL).status, 404);
    struct reply root =
        admin("PATCH", text_of("/admin/v1/tenants/%s", appliance.tenant), "{\"suspended\":true}");
    assert_int_equal(root.status, 409);
}

static void assert_field(const struct reply *reply, const char *field)
{
    assert_int_equal(reply->status, 400);
    assert_string_equal(reply_text(reply, "code"), "INVALID_INPUT");
    assert_string_equal(reply_text(reply, "details.errors.0.field"), field);
}

static void test_bad_tenants(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "name"},
        {"{\"name\":1}", "name"},
        {"{\"name\":\"\"}", "name"},
        {"{\"name\":null}", "name"},
        {"{\"name\":[]}", "name"},
        {"{\"name\":{}}", "name"},
        {"{\"name\":true}", "name"},
        {"[]", "body"},
        {"", "body"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = admin("POST", "/admin/v1/tenants", rows[i][0]);
        assert_field(&reply, rows[i][1]);
    }
    static const char *const changes[][2] = {
        {"{\"name\":\"\"}", "name"},
        {"{\"suspended\":1}", "suspended"},
        {"{\"suspended\":\"true\"}", "suspended"},
        {"{\"suspended\":null}", "suspended"},
        {"{\"policy\":null}", "policy"},
        {"{\"policy\":[]}", "policy"},
        {"{\"policy\":{\"x\":1}}", "policy"},
        {"{\"policy\":{\"action_token_ttl_s\":29}}", "policy.action_token_ttl_s"},
        {"{\"policy\":{\"action_token_ttl_s\":901}}", "policy.action_token_ttl_s"},
        {"{\"policy\":{\"action_token_ttl_s\":30.5}}", "policy.action_token_ttl_s"},
        {"{\"policy\":{\"action_token_ttl_s\":\"30\"}}", "policy.action_token_ttl_s"},
        {"{\"policy\":{\"actions\":[]}}", "policy.actions"},
        {"{\"policy\":{\"actions\":{\"x\":{}}}}", "policy.actions"},
        {"{\"policy\":{\"actions\":{\"token.x\":{}}}}", "policy.actions"},
        {"{\"policy\":{\"actions\":{\"a.b\":1}}}", "policy.actions"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"x\":1}}}}", "policy.actions"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"limits\":1}}}}", "policy.actions.limits"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"limits\":{\"EUR\":1}}}}}", "policy.actions.limits"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"limits\":{\"EUR\":\"-1\"}}}}}", "policy.actions.limits"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"limits\":{\"EUR\":\"x\"}}}}}", "policy.actions.limits"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"limits\":{\"\":\"1\"}}}}}", "policy.actions.limits"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"upstream\":\"ftp://x\"}}}}", "policy.actions.upstream"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"upstream\":\"https://\"}}}}", "policy.actions.upstream"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"upstream\":\"https://u@x\"}}}}", "policy.actions.upstream"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"upstream\":1}}}}", "policy.actions.upstream"},
        {"{\"policy\":{\"actions\":{\"a.b\":{\"upstream_ca\":\"x\"}}}}", "policy.actions.upstream_ca"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct reply reply = admin("PATCH", text_of("/admin/v1/tenants/%s", appliance.tenant), changes[i][0]);
        assert_field(&reply, changes[i][1]);
    }
}

static void test_policy(void **state)
{
    (void)state;
    const char *path = text_of("/admin/v1/tenants/%s", appliance.tenant);
    struct reply set = admin(
        "PATCH", path,
        "{\"policy\":{\"actions\":{\"withdrawal.create\":{\"limits\":{\"EUR\":\"1000.00\"},"
        "\"upstream\":\"https://bank.test:8443/api\",\"upstream_ca\":\"-----BEGIN CERTIFICATE-----\\n\"},"
        "\"payout.send\":{}},\"action_token_ttl_s\":900}}");
    assert_int_equal(set.status, 200);
    static const struct {
        const char *command;
        unsigned status;
    } rows[] = {
        {"{\"amount\":{\"value\":\"1000\",\"currency\":\"EUR\"}}", 201},
        {"{\"amount\":{\"value\":\"01000.000\",\"currency\":\"EUR\"}}", 201},
        {"{\"amount\":{\"value\":\"999.99999999999999999999999999\",\"currency\":\"EUR\"}}", 201},
        {"{\"amount\":{\"value\":\"1000.00000000000000000000000001\",\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":\"1e3\",\"currency\":\"EUR\"}}", 201},
        {"{\"amount\":{\"value\":\"1e4\",\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":1000,\"currency\":\"EUR\"}}", 201},
        {"{\"amount\":{\"value\":1000.01,\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":1e21,\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":\"-1000.01\",\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":\"many\",\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":\"\",\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":null,\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":{\"value\":\"1\",\"currency\":\"USD\"}}", 201},
        {"{\"amount\":{\"value\":\"1\"}}", 422},
        {"{\"amount\":{\"currency\":\"EUR\"}}", 422},
        {"{\"amount\":[]}", 422},
        {"{}", 422},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply =
            withdraw(text_of("{\"action\":\"withdrawal.create\",\"withdrawal\":%s}", rows[i].command));
        if (reply.status != rows[i].status) {
            fail_msg("%s: %u %s", rows[i].command, reply.status, reply.body);
        }
        if (reply.status == 422) {
            assert_string_equal(reply_text(&reply, "details.reason"), "policy_limit");
        }
    }
    /* The tenant's own action is known now; its capability bears its name. */
    struct reply denied = withdraw("{\"action\":\"payout.send\",\"payout\":{}}");
    assert_int_equal(denied.status, 403);
    struct reply granted = admin("PATCH", text_of("/admin/v1/users/%s", user_id),
                                 "{\"capabilities\":[\"payout.send\",\"withdrawal.create\"]}");
    assert_int_equal(granted.status, 200);
    struct reply allowed = withdraw("{\"action\":\"payout.send\",\"payout\":{}}");
    assert_int_equal(allowed.status, 201);
    assert_string_equal(reply_text(&allowed, "expires_at"), "2026-01-01T00:16:00Z");
    struct reply cleared = admin("PATCH", path, "{\"policy\":{}}");
    assert_string_equal(reply_text(&cleared, "policy"), "{}");
}

/* ---- users ---- */

static void test_users(void **state)
{
    (void)state;
    char id[64];
    struct reply made =
        admin("POST", "/admin/v1/users",
              text_of("{\"email\":\"u@example.test\",\"tenants\":[\"%s\",\"%s\"],\"capabilities\":[\"admin\","
                      "\"tokens.introspect\",\"admin\"]}",
                      appliance.tenant, appliance.tenant));
    strcpy(id, reply_text(&made, "id"));
    assert_json(
        &made, 201,
        text_of("{\"id\":\"%s\",\"principal\":\"users/%s\",\"email\":\"u@example.test\",\"tenants\":[\"%s\"],"
                "\"capabilities\":[\"admin\",\"tokens.introspect\"],\"disabled\":false,"
                "\"created_at\":\"2026-01-01T00:01:00Z\",\"updated_at\":\"2026-01-01T00:01:00Z\"}",
                id, id, appliance.tenant));
    struct reply twice = admin(
        "POST", "/admin/v1/users",
        text_of("{\"email\":\"u@example.test\",\"tenants\":[\"%s\"],\"capabilities\":[]}", appliance.tenant));
    assert_int_equal(twice.status, 409);
    struct reply changed = admin("PATCH", text_of("/admin/v1/users/%s", id),
                                 "{\"email\":\"v@example.test\",\"capabilities\":[],\"disabled\":true}");
    assert_int_equal(changed.status, 200);
    assert_string_equal(reply_text(&changed, "email"), "v@example.test");
    assert_string_equal(reply_text(&changed, "disabled"), "true");
    assert_string_equal(reply_text(&changed, "capabilities"), "[]");
    struct reply taken =
        admin("PATCH", text_of("/admin/v1/users/%s", id), "{\"email\":\"alice@example.test\"}");
    assert_int_equal(taken.status, 409);
    struct reply got = admin("GET", text_of("/admin/v1/users/%s", id), NULL);
    assert_string_equal(reply_text(&got, "email"), "v@example.test");
    assert_int_equal(admin("DELETE", text_of("/admin/v1/users/%s", id), NULL).status, 204);
    assert_int_equal(admin("GET", text_of("/admin/v1/users/%s", id), NULL).status, 404);
    assert_int_equal(admin("DELETE", text_of("/admin/v1/users/%s", id), NULL).status, 404);
}

static void test_bad_users(void **state)
{
    (void)state;
    const char *t = appliance.tenant;
    const char *const rows[][2] = {
        {"{}", "email"},
        {text_of("{\"email\":1,\"tenants\":[\"%s\"],\"capabilities\":[]}", t), "email"},
        {text_of("{\"email\":\"x\",\"tenants\":[\"%s\"],\"capabilities\":[]}", t), "email"},
        {text_of("{\"email\":\"@x\",\"tenants\":[\"%s\"],\"capabilities\":[]}", t), "email"},
        {text_of("{\"email\":\"x@\",\"tenants\":[\"%s\"],\"capabilities\":[]}", t), "email"},
        {text_of("{\"email\":\"a@b@c\",\"tenants\":[\"%s\"],\"capabilities\":[]}", t), "email"},
        {text_of("{\"email\":\"a b@c\",\"tenants\":[\"%s\"],\"capabilities\":[]}", t), "email"},
        {text_of("{\"email\":\"%0250d@c.de\",\"tenants\":[\"%s\"],\"capabilities\":[]}", 1, t), "email"},
        {"{\"email\":\"a@b\",\"capabilities\":[]}", "tenants"},
        {"{\"email\":\"a@b\",\"tenants\":[],\"capabilities\":[]}", "tenants"},
        {"{\"email\":\"a@b\",\"tenants\":{},\"capabilities\":[]}", "tenants"},
        {"{\"email\":\"a@b\",\"tenants\":[1],\"capabilities\":[]}", "tenants"},
        {"{\"email\":\"a@b\",\"tenants\":[\"01947d22-8405-7f89-8000-e63bca4810df\"],\"capabilities\":[]}",
         "tenants"},
        {text_of("{\"email\":\"a@b\",\"tenants\":[\"%s\"]}", t), "capabilities"},
        {text_of("{\"email\":\"a@b\",\"tenants\":[\"%s\"],\"capabilities\":[1]}", t), "capabilities"},
        {text_of("{\"email\":\"a@b\",\"tenants\":[\"%s\"],\"capabilities\":[\"root\"]}", t), "capabilities"},
        {text_of("{\"email\":\"a@b\",\"tenants\":[\"%s\"],\"capabilities\":\"admin\"}", t), "capabilities"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = admin("POST", "/admin/v1/users", rows[i][0]);
        assert_field(&reply, rows[i][1]);
    }
    struct reply longest =
        admin("POST", "/admin/v1/users",
              text_of("{\"email\":\"%0249d@c.de\",\"tenants\":[\"%s\"],\"capabilities\":[]}", 1, t));
    assert_int_equal(longest.status, 201);
}

static void test_user_tokens(void **state)
{
    (void)state;
    const char *path = text_of("/admin/v1/users/%s/tokens", user_id);
    struct reply made =
        admin("POST", path,
              text_of("{\"tenant\":\"%s\",\"name\":\"n\",\"description\":\"d\",\"expires_in_days\":1}",
                      appliance.tenant));
    assert_int_equal(made.status, 201);
    assert_string_equal(reply_text(&made, "token_info.description"), "d");
    assert_string_equal(reply_text(&made, "token_info.expires_at"), "2026-01-02T00:01:00Z");
    struct reply tenant = admin("POST", "/admin/v1/tenants", "{\"name\":\"other\"}");
    const char *const rows[][2] = {
        {"{\"name\":\"n\"}", "tenant"},
        {"{\"name\":\"n\",\"tenant\":1}", "tenant"},
        {"{\"name\":\"n\",\"tenant\":\"x\"}", "tenant"},
        {text_of("{\"name\":\"n\",\"tenant\":\"%s\"}", reply_text(&tenant, "id")), "tenant"},
        {text_of("{\"tenant\":\"%s\"}", appliance.tenant), "name"},
        {text_of("{\"name\":\"n\",\"tenant\":\"%s\",\"description\":1}", appliance.tenant), "description"},
        {text_of("{\"name\":\"n\",\"tenant\":\"%s\",\"expires_in_days\":0}", appliance.tenant),
         "expires_in_days"},
        {text_of("{\"name\":\"n\",\"tenant\":\"%s\",\"expires_in_days\":366}", appliance.tenant),
         "expires_in_days"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = admin("POST", text_of("/admin/v1/users/%s/tokens", user_id), rows[i][0]);
        assert_field(&reply, rows[i][1]);
    }
}

/* ---- lists ---- */

static void test_lists(void **state)
{
    (void)state;
    static const char *const tables[] = {"tenants", "users"};
    for (size_t t = 0; t < 2; t++) {
        char cursor[256] = "";
        int count = 0;
        int total;
        do {
            struct reply page =
                admin("GET", text_of("/admin/v1/%s?limit=2&cursor=%s", tables[t], cursor), NULL);
            assert_int_equal(page.status, 200);
            total = (int)reply_number(&page, "totalCount");
            cJSON *root = read_json(page.body);
            count += cJSON_GetArraySize(cJSON_GetObjectItem(root, "data"));
            cJSON_Delete(root);
            strcpy(cursor, reply_text(&page, "nextCursor"));
            assert_string_equal(reply_text(&page, "hasMore"), cursor[0] != 0 ? "true" : "false");
        } while (cursor[0] != 0);
        assert_true(count > 2);
        assert_int_equal(count, total);
    }
    /* The row that a cursor names may be gone: the page begins behind its place. */
    char victim[64];
    char last[64];
    char cursor[256];
    strcpy(victim, make_user("victim@example.test", "[]"));
    strcpy(last, make_user("last@example.test", "[]"));
    struct reply all = admin("GET", "/admin/v1/users", NULL);
    long total = reply_number(&all, "totalCount");
    struct reply most = admin("GET", text_of("/admin/v1/users?limit=%ld", total - 1), NULL);
    strcpy(cursor, reply_text(&most, "nextCursor"));
    assert_int_equal(admin("DELETE", text_of("/admin/v1/users/%s", victim), NULL).status, 204);
    struct reply behind = admin("GET", text_of("/admin/v1/users?limit=100&cursor=%s", cursor), NULL);
    assert_int_equal(behind.status, 200);
    assert_string_equal(reply_text(&behind, "hasMore"), "false");
    assert_string_equal(reply_text(&behind, "data.0.id"), last);
    struct reply page = admin("GET", "/admin/v1/users?limit=1", NULL);
    struct reply foreign =
        admin("GET", text_of("/admin/v1/tenants?cursor=%s", reply_text(&page, "nextCursor")), NULL);
    assert_field(&foreign, "cursor");
}

/* ---- tenants apart from each other ---- */

static void test_isolation(void **state)
{
    (void)state;
    char tenant[64];
    char other[256];
    char id[64];
    struct reply made = admin("POST", "/admin/v1/tenants", "{\"name\":\"apart\"}");
    strcpy(tenant, reply_text(&made, "id"));
    struct reply token = admin("POST", text_of("/admin/v1/tenants/%s/tokens", tenant),
                               "{\"name\":\"theirs\",\"permissions\":[\"VIEW\",\"MANAGE\"]}");
    assert_int_equal(token.status, 201);
    strcpy(id, reply_text(&token, "id"));
    strcpy(other, basic_of(reply_text(&token, "clientId"), reply_text(&token, "clientSecret")));
    struct reply list = SEND(.path = "/tokens", .authorization = other);
    assert_string_equal(reply_text(&list, "totalCount"), "1");
    struct reply mine = admin("GET", text_of("/tokens/%s", id), NULL);
    assert_int_equal(mine.status, 404);
    assert_string_equal(reply_text(&mine, "code"), "TOKEN_NOT_FOUND");
    assert_int_equal(admin("POST", text_of("/tokens/%s/revoke", id), NULL).status, 404);
    struct reply theirs = SEND(.path = text_of("/tokens/%s", id), .authorization = other);
    assert_int_equal(theirs.status, 200);
    /* Suspended: its credentials stop at once, and come back. */
    assert_int_equal(admin("PATCH", text_of("/admin/v1/tenants/%s", tenant), "{\"suspended\":true}").status,
                     200);
    assert_int_equal(SEND(.path = "/tokens", .authorization = other).status, 401);
    struct reply action = SEND(.path = "/action-tokens", .authorization = other, .body = "{}");
    assert_int_equal(action.status, 409);
    assert_string_equal(reply_text(&action, "code"), "state_conflict");
    assert_int_equal(admin("PATCH", text_of("/admin/v1/tenants/%s", tenant), "{\"suspended\":false}").status,
                     200);
    assert_int_equal(SEND(.path = "/tokens", .authorization = other).status, 200);
}

static void test_disabling(void **state)
{
    (void)state;
    const char *path = text_of("/admin/v1/users/%s", user_id);
    assert_int_equal(own_tokens(bearer).status, 200);
    assert_int_equal(admin("PATCH", path, "{\"disabled\":true}").status, 200);
    assert_int_equal(own_tokens(bearer).status, 401);
    assert_int_equal(admin("PATCH", path, "{\"disabled\":false}").status, 200);
    assert_int_equal(own_tokens(bearer).status, 200);
}

static void test_deleting(void **state)
{
    (void)state;
    char id[64];
    char token[4096];
    strcpy(id, make_user("gone@example.test", "[]"));
    strcpy(token, make_bearer(id));
    assert_int_equal(own_tokens(token).status, 200);
    assert_int_equal(admin("DELETE", text_of("/admin/v1/users/%s", id), NULL).status, 204);
    assert_int_equal(own_tokens(token).status, 401);
    appliance_reboot();
    assert_int_equal(own_tokens(token).status, 401);
}

/* ---- revocations ---- */

static void test_revocations(void **state)
{
    (void)state;
    char token[4096];
    char id[64];
    strcpy(id, make_user("many@example.test", "[]"));
    strcpy(token, make_bearer(id));
    static const char *const rows[][2] = {
        {"{}", "body"},
        {"{\"reason\":\"x\"}", "body"},
        {"{\"tenant\":\"x\"}", "tenant"},
        {"{\"tenant\":\"01947d22-8405-7f89-8000-e63bca4810df\"}", "tenant"},
        {"{\"user\":1}", "user"},
        {"{\"family\":3}", "family"},
        {"{\"family\":-1}", "family"},
        {"{\"family\":\"1\"}", "family"},
        {"{\"created_before\":\"x\"}", "created_before"},
        {"{\"created_before\":1}", "created_before"},
        {"{\"family\":1,\"reason\":1}", "reason"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = admin("POST", "/admin/v1/revocations", rows[i][0]);
        assert_field(&reply, rows[i][1]);
    }
    struct reply none = admin("POST", "/admin/v1/revocations", text_of("{\"user\":\"%s\",\"family\":0}", id));
    assert_json(&none, 200, "{\"revoked\":0}");
    struct reply early = admin("POST", "/admin/v1/revocations",
                               text_of("{\"user\":\"%s\",\"created_before\":\"2026-01-01T00:00:00Z\"}", id));
    assert_json(&early, 200, "{\"revoked\":0}");
    assert_int_equal(own_tokens(token).status, 200);
    struct reply one =
        admin("POST", "/admin/v1/revocations", text_of("{\"user\":\"%s\",\"reason\":\"leak\"}", id));
    assert_json(&one, 200, "{\"revoked\":1}");
    assert_int_equal(own_tokens(token).status, 401);
    struct reply all =
        admin("POST", "/admin/v1/revocations", text_of("{\"tenant\":\"%s\",\"family\":2}", appliance.tenant));
    assert_int_equal(all.status, 200);
    assert_int_equal(admin("GET", "/tokens", NULL).status, 200); /* root is spared */
}

/* ---- signing keys ---- */

static void test_signing_keys(void **state)
{
    (void)state;
    char token[4096];
    strcpy(token, make_bearer(make_user("keys@example.test", "[]")));
    struct reply first = admin("POST", "/admin/v1/signing-keys", NULL);
    assert_int_equal(first.status, 201);
    assert_string_equal(reply_text(&first, "alg"), "HS256");
    assert_int_equal(strlen(reply_text(&first, "kid")), 16);
    assert_int_equal(own_tokens(token).status, 200); /* the key before it still verifies */
    struct reply reply;
    int count = 0;
    while ((reply = admin("POST", "/admin/v1/signing-keys", NULL)).status == 201) {
        count++;
    }
    assert_in_range(count, 1, SERVICE_SIGNING_KEYS_MAX);
    assert_int_equal(reply.status, 409);
    assert_int_equal(own_tokens(token).status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers),      cmocka_unit_test(test_tenants),
        cmocka_unit_test(test_bad_tenants),  cmocka_unit_test(test_policy),
        cmocka_unit_test(test_users),        cmocka_unit_test(test_bad_users),
        cmocka_unit_test(test_user_tokens),  cmocka_unit_test(test_lists),
        cmocka_unit_test(test_isolation),    cmocka_unit_test(test_disabling),
        cmocka_unit_test(test_deleting),     cmocka_unit_test(test_revocations),
        cmocka_unit_test(test_signing_keys),
    };
    return cmocka_run_group_tests_name("api_admin", tests, start, NULL);
}
