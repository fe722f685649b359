/*
 * Changes that a boot meets while the tokens they are of are loose: none of these gets a slot for it, each comes to what it
 * was, whichever way it is found, and a copy that came later is not changed twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/held.h"
#include "token/unread.h"
#include "unread_rig.h"

#define OVERLAP_S 100

static char header_of_new[256]; /* token 20 by its new secret */
static int64_t used_s;          /* token 30 was, last */

static void rotate(size_t i, uint32_t overlap_s)
{
    struct caller root;
    struct token_view view;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    char client_id[CLIENT_ID_TEXT_BYTES + 1] = {0};
    struct buffer text = buffer_over(client_id, CLIENT_ID_TEXT_BYTES);
    rig_root_caller(&root);
    root.tenant_ref = left.tenant_ref;
    assert_int_equal(service_rotate(&root, &left.made[i].id, overlap_s, NULL, &view, secret), STATUS_OK);
    encode_hex(&text, bytes_of(left.made[i].client_id, sizeof left.made[i].client_id));
    (void)rig_basic(client_id, secret, header_of_new);
}

static void revoke(size_t i)
{
    struct caller root;
    struct token_view view;
    bool already;
    rig_root_caller(&root);
    left_look_up(i, &view);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("lost"), &already, &view), STATUS_OK);
}

static enum status sign_in_anew(void)
{
    struct caller caller;
    return rig_authenticate(header_of_new, &caller);
}

/* A change of each kind, and an orderly end. */
static void change_some(void)
{
    revoke(10);
    rotate(20, OVERLAP_S);
    rig_advance_s(10);
    assert_int_equal(left_sign_in(30), STATUS_OK);
    service_stop();
    rig_advance_s(10);
    assert_int_equal(left_sign_in(30), STATUS_OK); /* and again: the newer time counts */
    used_s = service_now_s();
    service_stop();
}

/* None of the tokens gets a slot for its change. */
static void change_some_and_reboot(void)
{
    change_some();
    left_reboot();
    assert_int_equal(left_loose_count(), LEFT_COUNT);
}

static void expect_the_changes(void)
{
    struct token_view view;
    assert_int_equal(left_sign_in(10), STATUS_DENIED);
    left_look_up(10, &view);
    assert_int_equal(view.state, TOKEN_REVOKED);
    assert_true(bytes_equal_string(view.revocation_reason, "lost"));
    left_look_up(30, &view);
    assert_true(view.last_used_s == used_s);
    assert_int_equal(sign_in_anew(), STATUS_OK);
    assert_int_equal(left_sign_in(20), STATUS_OK); /* by the old secret, while it lasts */
    rig_advance_s(OVERLAP_S);
    assert_int_equal(left_sign_in(20), STATUS_DENIED);
    assert_int_equal(sign_in_anew(), STATUS_OK);
}

static void a_change_leaves_all_loose(void **state)
{
    (void)state;
    change_some_and_reboot();
    expect_the_changes(); /* while the others still are */
    assert_int_equal(left_loose_count(), LEFT_COUNT);
}

static void the_background_applies_all(void **state)
{
    (void)state;
    change_some_and_reboot();
    left_chain_all();
    expect_the_changes();
}

static void what_is_found_by_id_first_is_changed_too(void **state)
{
    (void)state;
    struct token_view view;
    change_some_and_reboot();
    left_look_up(10, &view);
    assert_int_equal(view.state, TOKEN_REVOKED);
    expect_the_changes();
}

static void reading_all_applies_all(void **state)
{
    (void)state;
    change_some_and_reboot();
    assert_int_equal(service_read_all(), STATUS_OK);
    expect_the_changes();
}

/* Tokens behind the changes are loose too. */
static void tokens_may_follow(void **state)
{
    (void)state;
    char header[256];
    struct caller caller;
    struct token_view token;
    change_some();
    rig_platform(left.tenant_ref, PERMISSION_ALL, "later", header, &token);
    left_reboot();
    assert_int_equal(left_loose_count(), LEFT_COUNT + 1);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    expect_the_changes();
}

/* The tokens are in the chains, by what stands behind them; then a loose one, then the changes. One of the same frame has
 * them read before any change of theirs is applied. */
