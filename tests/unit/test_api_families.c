/*
 * The three families against their reference documents: shapes to the byte, error rows, limits, isolation.
 */
#include "api_harness.h"

#include "base/encode.h"
#include "crypto/crypto.h"

/* Texts that must outlive the harness's rotating ones. */
static char user_id[64];
static char bearer[4096];
static char basic_all[256];
static char basic_view[256];
static char basic_transact[256];
static char basic_manage[256];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\",\"conversion.create\"]"));
    strcpy(bearer, make_bearer(user_id));
    strcpy(basic_all, make_basic("[\"VIEW\",\"TRANSACT\",\"MANAGE\"]"));
    strcpy(basic_view, make_basic("[\"VIEW\"]"));
    strcpy(basic_transact, make_basic("[\"TRANSACT\"]"));
    strcpy(basic_manage, make_basic("[\"MANAGE\"]"));
    return 0;
}

/* Does the body fit a pattern? In it, each ~ stands for one or more characters that are neither quote nor white space. */
static bool fits(const char *pattern, const char *text)
{
    while (*pattern != 0) {
        if (*pattern == '~') {
            size_t size = strcspn(text, "\" \n\t");
            pattern++;
            size_t rest = strcspn(pattern, "\"");
            if (size <= rest) {
                return false;
            }
            text += size - rest;
        } else if (*pattern++ != *text++) {
            return false;
        }
    }
    return *text == 0;
}

static void assert_fits(const struct reply *reply, unsigned status, const char *pattern)
{
    if (reply->status != status || !fits(pattern, reply->body)) {
        fail_msg("wanted %u %s, got %u %s", status, pattern, reply->status, reply->body);
    }
}

/* ---- family 0 ---- */

#define WITHDRAWAL "{\"action\":\"withdrawal.create\",\"withdrawal\":{}}"

static struct reply action(const char *authorization, const char *body)
{
    return SEND(.path = "/action-tokens", .authorization = authorization, .body = body);
}

static struct reply consume(const char *authorization, const char *body)
{
    return SEND(.path = "/action-tokens/consume", .authorization = authorization, .body = body);
}

static const char *consume_body(const char *token)
{
    return text_of(
        "{\"token\":\"%s\",\"actor\":\"users/%s\",\"action\":\"withdrawal.create\",\"withdrawal\":{}}", token,
        user_id);
}

static const char *issue(void)
{
    struct reply reply = action(bearer, WITHDRAWAL);
    assert_int_equal(reply.status, 201);
    return reply_text(&reply, "token");
}

static const char *sha256_of(const char *text)
{
    uint8_t digest[32];
    char hex[65];
    struct bytes part = bytes_of_string(text);
    struct buffer out = buffer_over(hex, 64);
    crypto_sha256(&part, 1, digest);
    encode_hex(&out, bytes_of(digest, 32));
    hex[64] = 0;
    return text_of("sha256:%s", hex);
}

static void test_action_shape(void **state)
{
    (void)state;
    struct reply reply = action(bearer, WITHDRAWAL);
    assert_fits(&reply, 201,
                text_of("{\"bound_actor\":\"users/%s\",\"bound_command_digest\":\"%s\","
                        "\"expires_at\":\"2026-01-01T00:05:00Z\",\"token\":\"act_tok_~\"}",
                        user_id, sha256_of(WITHDRAWAL)));
    assert_int_equal(strlen(reply_text(&reply, "token")), 44);
}

/* The digest is over the canonical form, whatever the client's spelling. */
static void test_action_digest(void **state)
{
    (void)state;
    struct reply reply =
        action(bearer, " { \"withdrawal\" : {\"b\":1.50, \"a\":\"\\u20ac\\/\", \"\\ud83d\\ude00\":[],"
                       "\"\xef\xac\xb3\":1e2} ,\n\"action\":\"withdrawal\\u002ecreate\"}");
    assert_int_equal(reply.status, 201);
    assert_string_equal(
        reply_text(&reply, "bound_command_digest"),
        sha256_of("{\"action\":\"withdrawal.create\",\"withdrawal\":{\"a\":\"\xe2\x82\xac/\",\"b\":1.5,"
                  "\"\xf0\x9f\x98\x80\":[],\"\xef\xac\xb3\":100}}"));
    struct reply conversion =
        action(bearer, "{\"action\":\"conversion.create\",\"conversion\":{\"x\":1e20}}");
    assert_string_equal(
        reply_text(&conversion, "bound_command_digest"),
        sha256_of("{\"action\":\"conversion.create\",\"conversion\":{\"x\":100000000000000000000}}"));
}

