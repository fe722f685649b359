/*
 * Time, upkeep, and the bounds of memory: what the service does as the clock runs and the table fills.
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
    rig_action(&c);
    rig_jwt(c.user.user_ref, c.user.tenant_ref, "j", header, &token);
    rig_flush();
    sim_clear_wall_clock();
    rig_reboot();
    assert_false(service_clock_known());
    assert_true(service_now_s() == 0);
    struct consume_input input = rig_consume_input(&c);
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

static void an_orderly_stop_keeps_the_last_use(void **state)
{
    (void)state;
    struct caller caller;
    struct token_view token;
    rig_advance_s(7);
    rig_root_caller(&caller);
    int64_t used_s = service_now_s();
    service_stop();
    rig_flush();
    rig_reboot();
    assert_int_equal(service_find(0, TOKEN_PLATFORM, &caller.principal, &token), STATUS_OK);
    assert_true(token.last_used_s == used_s);
}

static void expired_tokens_leave_the_table(void **state)
{
    (void)state;
    struct action_case c;
    struct service_stats stats;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_ACTION][TOKEN_ACTIVE], 1);
    assert_int_equal(rig_consume(&c, &input), CONSUME_OK);
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_ACTION][TOKEN_CONSUMED], 1);
    uint64_t before = stats.token_count;
    rig_advance_s(301);
    rig_upkeep();
    service_stats(&stats);
    assert_int_equal(stats.token_count, before - 1);
    assert_int_equal(stats.collected_count, 1);
    rig_advance_s(30 * 86400);
    rig_upkeep();
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_JWT][TOKEN_EXPIRED], 1);
    rig_advance_s(TOKEN_RETENTION_S + 1);
    rig_upkeep();
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_JWT][TOKEN_EXPIRED], 0);
    rig_flush();
    rig_reboot();
    service_need_all();
    service_stats(&stats);
    assert_int_equal(stats.token_count, 2); /* root and the consumer */
}

static void a_full_table_issues_no_more_but_revokes_and_consumes(void **state)
{
    (void)state;
    rig_new_with(TABLE_MEMORY_MIN_BYTES, 64);
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
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
    for (uint32_t ref = 2; ref < 100; ref++) { /* more reasons than there is room for */
        assert_int_equal(service_revoke(&c.consumer, ref, rig_text(reason), &already, &token), STATUS_OK);
        assert_true(token.state != TOKEN_ACTIVE);
    }
    assert_int_equal(service_change_tenant(c.user.tenant_ref, &suspend, &tenant), STATUS_OK);
    rig_flush();
    rig_reboot();
    assert_int_equal(service_find(0, TOKEN_ACTION, &token.id, &token), STATUS_OK);
    assert_int_equal(token.state, TOKEN_REVOKED);
}

static void a_full_flash_issues_no_more_but_revokes_and_consumes_all_it_holds(void **state)
{
    (void)state;
    rig_new_with(RIG_TABLE_BYTES, 16);
    struct action_case c;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    struct token_view token;
    struct token_view newest = {0};
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    enum status status = STATUS_OK;
    uint32_t made = 0;
    for (; status == STATUS_OK && made < 100000; made++) {
        status = service_create_action(&c.user, &c.input, NULL, &token, text);
        newest = status == STATUS_OK ? token : newest;
        if (made % 8 == 0) {
            rig_flush();
            (void)store_step(service_now_s(), 2000);
        }
    }
    assert_int_equal(status, STATUS_FULL);
    assert_true(made > 1000);
    assert_int_equal(rig_consume(&c, &input), CONSUME_OK);
    for (uint32_t ref = c.token.ref + 1; ref <= newest.ref; ref++) {
        bool already;
        assert_int_equal(
            service_revoke(&c.consumer, ref, rig_text("every one, with a reason"), &already, &token),
            STATUS_OK);
        assert_false(already);
        if (ref % 8 == 0) {
            rig_flush();
        }
    }
    rig_flush();
    rig_reboot();
    assert_int_equal(service_find(0, TOKEN_ACTION, &c.token.id, &token), STATUS_OK);
    c.consumer.tenant_ref = token.tenant_ref; /* relocation has moved it */
    assert_int_equal(rig_consume(&c, &input), CONSUME_SPENT);
    struct service_stats stats;
    service_need_all();
    service_stats(&stats);
    assert_int_equal(stats.tokens[TOKEN_ACTION][TOKEN_ACTIVE], 0);
    assert_int_equal(stats.tokens[TOKEN_ACTION][TOKEN_REVOKED], made - 1);
}

/* Short-lived tokens of a whole day pass through a table that holds a fraction of them; so must their replay. */
static void a_log_of_more_tokens_than_ever_lived_at_once_is_replayed(void **state)
{
    (void)state;
    rig_new_with(TABLE_MEMORY_MIN_BYTES, 256);
    struct action_case c;
    struct token_view token;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    rig_action(&c);
    for (uint32_t i = 0; i < 12000; i++) {
        assert_int_equal(service_create_action(&c.user, &c.input, NULL, &token, text), STATUS_OK);
        if (i % 4 == 3) {
            rig_advance_s(1);
            rig_upkeep();
            rig_flush();
        }
    }
    rig_reboot();
    struct token_view again;
    assert_int_equal(service_find(0, TOKEN_ACTION, &token.id, &again), STATUS_OK);
    assert_int_equal(again.state, TOKEN_ACTIVE);
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
    rig_action(&c);
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
    rig_action(&c);
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
        TEST(nothing_is_issued_before_time_is_known),
        TEST(the_clock_never_runs_behind_the_log),
        TEST(last_use_is_exact_and_written_once_a_minute),
        TEST(an_orderly_stop_keeps_the_last_use),
        TEST(expired_tokens_leave_the_table),
        TEST(a_full_table_issues_no_more_but_revokes_and_consumes),
        TEST(a_full_flash_issues_no_more_but_revokes_and_consumes_all_it_holds),
        TEST(a_log_of_more_tokens_than_ever_lived_at_once_is_replayed),
        TEST(settings_stay),
        TEST(a_machine_with_too_little_memory_says_so),
        TEST(every_kind_of_text_is_inspected_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
