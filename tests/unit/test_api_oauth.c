/*
 * What resource servers use: /oauth/token, /oauth/introspect, /oauth/revoke, /.well-known/..., /verify; and /metrics.
 */
#include "api_harness.h"

#define FORM "application/x-www-form-urlencoded"

static char user_id[64];
static char bearer[4096];
static char client_id[64];
static char client_secret[64];
static char token_id[64];
static char basic_all[256];
static char basic_transact[256];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\",\"tokens.introspect\"]"));
    strcpy(bearer, make_bearer(user_id));
    struct reply made = SEND(.path = "/tokens", .authorization = appliance.root,
                             .body = "{\"name\":\"all\",\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"]}");
    strcpy(client_id, reply_text(&made, "clientId"));
    strcpy(client_secret, reply_text(&made, "clientSecret"));
    strcpy(token_id, reply_text(&made, "id") + 6);
    strcpy(basic_all, basic_of(client_id, client_secret));
    strcpy(basic_transact, make_basic("[\"TRANSACT\"]"));
    return 0;
}

static struct reply form(const char *path, const char *authorization, const char *body)
{
    return SEND(.path = path, .authorization = authorization, .type = FORM, .body = body);
}

static const char *access_token(const char *authorization)
{
    struct reply reply = form("/oauth/token", authorization, "grant_type=client_credentials");
    assert_int_equal(reply.status, 200);
    return reply_text(&reply, "access_token");
}

/* ---- token ---- */

#define ANSWER                                                                                               \
    "{\"access_token\":\"~\",\"expires_in\":3600,"                                                           \
    "\"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\",\"token_type\":\"Bearer\"}"

static void test_token(void **state)
{
    (void)state;
    struct reply basic = form("/oauth/token", basic_all, "grant_type=client_credentials");
    assert_fits(&basic, 200, ANSWER);
    struct reply post =
        form("/oauth/token", NULL,
             text_of("grant_type=client_credentials&client_id=%s&client_secret=%s&unknown=%%zz", client_id,
                     client_secret));
    assert_fits(&post, 200, ANSWER);
    struct reply json = SEND(.path = "/oauth/token", .authorization = basic_all,
                             .body = "{\"grant_type\":\"client_credentials\"}");
    assert_fits(&json, 200, ANSWER);
    struct reply json_post =
        SEND(.path = "/oauth/token",
             .body = text_of(
                 "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}",
                 token_id, client_secret));
    assert_fits(&json_post, 200, ANSWER);
    /* It stands for the credential: family 2 and family 0 take it, family 1 has no such member. */
    char access[4096];
    sprintf(access, "Bearer %s", reply_text(&json_post, "access_token"));
    assert_int_equal(SEND(.path = "/tokens", .authorization = access).status, 200);
    struct reply exempt = SEND(.path = "/action-tokens", .authorization = access,
                               .body = "{\"action\":\"withdrawal.create\",\"withdrawal\":{}}");
    assert_int_equal(exempt.status, 422);
    assert_int_equal(
        SEND(.path = "/api/v1/tokens", .authorization = access, .business = appliance.tenant).status, 403);
    appliance_wait_s(3600);
    assert_int_equal(SEND(.path = "/tokens", .authorization = access).status, 401);
}

