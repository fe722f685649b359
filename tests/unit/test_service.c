/*
 * The verbs on a simulated flash: what each answers, and that it is the same after a reboot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_rig.h"
#include "store/store.h"

static int fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    rig_new();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

/* ---- callers ---- */

static void root_is_known_before_and_after_a_reboot(void **state)
{
    (void)state;
    struct caller caller;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_authenticate(rig.root_header, &caller), STATUS_OK);
        assert_int_equal(caller.kind, CALLER_SERVICE);
        assert_int_equal(caller.credential, CREDENTIAL_BASIC);
        assert_true(caller.is_root);
        assert_int_equal(caller.permissions, PERMISSION_ALL);
        assert_true(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_ADMIN)));
        struct tenant_view tenant;
        service_view_tenant(caller.tenant_ref, &tenant);
        assert_memory_equal(&tenant.id, &rig.root.tenant, sizeof tenant.id);
        rig_reboot();
    }
}

static void bad_credentials_are_denied(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "Basic",
        "Basic ",
        "Basic !!",
        "Bearer ",
        "Bearer x",
        "Bearer dz_",
        "Bearer dz_a.b.c",
        "Bearer a.b.c",
        "Bearer act_tok_000000000000000000000000000000000000",
        "Digest abc",
        "Basic Og==",
        "Basic YTpi",
        "basic",
    };
    struct caller caller;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_int_equal(rig_authenticate(headers[i], &caller), STATUS_DENIED);
        assert_int_equal(caller.kind, CALLER_NONE);
    }
    char header[256];
    char wrong[CLIENT_SECRET_TEXT_BYTES + 1];
    memcpy(wrong, rig.root.client_secret, sizeof wrong);
    wrong[35] = wrong[35] == '0' ? '1' : '0';
    assert_int_equal(rig_authenticate(rig_basic(rig.root.client_id, wrong, header), &caller), STATUS_DENIED);
    wrong[35] = '\0';
    assert_int_equal(rig_authenticate(rig_basic(rig.root.client_id, wrong, header), &caller), STATUS_DENIED);
    assert_int_equal(rig_authenticate(rig_basic(rig.root.client_id, "", header), &caller), STATUS_DENIED);
    assert_int_equal(
        rig_authenticate(rig_basic("00000000000000000000000000000000", rig.root.client_secret, header),
                         &caller),
        STATUS_DENIED);
}

static void scheme_ignores_case_and_the_id_may_be_the_uuid(void **state)
{
    (void)state;
    struct caller caller;
    char header[300];
    snprintf(header, sizeof header, "bAsIc   %s", rig.root_header + 6);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    char name[UUID_TEXT_BYTES + 1] = {0};
    struct buffer text = buffer_over(name, UUID_TEXT_BYTES);
    encode_uuid(&text, &caller.principal);
    char by_id[256];
    assert_int_equal(rig_authenticate(rig_basic(name, rig.root.client_secret, by_id), &caller), STATUS_OK);
    assert_true(caller.is_root);
}

static void capabilities_follow_permissions(void **state)
{
    (void)state;
    char header[256];
    struct token_view token;
    struct caller caller;
    uint32_t tenant = rig_tenant("t");
    rig_platform(tenant, PERMISSION_VIEW, "v", header, &token);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_true(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_INTROSPECT)));
    assert_false(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_CONSUME)));
    assert_false(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_ADMIN)));
    rig_platform(tenant, PERMISSION_TRANSACT, "t", header, &token);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_false(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_INTROSPECT)));
    assert_true(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_CONSUME)));
    assert_true(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_WITHDRAWAL)));
    rig_platform(tenant, PERMISSION_MANAGE, "m", header, &token);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_false(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_INTROSPECT)));
    assert_false(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_CONSUME)));
}

static void a_token_grants_no_permission_that_its_creator_lacks(void **state)
{
    (void)state;
    char header[256];
    struct token_view token;
    struct caller caller;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    rig_platform(rig_tenant("t"), PERMISSION_MANAGE, "m", header, &token);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    struct platform_input input = {
        .tenant_ref = caller.tenant_ref, .name = rig_text("x"), .permissions = PERMISSION_VIEW};
    assert_int_equal(service_create_platform(&caller, &input, NULL, &token, secret), STATUS_DENIED);
    input.permissions = PERMISSION_MANAGE;
    assert_int_equal(service_create_platform(&caller, &input, NULL, &token, secret), STATUS_OK);
    assert_true(token.state == TOKEN_ACTIVE && !token.is_root && !token.expires_given);
}

static void addresses_outside_the_ranges_are_denied(void **state)
{
    (void)state;
    struct caller root;
    struct caller caller;
    rig_root_caller(&root);
    struct cidr ranges[] = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, 0}, 96 + 17},
                            {{0x20, 0x01}, 16}};
    struct platform_input input = {.tenant_ref = root.tenant_ref,
                                   .name = rig_text("c"),
                                   .permissions = PERMISSION_VIEW,
                                   .cidrs = ranges,
                                   .cidr_count = 2};
    struct token_view token;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    char header[256];
    char id[UUID_TEXT_BYTES + 1] = {0};
    assert_int_equal(service_create_platform(&root, &input, NULL, &token, secret), STATUS_OK);
    assert_int_equal(token.cidr_count, 2);
    assert_memory_equal(&token.cidrs[0], &ranges[0], sizeof ranges[0]);
    struct buffer text = buffer_over(id, UUID_TEXT_BYTES);
    encode_uuid(&text, &token.id);
    struct bytes authorization = rig_text(rig_basic(id, secret, header));
    uint8_t inside[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 127, 255};
    uint8_t outside[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 128, 0};
    uint8_t six[16] = {0x20, 0x01, 0xff};
    assert_int_equal(service_authenticate(authorization, inside, &caller), STATUS_OK);
    assert_int_equal(service_authenticate(authorization, six, &caller), STATUS_OK);
    assert_int_equal(service_authenticate(authorization, outside, &caller), STATUS_DENIED);
    rig_flush();
    rig_reboot();
    assert_int_equal(service_authenticate(authorization, outside, &caller), STATUS_DENIED);
    assert_int_equal(service_authenticate(authorization, inside, &caller), STATUS_OK);
}

