/*
 * A full table: what stops somebody works all the same, and a replay has room for what had room when it came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/state.h"
#include "service_rig.h"

static struct caller root;
static char long_text[TENANT_POLICY_MAX_BYTES + 1];

static void start(void)
{
    rig.jwt_es256 = false;
    memset(long_text, 'x', sizeof long_text - 1);
    rig_new_with(TABLE_MEMORY_MIN_BYTES, 64);
    rig_root_caller(&root);
}

static void reboot(void)
{
    rig_flush();
    rig_reboot();
    rig_root_caller(&root);
}

static uint32_t tenant_with_policy(const char *name)
{
    struct tenant_view tenant;
    struct tenant_change change = {.suspended = -1, .policy = rig_text(long_text)};
    uint32_t ref = rig_tenant(name);
    assert_int_equal(service_change_tenant(ref, &change, &tenant), STATUS_OK);
    return ref;
}

static uint32_t user_with_capabilities(void)
{
    struct user_view user;
    struct bytes capabilities[USER_CAPABILITIES_MAX];
    for (size_t i = 0; i < USER_CAPABILITIES_MAX; i++) {
        capabilities[i] = bytes_of(long_text, CAPABILITY_MAX_BYTES);
    }
    struct user_input input = {.email = BYTES_LITERAL("u@example.org"),
                               .tenant_refs = &root.tenant_ref,
                               .tenant_count = 1,
                               .capabilities = capabilities,
                               .capability_count = USER_CAPABILITIES_MAX,
                               .disabled = -1};
    assert_int_equal(service_create_user(&input, NULL, &user), STATUS_OK);
    return user.ref;
}

/* As many tokens as there is room for; the last one's ref. */
static uint32_t create_until_full(size_t name_bytes, int64_t life_s)
{
    struct token_view token;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    uint32_t last = 0;
    struct platform_input input = {.tenant_ref = root.tenant_ref,
                                   .name = bytes_of(long_text, name_bytes),
                                   .permissions = PERMISSION_VIEW,
                                   .expires_s = life_s != 0 ? service_now_s() + life_s : 0};
    while (service_create_platform(&root, &input, NULL, &token, secret) == STATUS_OK) {
        last = token.ref;
        rig_flush();
    }
    return last;
}

/* All that issuing may have is taken, and all that reasons may. */
static void fill_table(void)
{
    struct token_view token;
    bool already;
    uint32_t ref = 3;
    for (size_t bytes = 1000; bytes > 0; bytes /= 4) {
        (void)create_until_full(bytes, 0);
    }
    for (size_t bytes = TOKEN_REASON_MAX_BYTES; bytes > 8; bytes = bytes * 3 / 4) {
        do {
            assert_int_equal(service_revoke(&root, ++ref, bytes_of(long_text, bytes), &already, &token),
                             STATUS_OK);
        } while (already || token.revocation_reason.size > 0);
    }
}

/* What stops somebody works whatever the table holds, however long the texts are of what is stopped. */
static void a_full_table_stops_all(void **state)
{
    (void)state;
    char header[256];
    char access[1100];
    char name[TOKEN_NAME_MAX_BYTES + 1];
    struct token_view token;
    struct caller service_caller;
    struct inspection found;
    uint32_t life_s;
    start();
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    rig_platform(root.tenant_ref, PERMISSION_VIEW, name, header, &token);
    assert_int_equal(rig_authenticate(header, &service_caller), STATUS_OK);
    struct buffer text = buffer_over(access, sizeof access - 1);
    assert_int_equal(service_issue_access_token(&service_caller, &text, &life_s), STATUS_OK);
    assert_int_equal(service_inspect(buffer_view(&text), &found), STATUS_OK);
    uint32_t tenants[3];
    for (size_t i = 0; i < 3; i++) {
        tenants[i] = tenant_with_policy(rig_name("tenant", i));
    }
    uint32_t user = user_with_capabilities();
    for (size_t i = 0; i < 3; i++) {
        struct tenant_view tenant;
        struct tenant_change change = {.suspended = 1};
        fill_table();
        assert_int_equal(service_change_tenant(tenants[i], &change, &tenant), STATUS_OK);
        assert_true(tenant.suspended);
    }
    struct user_view view;
    struct user_input change = {.disabled = 1};
    fill_table();
    assert_int_equal(service_change_user(user, &change, &view), STATUS_OK);
    fill_table();
    assert_int_equal(service_revoke_access_token(token.ref, &found.jti), STATUS_OK);
    assert_int_equal(service_delete_user(user), STATUS_OK);
    rig_flush();
    rig_reboot();
    for (uint32_t ref = service_next_tenant(0); ref != 0; ref = service_next_tenant(ref)) {
        struct tenant_view tenant;
        service_view_tenant(ref, &tenant);
        assert_true(tenant.suspended == (tenant.policy.size > 100));
    }
    assert_int_equal(service_user_count(), 0);
    assert_int_equal(service_find(0, TOKEN_PLATFORM, &token.id, &token), STATUS_OK);
    assert_non_null(fields_find(pool_text(&service.tables.pool, token_at(&service.tables, token.ref)->text),
                                FIELD_ACCESS_CUT)
                        .data);
}

