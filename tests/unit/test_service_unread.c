/*
 * Tokens that a boot leaves on the flash: each is what it would be if all had been read, whatever was done with it
 * before, in whatever order they are read; and rot in what was left is found before anything is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/frame.h"
#include "unread_rig.h"

/* ---- what is read, and when ---- */

static void a_boot_reads_no_token_but_the_roots(void **state)
{
    (void)state;
    struct caller caller;
    left_reboot();
    assert_int_equal(service.unread_count, LEFT_COUNT);
    rig_root_caller(&caller);
    assert_true(caller.is_root);
    assert_int_equal(service.unread_count, LEFT_COUNT);
}

static void a_look_up_reads_one_frame(void **state)
{
    (void)state;
    left_reboot();
    left_chain_all();
    assert_int_equal(left_sign_in(170), STATUS_OK);
    uint32_t count = service.unread_count;
    assert_true(count < LEFT_COUNT && count >= LEFT_COUNT - 120);
    assert_int_equal(left_sign_in(171), STATUS_OK); /* of the same frame */
    assert_int_equal(service.unread_count, count);
    struct token_view view;
    left_look_up(3, &view); /* by id, of another */
    assert_true(service.unread_count < count);
    assert_true(bytes_equal_string(view.name, "token 3"));
    struct uuid nobody = left.made[250].id;
    nobody.bytes[0] ^= 1; /* the same tail: read, and found to be another */
    count = service.unread_count;
    assert_int_equal(service_find(left.tenant_ref, TOKEN_PLATFORM, &nobody, &view), STATUS_NOT_FOUND);
    assert_true(service.unread_count < count);
}

static void the_background_reads_all(void **state)
{
    (void)state;
    left_reboot();
    left_chain_all();
    assert_int_equal(service.unread_count, LEFT_COUNT);
    assert_true(service_read_some()); /* one frame */
    assert_true(service.unread_count < LEFT_COUNT);
    rig_upkeep();
    assert_int_equal(service.unread_count, 0);
    assert_int_equal(service.tables.pool.promised_bytes, 0);
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        assert_int_equal(left_sign_in(i), STATUS_OK);
    }
}

static void a_list_has_all_in_order(void **state)
{
    (void)state;
    left_reboot();
    assert_int_equal(left_sign_in(200), STATUS_OK); /* read before its elders */
    left_expect_all_in_order();
    left_reboot();
    assert_int_equal(left_sign_in(200), STATUS_OK);
    rig_upkeep();
    left_expect_all_in_order();
}

/* ---- what was done before the boot ---- */

static void changes_wait_for_their_token(void **state)
{
    (void)state;
    struct caller root;
    struct token_view view;
    bool already;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    rig_root_caller(&root);
    left_look_up(10, &view);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("lost"), &already, &view), STATUS_OK);
    root.tenant_ref = left.tenant_ref;
    assert_int_equal(service_rotate(&root, &left.made[20].id, 100, NULL, &view, secret), STATUS_OK);
    rig_advance_s(10);
    assert_int_equal(left_sign_in(30), STATUS_OK); /* used: written by an orderly stop */
    int64_t used_s = service_now_s();
    service_stop();
    left_reboot();
    assert_int_equal(service.unread_count, LEFT_COUNT);
    assert_int_equal(left_sign_in(10), STATUS_DENIED);
    left_look_up(10, &view);
    assert_int_equal(view.state, TOKEN_REVOKED);
    assert_true(bytes_equal_string(view.revocation_reason, "lost"));
    assert_int_equal(left_sign_in(20), STATUS_OK); /* by the old secret, while it lasts */
    char header[256];
    char client_id[CLIENT_ID_TEXT_BYTES + 1] = {0};
    struct buffer text = buffer_over(client_id, CLIENT_ID_TEXT_BYTES);
    encode_hex(&text, bytes_of(left.made[20].client_id, sizeof left.made[20].client_id));
    struct caller caller;
    assert_int_equal(rig_authenticate(rig_basic(client_id, secret, header), &caller), STATUS_OK);
    rig_advance_s(100);
    assert_int_equal(left_sign_in(20), STATUS_DENIED);
    left_look_up(30, &view);
    assert_true(view.last_used_s == used_s);
}

static void what_was_consumed_stays_so(void **state)
{
    (void)state;
    struct action_case c;
    struct token_view view;
    rig_action(&c);
    struct consume_input input = rig_consume_input(&c);
    struct uuid consumer = principal_at(&service.tables.tenants, c.consumer.tenant_ref)->id;
    assert_int_equal(rig_consume(&c, &input), CONSUME_OK);
    left_reboot();
    c.consumer.tenant_ref = principals_find(&service.tables.tenants, &consumer);
    assert_int_equal(rig_consume(&c, &input), CONSUME_SPENT);
    assert_int_equal(service_find(0, TOKEN_ACTION, &c.token.id, &view), STATUS_OK);
    assert_int_equal(view.state, TOKEN_CONSUMED);
    assert_true(service.unread_count > 0);
}

static void a_bulk_revocation_finds_what_was_left(void **state)
{
    (void)state;
    struct caller root;
    uint64_t count;
    left_reboot();
    rig_root_caller(&root);
    struct revocation_selector selector = {
        .tenant_ref = left.tenant_ref, .family = -1, .reason = rig_text("all")};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, LEFT_COUNT);
    left_reboot();
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        assert_int_equal(left_sign_in(i), STATUS_DENIED);
    }
}