/* ---- family 1 ---- */

static void a_jwt_works_until_revoked_for_good(void **state)
{
    (void)state;
    char header[1024];
    struct token_view token;
    struct caller caller;
    uint32_t tenant = rig_tenant("t");
    uint32_t user = rig_user("a@example.org", tenant, CAPABILITY_WITHDRAWAL);
    rig_jwt(user, tenant, "mine", header, &token);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_int_equal(caller.kind, CALLER_USER);
    assert_int_equal(caller.credential, CREDENTIAL_JWT);
    assert_int_equal(caller.user_ref, user);
    assert_true(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_WITHDRAWAL)));
    assert_false(service_has_capability(&caller, BYTES_LITERAL(CAPABILITY_CONVERSION)));
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    bool already = true;
    assert_int_equal(service_revoke(&caller, caller.token_ref, rig_text("lost"), &already, &token),
                     STATUS_OK);
    assert_false(already);
    assert_int_equal(token.state, TOKEN_REVOKED);
    assert_true(token.revoked_s == service_now_s());
    assert_true(bytes_equal_string(token.revoked_by, "a@example.org"));
    assert_true(bytes_equal_string(token.revocation_reason, "lost"));
    assert_true(bytes_equal_string(token.name, "mine"));
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
    struct token_view again;
    assert_int_equal(service_find(0, TOKEN_JWT, &token.id, &again), STATUS_OK);
    assert_true(bytes_equal_string(again.revocation_reason, "lost"));
    struct caller root;
    rig_root_caller(&root);
    assert_int_equal(service_revoke(&root, again.ref, (struct bytes){NULL, 0}, &already, &again), STATUS_OK);
    assert_true(already);
    assert_true(bytes_equal_string(again.revocation_reason, "lost"));
}

static void a_tampered_jwt_is_denied(void **state)
{
    (void)state;
    char header[1024];
    struct token_view token;
    struct caller caller;
    uint32_t tenant = rig_tenant("t");
    rig_jwt(rig_user("a@example.org", tenant, "admin"), tenant, "mine", header, &token);
    size_t size = strlen(header);
    for (size_t i = strlen("Bearer dz_"); i < size; i++) {
        char kept = header[i];
        header[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
        header[i] = kept;
    }
    header[size] = 'A';
    header[size + 1] = '\0';
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
    header[size] = '\0';
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    memmove(header + 7, header + 10, size - 9); /* without dz_: no access token */
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
}

static void a_user_has_at_most_ten_active_tokens_in_a_tenant(void **state)
{
    (void)state;
    char header[1024];
    struct token_view tokens[TOKEN_ACTIVE_PER_USER_MAX];
    uint32_t tenant = rig_tenant("t");
    uint32_t other = rig_tenant("o");
    uint32_t user = rig_user("a@example.org", tenant, "admin");
    for (size_t i = 0; i < TOKEN_ACTIVE_PER_USER_MAX; i++) {
        rig_jwt(user, tenant, "n", header, &tokens[i]);
    }
    struct caller root;
    rig_root_caller(&root);
    struct jwt_input input = {
        .tenant_ref = tenant, .user_ref = user, .name = rig_text("n"), .expires_in_days = 1};
    struct buffer text = buffer_over(header, sizeof header);
    struct token_view token;
    bool limit_reached = false;
    bool already;
    assert_int_equal(service_create_jwt(&root, &input, NULL, &token, &text, &limit_reached), STATUS_CONFLICT);
    assert_true(limit_reached);
    rig_jwt(user, other, "elsewhere", header, &token);
    assert_int_equal(service_revoke(&root, tokens[3].ref, (struct bytes){NULL, 0}, &already, &token),
                     STATUS_OK);
    rig_jwt(user, tenant, "n", header, &token);
    text = buffer_over(header, sizeof header);
    assert_int_equal(service_create_jwt(&root, &input, NULL, &token, &text, &limit_reached), STATUS_CONFLICT);
    rig_advance_s(31 * 86400); /* all expire */
    assert_int_equal(service_create_jwt(&root, &input, NULL, &token, &text, &limit_reached), STATUS_OK);
}

static void es256_tokens_outlive_a_key_rotation_and_a_change_of_algorithm(void **state)
{
    (void)state;
    char by_hs[1024];
    char by_es[1024];
    char by_new[1024];
    struct token_view token;
    struct caller caller;
    uint8_t jwks_bytes[2048];
    uint32_t tenant = rig_tenant("t");
    uint32_t user = rig_user("a@example.org", tenant, "admin");
    struct buffer jwks = buffer_over(jwks_bytes, sizeof jwks_bytes);
    service_write_jwks(&jwks);
    assert_true(bytes_equal_string(buffer_view(&jwks), "{\"keys\":[]}"));
    rig_jwt(user, tenant, "hs", by_hs, &token);
    rig_flush();
    rig.jwt_es256 = true;
    rig_reboot();
    assert_int_equal(service_find_user(&(struct uuid){{0}}, &user), STATUS_NOT_FOUND);
    user = service_next_user(0);
    rig_jwt(user, token.tenant_ref, "es", by_es, &token);
    assert_int_equal(service_rotate_signing_key(), STATUS_OK);
    rig_jwt(user, token.tenant_ref, "new", by_new, &token);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_authenticate(by_hs, &caller), STATUS_OK);
    assert_int_equal(rig_authenticate(by_es, &caller), STATUS_OK);
    assert_int_equal(rig_authenticate(by_new, &caller), STATUS_OK);
    jwks = buffer_over(jwks_bytes, sizeof jwks_bytes);
    service_write_jwks(&jwks);
    assert_false(buffer_failed(&jwks));
    jwks_bytes[jwks.size] = 0;
    assert_non_null(strstr((char *)jwks_bytes, "},{"));
    for (int i = 0; i < SERVICE_SIGNING_KEYS_MAX - 3; i++) {
        assert_int_equal(service_rotate_signing_key(), STATUS_OK);
    }
    assert_int_equal(service_rotate_signing_key(), STATUS_FULL);
    rig_advance_s(367 * 86400);
    assert_int_equal(service_rotate_signing_key(), STATUS_OK);
}

