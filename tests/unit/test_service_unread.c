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

#include "service/state.h"
#include "service_rig.h"
#include "store/frame.h"
#include "token/unread.h"

#define COUNT 300 /* of several frames, read one by one */

static uint32_t tenant_ref;
static char headers[COUNT][256];
static struct token_view made[COUNT];

static struct uuid tenant_id;

static void make_tokens(void)
{
    tenant_ref = rig_tenant("t");
    tenant_id = principal_at(&service.tables.tenants, tenant_ref)->id;
    for (size_t i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "token %zu", i);
        rig_platform(tenant_ref, PERMISSION_ALL, name, headers[i], &made[i]);
        if (i % 40 == 39) {
            rig_flush();
        }
    }
    rig_flush();
}

static int fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    rig_new();
    make_tokens();
    return 0;
}

static void reboot(void)
{
    rig_flush();
    rig_reboot();
    tenant_ref = principals_find(&service.tables.tenants, &tenant_id);
    assert_int_not_equal(tenant_ref, 0);
}

static enum status sign_in(size_t i)
{
    struct caller caller;
    return rig_authenticate(headers[i], &caller);
}

static void look_up(size_t i, struct token_view *view)
{
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &made[i].id, view), STATUS_OK);
}

/* ---- what is read, and when ---- */

static void a_boot_reads_no_token_but_the_roots(void **state)
{
    (void)state;
    struct caller caller;
    reboot();
    assert_int_equal(service.unread_count, COUNT);
    rig_root_caller(&caller);
    assert_true(caller.is_root);
    assert_int_equal(service.unread_count, COUNT);
}

static void chain_all(void)
{
    while (tokens_any_loose(&service.tables)) {
        assert_true(service_read_some());
    }
}

static void a_look_up_reads_one_frame(void **state)
{
    (void)state;
    reboot();
    chain_all();
    assert_int_equal(sign_in(170), STATUS_OK);
    uint32_t left = service.unread_count;
    assert_true(left < COUNT && left >= COUNT - 120);
    assert_int_equal(sign_in(171), STATUS_OK); /* of the same frame */
    assert_int_equal(service.unread_count, left);
    struct token_view view;
    look_up(3, &view); /* by id, of another */
    assert_true(service.unread_count < left);
    assert_true(bytes_equal_string(view.name, "token 3"));
    struct uuid nobody = made[250].id;
    nobody.bytes[0] ^= 1; /* the same tail: read, and found to be another */
    left = service.unread_count;
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &nobody, &view), STATUS_NOT_FOUND);
    assert_true(service.unread_count < left);
}

static void the_background_reads_all(void **state)
{
    (void)state;
    reboot();
    chain_all();
    assert_int_equal(service.unread_count, COUNT);
    assert_true(service_read_some()); /* one frame */
    assert_true(service.unread_count < COUNT);
    rig_upkeep();
    assert_int_equal(service.unread_count, 0);
    assert_int_equal(service.tables.pool.promised_bytes, 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sign_in(i), STATUS_OK);
    }
}

static void expect_all_in_order(void)
{
    static struct token_page page;
    struct token_query query = {.family = TOKEN_PLATFORM, .tenant_ref = tenant_ref};
    service_list(&query, TOKEN_PAGE_MAX, &page);
    assert_int_equal(page.total, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct token_view view;
        service_view_token(page.refs[i], &view);
        assert_memory_equal(&view.id, &made[i].id, sizeof view.id);
    }
}

static void a_list_has_all_in_order(void **state)
{
    (void)state;
    reboot();
    assert_int_equal(sign_in(200), STATUS_OK); /* read before its elders */
    expect_all_in_order();
    reboot();
    assert_int_equal(sign_in(200), STATUS_OK);
    rig_upkeep();
    expect_all_in_order();
}

/* ---- loose ones ---- */

static uint32_t loose_count(void)
{
    return service.tables.loose_end - service.tables.loose_first;
}