static void test_token_errors(void **state)
{
    (void)state;
    const struct {
        const char *authorization;
        const char *type;
        const char *body;
        unsigned status;
        const char *error;
    } rows[] = {
        {basic_all, FORM, "", 400, "invalid_request"},
        {basic_all, FORM, "grant_type=", 400, "invalid_request"},
        {basic_all, FORM, "grant_type=client_credentials&grant_type=client_credentials", 400,
         "invalid_request"},
        {basic_all, FORM, "grant_type=%zz", 400, "invalid_request"},
        {basic_all, FORM, "grant_type=password", 400, "unsupported_grant_type"},
        {basic_all, FORM, "grant_type=client_credentials&client_secret=x", 400, "invalid_request"},
        {basic_all, "text/plain", "grant_type=client_credentials", 400, "invalid_request"},
        {basic_all, NULL, "{", 400, "invalid_request"},
        {basic_all, NULL, "[]", 400, "invalid_request"},
        {basic_all, NULL, "{\"grant_type\":1}", 400, "invalid_request"},
        {basic_all, NULL, "{\"grant_type\":\"a\",\"grant_type\":\"b\"}", 400, "invalid_request"},
        {NULL, FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {NULL, FORM, "grant_type=client_credentials&client_id=x&client_secret=y", 401, "invalid_client"},
        {basic_of(client_id, "x"), FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {bearer, FORM, "grant_type=client_credentials", 400, "unauthorized_client"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = SEND(.path = "/oauth/token", .authorization = rows[i].authorization,
                                  .type = rows[i].type, .body = rows[i].body);
        if (reply.status != rows[i].status) {
            fail_msg("row %zu: %u %s", i, reply.status, reply.body);
        }
        assert_string_equal(reply_text(&reply, "error"), rows[i].error);
        assert_true((reply_header(&reply, "WWW-Authenticate") != NULL) == (reply.status == 401));
    }
    char huge[2000];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = 0;
    struct reply large =
        form("/oauth/token", NULL,
             text_of("grant_type=client_credentials&client_id=%s&client_secret=%s", huge, huge));
    assert_int_equal(large.status, 401);
    /* An access token buys no other. */
    struct reply again =
        form("/oauth/token", text_of("Bearer %s", access_token(basic_all)), "grant_type=client_credentials");
    assert_int_equal(again.status, 400);
    assert_string_equal(reply_text(&again, "error"), "unauthorized_client");
}

/* ---- introspection ---- */

static struct reply introspect(const char *authorization, const char *token)
{
    return form("/oauth/introspect", authorization, text_of("token=%s&token_type_hint=access_token", token));
}

#define INACTIVE "{\"active\":false}"

static void test_introspect_kinds(void **state)
{
    (void)state;
    struct reply jwt = introspect(basic_all, bearer + 7);
    assert_int_equal(jwt.status, 200);
    assert_string_equal(reply_text(&jwt, "active"), "true");
    assert_string_equal(reply_text(&jwt, "sub"), text_of("users/%s", user_id));
    assert_string_equal(reply_text(&jwt, "username"), "alice@example.test");
    assert_string_equal(reply_text(&jwt, "business_id"), appliance.tenant);
    assert_string_equal(reply_text(&jwt, "iss"), "https://jeton.test");
    assert_string_equal(reply_text(&jwt, "token_type"), "Bearer");
    struct reply access =
        introspect(bearer, access_token(basic_all)); /* a user with the capability may ask too */
    assert_string_equal(reply_text(&access, "sub"), text_of("service-accounts/%s", token_id));
    assert_string_equal(reply_text(&access, "client_id"), client_id);
    assert_string_equal(reply_text(&access, "scope"), "VIEW TRANSACT MANAGE");
    struct reply pair = introspect(basic_all, text_of("%s%%3A%s", client_id, client_secret));
    assert_string_equal(reply_text(&pair, "token_type"), "Basic");
    assert_string_equal(reply_text(&pair, "client_id"), client_id);
    assert_null(strstr(pair.body, "exp\""));
}

static void test_introspect_action(void **state)
{
    (void)state;
    char token[64];
    struct reply made = SEND(.path = "/action-tokens", .authorization = bearer,
                             .body = "{\"action\":\"withdrawal.create\",\"withdrawal\":{}}");
    strcpy(token, reply_text(&made, "token"));
    const char *digest = reply_text(&made, "bound_command_digest");
    for (int i = 0; i < 2; i++) { /* shown, not consumed */
        struct reply reply = introspect(basic_all, token);
        assert_string_equal(reply_text(&reply, "active"), "true");
        assert_string_equal(reply_text(&reply, "token_type"), "action_token");
        assert_string_equal(reply_text(&reply, "action"), "withdrawal.create");
        assert_string_equal(reply_text(&reply, "bound_command_digest"), digest);
    }
    struct reply consumed =
        SEND(.path = "/action-tokens/consume", .authorization = basic_transact,
             .body = text_of("{\"token\":\"%s\",\"actor\":\"users/%s\",\"action\":\"withdrawal.create\","
                             "\"withdrawal\":{}}",
                             token, user_id));
    assert_int_equal(consumed.status, 200);
    struct reply after = introspect(basic_all, token);
    assert_json(&after, 200, INACTIVE);
}

static void test_introspect_inactive(void **state)
{
    (void)state;
    const char *const unknown[] = {"x",     "act_tok_abc123xyz",          "dz_a.b.c", "a.b.c",
                                   "x%3Ay", text_of("%s%%3Ax", client_id)};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct reply reply = introspect(basic_all, unknown[i]);
        assert_json(&reply, 200, INACTIVE);
    }
    /* Another tenant's caller sees nothing. */
    struct reply tenant =
        SEND(.path = "/admin/v1/tenants", .authorization = appliance.root, .body = "{\"name\":\"t\"}");
    struct reply other =
        SEND(.path = text_of("/admin/v1/tenants/%s/tokens", reply_text(&tenant, "id")),
             .authorization = appliance.root, .body = "{\"name\":\"x\",\"permissions\":[\"VIEW\"]}");
    char foreign[256];
    strcpy(foreign, basic_of(reply_text(&other, "clientId"), reply_text(&other, "clientSecret")));
    struct reply hidden = introspect(foreign, bearer + 7);
    assert_json(&hidden, 200, INACTIVE);
    /* A disabled user's token is none, for now. */
    const char *path = text_of("/admin/v1/users/%s", user_id);
    (void)SEND(.method = "PATCH", .path = path, .authorization = appliance.root,
               .body = "{\"disabled\":true}");
    struct reply disabled = introspect(basic_all, bearer + 7);
    assert_json(&disabled, 200, INACTIVE);
    (void)SEND(.method = "PATCH", .path = path, .authorization = appliance.root,
               .body = "{\"disabled\":false}");
    struct reply enabled = introspect(basic_all, bearer + 7);
    assert_string_equal(reply_text(&enabled, "active"), "true");
}

static void test_introspect_errors(void **state)
{
    (void)state;
    struct reply nobody = introspect(NULL, "x");
    assert_int_equal(nobody.status, 401);
    assert_string_equal(reply_text(&nobody, "error"), "invalid_client");
    struct reply lacking = introspect(basic_transact, "x");
    assert_int_equal(lacking.status, 403);
    struct reply missing = form("/oauth/introspect", basic_all, "");
    assert_int_equal(missing.status, 400);
    assert_string_equal(reply_text(&missing, "error"), "invalid_request");
}

/* ---- revocation ---- */

static void test_revoke(void **state)
{
    (void)state;
    char own[4096];
    char other[4096];
    strcpy(own, make_bearer(user_id));
    strcpy(other, make_bearer(make_user("bob@example.test", "[]")));
    struct reply unknown = form("/oauth/revoke", bearer, "token=x");
    assert_int_equal(unknown.status, 200);
    assert_int_equal(unknown.body_size, 0);
    struct reply foreign = form("/oauth/revoke", bearer, text_of("token=%s", other + 7));
    assert_int_equal(foreign.status, 200);
    assert_int_equal(
        SEND(.path = "/api/v1/tokens", .authorization = other, .business = appliance.tenant).status, 200);
    for (int i = 0; i < 2; i++) {
        struct reply mine = form("/oauth/revoke", bearer, text_of("token=%s", own + 7));
        assert_int_equal(mine.status, 200);
        assert_int_equal(
            SEND(.path = "/api/v1/tokens", .authorization = own, .business = appliance.tenant).status, 401);
    }
    struct reply nobody = form("/oauth/revoke", NULL, "token=x");
    assert_int_equal(nobody.status, 401);
    struct reply missing = form("/oauth/revoke", bearer, "");
    assert_int_equal(missing.status, 400);
    struct reply root = form("/oauth/revoke", appliance.root,
                             text_of("token=%s%%3A%s", appliance.client_id, appliance.client_secret));
    assert_int_equal(root.status, 403);
}

static unsigned status_with(const char *access)
{
    return SEND(.path = "/tokens", .authorization = text_of("Bearer %s", access)).status;
}

/* An access token takes with it what came before it, not what comes after, and not its credential; across a reboot. */
static void test_revoke_access_token(void **state)
{
    (void)state;
    char tokens[4][2048];
    for (int i = 0; i < 3; i++) {
        strcpy(tokens[i], access_token(basic_all));
    }
    struct reply foreign = form("/oauth/revoke", basic_transact, text_of("token=%s", tokens[1]));
    assert_int_equal(foreign.status, 200);
    assert_int_equal(status_with(tokens[1]), 200);
    struct reply own = form("/oauth/revoke", basic_all, text_of("token=%s", tokens[1]));
    assert_int_equal(own.status, 200);
    assert_int_equal(own.body_size, 0);
    strcpy(tokens[3], access_token(basic_all)); /* in the same second */
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(status_with(tokens[0]), 401);
        assert_int_equal(status_with(tokens[1]), 401);
        assert_int_equal(status_with(tokens[2]), 200);
        assert_int_equal(status_with(tokens[3]), 200);
        struct reply shown = introspect(basic_all, tokens[1]);
        assert_json(&shown, 200, INACTIVE);
        assert_int_equal(SEND(.path = "/tokens", .authorization = basic_all).status, 200);
        appliance_reboot();
    }
    struct reply again = form("/oauth/revoke", basic_all, text_of("token=%s", tokens[1]));
    assert_int_equal(again.status, 200);
    struct reply rest =
        form("/oauth/revoke", text_of("Bearer %s", tokens[3]), text_of("token=%s", tokens[3]));
    assert_int_equal(rest.status, 200);
    assert_int_equal(status_with(tokens[2]), 401);
    assert_int_equal(status_with(access_token(basic_all)), 200);
}

/* ---- metadata ---- */

static void test_metadata(void **state)
{
    (void)state;
    struct reply reply = SEND(.path = "/.well-known/oauth-authorization-server");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply_text(&reply, "issuer"), "https://jeton.test");
    assert_string_equal(reply_text(&reply, "token_endpoint"), "https://jeton.test/oauth/token");
    assert_string_equal(reply_text(&reply, "jwks_uri"), "https://jeton.test/.well-known/jwks.json");
    assert_string_equal(reply_text(&reply, "response_types_supported"), "[]");
    struct reply keys = SEND(.path = "/.well-known/jwks.json");
    assert_json(&keys, 200, "{\"keys\":[]}"); /* HS256: nothing to publish */
}

