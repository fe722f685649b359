/*
 * Each take of a bounded pool fails, one by one, in a workload of all verbs: the verb is refused and has taken nothing, or
 * done; asked again with room it is done; and in the end all is there as if nothing had failed, before and after a reboot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/state.h"
#include "service_rig.h"
#include "tests/support/table_print.h"
#include "tests/support/takes.h"

#define BLOCKS      24
#define MANY        17 /* more than keep the reason of a bulk revocation themselves */
#define TAKES_MAX   1000
#define STEP_TOKENS 4 /* fewer than take the room of one long name */

/* ---- the cast ---- */

static struct {
    struct caller root;
    struct caller user;
    struct caller service; /* by `platform` */
    uint32_t many_tenant;
    uint32_t few_tenant;
    uint32_t late_user;
    uint32_t shop;
    struct token_view platform;
    char header[256];     /* of the service, as created */
    char new_header[256]; /* as rotated */
    char access[1100];    /* "Bearer ..." of the service */
    struct uuid access_id;
    char jwt[1024];
    uint32_t jwt_ref;
    char actions[2][ACTION_TOKEN_TEXT_BYTES + 1];
    struct outcome_begin begin;
    bool is_lossy; /* a verb was done and left out what a full pool may lose */
} cast;

static struct idempotency key_of(const char *text)
{
    return (struct idempotency){.key = rig_text(text), .payload_digest = {(uint8_t)text[0]}};
}

/* What is there before pools fail. */
static void make_cast(const char *service_name)
{
    char header[1024];
    struct token_view token;
    memset(&cast, 0, sizeof cast);
    rig_new_with(TABLE_MEMORY_MIN_BYTES, BLOCKS);
    rig_root_caller(&cast.root);
    cast.many_tenant = rig_tenant("many");
    cast.few_tenant = rig_tenant("few");
    for (int i = 0; i < MANY; i++) {
        rig_platform(cast.many_tenant, PERMISSION_VIEW, "one of many", header, &token);
    }
    rig_platform(cast.few_tenant, PERMISSION_VIEW, "one of few", header, &token);
    cast.late_user = rig_user("late@example.org", cast.root.tenant_ref, CAPABILITY_WITHDRAWAL);
    rig_jwt(cast.late_user, cast.root.tenant_ref, "late", header, &token);
    rig_platform(cast.root.tenant_ref, PERMISSION_VIEW | PERMISSION_TRANSACT, service_name, cast.header,
                 &cast.platform);
    assert_int_equal(rig_authenticate(cast.header, &cast.service), STATUS_OK);
    struct buffer text = buffer_over(cast.access, sizeof cast.access - 1);
    uint32_t life_s;
    buffer_append_string(&text, "Bearer ");
    assert_int_equal(service_issue_access_token(&cast.service, &text, &life_s), STATUS_OK);
    struct inspection found;
    assert_int_equal(service_inspect(rig_text(cast.access + 7), &found), STATUS_OK);
    cast.access_id = found.jti;
    rig_flush();
}

/* ---- the workload: each step is one verb, to be asked again when it was refused ---- */

static enum status create_tenant(void)
{
    struct tenant_view tenant;
    struct idempotency key = key_of("tenant");
    enum status status = service_create_tenant(BYTES_LITERAL("shop"), &key, &tenant);
    cast.shop = status == STATUS_OK ? tenant.ref : 0;
    return status;
}

static enum status create_user(void)
{
    struct user_view user;
    struct idempotency key = key_of("user");
    struct bytes capability = BYTES_LITERAL(CAPABILITY_WITHDRAWAL);
    struct user_input input = {.email = BYTES_LITERAL("u@example.org"),
                               .tenant_refs = &cast.root.tenant_ref,
                               .tenant_count = 1,
                               .capabilities = &capability,
                               .capability_count = 1,
                               .disabled = -1};
    enum status status = service_create_user(&input, &key, &user);
    if (status == STATUS_OK) {
        cast.user = (struct caller){.kind = CALLER_USER,
                                    .credential = CREDENTIAL_JWT,
                                    .tenant_ref = cast.root.tenant_ref,
                                    .user_ref = user.ref,
                                    .principal = user.id};
    }
    return status;
}

