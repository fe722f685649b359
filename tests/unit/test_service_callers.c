/*
 * Who is calling, by which credential, and what it may do; JWTs and access tokens.
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
    struct signing_key_view key;
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
    assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
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
        assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
    }
    assert_int_equal(service_rotate_signing_key(&key), STATUS_CONFLICT);
    rig_advance_s(367 * 86400);
    assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
