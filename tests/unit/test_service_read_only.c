/*
 * Each call of the flash fails in turn, and all after it, or not: whatever the appliance then tells was durable, what it
 * acknowledged is there after a reboot, and once it is read-only it verifies and writes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service_rig.h"
#include "store/store.h"

#define TOKENS      24
#define TURNS       24
#define VERBS       6 /* of a turn, each on another token */
#define BLOCKS      16
#define SYNC_NS     1500000000ULL /* of a disk: two turns; NOR does not wait */
#define HELD_MAX    (8 * VERBS)
#define WHOLE_EVERY 5 /* of so many failures one is the end of the device, reads and all */

enum fate {
    FATE_NONE,
    FATE_ACTIVE,
    FATE_REVOKED,
    FATE_ROTATED /* active, under another secret */
};

struct entry {
    enum fate fate;
    char text[100]; /* "client id:secret" */
    char old_text[100];
};

/* An answer that waits for its flush. */
struct held {
    uint64_t depends_on;
    size_t token;
    struct entry entry;
};

static struct entry now[TOKENS];   /* as the verbs left it */
static struct entry acked[TOKENS]; /* as their callers were told */
static struct held held[HELD_MAX];
static size_t held_count;
static struct caller root;
static uint64_t random_state;

static void write_text(const struct token_view *token, const char *secret, char text[100])
{
    struct buffer out = buffer_over(text, 99);
    encode_hex(&out, bytes_of(token->client_id, 16));
    buffer_append_string(&out, ":");
    buffer_append_string(&out, secret);
    text[out.size] = '\0';
}

static enum status create(struct entry *entry)
{
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    char name[900];
    struct token_view token;
    memset(name, 'n', sizeof name);
    struct platform_input input = {.tenant_ref = root.tenant_ref,
                                   .name = bytes_of(name, sizeof name - sim_random(&random_state) % 800),
                                   .permissions = PERMISSION_VIEW};
    enum status status = service_create_platform(&root, &input, NULL, &token, secret);
    if (status == STATUS_OK) {
        *entry = (struct entry){.fate = FATE_ACTIVE};
        write_text(&token, secret, entry->text);
    }
    return status;
}

static enum status end(struct entry *entry, bool rotate)
{
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct inspection inspection;
    struct token_view token;
    bool already;
    assert_int_equal(service_inspect(rig_text(entry->text), &inspection), STATUS_OK);
    enum status status =
        rotate ? service_rotate(&root, &inspection.token.id, 0, NULL, &token, secret)
               : service_revoke(&root, inspection.token.ref, BYTES_LITERAL("why"), &already, &token);
    if (status == STATUS_OK && rotate) {
        memcpy(entry->old_text, entry->text, sizeof entry->text);
        write_text(&token, secret, entry->text);
    }
    if (status == STATUS_OK) {
        entry->fate = rotate ? FATE_ROTATED : FATE_REVOKED;
    }
    return status;
}

static enum status one_verb(struct entry *entry)
{
    if (entry->fate == FATE_NONE || entry->fate == FATE_REVOKED) {
        return create(entry);
    }
    return end(entry, entry->fate == FATE_ACTIVE && sim_random(&random_state) % 2 == 0);
}

/* ---- what is told ---- */

static bool is_as(const struct entry *entry)
{
    struct inspection found;
    if (entry->fate == FATE_NONE) {
        return true;
    }
    if (entry->old_text[0] != '\0' && service_inspect(rig_text(entry->old_text), &found) == STATUS_OK) {
        return false;
    }
    enum token_state state = entry->fate == FATE_REVOKED ? TOKEN_REVOKED : TOKEN_ACTIVE;
    return service_inspect(rig_text(entry->text), &found) == STATUS_OK && found.token.state == state;
}

static bool is_known(const struct entry *entry)
{
    struct inspection found;
    return service_inspect(rig_text(entry->text), &found) == STATUS_OK;
}

/* A device that failed: what is told is what was acknowledged, to the letter, and nothing is written. */
static void check_read_only(void)
{
    struct caller caller;
    assert_true(store_newest() == store_durable()); /* answers leave */
    for (size_t i = 0; i < TOKENS; i++) {
        bool is_new = now[i].text[0] != '\0' && strcmp(now[i].text, acked[i].text) != 0;
        assert_true(is_as(&acked[i]));
        assert_false(is_new && is_known(&now[i]));
        if (acked[i].fate == FATE_ACTIVE || acked[i].fate == FATE_ROTATED) {
            struct entry copy = acked[i];
            assert_int_equal(end(&copy, i % 2 == 0), STATUS_READ_ONLY);
        }
    }
    assert_int_equal(rig_authenticate(rig.root_header, &caller), STATUS_OK);
    struct entry more = {FATE_NONE, "", ""};
    assert_int_equal(create(&more), STATUS_READ_ONLY);
    assert_int_equal(store_flush(service_now_s()), STATUS_READ_ONLY);
    service_settle(); /* again: nothing to do */
    assert_true(store_newest() == store_durable());
}

/* ---- the workload ---- */

/* An answer leaves when what it depends on is durable, whatever became of the flush. */
static void acknowledge(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < held_count; i++) {
        if (held[i].depends_on <= store_durable()) {
            acked[held[i].token] = held[i].entry;
        } else {
            held[kept++] = held[i];
        }
    }
    held_count = kept;
}

static enum status flush(void)
{
    enum status status = store_flush_poll();
    if (status == STATUS_OK) {
        store_flush_begin(service_now_s());
        status = store_flush_poll();
    }
    acknowledge();
    return status;
}

