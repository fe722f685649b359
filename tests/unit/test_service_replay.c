/*
 * Long logs: a boot that leaves tokens on the flash meets what needs all of them (a bulk revocation, more deleted users than
 * it remembers) and goes on; tokens made before and after are what they were, in whatever order they are asked for. And
 * ids whose tails, by which a boot finds tokens, are taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/state.h"
#include "service_rig.h"

/* ---- draws: the linker sends crypto_random through here (--wrap, see the Makefile) ---- */

static struct {
    uint8_t tail[TOKEN_TAIL_BYTES];
    size_t skip;  /* ids drawn before */
    size_t count; /* ids that end in the tail then */
} steered;

#define ID_RANDOM_BYTES 10 /* what an id draws */

void __real_crypto_random(void *out, size_t size);
void __wrap_crypto_random(void *out, size_t size);
void __wrap_crypto_random(void *out, size_t size)
{
    __real_crypto_random(out, size);
    if (size != ID_RANDOM_BYTES) {
        return;
    }
    if (steered.skip > 0) {
        steered.skip--;
    } else if (steered.count > 0) {
        steered.count--;
        memcpy((uint8_t *)out + ID_RANDOM_BYTES - TOKEN_TAIL_BYTES, steered.tail, TOKEN_TAIL_BYTES);
    }
}

static void steer(const uint8_t *id, size_t skip, size_t count)
{
    steered.skip = skip;
    steered.count = count;
    memcpy(steered.tail, id + UUID_BYTES - TOKEN_TAIL_BYTES, TOKEN_TAIL_BYTES);
}

/* ---- tokens, and what must be said of them ---- */

#define COUNT (TOKENS_CHAINED_AT_ONCE + 1000)

struct made {
    struct token_view view; /* as created; its texts are not valid */
    char header[256];
    enum token_state state;
};
static struct made made[COUNT];
static size_t made_count;
static struct uuid tenant_ids[2];

static uint32_t tenant_ref(size_t tenant)
{
    uint32_t ref;
    assert_int_equal(service_find_tenant(&tenant_ids[tenant], &ref), STATUS_OK);
    return ref;
}

static int fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    memset(&steered, 0, sizeof steered);
    made_count = 0;
    rig_new_with(4 * RIG_TABLE_BYTES, 64);
    tenant_ids[0] = principal_at(&service.tables.tenants, rig_tenant("even"))->id;
    tenant_ids[1] = principal_at(&service.tables.tenants, rig_tenant("odd"))->id;
    return 0;
}

/* The i-th is of tenant i % 2. */
static void make(size_t count)
{
    for (size_t end = made_count + count; made_count < end; made_count++) {
        struct made *one = &made[made_count];
        assert_true(made_count < COUNT);
        rig_platform(tenant_ref(made_count % 2), PERMISSION_VIEW, "t", one->header, &one->view);
        one->state = TOKEN_ACTIVE;
        if (made_count % 64 == 63) {
            rig_flush();
        }
    }
    rig_flush();
}

static void reboot(void)
{
    rig_flush();
    rig_reboot();
}

static void revoke(size_t i)
{
    struct caller root;
    struct token_view token;
    bool already;
    rig_root_caller(&root);
    assert_int_equal(service_find(0, TOKEN_PLATFORM, &made[i].view.id, &token), STATUS_OK);
    assert_int_equal(service_revoke(&root, token.ref, rig_text("lost"), &already, &token), STATUS_OK);
    assert_false(already);
    made[i].state = TOKEN_REVOKED;
}

static uint64_t revoke_tenant(size_t tenant)
{
    uint64_t count;
    struct caller root;
    rig_root_caller(&root);
    struct revocation_selector selector = {
        .tenant_ref = tenant_ref(tenant), .family = -1, .reason = rig_text("all")};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    for (size_t i = tenant; i < made_count; i += 2) {
        made[i].state = TOKEN_REVOKED;
    }
    return count;
}

static void check_one(size_t i)
{
    struct caller caller;
    struct token_view view;
    assert_int_equal(rig_authenticate(made[i].header, &caller),
                     made[i].state == TOKEN_ACTIVE ? STATUS_OK : STATUS_DENIED);
    assert_int_equal(service_find(tenant_ref(i % 2), TOKEN_PLATFORM, &made[i].view.id, &view), STATUS_OK);
    assert_int_equal(view.state, made[i].state);
}