static void test_action_bad_bodies(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "body"},
        {"[]", "body"},
        {"null", "body"},
        {"{", "body"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":{},\"withdrawal\":{}}", "body"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":{\"a\":1,\"a\":1}}", "body"},
        {"{}", "action"},
        {"{\"action\":null,\"withdrawal\":{}}", "action"},
        {"{\"action\":1,\"withdrawal\":{}}", "action"},
        {"{\"action\":[],\"withdrawal\":{}}", "action"},
        {"{\"action\":{},\"withdrawal\":{}}", "action"},
        {"{\"action\":true,\"withdrawal\":{}}", "action"},
        {"{\"action\":\"\",\"withdrawal\":{}}", "action"},
        {"{\"action\":\"withdrawal\",\"withdrawal\":{}}", "action"},
        {"{\"action\":\"withdrawal.\",\"withdrawal\":{}}", "action"},
        {"{\"action\":\".create\",\"withdrawal\":{}}", "action"},
        {"{\"action\":\"action.create\"}", "action"},
        {"{\"action\":\"a.b.c\",\"a\":{}}", "action"},
        {"{\"action\":\"withdrawal.create\"}", "withdrawal"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":null}", "withdrawal"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":[]}", "withdrawal"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":\"{}\"}", "withdrawal"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":1}", "withdrawal"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":false}", "withdrawal"},
        {"{\"action\":\"withdrawal.create\",\"withdrawal\":{},\"extra\":1}", "extra"},
        {"{\"action\":\"withdrawal.create\",\"conversion\":{}}", "withdrawal"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = action(bearer, rows[i][0]);
        assert_json(&reply, 400,
                    text_of("{\"code\":\"invalid_request\",\"details\":{\"reason\":\"%s\"},"
                            "\"message\":\"Invalid request payload.\"}",
                            rows[i][1]));
    }
}

static void test_action_not_admissible(void **state)
{
    (void)state;
#define NOT_ADMISSIBLE(reason)                                                                               \
    "{\"code\":\"not_admissible\",\"details\":{\"reason\":\"" reason                                         \
    "\"},\"message\":\"The operation is not admissible in the current state.\"}"
    struct reply unknown = action(bearer, "{\"action\":\"payout.create\",\"payout\":{}}");
    assert_json(&unknown, 422, NOT_ADMISSIBLE("unknown_action"));
    struct reply exempt = action(basic_all, WITHDRAWAL);
    assert_json(&exempt, 422, NOT_ADMISSIBLE("service_principal_exempt"));
}

static void test_action_capability(void **state)
{
    (void)state;
    char other[4096];
    strcpy(other, make_bearer(make_user("noone@example.test", "[]")));
    struct reply reply = action(other, WITHDRAWAL);
    assert_json(
        &reply, 403,
        "{\"code\":\"forbidden_capability_scope\",\"message\":\"Caller lacks the required capability or "
        "scope.\"}");
    struct reply nobody = action(NULL, WITHDRAWAL);
    assert_json(&nobody, 401, "{\"code\":\"unauthorized\",\"message\":\"Caller is not authenticated.\"}");
}

static void test_consume(void **state)
{
    (void)state;
    char token[64];
    strcpy(token, issue());
    struct reply forbidden = consume(basic_view, consume_body(token));
    assert_int_equal(forbidden.status, 403);
    struct reply by_user = consume(bearer, consume_body(token));
    assert_int_equal(by_user.status, 403);
    struct reply first = consume(basic_transact, consume_body(token));
    assert_fits(&first, 200,
                text_of("{\"action\":\"withdrawal.create\",\"bound_actor\":\"users/%s\","
                        "\"bound_command_digest\":\"%s\",\"consumed_at\":\"2026-01-01T00:00:00Z\","
                        "\"token_id\":\"~\"}",
                        user_id, sha256_of(WITHDRAWAL)));
    struct reply second = consume(basic_transact, consume_body(token));
    assert_json(&second, 409,
                "{\"code\":\"state_conflict\",\"message\":\"State conflict \xe2\x80\x94 the request cannot "
                "be applied to "
                "the current resource state.\"}");
    struct reply unknown = consume(basic_transact, consume_body("act_tok_abc123xyz"));
    assert_int_equal(unknown.status, 401);
}

static void test_consume_mismatches(void **state)
{
    (void)state;
    char token[64];
    strcpy(token, issue());
    struct reply digest = consume(
        basic_transact, text_of("{\"token\":\"%s\",\"actor\":\"users/%s\",\"action\":\"withdrawal.create\","
                                "\"withdrawal\":{\"amount\":1}}",
                                token, user_id));
    assert_json(&digest, 422, NOT_ADMISSIBLE("action_token_digest_mismatch"));
    struct reply actor = consume(
        basic_transact, text_of("{\"token\":\"%s\",\"actor\":\"users/x\",\"action\":\"withdrawal.create\","
                                "\"withdrawal\":{}}",
                                token));
    assert_int_equal(actor.status, 403);
    struct reply good = consume(basic_transact, consume_body(token));
    assert_int_equal(good.status, 200);
}