/* ---- access tokens ---- */

static void an_access_token_lives_an_hour_and_dies_with_its_credential(void **state)
{
    (void)state;
    char header[256];
    char bearer[1100];
    struct token_view token;
    struct caller caller;
    struct caller root;
    uint32_t expires_in_s = 0;
    rig_platform(rig_tenant("t"), PERMISSION_VIEW | PERMISSION_TRANSACT, "p", header, &token);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    struct buffer text = buffer_over(bearer, sizeof bearer - 1);
    buffer_append_string(&text, "Bearer ");
    assert_int_equal(service_issue_access_token(&caller, &text, &expires_in_s), STATUS_OK);
    assert_int_equal(expires_in_s, 3600);
    bearer[text.size] = '\0';
    assert_int_equal(rig_authenticate(bearer, &caller), STATUS_OK);
    assert_int_equal(caller.credential, CREDENTIAL_ACCESS_TOKEN);
    assert_int_equal(caller.permissions, PERMISSION_VIEW | PERMISSION_TRANSACT);
    assert_memory_equal(&caller.principal, &token.id, sizeof token.id);
    text = buffer_over(header, sizeof header);
    assert_int_equal(service_issue_access_token(&caller, &text, &expires_in_s), STATUS_DENIED);
    struct inspection inspection;
    assert_int_equal(service_inspect(rig_text(bearer + 7), &inspection), STATUS_OK);
    assert_true(inspection.is_access_token);
    assert_true(inspection.expires_s == inspection.issued_s + 3600);
    rig_flush();
    rig_reboot();
    rig_advance_s(3598);
    assert_int_equal(rig_authenticate(bearer, &caller), STATUS_OK);
    rig_root_caller(&root);
    bool already;
    assert_int_equal(service_find(0, TOKEN_PLATFORM, &token.id, &token), STATUS_OK);
    assert_int_equal(service_revoke(&root, token.ref, (struct bytes){NULL, 0}, &already, &token), STATUS_OK);
    assert_int_equal(rig_authenticate(bearer, &caller), STATUS_DENIED);
    assert_int_equal(service_inspect(rig_text(bearer + 7), &inspection), STATUS_OK);
    assert_int_equal(inspection.token.state, TOKEN_REVOKED);
}

static void an_access_token_expires_on_the_second(void **state)
{
    (void)state;
    char bearer[1100];
    struct caller caller;
    uint32_t expires_in_s = 0;
    rig_root_caller(&caller);
    struct buffer text = buffer_over(bearer, sizeof bearer - 1);
    buffer_append_string(&text, "Bearer ");
    assert_int_equal(service_issue_access_token(&caller, &text, &expires_in_s), STATUS_OK);
    bearer[text.size] = '\0';
    rig_advance_s(3599);
    assert_int_equal(rig_authenticate(bearer, &caller), STATUS_OK);
    rig_advance_s(1);
    assert_int_equal(rig_authenticate(bearer, &caller), STATUS_DENIED);
}

/* ---- family 0 ---- */

struct action_case {
    struct caller user;
    struct caller consumer;
    struct action_input input;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    char actor[64];
    struct token_view token;
};

static void make_action(struct action_case *c)
{
    char header[1024];
    char basic[256];
    struct token_view token;
    memset(c, 0, sizeof *c);
    uint32_t tenant = rig_tenant("shop");
    uint32_t user = rig_user("buyer@example.org", tenant, CAPABILITY_WITHDRAWAL);
    rig_jwt(user, tenant, "j", header, &token);
    assert_int_equal(rig_authenticate(header, &c->user), STATUS_OK);
    rig_platform(tenant, PERMISSION_TRANSACT, "p", basic, &token);
    assert_int_equal(rig_authenticate(basic, &c->consumer), STATUS_OK);
    c->input = (struct action_input){.action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL), .life_s = 300};
    memset(c->input.digest, 7, sizeof c->input.digest);
    assert_int_equal(service_create_action(&c->user, &c->input, NULL, &c->token, c->text), STATUS_OK);
    struct buffer actor = buffer_over(c->actor, sizeof c->actor - 1);
    buffer_append_string(&actor, "users/");
    encode_uuid(&actor, &c->user.principal);
}

static struct consume_input consume_input_of(const struct action_case *c)
{
    struct consume_input input = {
        .token = rig_text(c->text), .actor = rig_text(c->actor), .action = c->input.action};
    memcpy(input.digest, c->input.digest, sizeof input.digest);
    return input;
}