static size_t create_policies_until_full(void)
{
    size_t count = 0;
    struct tenant_view tenant;
    struct tenant_change change = {.suspended = -1, .policy = rig_text(long_text)};
    while (service_create_tenant(BYTES_LITERAL("one more"), NULL, &tenant) == STATUS_OK &&
           service_change_tenant(tenant.ref, &change, &tenant) == STATUS_OK) {
        count++;
        rig_flush();
    }
    return count;
}

static size_t set_until_full(void)
{
    size_t count = 0;
    struct bytes value = bytes_of(long_text, SERVICE_SETTING_MAX_BYTES);
    while (service_setting_set(rig_name("s", count), value) == STATUS_OK) {
        count++;
    }
    return count;
}

static size_t count_policies(void)
{
    size_t count = 0;
    for (uint32_t ref = service_next_tenant(0); ref != 0; ref = service_next_tenant(ref)) {
        struct tenant_view tenant;
        service_view_tenant(ref, &tenant);
        count += bytes_equal_string(tenant.policy, long_text);
    }
    return count;
}

static const struct idempotency outcome_key = {.key = {(const uint8_t *)"k", 1}, .payload_digest = {7}};

static void keep_outcome(void)
{
    struct outcome_begin begun;
    struct outcome outcome = {201, BYTES_LITERAL("text/plain"), BYTES_LITERAL("done")};
    assert_int_equal(service_begin_outcome(&root, NULL, &outcome_key, &begun), STATUS_OK);
    assert_int_equal(service_end_outcome(begun.number, &outcome), STATUS_OK);
}

static enum outcome_state outcome_state(void)
{
    enum outcome_state state;
    struct outcome found;
    assert_int_equal(service_find_outcome(&root, &outcome_key, &state, &found), STATUS_OK);
    return state;
}

/* A bulk revocation, of one action token. */
static void look_at_all(uint32_t user_ref)
{
    uint64_t count;
    struct revocation_selector selector = {.user_ref = user_ref, .family = TOKEN_ACTION};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, 1);
    rig_flush();
}

/* What came when a full table had been swept: a replay meets it with all that is past still in its place, on the flash or,
 * when a bulk revocation needed all tokens, in the table. */
static void a_replay_of_a_full_table_has_room_for_what_came_after(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct action_case c;
        start();
        rig_action(&c);
        assert_true(create_until_full(TOKEN_NAME_MAX_BYTES, 10) > 100);
        if (round > 0) {
            look_at_all(c.user.user_ref);
        }
        rig_advance_s(10 + TOKEN_RETENTION_S + 1);
        rig_compact();
        keep_outcome(); /* there is room for a long text again */
        size_t settings = round == 2 ? set_until_full() : 0;
        size_t policies = create_policies_until_full();
        settings += round != 2 ? set_until_full() : 0;
        assert_true(policies > 5 && settings > 5);
        reboot();
        assert_int_equal(count_policies(), policies);
        for (size_t i = 0; i < settings; i++) {
            struct bytes value;
            assert_int_equal(service_setting_get(rig_name("s", i), &value), STATUS_OK);
            assert_int_equal(value.size, SERVICE_SETTING_MAX_BYTES);
        }
        assert_int_equal(outcome_state(), OUTCOME_KNOWN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_table_stops_all),
        cmocka_unit_test(a_replay_of_a_full_table_has_room_for_what_came_after),
    };
    return cmocka_run_group_tests_name("service_full", tests, NULL, NULL);
}