static void test_consume_bad_bodies(void **state)
{
    (void)state;
    static const char *const values[] = {"null", "true", "1", "[]", "{}"};
    static const char *const names[] = {"token", "actor", "action"};
    for (size_t n = 0; n < 3; n++) {
        for (size_t v = 0; v < 5; v++) {
            struct reply reply =
                consume(basic_transact, text_of("{\"token\":%s,\"actor\":%s,\"action\":%s,\"withdrawal\":{}}",
                                                n == 0 ? values[v] : "\"t\"", n == 1 ? values[v] : "\"a\"",
                                                n == 2 ? values[v] : "\"withdrawal.create\""));
            assert_int_equal(reply.status, 400);
            assert_string_equal(reply_text(&reply, "details.reason"), names[n]);
        }
    }
    struct reply extra =
        consume(basic_transact, "{\"token\":\"t\",\"actor\":\"a\",\"action\":\"withdrawal.create\","
                                "\"withdrawal\":{},\"z\":1}");
    assert_string_equal(reply_text(&extra, "details.reason"), "z");
}

static void test_consume_again_by_key(void **state)
{
    (void)state;
    char token[64];
    char first[1024];
    strcpy(token, issue());
    for (int i = 0; i < 3; i++) {
        struct reply reply = SEND(.path = "/action-tokens/consume", .authorization = basic_transact,
                                  .extra = "Idempotency-Key: consume-1\r\n", .body = consume_body(token));
        assert_int_equal(reply.status, 200);
        if (i == 0) {
            strcpy(first, reply.body);
        }
        assert_string_equal(reply.body, first);
    }
    struct reply other = SEND(.path = "/action-tokens/consume", .authorization = basic_transact,
                              .extra = "Idempotency-Key: consume-1\r\n", .body = consume_body("x"));
    assert_int_equal(other.status, 409);
    assert_string_equal(reply_text(&other, "code"), "idempotency_conflict");
    assert_string_equal(reply_text(&other, "details.reason"), "key_payload_mismatch");
    struct reply without = consume(basic_transact, consume_body(token));
    assert_int_equal(without.status, 409);
}

static void test_consume_expired(void **state)
{
    (void)state;
    char token[64];
    strcpy(token, issue());
    appliance_wait_s(299);
    struct reply mismatch =
        consume(basic_transact, text_of("{\"token\":\"%s\",\"actor\":\"users/%s\",\"action\":"
                                        "\"withdrawal.create\",\"withdrawal\":{\"x\":1}}",
                                        token, user_id));
    assert_int_equal(mismatch.status, 422);
    appliance_wait_s(1);
    struct reply late = consume(basic_transact, consume_body(token));
    assert_int_equal(late.status, 401);
}

/* ---- family 1 ---- */

static struct reply jwt(const char *method, const char *path, const char *authorization, const char *business,
                        const char *body)
{
    return SEND(.method = method, .path = path, .authorization = authorization, .business = business,
                .body = body);
}

static void test_jwt_shape(void **state)
{
    (void)state;
    struct reply reply = jwt("POST", "/api/v1/tokens", bearer, appliance.tenant, "{\"name\":\"string\"}");
    assert_fits(
        &reply, 201,
        "{\"token\":\"dz_~\",\"token_info\":{\"id\":\"~\",\"jti\":\"~\",\"name\":\"string\",\"description\":"
        "null,"
        "\"token_prefix\":\"dz_eyJhbGc...\",\"token_type\":\"api\",\"created_at\":\"~Z\","
        "\"last_used_at\":null,\"expires_at\":\"~Z\",\"revoked_at\":null,\"revocation_reason\":null}}");
    assert_memory_equal(reply_text(&reply, "token"), "dz_eyJhbGc", 10);
    struct reply used = jwt("GET", "/api/v1/tokens", text_of("Bearer %s", reply_text(&reply, "token")),
                            appliance.tenant, NULL);
    assert_int_equal(used.status, 200);
    assert_string_equal(reply_text(&used, "items.0.name"), "string");
    assert_string_not_equal(reply_text(&used, "items.0.last_used_at"), "null");
}

static void test_jwt_callers(void **state)
{
    (void)state;
    struct reply none = jwt("GET", "/api/v1/tokens", NULL, appliance.tenant, NULL);
    assert_json(&none, 401, "{\"detail\":\"Not authenticated\"}");
    struct reply no_business = jwt("GET", "/api/v1/tokens", bearer, NULL, NULL);
    assert_json(&no_business, 401, "{\"detail\":\"Not authenticated\"}");
    struct reply bad_business = jwt("GET", "/api/v1/tokens", bearer, "YOUR_BUSINESS_ID", NULL);
    assert_json(&bad_business, 400, "{\"detail\":\"Invalid request parameters\"}");
    struct reply empty_business = jwt("GET", "/api/v1/tokens", bearer, "", NULL);
    assert_json(&empty_business, 400, "{\"detail\":\"Invalid request parameters\"}");
    struct reply other = jwt("GET", "/api/v1/tokens", bearer, "01947d22-8405-7f89-8000-e63bca4810df", NULL);
    assert_json(&other, 403, "{\"detail\":\"Not enough permissions\"}");
    struct reply basic = jwt("GET", "/api/v1/tokens", basic_all, appliance.tenant, NULL);
    assert_json(&basic, 401, "{\"detail\":\"Not authenticated\"}");
    /* 401 comes before 422 and before the body is looked at. */
    struct reply early = jwt("POST", "/api/v1/tokens", NULL, appliance.tenant, "{");
    assert_int_equal(early.status, 401);
}