static void the_chained_are_changed_too(void **state)
{
    (void)state;
    char header[256];
    struct caller caller;
    struct token_view token;
    left_write_what_ties();
    rig_platform(left.tenant_ref, PERMISSION_ALL, "later", header, &token);
    change_some();
    left_reboot();
    assert_int_equal(left_loose_count(), 1);
    assert_int_equal(left_sign_in(11), STATUS_OK);
    assert_true(service.unread_count < LEFT_COUNT);
    expect_the_changes();
    assert_int_equal(left_loose_count(), 1);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
}

/* The token's record as it is now, as compaction would write it. */
static void write_copy(size_t i)
{
    struct token_view view;
    left_look_up(i, &view);
    struct token *token = token_at(&service.tables, view.ref);
    struct token_record now = {
        .token = *token, .tenant = left.tenant_id, .text = pool_text(&service.tables.pool, token->text)};
    struct buffer *payload = journal_payload();
    record_put_token(payload, &now);
    assert_int_equal(store_append(STORE_ESSENTIAL, RECORD_TOKEN, buffer_view(payload),
                                  record_rest_bytes(RECORD_TOKEN, buffer_view(payload)), &token->segment),
                     STATUS_OK);
}

/* To rotate once more would void the former secret at once. */
static void a_copy_is_not_changed_again(void **state)
{
    (void)state;
    change_some();
    write_copy(10);
    write_copy(20);
    write_copy(30);
    left_reboot();
    assert_int_equal(left_loose_count(), LEFT_COUNT + 3);
    expect_the_changes();
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 1);
}

static void changes_keep_their_order(void **state)
{
    (void)state;
    rotate(20, 0);
    rotate(20, OVERLAP_S);
    rotate(20, 0);
    write_copy(20);
    rotate(20, 0);
    rotate(20, 0);
    left_reboot();
    assert_int_equal(left_sign_in(20), STATUS_DENIED);
    assert_int_equal(sign_in_anew(), STATUS_OK);
    revoke(20);
    left_reboot();
    assert_int_equal(sign_in_anew(), STATUS_DENIED);
}

static void append_change(enum record_type type, const struct change_record *record)
{
    struct buffer *payload = journal_payload();
    record_put_change(payload, record);
    assert_int_equal(store_append(STORE_ESSENTIAL, (uint8_t)type, buffer_view(payload), 0, NULL), STATUS_OK);
}

static void append_revocation(uint32_t number)
{
    struct change_record record = {.at_s = 1};
    memcpy(record.id.bytes + TOKEN_TAIL_AT, &number, sizeof number);
    append_change(RECORD_REVOKED, &record);
}

/* What does not fit ends the looseness of all before it; of strangers nothing is left. */
static void more_than_can_be_held(void **state)
{
    (void)state;
    char header[256];
    struct caller caller;
    struct token_view token;
    change_some();
    for (uint32_t i = 0; i < HELD_CHANGES_MAX; i++) {
        append_revocation(i);
    }
    rig_platform(left.tenant_ref, PERMISSION_ALL, "later", header, &token);
    left_reboot();
    assert_int_equal(left_loose_count(), 1);
    expect_the_changes();
    assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, LEFT_COUNT + 2);
}

/* A change that is none for its token: nothing is answered any more once it is found. */
static void a_change_that_cannot_be(void **state)
{
    (void)state;
    struct change_record record = {.id = left.made[7].id, .at_s = 1};
    append_change(RECORD_CONSUMED, &record);
    left_reboot();
    assert_int_equal(left_loose_count(), LEFT_COUNT);
    assert_true(store_durable() >= store_newest());
    (void)left_sign_in(7);
    assert_true(store_durable() < store_newest());
}

static void what_is_malformed_refuses_the_boot(void **state)
{
    (void)state;
    const uint8_t payload[] = "not a change";
    assert_int_equal(store_append(STORE_ESSENTIAL, RECORD_TOUCHED, bytes_of(payload, 12), 0, NULL),
                     STATUS_OK);
    rig_flush();
    assert_int_equal(rig_try_reboot(), STATUS_DAMAGED);
}

#define TEST(name) cmocka_unit_test_setup(name, left_fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_leaves_all_loose),
        TEST(the_background_applies_all),
        TEST(what_is_found_by_id_first_is_changed_too),
        TEST(reading_all_applies_all),
        TEST(tokens_may_follow),
        TEST(the_chained_are_changed_too),
        TEST(a_copy_is_not_changed_again),
        TEST(changes_keep_their_order),
        TEST(more_than_can_be_held),
        TEST(a_change_that_cannot_be),
        TEST(what_is_malformed_refuses_the_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