static enum consume_result consume(const struct action_case *c, const struct consume_input *input)
{
    enum consume_result result;
    struct token_view token;
    assert_int_equal(service_consume(&c->consumer, input, NULL, &result, &token), STATUS_OK);
    return result;
}

static void an_action_token_is_consumed_once(void **state)
{
    (void)state;
    struct action_case c;
    make_action(&c);
    struct consume_input input = consume_input_of(&c);
    assert_int_equal(consume(&c, &input), CONSUME_OK);
    assert_int_equal(consume(&c, &input), CONSUME_SPENT);
    rig_flush();
    rig_reboot();
    assert_int_equal(consume(&c, &input), CONSUME_SPENT);
    rig_advance_s(299);
    assert_int_equal(consume(&c, &input), CONSUME_SPENT);
    rig_advance_s(1);
    assert_int_equal(consume(&c, &input), CONSUME_UNKNOWN);
}

static void a_failed_consumption_changes_nothing(void **state)
{
    (void)state;
    struct action_case c;
    make_action(&c);
    struct consume_input input = consume_input_of(&c);
    struct consume_input wrong = input;
    wrong.digest[31] ^= 1;
    assert_int_equal(consume(&c, &wrong), CONSUME_MISMATCH);
    wrong = input;
    wrong.action = BYTES_LITERAL(CAPABILITY_CONVERSION);
    assert_int_equal(consume(&c, &wrong), CONSUME_MISMATCH);
    wrong = input;
    wrong.actor = BYTES_LITERAL("users/00000000-0000-7000-8000-000000000000");
    assert_int_equal(consume(&c, &wrong), CONSUME_FORBIDDEN);
    wrong.digest[0] ^= 1; /* who asks comes before what for */
    assert_int_equal(consume(&c, &wrong), CONSUME_FORBIDDEN);
    struct action_case other = c;
    rig_root_caller(&other.consumer); /* of another tenant */
    assert_int_equal(consume(&other, &input), CONSUME_FORBIDDEN);
    wrong = input;
    for (size_t i = 0; i < ACTION_TOKEN_TEXT_BYTES; i++) {
        char text[ACTION_TOKEN_TEXT_BYTES + 1];
        memcpy(text, c.text, sizeof text);
        text[i] = text[i] == 'x' ? 'y' : 'x';
        wrong.token = rig_text(text);
        assert_int_equal(consume(&c, &wrong), CONSUME_UNKNOWN);
    }
    wrong.token = (struct bytes){NULL, 0};
    assert_int_equal(consume(&c, &wrong), CONSUME_UNKNOWN);
    rig_flush();
    rig_reboot();
    assert_int_equal(consume(&c, &input), CONSUME_OK);
}

static void a_revoked_disabled_or_expired_action_token_is_not_consumed(void **state)
{
    (void)state;
    struct action_case c;
    bool already;
    struct token_view token;
    struct user_view user;
    make_action(&c);
    struct consume_input input = consume_input_of(&c);
    struct user_input disable = {.disabled = 1};
    struct user_input enable = {.disabled = 0};
    assert_int_equal(service_change_user(c.user.user_ref, &disable, &user), STATUS_OK);
    assert_true(user.disabled);
    assert_int_equal(consume(&c, &input), CONSUME_FORBIDDEN);
    assert_int_equal(service_change_user(c.user.user_ref, &enable, &user), STATUS_OK);
    assert_int_equal(service_revoke(&c.user, c.token.ref, (struct bytes){NULL, 0}, &already, &token),
                     STATUS_OK);
    assert_int_equal(consume(&c, &input), CONSUME_SPENT);
}

static void a_repeated_consumption_gets_the_first_answer(void **state)
{
    (void)state;
    struct action_case c;
    make_action(&c);
    struct consume_input input = consume_input_of(&c);
    struct idempotency key = {.key = rig_text("key-1")};
    struct idempotency changed = {.key = rig_text("key-1"), .payload_digest = {1}};
    struct idempotency second = {.key = rig_text("key-2")};
    enum consume_result result;
    struct token_view first;
    struct token_view token;
    assert_int_equal(service_consume(&c.consumer, &input, &key, &result, &first), STATUS_OK);
    assert_int_equal(result, CONSUME_OK);
    for (int i = 0; i < 2; i++) {
        rig_advance_s(100);
        uint64_t newest = store_newest();
        assert_int_equal(service_consume(&c.consumer, &input, &key, &result, &token), STATUS_OK);
        assert_int_equal(result, CONSUME_OK);
        assert_true(token.consumed_s == first.consumed_s);
        assert_memory_equal(&token.id, &first.id, sizeof token.id);
        assert_int_equal(service_consume(&c.consumer, &input, &changed, &result, &token), STATUS_OK);
        assert_int_equal(result, CONSUME_KEY_CONFLICT);
        assert_int_equal(service_consume(&c.consumer, &input, &second, &result, &token), STATUS_OK);
        assert_int_equal(result, CONSUME_SPENT);
        assert_true(store_newest() == newest);
        rig_flush();
        rig_reboot();
        assert_int_equal(service_find(0, TOKEN_PLATFORM, &c.consumer.principal, &token), STATUS_OK);
    }
    rig_advance_s(3600); /* long expired, still remembered */
    while (service_step(1000000)) {
    }
    assert_int_equal(service_consume(&c.consumer, &input, &key, &result, &token), STATUS_OK);
    assert_int_equal(result, CONSUME_OK);
    rig_advance_s(86400);
    assert_int_equal(service_consume(&c.consumer, &input, &key, &result, &token), STATUS_OK);
    assert_int_equal(result, CONSUME_UNKNOWN);
}

