/*
 * Family 0 against its reference document: shapes to the byte, error rows, exactly-once consumption.
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

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\",\"conversion.create\"]"));
    strcpy(bearer, make_bearer(user_id));
    strcpy(basic_all, make_basic("[\"VIEW\",\"TRANSACT\",\"MANAGE\"]"));
    strcpy(basic_view, make_basic("[\"VIEW\"]"));
    strcpy(basic_transact, make_basic("[\"TRANSACT\"]"));
    return 0;
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_action_shape),         cmocka_unit_test(test_action_digest),
        cmocka_unit_test(test_action_bad_bodies),    cmocka_unit_test(test_action_not_admissible),
        cmocka_unit_test(test_action_capability),    cmocka_unit_test(test_consume),
        cmocka_unit_test(test_consume_mismatches),   cmocka_unit_test(test_consume_bad_bodies),
        cmocka_unit_test(test_consume_again_by_key), cmocka_unit_test(test_consume_expired),
    };
    return cmocka_run_group_tests_name("api_%s", tests, start, NULL);
}
