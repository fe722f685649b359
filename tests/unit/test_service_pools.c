/*
 * The service's pools of a fixed number of places, each filled to its bound: what is over it is refused or left out, as its
 * header says; what was acknowledged stays, also through a reboot; and a place that comes back is used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/signing.h"
#include "service/state.h"
#include "service_rig.h"

#define MANY 17 /* more than keep the reason of a bulk revocation themselves */

static struct caller root;

static void start(size_t table_bytes, uint32_t block_count)
{
    rig.jwt_es256 = false;
    rig_new_with(table_bytes, block_count);
    rig_root_caller(&root);
}

static int fresh(void **state)
{
    (void)state;
    start(RIG_TABLE_BYTES, 64);
    return 0;
}

static void reboot(void)
{
    rig_flush();
    rig_reboot();
    rig_root_caller(&root);
}

static void flush_now_and_then(size_t number)
{
    if (number % 32 == 31) {
        rig_flush();
    }
}

/* ---- settings ---- */

static void settings_fill_their_places(void **state)
{
    (void)state;
    struct bytes value;
    struct signing_key_view key;
    size_t count = 0;
    while (service_setting_set(rig_name("s", count), rig_text("first")) == STATUS_OK) {
        count++;
    }
    assert_int_equal(count, SERVICE_SETTINGS_MAX - 1); /* the signing keys are one */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(service_setting_set("one more", rig_text("x")), STATUS_FULL);
        assert_int_equal(service_setting_get("one more", &value), STATUS_NOT_FOUND);
        assert_int_equal(service_setting_set(rig_name("s", 3), rig_text("changed")), STATUS_OK);
        assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
        for (size_t number = 0; number < count; number++) {
            assert_int_equal(service_setting_get(rig_name("s", number), &value), STATUS_OK);
            assert_true(bytes_equal_string(value, number == 3 ? "changed" : "first"));
        }
        reboot();
    }
}

/* ---- signing keys ---- */

static void signing_keys_fill_their_places(void **state)
{
    (void)state;
    static char headers[SERVICE_SIGNING_KEYS_MAX][1024];
    struct token_view token;
    struct caller caller;
    struct signing_key_view key;
    uint32_t tenant = rig_tenant("t");
    uint32_t user = rig_user("u@example.org", tenant, CAPABILITY_WITHDRAWAL);
    for (size_t i = 0; i < SERVICE_SIGNING_KEYS_MAX; i++) {
        if (i > 0) {
            assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
        }
        rig_jwt(user, tenant, "j", headers[i], &token);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(service_rotate_signing_key(&key), STATUS_CONFLICT);
        for (size_t i = 0; i < SERVICE_SIGNING_KEYS_MAX; i++) {
            assert_int_equal(rig_authenticate(headers[i], &caller), STATUS_OK);
        }
        reboot();
    }
    rig.jwt_es256 = true;
    sim_console_clear();
    assert_int_equal(rig_try_reboot(), STATUS_CONFLICT);
    assert_true(sim_console_has("no new signing key can be kept (8 are, the most is 8)"));
    rig.jwt_es256 = false;
    reboot();
    assert_int_equal(rig_authenticate(headers[0], &caller), STATUS_OK);
    rig_advance_s(367 * 86400); /* all that the first one signed is past */
    assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
    assert_null(signing_key_numbered(1));
    assert_non_null(signing_key_numbered(SERVICE_SIGNING_KEYS_MAX + 1));
}

/* ---- last use ---- */

#define USED (SERVICE_TOUCHED_MAX + 100)

static int64_t last_used_s(uint32_t tenant_ref, const struct uuid *id)
{
    struct token_view view;
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, id, &view), STATUS_OK);
    return view.last_used_s;
}

static void last_uses_fill_their_ring(void **state)
{
    (void)state;
    static char headers[USED][256];
    static struct uuid ids[USED];
    struct caller caller;
    start(2 * RIG_TABLE_BYTES, 64);
    rig_flush();
    rig_advance_s(SERVICE_TOUCH_PERIOD_S + 1); /* the root's own use is written first */
    rig_upkeep();
    for (size_t i = 0; i < USED; i++) {
        struct token_view token;
        rig_platform(root.tenant_ref, PERMISSION_VIEW, "t", headers[i], &token);
        ids[i] = token.id;
        flush_now_and_then(i);
    }
    rig_advance_s(SERVICE_TOUCH_PERIOD_S + 1);
    rig_upkeep();
    int64_t used_s = service_now_s();
    for (size_t i = 0; i < USED; i++) {
        assert_int_equal(rig_authenticate(headers[i], &caller), STATUS_OK);
    }
    for (size_t i = 0; i < USED; i++) {
        assert_true(last_used_s(root.tenant_ref, &ids[i]) == used_s); /* exact in RAM */
    }
    rig_advance_s(SERVICE_TOUCH_PERIOD_S);
    rig_upkeep(); /* now there are places again */
    int64_t again_s = service_now_s();
    const size_t again = SERVICE_TOUCHED_MAX + 50;
    for (size_t i = SERVICE_TOUCHED_MAX; i < again; i++) {
        assert_int_equal(rig_authenticate(headers[i], &caller), STATUS_OK);
    }
    service_stop();
    reboot();
    for (size_t i = 0; i < USED; i++) {
        int64_t kept_s = i < SERVICE_TOUCHED_MAX ? used_s : i < again ? again_s : 0;
        assert_true(last_used_s(root.tenant_ref, &ids[i]) == kept_s);
    }
}