static void test_jwt_cap(void **state)
{
    (void)state;
    char other[4096];
    char ids[10][64];
    strcpy(other, make_bearer(make_user("ten@example.test", "[]")));
    for (int i = 1; i < 10; i++) {
        struct reply reply =
            jwt("POST", "/api/v1/tokens", other, appliance.tenant, text_of("{\"name\":\"n%d\"}", i));
        assert_int_equal(reply.status, 201);
        strcpy(ids[i], reply_text(&reply, "token_info.id"));
    }
    struct reply full = jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"eleventh\"}");
    assert_json(&full, 400, "{\"detail\":\"Maximum of 10 active tokens reached\"}");
    struct reply revoked = jwt("POST", text_of("/api/v1/tokens/%s/revoke", ids[1]), other, appliance.tenant,
                               "{\"reason\":\"room\"}");
    assert_int_equal(revoked.status, 201);
    struct reply again = jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"tenth\"}");
    assert_int_equal(again.status, 201);
}

static void test_jwt_revoke(void **state)
{
    (void)state;
    char id[64];
    char token[4096];
    struct reply made = jwt("POST", "/api/v1/tokens", bearer, appliance.tenant, "{\"name\":\"short\"}");
    strcpy(id, reply_text(&made, "token_info.id"));
    sprintf(token, "Bearer %s", reply_text(&made, "token"));
    const char *path = text_of("/api/v1/tokens/%s/revoke", id);
    struct reply bad = jwt("POST", path, bearer, appliance.tenant, "{\"reason\":7}");
    assert_json(&bad, 422,
                "{\"detail\":[{\"type\":\"string_type\",\"loc\":[\"body\",\"reason\"],"
                "\"msg\":\"Input should be a valid string\",\"input\":7}]}");
    struct reply reply = jwt("POST", path, bearer, appliance.tenant, "{\"reason\":\"lost it\"}");
    assert_fits(&reply, 201,
                text_of("{\"id\":\"%s\",\"jti\":\"~\",\"name\":\"short\",\"revoked_at\":\"~Z\","
                        "\"revoked_by\":\"alice@example.test\",\"revocation_reason\":\"lost it\"}",
                        id));
    struct reply again = jwt("POST", path, bearer, appliance.tenant, NULL);
    assert_json(&again, 400, "{\"detail\":\"Token is already revoked\"}");
    struct reply dead = jwt("GET", "/api/v1/tokens", token, appliance.tenant, NULL);
    assert_int_equal(dead.status, 401);
    struct reply hidden = jwt("GET", "/api/v1/tokens?limit=1000", bearer, appliance.tenant, NULL);
    assert_null(strstr(hidden.body, id));
    struct reply shown = jwt("GET", "/api/v1/tokens?include_revoked=1", bearer, appliance.tenant, NULL);
    assert_non_null(strstr(shown.body, id));
    assert_non_null(strstr(shown.body, "\"revocation_reason\":\"lost it\""));
}

static void test_jwt_revoke_strangers(void **state)
{
    (void)state;
    char other[4096];
    char id[64];
    strcpy(other, make_bearer(make_user("bob@example.test", "[]")));
    struct reply made = jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"bob's\"}");
    strcpy(id, reply_text(&made, "token_info.id"));
    const char *const ids[] = {id, "01947d22-8405-7f89-8000-e63bca4810df", "x", "%41"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct reply reply =
            jwt("POST", text_of("/api/v1/tokens/%s/revoke", ids[i]), bearer, appliance.tenant, NULL);
        assert_json(&reply, 404, "{\"detail\":\"Not Found\"}");
    }
    struct reply own = jwt("POST", text_of("/api/v1/tokens/%s/revoke", id), other, appliance.tenant, NULL);
    assert_int_equal(own.status, 201);
    assert_string_equal(reply_text(&own, "revocation_reason"), "null");
}

/* Names of a page's items, joined. */
static const char *names_of(const struct reply *reply)
{
    static char names[1024];
    names[0] = 0;
    cJSON *root = cJSON_Parse(reply->body);
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "items"))
    {
        strcat(names, cJSON_GetObjectItem(item, "name")->valuestring);
    }
    cJSON_Delete(root);
    return names;
}