/* ---- idempotent creates ---- */

static void a_repeated_create_gives_the_same_secret_without_a_write(void **state)
{
    (void)state;
    struct action_case c;
    make_action(&c);
    struct idempotency key = {.key = rig_text("k")};
    struct idempotency changed = {.key = rig_text("k"), .payload_digest = {9}};
    struct caller root;
    struct token_view first[3];
    struct token_view again[3];
    char secret[2][CLIENT_SECRET_TEXT_BYTES + 1];
    char jwt[2][1024];
    char action[2][ACTION_TOKEN_TEXT_BYTES + 1];
    bool limit_reached;
    rig_root_caller(&root);
    struct platform_input platform = {
        .tenant_ref = c.user.tenant_ref, .name = rig_text("p"), .permissions = 1};
    struct jwt_input jwt_input = {.tenant_ref = c.user.tenant_ref,
                                  .user_ref = c.user.user_ref,
                                  .name = rig_text("j"),
                                  .expires_in_days = 1};
    struct idempotency jwt_key = {.key = rig_text("k2"), .payload_digest = {3}};
    struct buffer text = buffer_over(jwt[0], 1023);
    memset(jwt, 0, sizeof jwt);
    assert_int_equal(service_create_platform(&root, &platform, &key, &first[0], secret[0]), STATUS_OK);
    assert_int_equal(service_create_jwt(&root, &jwt_input, &jwt_key, &first[1], &text, &limit_reached),
                     STATUS_OK);
    assert_int_equal(service_create_action(&c.user, &c.input, &key, &first[2], action[0]), STATUS_OK);
    struct uuid ids[3] = {first[0].id, first[1].id, first[2].id};
    rig_flush();
    rig_reboot();
    rig_advance_s(86000);
    while (service_step(1000000)) {
    }
    rig_root_caller(&root);
    uint64_t newest = store_newest();
    text = buffer_over(jwt[1], 1023);
    assert_int_equal(service_create_platform(&root, &platform, &key, &again[0], secret[1]), STATUS_OK);
    assert_int_equal(service_create_jwt(&root, &jwt_input, &jwt_key, &again[1], &text, &limit_reached),
                     STATUS_OK);
    assert_int_equal(service_create_action(&c.user, &c.input, &key, &again[2], action[1]), STATUS_OK);
    assert_true(store_newest() == newest);
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(&ids[i], &again[i].id, sizeof ids[i]);
        assert_true(first[i].created_s == again[i].created_s);
    }
    assert_string_equal(secret[0], secret[1]);
    assert_string_equal(jwt[0], jwt[1]);
    assert_string_equal(action[0], action[1]);
    assert_int_equal(service_create_platform(&root, &platform, &changed, &again[0], secret[1]),
                     STATUS_CONFLICT);
    assert_int_equal(service_create_jwt(&root, &jwt_input, &key, &again[1], &text, &limit_reached),
                     STATUS_CONFLICT);
    rig_advance_s(500); /* the day is over: the key is free, and the secret is another */
    assert_int_equal(service_create_platform(&root, &platform, &key, &again[0], secret[1]), STATUS_OK);
    assert_memory_not_equal(&ids[0], &again[0].id, sizeof ids[0]);
    assert_string_not_equal(secret[0], secret[1]);
}

static void repeated_tenants_and_users_are_the_same(void **state)
{
    (void)state;
    struct idempotency key = {.key = rig_text("t")};
    struct idempotency user_key = {.key = rig_text("u")};
    struct tenant_view tenant;
    struct tenant_view tenant_again;
    struct user_view user;
    struct user_view user_again;
    assert_int_equal(service_create_tenant(rig_text("n"), &key, &tenant), STATUS_OK);
    struct user_input input = {
        .email = rig_text("a@b.c"), .tenant_refs = &tenant.ref, .tenant_count = 1, .disabled = -1};
    assert_int_equal(service_create_user(&input, &key, &user), STATUS_CONFLICT);
    assert_int_equal(service_create_user(&input, &user_key, &user), STATUS_OK);
    rig_flush();
    rig_reboot();
    assert_int_equal(service_create_tenant(rig_text("n"), &key, &tenant_again), STATUS_OK);
    assert_memory_equal(&tenant.id, &tenant_again.id, sizeof tenant.id);
    assert_int_equal(service_create_user(&input, &user_key, &user_again), STATUS_OK);
    assert_memory_equal(&user.id, &user_again.id, sizeof user.id);
    assert_int_equal(service_create_user(&input, NULL, &user_again), STATUS_CONFLICT);
    input.email = rig_text("A@B.c");
    assert_int_equal(service_create_user(&input, NULL, &user_again), STATUS_CONFLICT);
}

/* ---- rotation ---- */

