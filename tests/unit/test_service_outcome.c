/*
 * Outcomes of commands under an Idempotency-Key: kept for a day, through restarts, compaction and a full table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_rig.h"
#include "store/store.h"

static struct caller caller;
static struct outcome_begin begun;
static struct outcome found;

static int fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    rig_new();
    rig_root_caller(&caller);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

static struct idempotency key_of(const char *text)
{
    return (struct idempotency){.key = rig_text(text), .payload_digest = {7}};
}

static enum outcome_state look(const struct caller *who, const struct idempotency *key)
{
    enum outcome_state state;
    assert_int_equal(service_find_outcome(who, key, &state, &found), STATUS_OK);
    return state;
}

static void begin(const struct idempotency *key)
{
    assert_int_equal(service_begin_outcome(&caller, NULL, key, &begun), STATUS_OK);
    assert_int_equal(begun.consumed, CONSUME_OK);
}

static enum status end(uint32_t number, uint16_t status, const char *body)
{
    const struct outcome outcome = {status, BYTES_LITERAL("application/json"), rig_text(body)};
    return service_end_outcome(number, &outcome);
}

static void an_outcome_is_found_again(void **state)
{
    (void)state;
    struct idempotency key = key_of("k1");
    struct idempotency changed = {.key = key.key, .payload_digest = {8}};
    struct idempotency other = key_of("k2");
    enum outcome_state ignored;
    assert_int_equal(look(&caller, &key), OUTCOME_NONE);
    begin(&key);
    assert_int_not_equal(begun.number, 0);
    assert_int_equal(look(&caller, &key), OUTCOME_UNDER_WAY);
    assert_int_equal(service_find_outcome(&caller, &changed, &ignored, &found), STATUS_CONFLICT);
    assert_int_equal(end(begun.number, 201, "{\"id\":1}"), STATUS_OK);
    rig_flush();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look(&caller, &key), OUTCOME_KNOWN);
        assert_int_equal(found.status, 201);
        assert_true(bytes_equal_string(found.content_type, "application/json"));
        assert_true(bytes_equal_string(found.body, "{\"id\":1}"));
        assert_int_equal(look(&caller, &other), OUTCOME_NONE);
        assert_int_equal(service_find_outcome(&caller, &changed, &ignored, &found), STATUS_CONFLICT);
        rig_reboot();
        rig_root_caller(&caller);
    }
    rig_advance_s(IDEMPOTENCY_LIFE_S - 1);
    assert_int_equal(look(&caller, &key), OUTCOME_KNOWN);
    rig_advance_s(1);
    assert_int_equal(look(&caller, &key), OUTCOME_NONE);
    begin(&changed);
    assert_int_equal(look(&caller, &changed), OUTCOME_UNDER_WAY);
}

static void what_a_restart_cut_off_is_unknown(void **state)
{
    (void)state;
    struct idempotency key = key_of("k1");
    begin(&key);
    rig_flush();
    rig_reboot();
    rig_root_caller(&caller);
    assert_int_equal(look(&caller, &key), OUTCOME_UNKNOWN);
    rig_advance_s(IDEMPOTENCY_LIFE_S);
    rig_upkeep();
    assert_int_equal(look(&caller, &key), OUTCOME_NONE);
    begin(&key);
    rig_reboot(); /* never durable: it never went */
    rig_root_caller(&caller);
    assert_int_equal(look(&caller, &key), OUTCOME_NONE);
}

static void keys_are_one_space(void **state)
{
    (void)state;
    struct idempotency key = key_of("k1");
    struct platform_input input = {
        .tenant_ref = caller.tenant_ref, .name = BYTES_LITERAL("n"), .permissions = PERMISSION_VIEW};
    struct token_view token;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    enum outcome_state ignored;
    begin(&key);
    assert_int_equal(service_create_platform(&caller, &input, &key, &token, secret), STATUS_CONFLICT);
    struct idempotency made = key_of("k2");
    assert_int_equal(service_create_platform(&caller, &input, &made, &token, secret), STATUS_OK);
    assert_int_equal(service_find_outcome(&caller, &made, &ignored, &found), STATUS_CONFLICT);
    struct action_case c;
    rig_action(&c); /* another caller's key is another key */
    assert_int_equal(look(&c.user, &key), OUTCOME_NONE);
}