static void test_jwt_pages(void **state)
{
    (void)state;
    static const char *const sorts[] = {"created_at", "name", "expires_at", "last_used_at"};
    char other[4096];
    char cursor[2048];
    strcpy(other, make_bearer(make_user("pages@example.test", "[]")));
    for (int i = 0; i < 7; i++) {
        struct reply reply = jwt("POST", "/api/v1/tokens", other, appliance.tenant,
                                 text_of("{\"name\":\"%c\",\"expires_in_days\":%d}", 'a' + i, 10 + i));
        assert_int_equal(reply.status, 201);
    }
    for (size_t s = 0; s < 4; s++) {
        for (int descending = 0; descending < 2; descending++) {
            char forward[64] = "";
            char backward[64] = "";
            char whole[64];
            char base[128];
            sprintf(base, "/api/v1/tokens?sort_by=%s&descending=%d&limit=", sorts[s], descending);
            struct reply all =
                jwt("GET", text_of("%s50&include_total_count=1", base), other, appliance.tenant, NULL);
            strcpy(whole, names_of(&all));
            assert_string_equal(reply_text(&all, "total"), "8");
            assert_string_equal(reply_text(&all, "has_next"), "false");
            assert_string_equal(reply_text(&all, "has_prev"), "false");
            assert_string_equal(reply_text(&all, "next_cursor"), "null");
            struct reply page = jwt("GET", text_of("%s3", base), other, appliance.tenant, NULL);
            assert_string_equal(reply_text(&page, "total"), "null");
            strcat(forward, names_of(&page));
            while (strcmp(reply_text(&page, "has_next"), "true") == 0) {
                strcpy(cursor, reply_text(&page, "next_cursor"));
                page = jwt("GET", text_of("%s3&cursor=%s", base, cursor), other, appliance.tenant, NULL);
                assert_string_equal(reply_text(&page, "has_prev"), "true");
                strcat(forward, names_of(&page));
            }
            assert_string_equal(forward, whole);
            strcpy(backward, names_of(&page));
            while (strcmp(reply_text(&page, "has_prev"), "true") == 0) {
                strcpy(cursor, reply_text(&page, "prev_cursor"));
                page = jwt("GET", text_of("%s3&direction=prev&cursor=%s", base, cursor), other,
                           appliance.tenant, NULL);
                assert_string_equal(reply_text(&page, "has_next"), "true");
                strcpy(backward, text_of("%s%s", names_of(&page), backward));
            }
            assert_string_equal(backward, whole);
        }
    }
}

/* A cursor is good for its own list only, and unchanged. */
static void test_jwt_cursors(void **state)
{
    (void)state;
    char cursor[2048];
    char other[4096];
    strcpy(other, make_bearer(make_user("cursors@example.test", "[]")));
    for (int i = 0; i < 3; i++) {
        (void)jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"n\"}");
    }
    struct reply page = jwt("GET", "/api/v1/tokens?limit=1", other, appliance.tenant, NULL);
    strcpy(cursor, reply_text(&page, "next_cursor"));
    struct reply good =
        jwt("GET", text_of("/api/v1/tokens?cursor=%s", cursor), other, appliance.tenant, NULL);
    assert_int_equal(good.status, 200);
    const char *const bad[] = {
        text_of("/api/v1/tokens?sort_by=name&cursor=%s", cursor),
        text_of("/api/v1/tokens?descending=0&cursor=%s", cursor),
        text_of("/api/v1/tokens?include_revoked=1&cursor=%s", cursor),
        text_of("/api/v1/tokens?cursor=%sAAAA", cursor),
        text_of("/api/v1/tokens?cursor=%s", cursor + 4),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply reply = jwt("GET", bad[i], other, appliance.tenant, NULL);
        assert_json(&reply, 400, "{\"detail\":\"Invalid request parameters\"}");
    }
    struct reply foreign =
        jwt("GET", text_of("/api/v1/tokens?cursor=%s", cursor), bearer, appliance.tenant, NULL);
    assert_int_equal(foreign.status, 400);
    for (size_t i = 0; i < strlen(cursor); i++) {
        char changed[2048];
        strcpy(changed, cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        struct reply reply =
            jwt("GET", text_of("/api/v1/tokens?cursor=%s", changed), other, appliance.tenant, NULL);
        assert_int_equal(reply.status, 400);
    }
}

/* ---- family 2 ---- */

static struct reply platform(const char *method, const char *path, const char *authorization,
                             const char *body)
{
    return SEND(.method = method, .path = path, .authorization = authorization, .body = body);
}

#define OPERATIONS "{\"name\":\"Operations token\",\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"]}"

static void test_platform_shape(void **state)
{
    (void)state;
    struct reply reply = platform("POST", "/tokens", basic_all, OPERATIONS);
    assert_fits(
        &reply, 201,
        "{\"id\":\"Token:~\",\"clientId\":\"~\",\"clientSecret\":\"~\",\"name\":\"Operations token\","
        "\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"],\"createdAt\":\"~Z\",\"updatedAt\":\"~Z\"}");
    assert_int_equal(strlen(reply_text(&reply, "id")), 6 + 36);
    assert_int_equal(strlen(reply_text(&reply, "clientId")), 32);
    assert_int_equal(strlen(reply_text(&reply, "clientSecret")), 36);
    char id[64];
    strcpy(id, reply_text(&reply, "id"));
    char secret[64];
    strcpy(secret, reply_text(&reply, "clientSecret"));
    const char *const forms[] = {id, id + 6, text_of("Token%%3A%s", id + 6), text_of("Token%%3a%s", id + 6)};
    for (size_t i = 0; i < 4; i++) {
        struct reply get = platform("GET", text_of("/tokens/%s", forms[i]), basic_view, NULL);
        assert_fits(
            &get, 200,
            text_of(
                "{\"id\":\"%s\",\"name\":\"Operations token\","
                "\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"],\"clientId\":\"~\",\"createdAt\":\"~Z\","
                "\"updatedAt\":\"~Z\",\"status\":\"ACTIVE\",\"revokedAt\":null}",
                id));
        assert_null(strstr(get.body, secret));
    }
    /* The user name may be the bare uuid of the Token id. */
    struct reply by_id = platform("GET", "/tokens", basic_of(id + 6, secret), NULL);
    assert_int_equal(by_id.status, 200);
}