static void a_look_up_finds_what_is_loose(void **state)
{
    (void)state;
    struct token_view view;
    reboot();
    assert_int_equal(loose_count(), COUNT);
    assert_false(service_reading_is_urgent());
    assert_int_equal(sign_in(7), STATUS_OK); /* by key */
    look_up(250, &view);                     /* by id */
    assert_true(bytes_equal_string(view.name, "token 250"));
    assert_int_equal(loose_count(), COUNT);            /* the others still are */
    assert_int_equal(service.unread_count, COUNT - 2); /* and were not read with them */
    assert_int_equal(service.tables.token_count, COUNT + 1);
    assert_true(service_reading_is_urgent());
    assert_true(service_read_some());
    assert_int_equal(loose_count(), 0);
    assert_false(service_reading_is_urgent());
    assert_int_equal(service.unread_count, COUNT - 2);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sign_in(i), STATUS_OK);
    }
    assert_int_equal(service.tables.token_count, COUNT + 1);
    assert_int_equal(service.unread_count, 0);
    assert_int_equal(service_read_all(), STATUS_OK);
}

static void without_room_all_get_their_own_slots(void **state)
{
    (void)state;
    reboot();
    size_t promised_bytes = service.tables.pool.promised_bytes;
    service.tables.pool.promised_bytes = pool_gap_bytes(&service.tables.pool);
    struct token_view view;
    look_up(100, &view);
    service.tables.pool.promised_bytes -= pool_gap_bytes(&service.tables.pool) - promised_bytes;
    assert_int_equal(loose_count(), 0);
    assert_true(bytes_equal_string(view.name, "token 100"));
    assert_int_equal(service.tables.token_count, COUNT + 1);
    assert_int_equal(service_read_all(), STATUS_OK);
}

/* Of three tokens in one frame the first is in the chains, as it was followed by a change. */
static void a_frame_may_have_loose_ones_too(void **state)
{
    (void)state;
    char headers_of[3][256];
    struct caller root;
    struct token_view token;
    struct token_view view;
    bool already;
    rig_root_caller(&root);
    look_up(5, &view);
    rig_platform(tenant_ref, PERMISSION_ALL, "a", headers_of[0], &token);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("x"), &already, &view), STATUS_OK);
    rig_platform(tenant_ref, PERMISSION_ALL, "b", headers_of[1], &token);
    rig_platform(tenant_ref, PERMISSION_ALL, "c", headers_of[2], &token);
    reboot();
    assert_int_equal(loose_count(), 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rig_authenticate(headers_of[i], &root), STATUS_OK);
    }
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, COUNT + 4);
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
    reboot();
    rig_platform(tenant_ref, PERMISSION_ALL, "new", header, &token);
    rig_root_caller(&root);
    look_up(40, &view);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("x"), &already, &view), STATUS_OK);
    assert_true(loose_count() > 0);
    reboot(); /* the revocation has all before it chained, and none is behind it */
    assert_int_equal(loose_count(), 0);
    assert_int_equal(sign_in(40), STATUS_DENIED);
    assert_int_equal(sign_in(41), STATUS_OK);
    assert_int_equal(rig_authenticate(header, &root), STATUS_OK);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, COUNT + 2);
}

static void look_ups_alone_may_read_all(void **state)
{
    (void)state;
    struct caller root;
    uint64_t count;
    reboot();
    for (size_t i = COUNT; i-- > 0;) {
        assert_int_equal(sign_in(i), STATUS_OK);
    }
    assert_int_equal(service.unread_count, 0);
    expect_all_in_order();
    rig_root_caller(&root);
    struct revocation_selector selector = {.tenant_ref = tenant_ref, .family = -1, .reason = rig_text("all")};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, COUNT);
    assert_false(service_read_some());
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
    look_up(10, &view);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("lost"), &already, &view), STATUS_OK);
    root.tenant_ref = tenant_ref;
    assert_int_equal(service_rotate(&root, &made[20].id, 100, NULL, &view, secret), STATUS_OK);
    rig_advance_s(10);
    assert_int_equal(sign_in(30), STATUS_OK); /* used: written by an orderly stop */
    int64_t used_s = service_now_s();
    service_stop();
    reboot();
    assert_int_equal(service.unread_count, COUNT);
    assert_int_equal(sign_in(10), STATUS_DENIED);
    look_up(10, &view);
    assert_int_equal(view.state, TOKEN_REVOKED);
    assert_true(bytes_equal_string(view.revocation_reason, "lost"));
    assert_int_equal(sign_in(20), STATUS_OK); /* by the old secret, while it lasts */
    char header[256];
    char client_id[CLIENT_ID_TEXT_BYTES + 1] = {0};
    struct buffer text = buffer_over(client_id, CLIENT_ID_TEXT_BYTES);
    encode_hex(&text, bytes_of(made[20].client_id, sizeof made[20].client_id));
    struct caller caller;
    assert_int_equal(rig_authenticate(rig_basic(client_id, secret, header), &caller), STATUS_OK);
    rig_advance_s(100);
    assert_int_equal(sign_in(20), STATUS_DENIED);
    look_up(30, &view);
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
    reboot();
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
    reboot();
    rig_root_caller(&root);
    struct revocation_selector selector = {.tenant_ref = tenant_ref, .family = -1, .reason = rig_text("all")};
    assert_int_equal(service_revoke_many(&root, &selector, &count), STATUS_OK);
    assert_int_equal(count, COUNT);
    reboot();
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sign_in(i), STATUS_DENIED);
    }
}