/* ---- forward authentication ---- */

static void test_verify(void **state)
{
    (void)state;
    const struct {
        const char *authorization;
        const char *query;
        unsigned status;
    } rows[] = {
        {NULL, "", 401},
        {"Bearer x", "", 401},
        {basic_all, "", 200},
        {basic_all, "?", 200},
        {basic_all, "?permission=&capability=", 200},
        {basic_all, "?permission=VIEW", 200},
        {basic_all, "?permission=VIEW&permission=MANAGE&x=%zz", 200},
        {basic_transact, "?permission=TRANSACT&capability=withdrawal.create", 200},
        {basic_transact, "?permission=VIEW", 403},
        {basic_transact, "?capability=tokens.introspect", 403},
        {basic_transact, "?permission=VIEW&permission=TRANSACT", 403},
        {basic_transact, "?permission=TRANSACT&permission=VIEW", 403},
        {basic_all, "?permission=view", 403},
        {basic_all, "?permission=%zz", 403},
        {basic_all, "?permission=VIEW%2CTRANSACT", 403},
        {basic_all, "?capability=admin", 403},
        {appliance.root, "?capability=admin", 200},
        {bearer, "", 200},
        {bearer, "?capability=withdrawal.create", 200},
        {bearer, "?capability=withdrawal.create&user=1&capability=conversion.create", 403},
        {bearer, "?permission=VIEW", 403},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply =
            SEND(.path = text_of("/verify%s", rows[i].query), .authorization = rows[i].authorization);
        if (reply.status != rows[i].status) {
            fail_msg("row %zu, %s: %u", i, rows[i].query, reply.status);
        }
        assert_int_equal(reply.body_size, 0);
        assert_true((reply_header(&reply, "X-Auth-Principal") != NULL) == (reply.status == 200));
    }
    struct reply service = SEND(.path = "/verify", .authorization = basic_all);
    assert_string_equal(reply_header(&service, "X-Auth-Principal"), text_of("service-accounts/%s", token_id));
    assert_string_equal(reply_header(&service, "X-Auth-Tenant"), appliance.tenant);
    assert_string_equal(reply_header(&service, "X-Auth-Permissions"), "VIEW,TRANSACT,MANAGE");
    assert_string_equal(reply_header(&service, "X-Auth-Token-Id"), token_id);
    struct reply user = SEND(.path = "/verify", .authorization = bearer);
    assert_string_equal(reply_header(&user, "X-Auth-Principal"), text_of("users/%s", user_id));
    assert_string_equal(reply_header(&user, "X-Auth-Permissions"), "");
}

