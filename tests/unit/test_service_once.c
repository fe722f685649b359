/*
 * Exactly once: consuming action tokens, and creates that are repeated under an Idempotency-Key.
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

/* ---- family 0 ---- */

static void an_action_token_is_consumed_once(void **state)
{
    (void)state;
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    assert_int_equal(rig_consume(&c, &input), CONSUME_OK);
    assert_int_equal(rig_consume(&c, &input), CONSUME_SPENT);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_consume(&c, &input), CONSUME_SPENT);
    rig_advance_s(299);
    assert_int_equal(rig_consume(&c, &input), CONSUME_SPENT);
    rig_advance_s(1);
    assert_int_equal(rig_consume(&c, &input), CONSUME_UNKNOWN);
}

static void a_failed_consumption_changes_nothing(void **state)
{
    (void)state;
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    struct consume_input wrong = input;
    wrong.digest[31] ^= 1;
    assert_int_equal(rig_consume(&c, &wrong), CONSUME_MISMATCH);
    wrong = input;
    wrong.action = BYTES_LITERAL(CAPABILITY_CONVERSION);
    assert_int_equal(rig_consume(&c, &wrong), CONSUME_MISMATCH);
    wrong = input;
    wrong.actor = BYTES_LITERAL("users/00000000-0000-7000-8000-000000000000");
    assert_int_equal(rig_consume(&c, &wrong), CONSUME_FORBIDDEN);
    wrong.digest[0] ^= 1; /* who asks comes before what for */
    assert_int_equal(rig_consume(&c, &wrong), CONSUME_FORBIDDEN);
    struct action_case other = c;
    rig_root_caller(&other.consumer); /* of another tenant */
    assert_int_equal(rig_consume(&other, &input), CONSUME_FORBIDDEN);
    wrong = input;
    for (size_t i = 0; i < ACTION_TOKEN_TEXT_BYTES; i++) {
        char text[ACTION_TOKEN_TEXT_BYTES + 1];
        memcpy(text, c.text, sizeof text);
        text[i] = text[i] == 'x' ? 'y' : 'x';
        wrong.token = rig_text(text);
        assert_int_equal(rig_consume(&c, &wrong), CONSUME_UNKNOWN);
    }
    wrong.token = (struct bytes){NULL, 0};
    assert_int_equal(rig_consume(&c, &wrong), CONSUME_UNKNOWN);
    rig_flush();
    rig_reboot();
    assert_int_equal(rig_consume(&c, &input), CONSUME_OK);
}

static void a_revoked_disabled_or_expired_action_token_is_not_consumed(void **state)
{
    (void)state;
    struct action_case c;
    bool already;
    struct token_view token;
    struct user_view user;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    struct user_input disable = {.disabled = 1};
    struct user_input enable = {.disabled = 0};
    assert_int_equal(service_change_user(c.user.user_ref, &disable, &user), STATUS_OK);
    assert_true(user.disabled);
    assert_int_equal(rig_consume(&c, &input), CONSUME_FORBIDDEN);
    assert_int_equal(service_change_user(c.user.user_ref, &enable, &user), STATUS_OK);
    assert_int_equal(service_revoke(&c.user, c.token.ref, (struct bytes){NULL, 0}, &already, &token),
                     STATUS_OK);
    assert_int_equal(rig_consume(&c, &input), CONSUME_SPENT);
}

static void a_repeated_consumption_gets_the_first_answer(void **state)
{
    (void)state;
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
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
    rig_upkeep();
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
    rig_action(&c);
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
    rig_upkeep();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_action_token_is_consumed_once),
        TEST(a_failed_consumption_changes_nothing),
        TEST(a_revoked_disabled_or_expired_action_token_is_not_consumed),
        TEST(a_repeated_consumption_gets_the_first_answer),
        TEST(a_repeated_create_gives_the_same_secret_without_a_write),
        TEST(repeated_tenants_and_users_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