static void test_platform_order_and_fold(void **state)
{
    (void)state;
    struct reply reply =
        platform("POST", "/tokens", basic_all,
                 "{\"permissions\":[\"MANAGE\",\"VIEW\",\"MANAGE\",\"VIEW\"],\"name\":\"x\",\"more\":1}");
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "permissions"), "[\"VIEW\",\"MANAGE\"]");
}

static void test_platform_optional_members(void **state)
{
    (void)state;
    struct reply reply =
        platform("POST", "/tokens", basic_all,
                 "{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"2026-03-01T01:30:00.5+01:30\","
                 "\"allowedCidrs\":[\"192.0.2.0/24\",\"2001:DB8::/32\",\"198.51.100.7\"]}");
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "expiresAt"), "2026-03-01T00:00:00Z");
    assert_string_equal(reply_text(&reply, "allowedCidrs"),
                        "[\"192.0.2.0/24\",\"2001:db8::/32\",\"198.51.100.7/32\"]");
    struct reply used = platform(
        "GET", "/tokens", basic_of(reply_text(&reply, "clientId"), reply_text(&reply, "clientSecret")), NULL);
    assert_int_equal(used.status, 200);
    struct reply far =
        platform("POST", "/tokens", basic_all,
                 "{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[\"10.0.0.0/8\"]}");
    struct reply refused = platform(
        "GET", "/tokens", basic_of(reply_text(&far, "clientId"), reply_text(&far, "clientSecret")), NULL);
    assert_int_equal(refused.status, 401);
}

/* Body, then "field constraint" of each error wanted. */
static void test_platform_bad_bodies(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "body required"},
        {"{", "body json"},
        {"[]", "body type"},
        {"\"x\"", "body type"},
        {"{}", "name required,permissions required"},
        {"{\"name\":1,\"permissions\":{}}", "name type,permissions type"},
        {"{\"name\":null,\"permissions\":null}", "name type,permissions type"},
        {"{\"name\":true,\"permissions\":true}", "name type,permissions type"},
        {"{\"name\":[],\"permissions\":\"VIEW\"}", "name type,permissions type"},
        {"{\"name\":{},\"permissions\":1}", "name type,permissions type"},
        {"{\"name\":\"\",\"permissions\":[]}", "name length,permissions minItems"},
        {"{\"name\":\"x\",\"permissions\":[\"view\"]}", "permissions enum"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\",1,null]}", "permissions enum,permissions enum"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":1}", "expiresAt type"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"tomorrow\"}", "expiresAt format"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"2025-01-01T00:00:00Z\"}",
         "expiresAt future"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"2106-02-07T06:28:16Z\"}",
         "expiresAt future"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":\"10.0.0.0/8\"}", "allowedCidrs type"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[]}", "allowedCidrs items"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[1,\"10.0.0.1/8\"]}",
         "allowedCidrs format,allowedCidrs format"},
        {"{\"name\":\"\",\"permissions\":[\"X\"],\"expiresAt\":\"\",\"allowedCidrs\":[\"x\"]}",
         "name length,permissions enum,expiresAt format,allowedCidrs format"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = platform("POST", "/tokens", basic_all, rows[i][0]);
        char found[1024] = "";
        assert_int_equal(reply.status, 400);
        assert_string_equal(reply_text(&reply, "code"), "INVALID_INPUT");
        assert_string_equal(reply_text(&reply, "status"), "400");
        cJSON *root = cJSON_Parse(reply.body);
        const cJSON *error;
        cJSON_ArrayForEach(error, cJSON_GetObjectItem(cJSON_GetObjectItem(root, "details"), "errors"))
        {
            sprintf(found + strlen(found), "%s%s %s", found[0] != 0 ? "," : "",
                    cJSON_GetObjectItem(error, "field")->valuestring,
                    cJSON_GetObjectItem(error, "constraint")->valuestring);
            assert_true(strlen(cJSON_GetObjectItem(error, "message")->valuestring) > 0);
        }
        cJSON_Delete(root);
        assert_string_equal(found, rows[i][1]);
    }
}