static void a_deleted_users_tokens_are_gone(void **state)
{
    (void)state;
    char header[1024];
    struct token_view token;
    struct token_view view;
    struct caller caller;
    uint32_t user = rig_user("gone@example.org", tenant_ref, CAPABILITY_WITHDRAWAL);
    rig_jwt(user, tenant_ref, "j", header, &token);
    assert_int_equal(service_delete_user(user), STATUS_OK);
    reboot();
    assert_int_equal(service.unread_count, COUNT + 1);
    assert_int_equal(rig_authenticate(header, &caller), STATUS_DENIED);
    assert_int_equal(service_find(tenant_ref, TOKEN_JWT, &token.id, &view), STATUS_NOT_FOUND);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, COUNT + 1); /* the root's */
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sign_in(i), STATUS_OK);
    }
}

/* ---- tails ---- */

/* A token's record with the tails of another, which it replaces: that one must have been gone. */
static void write_one_like(const struct token_view *other, const char *name)
{
    struct buffer *text = journal_text();
    fields_append(text, FIELD_NAME, rig_text(name));
    struct token_record record = {.token = {.id = other->id, .family = TOKEN_PLATFORM, .permissions = 1},
                                  .tenant = tenant_id,
                                  .text = buffer_view(text)};
    record.token.id.bytes[8] ^= 1;
    memcpy(record.token.key, other->client_id, sizeof record.token.key);
    record.token.key[15] ^= 1; /* in another chain */
    struct buffer *payload = journal_payload();
    record_put_token(payload, &record);
    assert_int_equal(store_append(STORE_ESSENTIAL, RECORD_TOKEN, buffer_view(payload),
                                  record_rest_bytes(RECORD_TOKEN, buffer_view(payload)), NULL),
                     STATUS_OK);
}

/* The former one is in the chains, found by its key; the later one is loose. */
static void a_loose_token_replaces_a_chained_one(void **state)
{
    (void)state;
    struct caller root;
    struct token_view view;
    bool already;
    rig_root_caller(&root);
    look_up(5, &view);
    assert_int_equal(service_revoke(&root, view.ref, rig_text("x"), &already, &view), STATUS_OK);
    rig_flush();
    write_one_like(&made[100], "later");
    write_one_like(&made[101], "later");
    reboot();
    assert_int_equal(loose_count(), 2);
    assert_int_equal(sign_in(100), STATUS_DENIED); /* by key */
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &made[101].id, &view),
                     STATUS_NOT_FOUND); /* by id */
    assert_int_equal(sign_in(102), STATUS_OK);
    assert_int_equal(sign_in(COUNT - 1), STATUS_OK); /* its slot is the last before those of loose ones */
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, COUNT + 1);
    assert_int_equal(service.tables.pool.promised_bytes, 0);
    write_one_like(&made[100], "latest");
    write_one_like(&made[100], "latest of all");
    reboot();
    struct uuid id = made[100].id;
    id.bytes[8] ^= 1;
    assert_int_equal(service_read_all(), STATUS_OK); /* many at a time */
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &id, &view), STATUS_OK);
    assert_true(bytes_equal_string(view.name, "latest of all"));
    assert_int_equal(service.tables.token_count, COUNT + 1);
}