/* ---- outcomes ---- */

static struct idempotency outcome_key(size_t number)
{
    return (struct idempotency){.key = rig_text(rig_name("k", number)), .payload_digest = {7}};
}

static enum status begin(size_t number, struct outcome_begin *begun)
{
    struct idempotency key = outcome_key(number);
    return service_begin_outcome(&root, NULL, &key, begun);
}

static enum status end(size_t number, const struct outcome_begin *begun)
{
    char body[40];
    snprintf(body, sizeof body, "{\"n\":%zu}", number);
    return service_end_outcome(begun->number, &(struct outcome){201, BYTES_LITERAL("a/b"), rig_text(body)});
}

static enum outcome_state outcome_state(size_t number)
{
    enum outcome_state state;
    struct outcome found;
    char body[40];
    struct idempotency key = outcome_key(number);
    assert_int_equal(service_find_outcome(&root, &key, &state, &found), STATUS_OK);
    snprintf(body, sizeof body, "{\"n\":%zu}", number);
    assert_true(state != OUTCOME_KNOWN || bytes_equal_string(found.body, body));
    return state;
}

static void outcomes_fill_their_places(void **state)
{
    (void)state;
    struct outcome_begin open;
    struct outcome_begin begun;
    struct idempotency none = {.key = {NULL, 0}};
    assert_int_equal(begin(0, &open), STATUS_OK); /* under way while the others come and are answered */
    size_t count = 1;
    while (begin(count, &begun) == STATUS_OK) {
        assert_int_equal(end(count, &begun), STATUS_OK);
        flush_now_and_then(count++);
    }
    assert_int_equal(count, SERVICE_OUTCOMES_MAX);
    assert_int_equal(service_begin_outcome(&root, NULL, &none, &begun), STATUS_OK);
    assert_int_equal(outcome_state(0), OUTCOME_UNDER_WAY);
    assert_int_equal(end(0, &open), STATUS_OK);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(outcome_state(i), OUTCOME_KNOWN);
        }
        assert_int_equal(begin(count, &begun), STATUS_FULL);
        assert_int_equal(outcome_state(count), OUTCOME_NONE);
        reboot();
    }
    rig_advance_s(IDEMPOTENCY_LIFE_S - 1);
    assert_int_equal(begin(count, &begun), STATUS_FULL);
    rig_advance_s(1);
    for (size_t i = 0; i < SERVICE_OUTCOMES_MAX; i++) { /* all places come back */
        assert_int_equal(begin(count + i, &begun), STATUS_OK);
        flush_now_and_then(i);
    }
    assert_int_equal(begin(0, &begun), STATUS_FULL);
    reboot(); /* the new ones found room in the replay, though the old ones were still there */
    assert_int_equal(outcome_state(0), OUTCOME_NONE);
    assert_int_equal(outcome_state(count), OUTCOME_UNKNOWN);
    assert_int_equal(outcome_state(2 * count - 1), OUTCOME_UNKNOWN);
}

/* ---- notes ---- */

static struct action_case buyer;

static uint64_t revoke_actions(const char *reason)
{
    uint64_t count;
    struct revocation_selector selector = {
        .user_ref = buyer.user.user_ref, .family = TOKEN_ACTION, .reason = rig_text(reason)};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    return count;
}

static struct uuid revoke_round(size_t number)
{
    struct token_view token;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(service_create_action(&buyer.user, &buyer.input, NULL, &token, text), STATUS_OK);
    }
    assert_int_equal(revoke_actions(rig_name("reason", number)), MANY);
    rig_flush();
    return token.id;
}

/* The note that the token names, and that its reason is the round's or, where no note was kept, none. */
static uint32_t note_of(const struct uuid *id, size_t number)
{
    struct token_view view;
    assert_int_equal(service_find(0, TOKEN_ACTION, id, &view), STATUS_OK);
    assert_int_equal(view.state, TOKEN_REVOKED);
    uint32_t note = token_at(&service.tables, view.ref)->note;
    assert_true(note != 0 ? bytes_equal_string(view.revocation_reason, rig_name("reason", number))
                          : view.revocation_reason.size == 0);
    return note;
}

/* The buyer's refs are of before the boot. */
static void reboot_with_buyer(void)
{
    struct uuid tenant = principal_at(&service.tables.tenants, buyer.user.tenant_ref)->id;
    reboot();
    assert_int_equal(service_find_tenant(&tenant, &buyer.user.tenant_ref), STATUS_OK);
    assert_int_equal(service_find_user(&buyer.user.principal, &buyer.user.user_ref), STATUS_OK);
}