static void the_token_goes_with_it(void **state)
{
    (void)state;
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    struct idempotency key = key_of("k1");
    input.digest[0] ^= 1;
    assert_int_equal(service_begin_outcome(&c.user, &input, &key, &begun), STATUS_OK);
    assert_int_equal(begun.consumed, CONSUME_MISMATCH);
    assert_int_equal(look(&c.user, &key), OUTCOME_NONE);
    input.digest[0] ^= 1;
    assert_int_equal(service_begin_outcome(&c.user, &input, &key, &begun), STATUS_OK);
    assert_int_equal(begun.consumed, CONSUME_OK);
    assert_int_equal(begun.token.ref, c.token.ref);
    assert_int_equal(look(&c.user, &key), OUTCOME_UNDER_WAY);
    struct idempotency second = key_of("k2");
    assert_int_equal(service_begin_outcome(&c.user, &input, &second, &begun), STATUS_OK);
    assert_int_equal(begun.consumed, CONSUME_SPENT);
    assert_int_equal(service_begin_outcome(&caller, NULL, NULL, &begun), STATUS_OK);
    assert_int_equal(begun.number, 0);
}

/* More outcomes than the log holds at once, a day after a day: compaction keeps those that count, and no others. */
static void outcomes_come_and_go(void **state)
{
    (void)state;
    static char body[OUTCOME_BODY_MAX_BYTES + 1];
    memset(body, 'x', OUTCOME_BODY_MAX_BYTES);
    rig_new_with(4 * RIG_TABLE_BYTES, 24);
    rig_root_caller(&caller);
    struct idempotency kept = key_of("kept");
    for (int day = 0; day < 60; day++) {
        rig_advance_s(IDEMPOTENCY_LIFE_S);
        begin(&kept);
        assert_int_equal(end(begun.number, 200, body), STATUS_OK);
        for (int i = 0; i < 12; i++) {
            char name[32];
            snprintf(name, sizeof name, "d%di%d", day, i);
            struct idempotency key = key_of(name);
            begin(&key);
            assert_int_equal(end(begun.number, 200, body), STATUS_OK);
            rig_flush();
            rig_upkeep();
            while (store_step(service_now_s(), 100000)) {
            }
        }
        if (day % 10 == 9) {
            rig_reboot();
            rig_root_caller(&caller);
        }
        assert_int_equal(look(&caller, &kept), OUTCOME_KNOWN);
        assert_int_equal(found.body.size, OUTCOME_BODY_MAX_BYTES);
    }
}

static void a_full_table_refuses_before_anything_is_done(void **state)
{
    (void)state;
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    enum status status = STATUS_OK;
    int count = 0;
    for (; status == STATUS_OK && count <= SERVICE_OUTCOMES_MAX; count++) {
        char name[32];
        snprintf(name, sizeof name, "k%d", count);
        struct idempotency key = key_of(name);
        status = service_begin_outcome(&caller, NULL, &key, &begun);
        if (status == STATUS_OK) {
            assert_int_equal(end(begun.number, 200, "{}"), STATUS_OK);
            rig_flush();
        }
    }
    assert_int_equal(status, STATUS_FULL);
    struct idempotency key = key_of("one more");
    assert_int_equal(service_begin_outcome(&c.user, &input, &key, &begun), STATUS_FULL);
    assert_int_equal(service_begin_outcome(&c.user, &input, NULL, &begun), STATUS_OK);
    assert_int_equal(begun.consumed, CONSUME_OK);
    rig_flush();
    rig_reboot();
    rig_root_caller(&caller);
    struct idempotency first = key_of("k0");
    assert_int_equal(look(&caller, &first), OUTCOME_KNOWN);
    rig_advance_s(IDEMPOTENCY_LIFE_S);
    begin(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_outcome_is_found_again), TEST(what_a_restart_cut_off_is_unknown),
        TEST(keys_are_one_space),        TEST(the_token_goes_with_it),
        TEST(outcomes_come_and_go),      TEST(a_full_table_refuses_before_anything_is_done),
    };
    return cmocka_run_group_tests_name("service_outcome", tests, NULL, NULL);
}