static void test_platform_permissions(void **state)
{
    (void)state;
    char id[64];
    struct reply made = platform("POST", "/tokens", basic_all, OPERATIONS);
    strcpy(id, reply_text(&made, "id"));
    const char *one = text_of("/tokens/%s", id);
    assert_int_equal(platform("POST", "/tokens", basic_view, OPERATIONS).status, 403);
    assert_int_equal(platform("POST", "/tokens", basic_transact, "{").status, 403);
    assert_int_equal(platform("GET", "/tokens", basic_manage, NULL).status, 403);
    assert_int_equal(platform("GET", one, basic_manage, NULL).status, 403);
    assert_int_equal(platform("DELETE", one, basic_view, NULL).status, 403);
    assert_int_equal(platform("POST", text_of("%s/revoke", one), basic_transact, NULL).status, 403);
    assert_int_equal(platform("POST", text_of("%s/rotate", one), basic_view, NULL).status, 403);
    assert_int_equal(platform("GET", "/tokens", bearer, NULL).status, 401);
    /* A creator grants what it holds, and no more; rotating is as good as creating. */
    struct reply more = platform("POST", "/tokens", basic_manage, OPERATIONS);
    assert_int_equal(more.status, 403);
    assert_string_equal(reply_text(&more, "code"), "FORBIDDEN");
    assert_int_equal(
        platform("POST", "/tokens", basic_manage, "{\"name\":\"x\",\"permissions\":[\"MANAGE\"]}").status,
        201);
    assert_int_equal(platform("POST", text_of("%s/rotate", one), basic_manage, NULL).status, 403);
}

static void test_platform_revoke(void **state)
{
    (void)state;
    char id[64];
    char own[256];
    char first[2048];
    struct reply made = platform("POST", "/tokens", basic_all, OPERATIONS);
    strcpy(id, reply_text(&made, "id"));
    strcpy(own, basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret")));
    appliance_wait_s(5);
    struct reply revoked = platform("POST", text_of("/tokens/%s/revoke", id), basic_manage, NULL);
    assert_int_equal(revoked.status, 200);
    assert_string_equal(reply_text(&revoked, "status"), "REVOKED");
    assert_string_equal(reply_text(&revoked, "updatedAt"), reply_text(&revoked, "revokedAt"));
    assert_null(strstr(revoked.body, "clientSecret"));
    strcpy(first, revoked.body);
    assert_int_equal(platform("GET", "/tokens", own, NULL).status, 401);
    appliance_wait_s(5);
    struct reply again = platform("POST", text_of("/tokens/%s/revoke", id), basic_manage, NULL);
    assert_string_equal(again.body, first);
    struct reply got = platform("GET", text_of("/tokens/%s", id), basic_view, NULL);
    assert_string_equal(got.body, first);
    assert_int_equal(platform("DELETE", text_of("/tokens/%s", id), basic_manage, NULL).status, 204);
    assert_int_equal(platform("POST", text_of("/tokens/%s/rotate", id), basic_all, NULL).status, 409);
}

static void test_platform_root(void **state)
{
    (void)state;
    char id[64] = "";
    struct reply list = platform("GET", "/tokens?name=root", appliance.root, NULL);
    strcpy(id, reply_text(&list, "data.0.id"));
    struct reply revoke = platform("POST", text_of("/tokens/%s/revoke", id), basic_all, NULL);
    assert_int_equal(revoke.status, 403);
    assert_string_equal(reply_text(&revoke, "code"), "TOKEN_NOT_REVOCABLE");
    struct reply deleted = platform("DELETE", text_of("/tokens/%s", id), appliance.root, NULL);
    assert_string_equal(reply_text(&deleted, "code"), "TOKEN_NOT_REVOCABLE");
    assert_int_equal(platform("POST", text_of("/tokens/%s/rotate", id), basic_all, NULL).status, 403);
    struct reply rotated =
        platform("POST", text_of("/tokens/%s/rotate", id), appliance.root, "{\"overlapSeconds\":0}");
    assert_int_equal(rotated.status, 200);
    char fresh[256];
    strcpy(fresh, basic_of(appliance.client_id, reply_text(&rotated, "clientSecret")));
    assert_int_equal(platform("GET", "/tokens", appliance.root, NULL).status, 401);
    assert_int_equal(platform("GET", "/tokens", fresh, NULL).status, 200);
    strcpy(appliance.root, fresh);
}

static void test_platform_rotate(void **state)
{
    (void)state;
    char id[64];
    char client[64];
    char old[256];
    struct reply made = platform("POST", "/tokens", basic_all, OPERATIONS);
    strcpy(id, reply_text(&made, "id"));
    strcpy(client, reply_text(&made, "clientId"));
    strcpy(old, basic_of(client, reply_text(&made, "clientSecret")));
    static const char *const bad[] = {"{\"overlapSeconds\":-1}",
                                      "{\"overlapSeconds\":604801}",
                                      "{\"overlapSeconds\":1.5}",
                                      "{\"overlapSeconds\":\"1\"}",
                                      "[]",
                                      "{"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(platform("POST", text_of("/tokens/%s/rotate", id), basic_all, bad[i]).status, 400);
    }
    struct reply rotated =
        platform("POST", text_of("/tokens/%s/rotate", id), basic_all, "{\"overlapSeconds\":60}");
    assert_fits(
        &rotated, 200,
        text_of(
            "{\"id\":\"%s\",\"clientId\":\"%s\",\"clientSecret\":\"~\",\"name\":\"Operations token\","
            "\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"],\"createdAt\":\"~Z\",\"updatedAt\":\"~Z\"}",
            id, client));
    char fresh[256];
    strcpy(fresh, basic_of(client, reply_text(&rotated, "clientSecret")));
    assert_int_equal(platform("GET", "/tokens", fresh, NULL).status, 200);
    assert_int_equal(platform("GET", "/tokens", old, NULL).status, 200);
    appliance_wait_s(60);
    assert_int_equal(platform("GET", "/tokens", old, NULL).status, 401);
    assert_int_equal(platform("GET", "/tokens", fresh, NULL).status, 200);
    assert_int_equal(
        platform("POST", text_of("/tokens/%s/rotate", id), basic_all, "{\"overlapSeconds\":604800}").status,
        200);
}

