/*
 * The tables' memory runs out at every point of a workload of all kinds of verbs: each is done or refused, the token that
 * is ended is ended, and the next boot, with as much memory, finds the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service_rig.h"
#include "store/store.h"

#define BLOCKS     24
#define STEP_BYTES 48 /* of the room that is left, from run to run */
#define FILLER_MAX 1000
#define TEXTS      4

static struct caller root;

struct made {
    char texts[TEXTS][1024]; /* empty: refused */
    enum token_state states[TEXTS];
};

static bool done(enum status status)
{
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    return status == STATUS_OK;
}

static bool create_platform(size_t name_bytes, struct idempotency *key, char text[1024])
{
    char name[FILLER_MAX];
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct token_view token;
    memset(name, 'f', sizeof name);
    struct platform_input input = {
        .tenant_ref = root.tenant_ref, .name = bytes_of(name, name_bytes), .permissions = PERMISSION_VIEW};
    if (!done(service_create_platform(&root, &input, key, &token, secret))) {
        return false;
    }
    struct buffer out = buffer_over(text, 1023);
    encode_hex(&out, bytes_of(token.client_id, 16));
    buffer_append_string(&out, ":");
    buffer_append_string(&out, secret);
    text[out.size] = '\0';
    return true;
}

/* Fill the texts until `left_bytes` and less than a step are left. */
static void fill(size_t left_bytes)
{
    char text[1024];
    struct service_stats stats;
    service_stats(&stats);
    for (;;) {
        size_t left = (size_t)(stats.text_capacity_bytes - stats.text_used_bytes);
        size_t name_bytes = left - left_bytes < FILLER_MAX ? left - left_bytes : FILLER_MAX;
        if (left <= left_bytes + STEP_BYTES || !create_platform(name_bytes, NULL, text)) {
            break;
        }
        service_stats(&stats);
        if (stats.token_count % 32 == 0) {
            rig_flush();
        }
    }
    rig_flush();
}

static void keep(struct made *made, size_t index, enum token_state state)
{
    made->states[index] = state;
}

static void users_and_tokens(struct made *made)
{
    struct tenant_view tenant;
    struct user_view user;
    struct token_view token;
    struct bytes capability = BYTES_LITERAL(CAPABILITY_WITHDRAWAL);
    struct user_input input = {.email = BYTES_LITERAL("u@example.org"),
                               .tenant_refs = &root.tenant_ref,
                               .tenant_count = 1,
                               .capabilities = &capability,
                               .capability_count = 1,
                               .disabled = -1};
    bool limit;
    (void)done(service_create_tenant(BYTES_LITERAL("one more"), NULL, &tenant));
    if (!done(service_create_user(&input, NULL, &user))) {
        return;
    }
    struct caller caller = {.kind = CALLER_USER,
                            .credential = CREDENTIAL_JWT,
                            .tenant_ref = root.tenant_ref,
                            .user_ref = user.ref,
                            .principal = user.id};
    struct jwt_input jwt = {.tenant_ref = root.tenant_ref,
                            .user_ref = user.ref,
                            .name = BYTES_LITERAL("a token"),
                            .expires_in_days = 2};
    struct buffer text = buffer_over(made->texts[0], sizeof made->texts[0] - 1);
    if (done(service_create_jwt(&caller, &jwt, NULL, &token, &text, &limit))) {
        keep(made, 0, TOKEN_ACTIVE);
    }
    struct action_input action = {.action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL), .life_s = 300};
    if (!done(service_create_action(&caller, &action, NULL, &token, made->texts[1]))) {
        made->texts[1][0] = '\0';
        return;
    }
    keep(made, 1, TOKEN_ACTIVE);
    char actor[64] = {0};
    struct buffer out = buffer_over(actor, sizeof actor - 1);
    buffer_append_string(&out, "users/");
    encode_uuid(&out, &user.id);
    struct idempotency key = {.key = BYTES_LITERAL("consume"), .payload_digest = {1}};
    struct consume_input consume = {.token = rig_text(made->texts[1]),
                                    .actor = rig_text(actor),
                                    .action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL)};
    enum consume_result result;
    struct idempotency none = {.key = {NULL, 0}};
    if (!done(service_consume(&root, &consume, &key, &result, &token))) {
        assert_int_equal(service_consume(&root, &consume, &none, &result, &token), STATUS_OK);
    }
    assert_int_equal(result, CONSUME_OK);
    keep(made, 1, TOKEN_CONSUMED);
}