/* After a boot each: asked one by one, in a stride over all; or all read first. */
static void check(void)
{
    for (int round = 0; round < 3; round++) {
        reboot();
        if (round == 2) {
            assert_int_equal(service_read_all(), STATUS_OK);
        }
        const size_t stride = round == 0 ? 1 : 769;
        for (size_t i = 0; i < made_count; i++) {
            check_one(i * stride % made_count);
        }
        assert_int_equal(service_read_all(), STATUS_OK);
        assert_int_equal(service.tables.token_count, made_count + 1); /* the root's */
    }
}

/* ---- what needs all tokens ---- */

static void a_bulk_revocation_near_the_end_of_a_long_log(void **state)
{
    (void)state;
    make(TOKENS_CHAINED_AT_ONCE + 500);
    revoke(8);
    revoke(9);
    rig_advance_s(5);
    assert_int_equal(revoke_tenant(0), (TOKENS_CHAINED_AT_ONCE + 500) / 2 - 1);
    rig_flush();
    make(100); /* of both tenants: these live */
    revoke(made_count - 1);
    revoke(made_count - 2);
    reboot();
    assert_in_range(service.unread_count, 100, 200); /* it left those that came after */
    check();
    assert_int_equal(revoke_tenant(1), (TOKENS_CHAINED_AT_ONCE + 500 + 100) / 2 - 2);
    check(); /* the log has two of them now */
}

#define USERS (2 * SERVICE_GONE_MAX + 30)

static void more_deleted_users_than_a_boot_remembers(void **state)
{
    (void)state;
    static char headers[USERS][1024];
    static uint32_t refs[USERS];
    struct token_view token;
    struct caller caller;
    for (size_t i = 0; i < USERS; i++) {
        char email[40];
        snprintf(email, sizeof email, "u%zu@example.org", i);
        refs[i] = rig_user(email, tenant_ref(0), CAPABILITY_WITHDRAWAL);
        rig_jwt(refs[i], tenant_ref(0), "j", headers[i], &token);
    }
    make(200);
    for (size_t i = 0; i < USERS; i++) {
        if (i == USERS / 2) {
            make(50); /* unread anew, behind what was read for those before */
        }
        if (i % 10 != 3) {
            assert_int_equal(service_delete_user(refs[i]), STATUS_OK);
        }
    }
    make(50);
    for (int round = 0; round < 2; round++) {
        reboot();
        if (round == 1) {
            assert_int_equal(service_read_all(), STATUS_OK);
        }
        assert_int_equal(service_user_count(), USERS / 10);
        for (size_t i = USERS; i > 0; i--) {
            assert_int_equal(rig_authenticate(headers[i - 1], &caller),
                             (i - 1) % 10 == 3 ? STATUS_OK : STATUS_DENIED);
        }
        for (size_t i = 0; i < made_count; i++) {
            check_one(i);
        }
        assert_int_equal(service_read_all(), STATUS_OK);
        assert_int_equal(service.tables.token_count, made_count + 1 + USERS / 10);
    }
}

/* ---- tails that are taken ---- */

/* The one that has it may be read, or still be on the flash; the new one gets an id with another. */
static void an_id_with_a_taken_tail_is_drawn_again(void **state)
{
    (void)state;
    make(100);
    for (size_t draws = 1; draws <= 5; draws += 2) {
        for (int is_unread = 0; is_unread < 2; is_unread++) {
            if (is_unread) {
                reboot();
            }
            size_t other = 10 * draws + (size_t)is_unread;
            steer(made[other].view.id.bytes, 0, draws);
            make(1);
            assert_int_equal(steered.count, 0);
            assert_memory_not_equal(made[made_count - 1].view.id.bytes + UUID_BYTES - TOKEN_TAIL_BYTES,
                                    steered.tail, TOKEN_TAIL_BYTES);
            check_one(other);
            check_one(made_count - 1);
        }
    }
    check();
}

/* Keys may share one: a boot looks at both. */
static void tokens_whose_keys_have_one_tail(void **state)
{
    (void)state;
    make(100);
    for (size_t i = 0; i < 3; i++) {
        steer(made[50].view.client_id, 1, 1); /* the id, then the key */
        make(1);
        assert_memory_equal(made[made_count - 1].view.client_id + UUID_BYTES - TOKEN_TAIL_BYTES, steered.tail,
                            TOKEN_TAIL_BYTES);
        make(50);
    }
    check();
    revoke(50);
    check();
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bulk_revocation_near_the_end_of_a_long_log),
        TEST(more_deleted_users_than_a_boot_remembers),
        TEST(an_id_with_a_taken_tail_is_drawn_again),
        TEST(tokens_whose_keys_have_one_tail),
    };
    return cmocka_run_group_tests_name("service_replay", tests, NULL, NULL);
}