static void rotation_with_and_without_overlap(void **state)
{
    (void)state;
    char old_header[256];
    char new_header[256];
    char id[UUID_TEXT_BYTES + 1] = {0};
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct token_view token;
    struct caller caller;
    rig_platform(rig_tenant("t"), PERMISSION_ALL, "p", old_header, &token);
    assert_int_equal(rig_authenticate(old_header, &caller), STATUS_OK);
    struct buffer text = buffer_over(id, UUID_TEXT_BYTES);
    encode_uuid(&text, &token.id);
    assert_int_equal(service_rotate(&caller, &token.id, 60, NULL, &token, secret), STATUS_OK);
    rig_basic(id, secret, new_header);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_authenticate(new_header, &caller), STATUS_OK);
    assert_int_equal(rig_authenticate(old_header, &caller), STATUS_OK);
    rig_advance_s(59);
    assert_int_equal(rig_authenticate(old_header, &caller), STATUS_OK);
    rig_advance_s(1);
    assert_int_equal(rig_authenticate(old_header, &caller), STATUS_DENIED);
    assert_int_equal(rig_authenticate(new_header, &caller), STATUS_OK);
    assert_int_equal(service_rotate(&caller, &token.id, 0, NULL, &token, secret), STATUS_OK);
    assert_int_equal(rig_authenticate(new_header, &caller), STATUS_DENIED);
    assert_int_equal(rig_authenticate(rig_basic(id, secret, new_header), &caller), STATUS_OK);
    struct idempotency key = {.key = rig_text("r")};
    char again[CLIENT_SECRET_TEXT_BYTES + 1];
    assert_int_equal(service_rotate(&caller, &token.id, 0, &key, &token, secret), STATUS_OK);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_authenticate(rig_basic(id, secret, new_header), &caller), STATUS_OK);
    assert_int_equal(service_rotate(&caller, &token.id, 0, &key, &token, again), STATUS_OK);
    assert_string_equal(secret, again);
    assert_int_equal(rig_authenticate(new_header, &caller), STATUS_OK);
}

static void rotation_hands_out_no_stronger_secret(void **state)
{
    (void)state;
    char header[256];
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct token_view weak;
    struct token_view strong;
    struct token_view token;
    struct caller caller;
    struct caller root;
    rig_root_caller(&root);
    rig_platform(root.tenant_ref, PERMISSION_MANAGE, "weak", header, &weak);
    rig_platform(root.tenant_ref, PERMISSION_ALL, "strong", header, &strong);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_int_equal(service_rotate(&caller, &weak.id, 0, NULL, &token, secret), STATUS_OK);
    assert_int_equal(service_rotate(&caller, &root.principal, 0, NULL, &token, secret), STATUS_DENIED);
    caller.permissions = PERMISSION_MANAGE;
    assert_int_equal(service_rotate(&caller, &strong.id, 0, NULL, &token, secret), STATUS_DENIED);
    caller.tenant_ref = rig_tenant("other");
    assert_int_equal(service_rotate(&caller, &weak.id, 0, NULL, &token, secret), STATUS_NOT_FOUND);
    assert_int_equal(service_rotate(&root, &root.principal, 0, NULL, &token, secret), STATUS_OK);
    assert_int_equal(rig_authenticate(rig.root_header, &caller), STATUS_DENIED);
    bool already;
    assert_int_equal(service_revoke(&root, root.token_ref, rig_text("no"), &already, &token), STATUS_DENIED);
}

/* ---- stopping ---- */

static void suspending_and_disabling_stop_at_once_and_come_back(void **state)
{
    (void)state;
    struct action_case c;
    struct tenant_view tenant;
    struct user_view user;
    struct caller caller;
    char header[1024];
    char basic[256];
    struct token_view token;
    make_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j2", header, &token);
    rig_platform(c.user.tenant_ref, 1, "p2", basic, &token);
    struct tenant_change suspend = {.suspended = 1};
    struct tenant_change resume = {.suspended = 0};
    assert_int_equal(service_change_tenant(c.user.tenant_ref, &suspend, &tenant), STATUS_OK);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_authenticate(header, &caller), STATUS_CONFLICT);
    assert_true(caller.tenant_suspended && caller.kind == CALLER_USER);
    assert_int_equal(rig_authenticate(basic, &caller), STATUS_CONFLICT);
    assert_int_equal(service_change_tenant(caller.tenant_ref, &resume, &tenant), STATUS_OK);
    assert_int_equal(rig_authenticate(basic, &caller), STATUS_OK);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    struct user_input disable = {.disabled = 1};
    assert_int_equal(service_change_user(caller.user_ref, &disable, &user), STATUS_OK);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
    rig_root_caller(&caller);
    assert_int_equal(service_change_tenant(caller.tenant_ref, &suspend, &tenant), STATUS_CONFLICT);
}

static void a_deleted_users_tokens_die(void **state)
{
    (void)state;
    struct action_case c;
    char header[1024];
    struct token_view token;
    struct caller caller;
    make_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j", header, &token);
    struct consume_input input = consume_input_of(&c);
    uint32_t before = service_user_count();
    assert_int_equal(service_delete_user(c.user.user_ref), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(service_user_count(), before - 1);
        assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
        assert_int_equal(consume(&c, &input), CONSUME_UNKNOWN);
        assert_int_equal(service_find(0, TOKEN_JWT, &token.id, &token), STATUS_NOT_FOUND);
        rig_flush();
        rig_reboot();
    }
    (void)rig_user("buyer@example.org", c.user.tenant_ref, "admin"); /* the address is free again */
}

static void one_record_revokes_many(void **state)
{
    (void)state;
    struct action_case c;
    char header[1024];
    char basic[2][256];
    struct token_view token;
    struct caller root;
    struct caller caller;
    uint64_t count = 0;
    make_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j2", header, &token);
    rig_root_caller(&root);
    rig_platform(root.tenant_ref, 1, "elsewhere", basic[0], &token);
    struct revocation_selector selector = {
        .tenant_ref = c.user.tenant_ref, .family = -1, .reason = rig_text("leak")};
    uint64_t newest = store_newest();
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, 4); /* two JWTs, one platform token, one action token */
    assert_true(store_newest() == newest + 1);
    rig_platform(c.user.tenant_ref, 1, "later", basic[1], &token);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
        assert_int_equal(rig_authenticate(basic[0], &caller), STATUS_OK);
        assert_int_equal(rig_authenticate(basic[1], &caller), STATUS_OK);
        assert_int_equal(service_find(0, TOKEN_ACTION, &c.token.id, &token), STATUS_OK);
        assert_true(bytes_equal_string(token.revocation_reason, "leak"));
        assert_true(bytes_starts_with(token.revoked_by, BYTES_LITERAL("service-accounts/")));
        rig_flush();
        rig_reboot();
    }
    selector = (struct revocation_selector){.family = TOKEN_PLATFORM};
    rig_root_caller(&root);
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rig_authenticate(rig.root_header, &caller), STATUS_OK);
}