static void a_deleted_users_tokens_are_gone(void **state)
{
    (void)state;
    char header[1024];
    struct token_view token;
    struct token_view view;
    struct caller caller;
    uint32_t user = rig_user("gone@example.org", left.tenant_ref, CAPABILITY_WITHDRAWAL);
    rig_jwt(user, left.tenant_ref, "j", header, &token);
    assert_int_equal(service_delete_user(user), STATUS_OK);
    left_reboot();
    assert_int_equal(service.unread_count, LEFT_COUNT + 1);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
    assert_int_equal(service_find(left.tenant_ref, TOKEN_JWT, &token.id, &view), STATUS_NOT_FOUND);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1); /* the root's */
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        assert_int_equal(left_sign_in(i), STATUS_OK);
    }
}

/* ---- tails ---- */

static void a_tail_is_the_later_tokens(void **state)
{
    (void)state;
    struct token_view view;
    struct uuid id = left.made[100].id;
    id.bytes[8] ^= 1;
    left_write_one_like(&left.made[100], "first");
    left_write_one_like(&left.made[100], "second");
    left_reboot();
    assert_int_equal(service_find(left.tenant_ref, TOKEN_PLATFORM, &id, &view), STATUS_OK);
    assert_true(bytes_equal_string(view.name, "second"));
    assert_int_equal(service_find(left.tenant_ref, TOKEN_PLATFORM, &left.made[100].id, &view),
                     STATUS_NOT_FOUND);
    assert_int_equal(left_sign_in(100), STATUS_DENIED);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        assert_int_equal(left_sign_in(i), i == 100 ? STATUS_DENIED : STATUS_OK);
    }
}

/* ---- a flash that rots or fails ---- */

/* As many more tokens, far behind the others on the flash; `last` is the last one's header. */
static void make_more(size_t count, char last[256])
{
    struct token_view token;
    for (size_t i = 0; i < count; i++) {
        rig_platform(left.tenant_ref, PERMISSION_VIEW, "more", last, &token);
    }
}

static size_t place_of(size_t i)
{
    uint32_t ref = tokens_find_tail(&service.tables, left.made[i].id.bytes + TOKEN_TAIL_AT);
    assert_int_equal(token_at(&service.tables, ref)->family, TOKEN_UNREAD);
    return (size_t)token_at(&service.tables, ref)->created_s * 512;
}

static void a_rest_that_rots_is_found_before_anything_is_said(void **state)
{
    (void)state;
    rig.flash_model = SIM_FLASH_DISK;
    rig_new();
    left_make();
    char last[256];
    make_more(2 * LEFT_COUNT, last); /* the newest segment is checked by each boot */
    left_reboot();
    struct frame_header header;
    size_t place = place_of(150);
    assert_int_equal(frame_decode_header(sim_flash_contents().data + place, &header), STATUS_OK);
    struct frame_extent extent = frame_extent_of(header.payload_bytes, header.rest_bytes, 512);
    sim_flash_flip(place + extent.rest_offset + header.rest_bytes / 2, 0x10);
    left_reboot();
    assert_int_equal(left_sign_in(0), STATUS_OK); /* of another frame */
    assert_true(store_newest() == store_durable());
    sim_console_clear();
    assert_int_equal(left_sign_in(150), STATUS_DENIED);
    assert_true(store_newest() > store_durable()); /* that answer does not leave, nor any other */
    assert_true(sim_console().size > 20);
    assert_false(service_read_some());
    assert_int_equal(left_sign_in(0), STATUS_OK);
    assert_true(store_newest() > store_durable());
    assert_int_equal(service_read_all(), STATUS_IO);
    assert_int_equal(store_flush(service_now_s()), STATUS_READ_ONLY);
    assert_false(store_must_roll_back());
    rig_reboot();
    assert_int_equal(service_read_all(), STATUS_DAMAGED);
    assert_non_null(strstr(store_sentence(), "is damaged"));
    rig.flash_model = SIM_FLASH_NOR;
}

static void a_flash_that_fails_before_all_is_read(void **state)
{
    (void)state;
    struct caller caller;
    char last[256];
    make_more(4 * LEFT_COUNT, last);
    left_reboot();
    assert_int_equal(left_sign_in(0), STATUS_OK);
    sim_flash_fail_calls(sim_flash_counts().calls, 1, 0);
    assert_int_equal(rig_authenticate(last, &caller), STATUS_OK); /* once is tried again */
    sim_flash_fail_calls(sim_flash_counts().calls, UINT64_MAX / 2, 0);
    assert_int_equal(left_sign_in(0), STATUS_OK);
    assert_true(store_newest() == store_durable()); /* it was read before */
    (void)left_sign_in(150);
    assert_true(store_newest() > store_durable());
    assert_non_null(strstr(store_sentence(), "cannot be read"));
    rig_root_caller(&caller);
    bool already;
    struct token_view view;
    left_look_up(0, &view);
    assert_int_equal(service_revoke(&caller, view.ref, rig_text("r"), &already, &view), STATUS_READ_ONLY);
    sim_flash_fail_calls(0, 0, 0);
    rig_reboot();
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(left_sign_in(150), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup(name, left_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_boot_reads_no_token_but_the_roots),
        TEST(a_look_up_reads_one_frame),
        TEST(the_background_reads_all),
        TEST(a_list_has_all_in_order),
        TEST(changes_wait_for_their_token),
        TEST(what_was_consumed_stays_so),
        TEST(a_bulk_revocation_finds_what_was_left),
        TEST(a_deleted_users_tokens_are_gone),
        TEST(a_tail_is_the_later_tokens),
        TEST(a_rest_that_rots_is_found_before_anything_is_said),
        TEST(a_flash_that_fails_before_all_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
