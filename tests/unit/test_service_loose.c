/*
 * Loose tokens, which a boot has only listed (token/unread.h): look-ups find them one by one, they never stand beside what has
 * replaced them or was replaced by them, and all come into the chains in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/unread.h"
#include "unread_rig.h"

static void a_look_up_finds_what_is_loose(void **state)
{
    (void)state;
    struct token_view view;
    left_reboot();
    assert_int_equal(left_loose_count(), LEFT_COUNT);
    assert_false(service_reading_is_urgent());
    assert_int_equal(left_sign_in(7), STATUS_OK); /* by key */
    left_look_up(250, &view);                     /* by id */
    assert_true(bytes_equal_string(view.name, "token 250"));
    assert_int_equal(left_loose_count(), LEFT_COUNT);       /* the others still are */
    assert_int_equal(service.unread_count, LEFT_COUNT - 2); /* and were not read with them */
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
    assert_true(service_reading_is_urgent());
    assert_true(service_read_some());
    assert_int_equal(left_loose_count(), 0);
    assert_false(service_reading_is_urgent());
    assert_int_equal(service.unread_count, LEFT_COUNT - 2);
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        assert_int_equal(left_sign_in(i), STATUS_OK);
    }
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
    assert_int_equal(service.unread_count, 0);
    assert_int_equal(service_read_all(), STATUS_OK);
}

static void without_room_all_get_their_own_slots(void **state)
{
    (void)state;
    left_reboot();
    size_t promised_bytes = service.tables.pool.promised_bytes;
    service.tables.pool.promised_bytes = pool_gap_bytes(&service.tables.pool);
    struct token_view view;
    left_look_up(100, &view);
    service.tables.pool.promised_bytes -= pool_gap_bytes(&service.tables.pool) - promised_bytes;
    assert_int_equal(left_loose_count(), 0);
    assert_true(bytes_equal_string(view.name, "token 100"));
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
    assert_int_equal(service_read_all(), STATUS_OK);
}

/* Of three tokens in one frame the first is in the chains, as it was followed by the end of a user. */
static void a_frame_may_have_loose_ones_too(void **state)
{
    (void)state;
    char headers_of[3][256];
    struct caller root;
    struct token_view token;
    rig_platform(left.tenant_ref, PERMISSION_ALL, "a", headers_of[0], &token);
    left_write_what_ties();
    rig_platform(left.tenant_ref, PERMISSION_ALL, "b", headers_of[1], &token);
    rig_platform(left.tenant_ref, PERMISSION_ALL, "c", headers_of[2], &token);
    left_reboot();
    assert_int_equal(left_loose_count(), 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rig_authenticate(headers_of[i], &root), STATUS_OK);
    }
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 4);
}

/* New tokens and changes while others are loose, which are older. */
static void verbs_go_on_beside_loose_ones(void **state)
{
    (void)state;
    char header[256];
    struct caller root;
    struct token_view token;
    struct token_view view;
    bool already;
    left_reboot();
    rig_platform(left.tenant_ref, PERMISSION_ALL, "new", header, &token);
    rig_root_caller(&root);
    left_look_up(40, &view);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("x"), &already, &view), STATUS_OK);
    assert_true(left_loose_count() > 0);
    left_reboot();
    assert_int_equal(left_loose_count(), LEFT_COUNT + 1);
    assert_int_equal(left_sign_in(40), STATUS_DENIED);
    assert_int_equal(left_sign_in(41), STATUS_OK);
    assert_int_equal(rig_authenticate(header, &root), STATUS_OK);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 2);
}

static void look_ups_alone_may_read_all(void **state)
{
    (void)state;
    struct caller root;
    uint64_t count;
    left_reboot();
    for (size_t i = LEFT_COUNT; i-- > 0;) {
        assert_int_equal(left_sign_in(i), STATUS_OK);
    }
    assert_int_equal(service.unread_count, 0);
    left_expect_all_in_order();
    rig_root_caller(&root);
    struct revocation_selector selector = {
        .tenant_ref = left.tenant_ref, .family = -1, .reason = rig_text("all")};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, LEFT_COUNT);
    assert_false(service_read_some());
}

/* The former one is in the chains, found by its key; the later one is loose. */
static void a_loose_token_replaces_a_chained_one(void **state)
{
    (void)state;
    struct token_view view;
    left_write_what_ties();
    rig_flush();
    left_write_one_like(&left.made[100], "later");
    left_write_one_like(&left.made[101], "later");
    left_reboot();
    assert_int_equal(left_loose_count(), 2);
    assert_int_equal(left_sign_in(100), STATUS_DENIED); /* by key */
    assert_int_equal(service_find(left.tenant_ref, TOKEN_PLATFORM, &left.made[101].id, &view),
                     STATUS_NOT_FOUND); /* by id */
    assert_int_equal(left_sign_in(102), STATUS_OK);
    assert_int_equal(left_sign_in(LEFT_COUNT - 1),
                     STATUS_OK); /* its slot is the last before those of loose ones */
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
    assert_int_equal(service.tables.pool.promised_bytes, 0);
    left_write_one_like(&left.made[100], "latest");
    left_write_one_like(&left.made[100], "latest of all");
    left_reboot();
    struct uuid id = left.made[100].id;
    id.bytes[8] ^= 1;
    assert_int_equal(service_read_all(), STATUS_OK); /* many at a time */
    assert_int_equal(service_find(left.tenant_ref, TOKEN_PLATFORM, &id, &view), STATUS_OK);
    assert_true(bytes_equal_string(view.name, "latest of all"));
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
}
#define TEST(name) cmocka_unit_test_setup(name, left_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_look_up_finds_what_is_loose),   TEST(without_room_all_get_their_own_slots),
        TEST(a_frame_may_have_loose_ones_too), TEST(verbs_go_on_beside_loose_ones),
        TEST(look_ups_alone_may_read_all),     TEST(a_loose_token_replaces_a_chained_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