static void a_tail_is_the_later_tokens(void **state)
{
    (void)state;
    struct token_view view;
    struct uuid id = made[100].id;
    id.bytes[8] ^= 1;
    write_one_like(&made[100], "first");
    write_one_like(&made[100], "second");
    reboot();
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &id, &view), STATUS_OK);
    assert_true(bytes_equal_string(view.name, "second"));
    assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &made[100].id, &view), STATUS_NOT_FOUND);
    assert_int_equal(sign_in(100), STATUS_DENIED);
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(service.tables.token_count, COUNT + 1);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sign_in(i), i == 100 ? STATUS_DENIED : STATUS_OK);
    }
}

/* ---- a flash that rots or fails ---- */

/* As many more tokens, far behind the others on the flash; `last` is the last one's header. */
static void make_more(size_t count, char last[256])
{
    struct token_view token;
    for (size_t i = 0; i < count; i++) {
        rig_platform(tenant_ref, PERMISSION_VIEW, "more", last, &token);
    }
}

static size_t place_of(size_t i)
{
    uint32_t ref = tokens_find_tail(&service.tables, made[i].id.bytes + TOKEN_TAIL_AT);
    assert_int_equal(token_at(&service.tables, ref)->family, TOKEN_UNREAD);
    return (size_t)token_at(&service.tables, ref)->created_s * 512;
}

static void a_rest_that_rots_is_found_before_anything_is_said(void **state)
{
    (void)state;
    rig.flash_model = SIM_FLASH_DISK;
    rig_new();
    make_tokens();
    char last[256];
    make_more(2 * COUNT, last); /* the newest segment is checked by each boot */
    reboot();
    struct frame_header header;
    size_t place = place_of(150);
    assert_int_equal(frame_decode_header(sim_flash_contents().data + place, &header), STATUS_OK);
    struct frame_extent extent = frame_extent_of(header.payload_bytes, header.rest_bytes, 512);
    sim_flash_flip(place + extent.rest_offset + header.rest_bytes / 2, 0x10);
    reboot();
    assert_int_equal(sign_in(0), STATUS_OK); /* of another frame */
    assert_true(store_newest() == store_durable());
    sim_console_clear();
    assert_int_equal(sign_in(150), STATUS_DENIED);
    assert_true(store_newest() > store_durable()); /* that answer does not leave, nor any other */
    assert_true(sim_console().size > 20);
    assert_false(service_read_some());
    assert_int_equal(sign_in(0), STATUS_OK);
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
    make_more(4 * COUNT, last);
    reboot();
    assert_int_equal(sign_in(0), STATUS_OK);
    sim_flash_fail_calls(sim_flash_counts().calls, 1, 0);
    assert_int_equal(rig_authenticate(last, &caller), STATUS_OK); /* once is tried again */
    sim_flash_fail_calls(sim_flash_counts().calls, UINT64_MAX / 2, 0);
    assert_int_equal(sign_in(0), STATUS_OK);
    assert_true(store_newest() == store_durable()); /* it was read before */
    (void)sign_in(150);
    assert_true(store_newest() > store_durable());
    assert_non_null(strstr(store_sentence(), "cannot be read"));
    rig_root_caller(&caller);
    bool already;
    struct token_view view;
    look_up(0, &view);
    assert_int_equal(service_revoke(&caller, view.ref, rig_text("r"), &already, &view), STATUS_READ_ONLY);
    sim_flash_fail_calls(0, 0, 0);
    rig_reboot();
    assert_int_equal(service_read_all(), STATUS_OK);
    assert_int_equal(sign_in(150), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_boot_reads_no_token_but_the_roots),
        TEST(a_look_up_reads_one_frame),
        TEST(the_background_reads_all),
        TEST(a_list_has_all_in_order),
        TEST(a_look_up_finds_what_is_loose),
        TEST(look_ups_alone_may_read_all),
        TEST(without_room_all_get_their_own_slots),
        TEST(a_frame_may_have_loose_ones_too),
        TEST(verbs_go_on_beside_loose_ones),
        TEST(a_loose_token_replaces_a_chained_one),
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