static enum status create_jwt(void)
{
    bool limit;
    struct token_view token;
    struct idempotency key = key_of("jwt");
    struct jwt_input input = {.tenant_ref = cast.root.tenant_ref,
                              .user_ref = cast.user.user_ref,
                              .name = BYTES_LITERAL("a token"),
                              .description = BYTES_LITERAL("of the user"),
                              .expires_in_days = 2};
    struct buffer text = buffer_over(cast.jwt, sizeof cast.jwt - 1);
    enum status status = service_create_jwt(&cast.user, &input, &key, &token, &text, &limit);
    cast.jwt_ref = status == STATUS_OK ? token.ref : 0;
    return status;
}

static enum status create_platform(void)
{
    struct token_view token;
    struct cidr range = {.prefix_bits = 0};
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct platform_input input = {.tenant_ref = cast.root.tenant_ref,
                                   .name = BYTES_LITERAL("another"),
                                   .permissions = PERMISSION_VIEW,
                                   .cidrs = &range,
                                   .cidr_count = 1};
    return service_create_platform(&cast.root, &input, NULL, &token, secret);
}

static enum status create_action(size_t index, const char *key_text)
{
    struct token_view token;
    struct idempotency key = key_of(key_text);
    struct action_input input = {.action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL), .life_s = 300};
    return service_create_action(&cast.user, &input, &key, &token, cast.actions[index]);
}

static enum status create_first_action(void)
{
    return create_action(0, "first");
}

static enum status create_second_action(void)
{
    return create_action(1, "second");
}

static struct consume_input consume_input_of(const char *token, char actor[64])
{
    struct buffer out = buffer_over(actor, 63);
    buffer_append_string(&out, "users/");
    encode_uuid(&out, &cast.user.principal);
    return (struct consume_input){
        .token = rig_text(token), .actor = buffer_view(&out), .action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL)};
}

static enum status consume(void)
{
    char actor[64];
    struct token_view token;
    enum consume_result result;
    struct idempotency key = key_of("consume");
    struct consume_input input = consume_input_of(cast.actions[0], actor);
    enum status status = service_consume(&cast.root, &input, &key, &result, &token);
    assert_int_equal(result, CONSUME_OK);
    return status;
}

static enum status rotate(void)
{
    char client_id[CLIENT_ID_TEXT_BYTES + 1] = {0};
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct token_view token;
    struct idempotency key = key_of("rotate");
    struct buffer out = buffer_over(client_id, CLIENT_ID_TEXT_BYTES);
    enum status status = service_rotate(&cast.root, &cast.platform.id, 1000, &key, &token, secret);
    if (status == STATUS_OK) {
        encode_hex(&out, bytes_of(cast.platform.client_id, 16));
        rig_basic(client_id, secret, cast.new_header);
    }
    return status;
}

static enum status revoke_access_token(void)
{
    return service_revoke_access_token(cast.service.token_ref, &cast.access_id);
}

static enum status change_tenant(void)
{
    struct tenant_view tenant;
    struct tenant_change change = {.suspended = -1, .policy = BYTES_LITERAL("{\"action_token_ttl_s\":60}")};
    return service_change_tenant(cast.shop, &change, &tenant);
}

static enum status suspend_tenant(void)
{
    struct tenant_view tenant;
    struct tenant_change change = {.suspended = 1};
    return service_change_tenant(cast.shop, &change, &tenant);
}

static enum status change_user(void)
{
    struct user_view user;
    struct user_input change = {
        .email = BYTES_LITERAL("longer.than.before@example.org"), .has_capabilities = true, .disabled = -1};
    return service_change_user(cast.late_user, &change, &user);
}

static enum status disable_user(void)
{
    struct user_view user;
    struct user_input change = {.disabled = 1};
    return service_change_user(cast.late_user, &change, &user);
}

static enum status delete_user(void)
{
    return service_delete_user(cast.late_user);
}

static enum status revoke(void)
{
    bool already;
    struct token_view token;
    return service_revoke(&cast.root, cast.jwt_ref, BYTES_LITERAL("a reason"), &already, &token);
}

