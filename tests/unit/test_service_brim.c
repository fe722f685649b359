/*
 * A table filled to the brim by what a full one still takes (reasons, cuts, settings, rotations), in random orders and sizes:
 * each is done or refused, and every boot after it, with as much memory, finds what was done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/sim/sim.h"
#include "service/state.h"
#include "service_rig.h"

#define BLOCKS     32
#define TOKENS_MAX 4096
#define ROUNDS     24
#define VERBS      3000

static uint64_t random_state;
static struct caller root;
static uint32_t tokens[TOKENS_MAX];
static struct uuid ids[TOKENS_MAX];
static bool revoked[TOKENS_MAX];
static uint32_t count;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&random_state) % bound);
}

static struct bytes some_text(uint32_t bound)
{
    static char text[2048];
    memset(text, 'a' + (int)draw(26), sizeof text);
    return bytes_of(text, 1 + draw(bound));
}

static bool done(enum status status)
{
    assert_true(status == STATUS_OK || status == STATUS_FULL || status == STATUS_CONFLICT ||
                status == STATUS_DENIED);
    return status == STATUS_OK;
}

static bool create(void)
{
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct token_view token;
    struct platform_input input = {
        .tenant_ref = root.tenant_ref, .name = some_text(200), .permissions = PERMISSION_VIEW};
    struct idempotency none = {0};
    if (count == TOKENS_MAX || !done(service_create_platform(&root, &input, &none, &token, secret))) {
        return false;
    }
    tokens[count] = token.ref;
    ids[count] = token.id;
    revoked[count++] = false;
    return true;
}

static void cut_access_tokens(uint32_t i)
{
    struct uuid jti;
    for (size_t k = 0; k < UUID_BYTES; k++) {
        jti.bytes[k] = (uint8_t)draw(256);
    }
    (void)done(service_revoke_access_token(tokens[i], &jti));
}

static void rotate(uint32_t i)
{
    struct token_view token;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    struct idempotency key = {.key = some_text(60), .payload_digest = {3}};
    struct idempotency none = {0};
    (void)done(service_rotate(&root, &ids[i], draw(2) * 100, draw(2) ? &key : &none, &token, secret));
}

static void set(void)
{
    char name[8];
    snprintf(name, sizeof name, "s%u", draw(8));
    (void)done(service_setting_set(name, some_text(700)));
}

static void revoke(uint32_t i)
{
    struct token_view token;
    bool already;
    assert_int_equal(service_revoke(&root, tokens[i], some_text(255), &already, &token), STATUS_OK);
    revoked[i] = true;
}

static void do_some(uint32_t verbs)
{
    for (uint32_t n = 0; n < verbs; n++) {
        uint32_t kind = draw(8);
        uint32_t i = draw(count);
        if (kind < 3) {
            revoke(i);
        } else if (kind < 5) {
            cut_access_tokens(i);
        } else if (kind == 5) {
            rotate(i);
        } else if (kind == 6) {
            set();
        } else {
            (void)create();
        }
        if (n % 16 == 0) {
            rig_flush();
            (void)store_step(service_now_s(), 1000);
        }
    }
    rig_flush();
}

static void fill(void)
{
    count = 0;
    rig.flash_model = draw(2) ? SIM_FLASH_NOR : SIM_FLASH_DISK;
    rig_new_with(TABLE_MEMORY_MIN_BYTES, BLOCKS);
    rig_root_caller(&root);
    while (create()) {
        if (count % 16 == 0) {
            rig_flush();
        }
    }
    rig_flush();
}

/* All are there, and only those that were revoked are. */
static void check(void)
{
    for (uint32_t i = 0; i < count; i++) {
        struct token_view token;
        assert_int_equal(service_find(0, TOKEN_PLATFORM, &ids[i], &token), STATUS_OK);
        assert_int_equal(token.state == TOKEN_REVOKED, revoked[i]);
        tokens[i] = token.ref;
    }
}

static void boot_and_check(void)
{
    rig_reboot();
    rig_root_caller(&root);
    if (draw(2)) {
        assert_int_equal(service_read_all(), STATUS_OK);
    }
    check();
    assert_int_equal(service_read_all(), STATUS_OK);
}

static void test_full_tables_boot(void **state)
{
    (void)state;
    size_t tight = 0;
    for (random_state = 1; random_state <= ROUNDS;) {
        uint64_t round = random_state;
        fill();
        do_some(draw(VERBS));
        tight += pool_gap_bytes(&service.tables.pool) < 2 * TABLE_REPLAY_MARGIN_BYTES;
        for (int boots = 0; boots < 2; boots++) {
            boot_and_check();
            do_some(50);
        }
        random_state = round + 1;
    }
    print_message("%zu of %d tables had nothing left but the margin\n", tight, ROUNDS);
    assert_true(tight > ROUNDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_tables_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