static void notes_fill_their_places(void **state)
{
    (void)state;
    static struct uuid ids[SERVICE_NOTES_MAX + 2];
    const size_t count = sizeof ids / sizeof ids[0];
    rig_action(&buyer);
    assert_int_equal(revoke_actions("the first one"), 1);
    for (size_t i = 0; i < count; i++) {
        ids[i] = revoke_round(i);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(note_of(&ids[i], i), i < SERVICE_NOTES_MAX ? i + 1 : 0);
        }
        reboot_with_buyer();
    }
    rig_advance_s(TOKEN_RETENTION_S + SERVICE_SWEEP_PERIOD_S + 1); /* nobody is told of them any more */
    rig_upkeep();
    for (size_t i = 0; i < 3; i++) {
        struct uuid id = revoke_round(i);
        assert_int_equal(note_of(&id, i), SERVICE_NOTES_MAX + 1 + i);
        reboot_with_buyer();
        assert_int_equal(note_of(&id, i), SERVICE_NOTES_MAX + 1 + i);
    }
}

static uint64_t create_actions(uint64_t most, struct token_view *last)
{
    struct token_view token;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    uint64_t count = 0;
    while (count < most &&
           service_create_action(&buyer.user, &buyer.input, NULL, &token, text) == STATUS_OK) {
        *last = token;
        if (++count % 8 == 0) {
            rig_flush();
            (void)store_step(service_now_s(), 2000);
        }
    }
    return count;
}

/* A flash with many tokens, all revoked for one long reason by a revocation that found no place for a note: were it kept
 * with each of them, they would not fit any more, and compaction would stop all that is essential. */
static void a_reason_without_a_note_takes_no_room(void **state)
{
    (void)state;
    static char reason[TOKEN_REASON_MAX_BYTES + 1];
    struct token_view token;
    memset(reason, 'r', TOKEN_REASON_MAX_BYTES);
    start(4 * RIG_TABLE_BYTES, 16);
    rig_action(&buyer);
    assert_int_equal(revoke_actions("the first one"), 1);
    for (size_t i = 0; i < SERVICE_NOTES_MAX; i++) {
        (void)revoke_round(i);
        rig_advance_s(301);
        rig_compact();
    }
    uint64_t most = create_actions(UINT64_MAX, &token);
    assert_true(most > 1000);
    rig_advance_s(301);
    rig_compact();
    uint64_t count = create_actions(most / 4 * 3, &token);
    assert_int_equal(revoke_actions(reason), count);
    for (int i = 0; i < 4000; i++) {
        struct tenant_view tenant;
        struct tenant_change change = {.suspended = 1};
        assert_int_equal(service_change_tenant(buyer.user.tenant_ref, &change, &tenant), STATUS_OK);
        rig_compact();
    }
    reboot();
    assert_int_equal(service_find(0, TOKEN_ACTION, &token.id, &token), STATUS_OK);
    assert_int_equal(token.state, TOKEN_REVOKED);
}

/* ---- memos ---- */

static enum status rotate(const struct uuid *id, const char *key, char secret[CLIENT_SECRET_TEXT_BYTES + 1])
{
    struct token_view token;
    struct idempotency idempotency = {.key = key != NULL ? rig_text(key) : (struct bytes){NULL, 0}};
    return service_rotate(&root, id, 0, &idempotency, &token, secret);
}

static void memos_fill_their_places(void **state)
{
    (void)state;
    char secrets[TOKEN_MEMOS_MAX][CLIENT_SECRET_TEXT_BYTES + 1];
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct token_view token;
    struct idempotency created = {.key = BYTES_LITERAL("created")};
    struct platform_input input = {
        .tenant_ref = root.tenant_ref, .name = BYTES_LITERAL("p"), .permissions = PERMISSION_VIEW};
    assert_int_equal(service_create_platform(&root, &input, &created, &token, secrets[0]), STATUS_OK);
    for (size_t i = 1; i < TOKEN_MEMOS_MAX; i++) {
        assert_int_equal(rotate(&token.id, rig_name("r", i), secrets[i]), STATUS_OK);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(rotate(&token.id, "one more", secret), STATUS_FULL);
        assert_int_equal(rotate(&token.id, NULL, secret), STATUS_OK); /* it needs no place */
        for (size_t i = 1; i < TOKEN_MEMOS_MAX; i++) {
            assert_int_equal(rotate(&token.id, rig_name("r", i), secret), STATUS_OK);
            assert_string_equal(secret, secrets[i]);
        }
        assert_int_equal(service_create_platform(&root, &input, &created, &token, secret), STATUS_OK);
        assert_string_equal(secret, secrets[0]);
        reboot();
    }
    rig_advance_s(IDEMPOTENCY_LIFE_S);
    rig_upkeep();
    assert_int_equal(rotate(&token.id, "one more", secret), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_fill_their_places), TEST(signing_keys_fill_their_places),
        TEST(last_uses_fill_their_ring),  TEST(outcomes_fill_their_places),
        TEST(notes_fill_their_places),    TEST(a_reason_without_a_note_takes_no_room),
        TEST(memos_fill_their_places),
    };
    return cmocka_run_group_tests_name("service_pools", tests, NULL, NULL);
}