static enum status revoke_all_of(uint32_t tenant_ref, uint64_t expected)
{
    uint64_t count;
    struct revocation_selector selector = {
        .tenant_ref = tenant_ref, .family = -1, .reason = BYTES_LITERAL("all of them")};
    enum status status = service_revoke_many(&cast.root, &selector, &count);
    assert_int_equal(count, status == STATUS_OK ? expected : 0);
    return status;
}

static enum status revoke_many(void)
{
    return revoke_all_of(cast.many_tenant, MANY);
}

static enum status revoke_few(void)
{
    return revoke_all_of(cast.few_tenant, 1);
}

static enum status set_setting(void)
{
    return service_setting_set("takes", BYTES_LITERAL("a value"));
}

static enum status rotate_signing_key(void)
{
    struct signing_key_view key;
    return service_rotate_signing_key(&key);
}

static enum status begin_outcome(void)
{
    char actor[64];
    struct idempotency key = key_of("outcome");
    struct consume_input input = consume_input_of(cast.actions[1], actor);
    enum status status = service_begin_outcome(&cast.user, &input, &key, &cast.begin);
    assert_int_equal(cast.begin.consumed, CONSUME_OK);
    return status;
}

/* Not to be asked again: an answer that cannot be kept is unknown for good. */
static enum status end_outcome(void)
{
    enum outcome_state state;
    struct outcome found;
    struct idempotency key = key_of("outcome");
    struct outcome outcome = {201, BYTES_LITERAL("text/plain"), BYTES_LITERAL("done")};
    enum status status = service_end_outcome(cast.begin.number, &outcome);
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    cast.is_lossy = cast.is_lossy || status == STATUS_FULL;
    assert_int_equal(service_find_outcome(&cast.user, &key, &state, &found), STATUS_OK);
    assert_int_equal(state, status == STATUS_OK ? OUTCOME_KNOWN : OUTCOME_UNKNOWN);
    return STATUS_OK;
}

/* Last-used times go to the log or stay in RAM. */
static enum status upkeep(void)
{
    rig_advance_s(SERVICE_TOUCH_PERIOD_S + 1);
    rig_upkeep();
    return STATUS_OK;
}

static enum status (*const steps[])(void) = {
    create_tenant, create_user, create_jwt,           create_platform, create_first_action,
    consume,       rotate,      create_second_action, change_tenant,   revoke_access_token,
    begin_outcome, end_outcome, set_setting,          change_user,     rotate_signing_key,
    revoke,        revoke_many, revoke_few,           disable_user,    suspend_tenant,
    delete_user,   upkeep,
};
#define STEPS (sizeof steps / sizeof steps[0])

/* ---- what must be true ---- */

static const uint64_t numbers[] = {1, 2, TAKES_ALL}; /* of takes that fail in a row */
static size_t refused_count;

/* Refused: not a byte of the pools was taken. Asked again, with room, it is done. */
static void take_step(enum status (*step)(void))
{
    struct table_print before;
    struct table_print after;
    static struct tables tables;
    memcpy(&tables, &service.tables, sizeof tables);
    table_print(&before);
    takes_begin();
    enum status status = step();
    takes_end();
    if (takes.failed > 0) {
        takes_give();
    }
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_FULL);
        assert_true(takes.failed > 0);
        assert_memory_equal(&tables, &service.tables, sizeof tables);
        table_print(&after);
        assert_true(table_prints_equal(&before, &after, true));
        refused_count++;
        assert_int_equal(step(), STATUS_OK);
    } else {
        cast.is_lossy = cast.is_lossy || takes.failed > 0;
    }
    takes.failed = 0;
}

static enum token_state state_of(const char *text)
{
    struct inspection found;
    assert_int_equal(service_inspect(rig_text(text), &found), STATUS_OK);
    return found.token.state;
}

/* What was acknowledged holds, whatever failed. */
static void check_acknowledged(void)
{
    struct caller caller;
    assert_int_equal(state_of(cast.actions[0]), TOKEN_CONSUMED);
    assert_int_equal(state_of(cast.actions[1]), TOKEN_CONSUMED);
    assert_int_equal(state_of(cast.jwt), TOKEN_REVOKED);
    assert_int_equal(rig_authenticate(cast.access, &caller), STATUS_DENIED);
    assert_int_equal(rig_authenticate(cast.new_header, &caller), STATUS_OK);
    assert_int_equal(rig_authenticate(cast.header, &caller), STATUS_OK); /* for the overlap */
    struct bytes value;
    assert_int_equal(service_setting_get("takes", &value), STATUS_OK);
    assert_true(bytes_equal(value, BYTES_LITERAL("a value")));
}