static void test_platform_pages(void **state)
{
    (void)state;
    char cursor[256] = "";
    char names[256] = "";
    for (int i = 0; i < 5; i++) {
        assert_int_equal(platform("POST", "/tokens", basic_all,
                                  text_of("{\"name\":\"page%c\",\"permissions\":[\"VIEW\"]}", 'a' + i))
                             .status,
                         201);
    }
    do {
        struct reply page =
            platform("GET", text_of("/tokens?name=page&limit=2&cursor=%s", cursor), basic_view, NULL);
        assert_int_equal(page.status, 200);
        assert_string_equal(reply_text(&page, "totalCount"), "5");
        assert_null(strstr(page.body, "clientSecret"));
        cJSON *root = cJSON_Parse(page.body);
        const cJSON *item;
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "data"))
        {
            assert_int_equal(cJSON_GetArraySize(item), 6);
            strcat(names, cJSON_GetObjectItem(item, "name")->valuestring + 4);
        }
        cJSON_Delete(root);
        strcpy(cursor, reply_text(&page, "nextCursor"));
        assert_string_equal(reply_text(&page, "hasMore"), cursor[0] != 0 ? "true" : "false");
    } while (cursor[0] != 0);
    assert_string_equal(names, "abcde");
    static const char *const bad[] = {"limit=0",   "limit=101", "limit=x",  "limit=",  "limit=-1",
                                      "limit=1.0", "cursor=x",  "name=%zz", "name=%ff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply reply = platform("GET", text_of("/tokens?%s", bad[i]), basic_view, NULL);
        assert_int_equal(reply.status, 400);
        assert_string_equal(reply_text(&reply, "code"), "INVALID_INPUT");
    }
    assert_int_equal(platform("GET", "/tokens?limit=100", basic_view, NULL).status, 200);
}

static void test_platform_strangers(void **state)
{
    (void)state;
    static const char *const ids[] = {"Token:01947d22-8405-7f89-8000-e63bca4810df",
                                      "01947d22-8405-7f89-8000-e63bca4810df",
                                      "x",
                                      "Token:",
                                      "token:x",
                                      "%41"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct reply reply = platform("GET", text_of("/tokens/%s", ids[i]), basic_view, NULL);
        assert_int_equal(reply.status, 404);
        assert_string_equal(reply_text(&reply, "code"), "TOKEN_NOT_FOUND");
        assert_int_equal(platform("DELETE", text_of("/tokens/%s", ids[i]), basic_manage, NULL).status, 404);
    }
}

/* ---- Idempotency-Key ---- */

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
        cmocka_unit_test(test_action_shape),
        cmocka_unit_test(test_action_digest),
        cmocka_unit_test(test_action_bad_bodies),
        cmocka_unit_test(test_action_not_admissible),
        cmocka_unit_test(test_action_capability),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_consume_mismatches),
        cmocka_unit_test(test_consume_bad_bodies),
        cmocka_unit_test(test_consume_again_by_key),
        cmocka_unit_test(test_consume_expired),
        cmocka_unit_test(test_jwt_shape),
        cmocka_unit_test(test_jwt_callers),
        cmocka_unit_test(test_jwt_cap),
        cmocka_unit_test(test_jwt_revoke),
        cmocka_unit_test(test_jwt_revoke_strangers),
        cmocka_unit_test(test_jwt_pages),
        cmocka_unit_test(test_jwt_cursors),
        cmocka_unit_test(test_platform_shape),
        cmocka_unit_test(test_platform_order_and_fold),
        cmocka_unit_test(test_platform_optional_members),
        cmocka_unit_test(test_platform_bad_bodies),
        cmocka_unit_test(test_platform_permissions),
        cmocka_unit_test(test_platform_revoke),
        cmocka_unit_test(test_platform_rotate),
        cmocka_unit_test(test_platform_pages),
        cmocka_unit_test(test_platform_strangers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_platform_root),
    };
    return cmocka_run_group_tests_name("api_families", tests, start, NULL);
}