static bool turn(void)
{
    size_t first = sim_random(&random_state) % TOKENS;
    struct store_stats stats;
    service_settle();
    store_stats(&stats);
    if (stats.read_only) { /* since the last turn's upkeep; what it forgot is in `now` still */
        return false;
    }
    for (size_t i = 0; i < VERBS; i++) {
        size_t token = (first + i) % TOKENS;
        if (one_verb(&now[token]) == STATUS_OK) {
            assert_true(held_count < HELD_MAX);
            held[held_count++] = (struct held){store_newest(), token, now[token]};
        }
    }
    bool good = flush() != STATUS_READ_ONLY;
    rig_advance_s(1);
    (void)service_step(1000);
    (void)store_step(service_now_s(), 500);
    return good;
}

static void work(void)
{
    held_count = 0;
    rig_root_caller(&root);
    for (size_t i = 0; i < TURNS && turn(); i++) {
    }
}

/* As it was acknowledged, or as a later verb left it. */
static bool is_as_wanted(size_t token)
{
    bool is = is_as(&now[token]) || is_as(&acked[token]);
    for (size_t i = 0; i < held_count && !is; i++) {
        is = held[i].token == token && is_as(&held[i].entry);
    }
    return is;
}

/* With all in RAM: test_service_unread.c has what a boot leaves on a flash that then fails. */
static void reboot(void)
{
    rig_reboot();
    assert_int_equal(service_read_all(), STATUS_OK);
}

/* One call fails, or all from it on. True if the store noticed so that it turned read-only. */
static bool fail_from(const struct sim_flash_snapshot *state, uint64_t call, uint64_t count)
{
    struct store_stats stats;
    sim_flash_restore(state);
    memcpy(now, acked, sizeof now);
    random_state = 7;
    reboot();
    sim_flash_fail_calls(sim_flash_counts().calls + call, count, call % 3);
    work();
    store_stats(&stats);
    service_settle();
    acknowledge();
    if (stats.read_only && count == 1) {
        check_read_only();
    }
    if (stats.read_only && store_newest() != store_durable()) {
        struct caller caller;
        assert_true(sim_console_has("cannot be read either")); /* then nothing is told at all */
        assert_true(rig_authenticate(rig.root_header, &caller) != STATUS_OK);
    }
    sim_flash_fail_calls(0, 0, 0);
    sim_flash_settle(SIM_SETTLE_LOST, 0);
    rig_reboot();
    for (size_t i = 0; i < TOKENS; i++) {
        assert_true(is_as_wanted(i));
    }
    return stats.read_only;
}

static void each_call_fails(enum sim_flash_model model)
{
    struct entry start[TOKENS];
    uint32_t read_only_count = 0;
    struct store_stats stats = {0};
    rig.flash_model = model;
    rig_new_with(RIG_TABLE_BYTES, BLOCKS);
    sim_flash_set_sync_ns(model == SIM_FLASH_NOR ? 0 : SYNC_NS);
    memset(now, 0, sizeof now);
    memset(acked, 0, sizeof acked);
    random_state = 3;
    while (stats.erase_count < 2) { /* until compaction goes on all the time */
        work();
        store_stats(&stats);
    }
    rig_flush();
    acknowledge();
    memcpy(start, acked, sizeof start);
    struct sim_flash_snapshot *state = sim_flash_save();
    reboot();
    uint64_t before = sim_flash_counts().calls;
    random_state = 7;
    work();
    uint64_t calls = sim_flash_counts().calls - before;
    for (uint64_t k = 0; k < calls; k++) {
        memcpy(acked, start, sizeof start);
        read_only_count += fail_from(state, k, 1);
        if (k % WHOLE_EVERY == 0) {
            memcpy(acked, start, sizeof start);
            (void)fail_from(state, k, UINT64_MAX / 2);
        }
    }
    print_message("%llu calls, %u made it read-only\n", (unsigned long long)calls, read_only_count);
    assert_true(read_only_count >= (model == SIM_FLASH_NOR ? TURNS : TURNS / 2)); /* each sync at least */
    sim_flash_snapshot_free(state);
}

static void test_each_call_fails_on_nor(void **state)
{
    (void)state;
    each_call_fails(SIM_FLASH_NOR);
}

static void test_each_call_fails_on_disk(void **state)
{
    (void)state;
    each_call_fails(SIM_FLASH_DISK);
}

/* A key that signed only what nobody was told is gone with the rest, and tokens under the old one still verify. */
static void test_unacknowledged_signing_key(void **state)
{
    (void)state;
    char header[1024];
    char basic[256];
    struct token_view token;
    struct caller caller;
    struct signing_key_view key;
    rig.flash_model = SIM_FLASH_DISK;
    rig_new();
    uint32_t tenant = rig_tenant("shop");
    uint32_t user = rig_user("u@example.org", tenant, CAPABILITY_WITHDRAWAL);
    rig_jwt(user, tenant, "j", header, &token);
    rig_platform(tenant, PERMISSION_VIEW, "p", basic, &token);
    rig_flush();
    assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
    sim_flash_fail_calls(sim_flash_counts().calls, 1, 0);
    while (store_flush(service_now_s()) == STATUS_OK) { /* a failed read is tried again */
        assert_int_equal(service_rotate_signing_key(&key), STATUS_OK);
        sim_flash_fail_calls(sim_flash_counts().calls + 1, 1, 0);
    }
    sim_flash_fail_calls(0, 0, 0);
    service_settle();
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_int_equal(rig_authenticate(basic, &caller), STATUS_OK);
    rig_reboot();
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_fails_on_nor),
        cmocka_unit_test(test_each_call_fails_on_disk),
        cmocka_unit_test(test_unacknowledged_signing_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