/* ---- time ---- */

static void nothing_is_issued_before_time_is_known(void **state)
{
    (void)state;
    struct action_case c;
    char header[1024];
    struct token_view token;
    struct tenant_view tenant;
    struct caller caller;
    enum consume_result result;
    make_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j", header, &token);
    rig_flush();
    sim_clear_wall_clock();
    rig_reboot();
    assert_false(service_clock_known());
    assert_true(service_now_s() == 0);
    struct consume_input input = consume_input_of(&c);
    assert_int_equal(service_create_tenant(rig_text("x"), NULL, &tenant), STATUS_NO_CLOCK);
    assert_int_equal(service_consume(&c.consumer, &input, NULL, &result, &token), STATUS_NO_CLOCK);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED); /* it may have expired */
    assert_int_equal(rig_authenticate(rig.root_header, &caller), STATUS_OK);
    bool already;
    assert_int_equal(service_find(0, TOKEN_JWT, &token.id, &token), STATUS_OK);
    assert_int_equal(service_find(0, TOKEN_ACTION, &c.token.id, &token), STATUS_OK);
    assert_int_equal(service_revoke(&caller, token.ref, (struct bytes){NULL, 0}, &already, &token),
                     STATUS_OK);
    sim_set_wall_clock_s(SIM_DEFAULT_WALL_CLOCK_S + 50);
    service_clock_update();
    assert_true(service_clock_known());
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
}

static void the_clock_never_runs_behind_the_log(void **state)
{
    (void)state;
    rig_advance_s(5000);
    (void)rig_tenant("t");
    int64_t then_s = service_now_s();
    rig_flush();
    sim_set_wall_clock_s(SIM_DEFAULT_WALL_CLOCK_S);
    rig_reboot();
    assert_true(service_clock_behind());
    assert_true(service_now_s() >= then_s);
    rig_advance_s(10);
    assert_true(service_now_s() >= then_s + 10);
    sim_set_wall_clock_s(then_s + 100000);
    rig_advance_s(2);
    assert_true(service_now_s() >= then_s + 100000);
    int64_t now_s = service_now_s();
    sim_set_wall_clock_s(1);
    rig_advance_s(2);
    assert_true(service_now_s() >= now_s);
}

static void last_use_is_exact_and_written_once_a_minute(void **state)
{
    (void)state;
    struct caller caller;
    struct token_view token;
    uint64_t newest = store_newest();
    for (int i = 0; i < 30; i++) {
        rig_advance_s(1);
        rig_root_caller(&caller);
        service_view_token(caller.token_ref, &token);
        assert_true(token.last_used_s == service_now_s());
        (void)service_step(100);
    }
    assert_true(store_newest() == newest);
    rig_advance_s(40);
    (void)service_step(100);
    assert_true(store_newest() == newest + 1);
    rig_flush();
    int64_t used_s = token.last_used_s;
    rig_reboot();
    assert_int_equal(service_find(0, TOKEN_PLATFORM, &token.id, &token), STATUS_OK);
    assert_true(token.last_used_s == used_s);
}

static void expired_tokens_leave_the_table(void **state)
{
    (void)state;
    struct action_case c;
    struct service_stats stats;
    make_action(&c);
    struct consume_input input = consume_input_of(&c);
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_ACTION][TOKEN_ACTIVE], 1);
    assert_int_equal(consume(&c, &input), CONSUME_OK);
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_ACTION][TOKEN_CONSUMED], 1);
    uint64_t before = stats.token_count;
    rig_advance_s(301);
    while (service_step(1000)) {
    }
    service_stats(&stats);
    assert_int_equal(stats.token_count, before - 1);
    assert_int_equal(stats.collected_count, 1);
    rig_advance_s(30 * 86400);
    while (service_step(1000)) {
    }
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_JWT][TOKEN_EXPIRED], 1);
    rig_advance_s(TOKEN_RETENTION_S + 1);
    while (service_step(1000)) {
    }
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_JWT][TOKEN_EXPIRED], 0);
    rig_flush();
    rig_reboot();
    service_stats(&stats);
    assert_int_equal(stats.token_count, 2); /* root and the consumer */
}

static void a_full_table_issues_no_more_but_revokes_and_consumes(void **state)
{
    (void)state;
    rig_new_with(TABLE_MEMORY_MIN_BYTES, 64);
    struct action_case c;
    make_action(&c);
    struct consume_input input = consume_input_of(&c);
    struct token_view token;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    enum status status = STATUS_OK;
    uint32_t made = 0;
    for (; status == STATUS_OK && made < 100000; made++) {
        status = service_create_action(&c.user, &c.input, NULL, &token, text);
    }
    assert_int_equal(status, STATUS_FULL);
    assert_true(made > 500);
    struct tenant_view tenant;
    struct tenant_change suspend = {.suspended = 1};
    struct idempotency key = {.key = rig_text("k")};
    enum consume_result result;
    bool already;
    assert_int_equal(service_consume(&c.consumer, &input, &key, &result, &token), STATUS_OK);
    assert_int_equal(result, CONSUME_OK);
    assert_int_equal(service_consume(&c.consumer, &input, &key, &result, &token), STATUS_OK);
    assert_int_equal(result, CONSUME_OK);
    char reason[TOKEN_REASON_MAX_BYTES + 1];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    for (uint32_t ref = 2; ref < 100; ref++) { /* more reasons than the reserve has room for */
        assert_int_equal(service_revoke(&c.consumer, ref, rig_text(reason), &already, &token), STATUS_OK);
        assert_true(token.state != TOKEN_ACTIVE);
    }
    assert_int_equal(service_change_tenant(c.user.tenant_ref, &suspend, &tenant), STATUS_OK);
    rig_flush();
    rig_reboot();
    service_view_token(50, &token);
    assert_int_equal(token.state, TOKEN_REVOKED);
}

