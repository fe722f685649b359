/*
 * How secrets end: rotation, suspension, deletion, bulk revocation.
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
    rig_action(&c);
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
    rig_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j", header, &token);
    struct consume_input input = rig_consume_input(&c);
    uint32_t before = service_user_count();
    assert_int_equal(service_delete_user(c.user.user_ref), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(service_user_count(), before - 1);
        assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
        assert_int_equal(rig_consume(&c, &input), CONSUME_UNKNOWN);
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
    rig_action(&c);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rotation_with_and_without_overlap),
        TEST(rotation_hands_out_no_stronger_secret),
        TEST(suspending_and_disabling_stop_at_once_and_come_back),
        TEST(a_deleted_users_tokens_die),
        TEST(one_record_revokes_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