static void rotate_and_revoke(struct made *made)
{
    struct inspection found;
    struct token_view token;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct idempotency key = {.key = BYTES_LITERAL("create"), .payload_digest = {2}};
    struct idempotency again = {.key = BYTES_LITERAL("rotate"), .payload_digest = {3}};
    bool already;
    if (create_platform(20, &key, made->texts[2])) {
        keep(made, 2, TOKEN_ACTIVE);
        assert_int_equal(service_inspect(rig_text(made->texts[2]), &found), STATUS_OK);
        if (done(service_rotate(&root, &found.token.id, 100, &again, &token, secret))) {
            strcpy(made->texts[2] + 33, secret);
        }
    }
    if (create_platform(20, NULL, made->texts[3])) {
        assert_int_equal(service_inspect(rig_text(made->texts[3]), &found), STATUS_OK);
        assert_int_equal(service_revoke(&root, found.token.ref,
                                        BYTES_LITERAL("a reason that takes some room, if there is any"),
                                        &already, &token),
                         STATUS_OK); /* a revocation never fails */
        keep(made, 3, TOKEN_REVOKED);
    }
}

static void settings_and_outcomes(void)
{
    struct signing_key_view signing;
    struct tenant_view tenant;
    struct outcome_begin begin;
    struct idempotency key = {.key = BYTES_LITERAL("outcome"), .payload_digest = {4}};
    char value[700];
    memset(value, 'v', sizeof value);
    (void)done(service_setting_set("memory", bytes_of(value, sizeof value)));
    (void)done(service_rotate_signing_key(&signing));
    struct tenant_change change = {.suspended = -1, .policy = BYTES_LITERAL("{\"x\":\"some more text\"}")};
    (void)done(service_change_tenant(root.tenant_ref, &change, &tenant));
    if (done(service_begin_outcome(&root, NULL, &key, &begin))) {
        struct outcome outcome = {201, BYTES_LITERAL("application/json"), bytes_of(value, sizeof value)};
        (void)done(service_end_outcome(begin.number, &outcome));
    }
}

static void check(const struct made *made)
{
    for (size_t i = 0; i < TEXTS; i++) {
        struct inspection found;
        if (made->texts[i][0] != '\0') {
            assert_int_equal(service_inspect(rig_text(made->texts[i]), &found), STATUS_OK);
            assert_int_equal(found.token.state, made->states[i]);
        }
    }
}

static void test_texts_run_out_everywhere(void **state)
{
    (void)state;
    static struct made made;
    size_t refused = 0;
    size_t whole = 0;
    rig.flash_model = SIM_FLASH_NOR;
    for (size_t left = 0; whole < 3; left += STEP_BYTES) {
        struct service_stats before;
        struct service_stats after;
        assert_true(left < (size_t)128 * 1024);
        rig_new_with(TABLE_MEMORY_MIN_BYTES, BLOCKS);
        rig_root_caller(&root);
        fill(left);
        memset(&made, 0, sizeof made);
        if (left % 96 == 0) { /* either goes first */
            users_and_tokens(&made);
            rotate_and_revoke(&made);
        } else {
            rotate_and_revoke(&made);
            users_and_tokens(&made);
        }
        settings_and_outcomes();
        char more[1024];
        while (create_platform(1, NULL, more)) { /* up to the reserve, which is not issuing's */
        }
        rig_flush();
        check(&made);
        service_stats(&before);
        rig_reboot();
        service_stats(&after);
        assert_true(before.token_count == after.token_count);
        check(&made);
        size_t count = 0;
        for (size_t i = 0; i < TEXTS; i++) {
            count += made.texts[i][0] != '\0';
        }
        refused += TEXTS - count;
        whole += count == TEXTS;
    }
    print_message("%zu tokens were refused\n", refused);
    assert_true(refused > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_run_out_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