static void settings_stay(void **state)
{
    (void)state;
    struct bytes value;
    uint8_t large[SERVICE_SETTING_MAX_BYTES];
    memset(large, 0x5A, sizeof large);
    assert_int_equal(service_setting_get("a", &value), STATUS_NOT_FOUND);
    assert_int_equal(service_setting_set("a", rig_text("1")), STATUS_OK);
    assert_int_equal(service_setting_set("b", bytes_of(large, sizeof large)), STATUS_OK);
    assert_int_equal(service_setting_set("a", rig_text("22")), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(service_setting_get("a", &value), STATUS_OK);
        assert_true(bytes_equal_string(value, "22"));
        assert_int_equal(service_setting_get("b", &value), STATUS_OK);
        assert_true(bytes_equal(value, bytes_of(large, sizeof large)));
        rig_flush();
        rig_reboot();
    }
}

static void a_machine_with_too_little_memory_says_so(void **state)
{
    (void)state;
    struct action_case c;
    struct token_view token;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    make_action(&c);
    for (int i = 0; i < 4000; i++) {
        assert_int_equal(service_create_action(&c.user, &c.input, NULL, &token, text), STATUS_OK);
    }
    rig_flush();
    rig.table_bytes = TABLE_MEMORY_MIN_BYTES;
    assert_int_equal(rig_try_reboot(), STATUS_FULL);
    assert_true(sim_console_has("more memory"));
    rig.table_bytes = RIG_TABLE_BYTES;
    rig_reboot();
}

static void every_kind_of_text_is_inspected_as_itself(void **state)
{
    (void)state;
    struct action_case c;
    char header[1024];
    char pair[128];
    struct token_view token;
    struct inspection inspection;
    make_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j", header, &token);
    assert_int_equal(service_inspect(rig_text(c.text), &inspection), STATUS_OK);
    assert_int_equal(inspection.family, TOKEN_ACTION);
    assert_memory_equal(&inspection.principal, &c.user.principal, sizeof c.user.principal);
    assert_int_equal(service_inspect(rig_text(header + 7), &inspection), STATUS_OK);
    assert_int_equal(inspection.family, TOKEN_JWT);
    assert_memory_equal(&inspection.jti, &token.jti, sizeof token.jti);
    snprintf(pair, sizeof pair, "%s:%s", rig.root.client_id, rig.root.client_secret);
    assert_int_equal(service_inspect(rig_text(pair), &inspection), STATUS_OK);
    assert_true(inspection.token.is_root && !inspection.stopped);
    assert_int_equal(service_inspect(rig_text("nonsense"), &inspection), STATUS_NOT_FOUND);
    assert_int_equal(service_inspect((struct bytes){NULL, 0}, &inspection), STATUS_NOT_FOUND);
    pair[strlen(pair) - 1] ^= 1;
    assert_int_equal(service_inspect(rig_text(pair), &inspection), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(root_is_known_before_and_after_a_reboot),
        TEST(bad_credentials_are_denied),
        TEST(scheme_ignores_case_and_the_id_may_be_the_uuid),
        TEST(capabilities_follow_permissions),
        TEST(a_token_grants_no_permission_that_its_creator_lacks),
        TEST(addresses_outside_the_ranges_are_denied),
        TEST(a_jwt_works_until_revoked_for_good),
        TEST(a_tampered_jwt_is_denied),
        TEST(a_user_has_at_most_ten_active_tokens_in_a_tenant),
        TEST(es256_tokens_outlive_a_key_rotation_and_a_change_of_algorithm),
        TEST(an_access_token_lives_an_hour_and_dies_with_its_credential),
        TEST(an_access_token_expires_on_the_second),
        TEST(an_action_token_is_consumed_once),
        TEST(a_failed_consumption_changes_nothing),
        TEST(a_revoked_disabled_or_expired_action_token_is_not_consumed),
        TEST(a_repeated_consumption_gets_the_first_answer),
        TEST(a_repeated_create_gives_the_same_secret_without_a_write),
        TEST(repeated_tenants_and_users_are_the_same),
        TEST(rotation_with_and_without_overlap),
        TEST(rotation_hands_out_no_stronger_secret),
        TEST(suspending_and_disabling_stop_at_once_and_come_back),
        TEST(a_deleted_users_tokens_die),
        TEST(one_record_revokes_many),
        TEST(nothing_is_issued_before_time_is_known),
        TEST(the_clock_never_runs_behind_the_log),
        TEST(last_use_is_exact_and_written_once_a_minute),
        TEST(expired_tokens_leave_the_table),
        TEST(a_full_table_issues_no_more_but_revokes_and_consumes),
        TEST(settings_stay),
        TEST(a_machine_with_too_little_memory_says_so),
        TEST(every_kind_of_text_is_inspected_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