/* What nginx sends: HTTP/1.0, Connection: close, a Content-Type without a body. */
static void test_verify_for_nginx(void **state)
{
    (void)state;
    struct reply reply =
        send_raw(text_of("GET /verify?permission=VIEW HTTP/1.0\r\nHost: x\r\nConnection: close\r\n"
                         "Content-Type: application/json\r\nAuthorization: %s\r\n\r\n",
                         basic_all));
    assert_int_equal(reply.status, 200);
}

/* ---- metrics ---- */

static void extra_metrics(struct buffer *out)
{
    buffer_append_string(out, "# HELP extra_things Things.\n# TYPE extra_things gauge\nextra_things 1\n");
}

static void test_metrics(void **state)
{
    (void)state;
    struct api_answer answer = {.route = 0};
    api_took(&answer, 100);
    api_took(&answer, 101);
    api_took(&answer, 5000000);
    api_add_metrics(extra_metrics);
    assert_int_equal(SEND(.path = "/metrics").status, 401);
    assert_int_equal(SEND(.path = "/metrics", .authorization = basic_transact).status, 403);
    assert_int_equal(SEND(.path = "/no/where").status, 404);
    struct reply reply = SEND(.path = "/metrics", .authorization = basic_all);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.response->content_type, "text/plain; version=0.0.4; charset=utf-8");
    static const char *const lines[] = {
        "\njeton_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 1\n",
        "\njeton_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"403\"} 1\n",
        "\njeton_http_requests_total{method=\"none\",route=\"none\",status=\"404\"} 1\n",
        "\njeton_http_request_duration_seconds_bucket{method=\"POST\",route=\"/"
        "action-tokens\",le=\"0.0001\"} 1\n",
        "\njeton_http_request_duration_seconds_bucket{method=\"POST\",route=\"/"
        "action-tokens\",le=\"0.00025\"} 2\n",
        "\njeton_http_request_duration_seconds_bucket{method=\"POST\",route=\"/action-tokens\",le=\"1\"} 2\n",
        "\njeton_http_request_duration_seconds_bucket{method=\"POST\",route=\"/action-tokens\",le=\"+Inf\"} "
        "3\n",
        "\njeton_http_request_duration_seconds_sum{method=\"POST\",route=\"/action-tokens\"} 5.000201\n",
        "\njeton_http_request_duration_seconds_count{method=\"POST\",route=\"/action-tokens\"} 3\n",
        "\njeton_tokens{family=\"action\",state=\"consumed\"} 1\n",
        "\njeton_clock_known 1\n",
        "\nextra_things 1\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strstr(reply.body, lines[i]) == NULL) {
            fail_msg("no %s in %s", lines[i], reply.body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_token_errors),
        cmocka_unit_test(test_introspect_kinds),
        cmocka_unit_test(test_introspect_action),
        cmocka_unit_test(test_introspect_inactive),
        cmocka_unit_test(test_introspect_errors),
        cmocka_unit_test(test_revoke),
        cmocka_unit_test(test_revoke_access_token),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_verify_for_nginx),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests_name("api_oauth", tests, start, NULL);
}