/* One run; how many takes it had. */
static uint64_t run(uint64_t failing, uint64_t number, struct table_print *print)
{
    make_cast("service");
    takes_fail(failing, number);
    for (size_t i = 0; i < STEPS; i++) {
        take_step(steps[i]);
    }
    uint64_t count = takes.count;
    rig_flush();
    table_print(print);
    check_acknowledged();
    return count;
}

static void check_reboot(const struct table_print *expected, bool whole)
{
    struct table_print print;
    rig_reboot();
    table_print(&print);
    assert_true(table_prints_equal(expected, &print, whole));
    check_acknowledged();
}

static void test_each_take_of_the_verbs(void **state)
{
    (void)state;
    struct table_print whole;
    struct table_print print;
    uint64_t count = run(0, 0, &whole);
    assert_in_range(count, STEPS, TAKES_MAX);
    check_reboot(&whole, true);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (uint64_t failing = 1; failing <= count; failing++) {
            run(failing, numbers[i], &print);
            assert_true(table_prints_equal(&whole, &print, !cast.is_lossy));
            check_reboot(&whole, !cast.is_lossy);
        }
    }
    print_message("%u takes, %zu verbs refused\n", (unsigned)count, refused_count);
    assert_true(takes.kinds[TAKE_TEXT] > 0 && takes.kinds[TAKE_PRINCIPAL] > 0);
    assert_true(takes.kinds[TAKE_LOG] > 0 && takes.kinds[TAKE_NOTE] > 0);
}

/* A boot with too little memory refuses, and harms nothing; one that does not refuse has all that was acknowledged. */
static void test_each_take_of_a_replay(void **state)
{
    (void)state;
    struct table_print whole;
    struct table_print print;
    size_t refused = 0;
    uint64_t count = 1;
    run(0, 0, &whole);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (uint64_t failing = 1; failing <= count; failing++) {
            takes_fail(failing, numbers[i]);
            takes_begin();
            enum status status = rig_try_reboot();
            takes_end();
            takes_give();
            count = takes.count > count ? takes.count : count;
            assert_true(status == STATUS_OK || status == STATUS_FULL);
            refused += status == STATUS_FULL;
            if (status == STATUS_OK) {
                table_print(&print);
                assert_true(table_prints_equal(&whole, &print, false));
                check_acknowledged();
            }
        }
    }
    print_message("%u takes, %zu boots refused\n", (unsigned)count, refused);
    assert_true(refused > 10);
    check_reboot(&whole, true);
}

static bool make_action(uint32_t life_s)
{
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    struct token_view token;
    struct action_input input = {.action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL), .life_s = life_s};
    enum status status = service_create_action(&cast.user, &input, NULL, &token, text);
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    rig_flush();
    return status == STATUS_OK;
}

/* Nothing fails here. A replay goes through more tokens than were ever there at once, as those that had expired still
 * have their places: also where these are just used up, what was revoked stays revoked. */
static void test_replay_of_more_than_fits(void **state)
{
    (void)state;
    char name[1000] = {0};
    memset(name, 'n', sizeof name - 1);
    for (size_t more = 50; more < 200; more += STEP_TOKENS) {
        struct caller caller;
        make_cast(name);
        assert_int_equal(create_user(), STATUS_OK);
        while (make_action(30)) {
        }
        rig_advance_s(200);
        rig_upkeep();
        for (size_t i = 0; i < more; i++) {
            assert_true(make_action(300));
        }
        assert_int_equal(revoke_access_token(), STATUS_OK);
        rig_flush();
        assert_int_equal(rig_authenticate(cast.access, &caller), STATUS_DENIED);
        rig_reboot();
        assert_int_equal(rig_authenticate(cast.access, &caller), STATUS_DENIED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_take_of_the_verbs),
        cmocka_unit_test(test_each_take_of_a_replay),
        cmocka_unit_test(test_replay_of_more_than_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
