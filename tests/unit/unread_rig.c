/*
 * Tokens that a boot leaves on the flash, for the tests of what becomes of them.
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

struct left left;

void left_make(void)
{
    left.tenant_ref = rig_tenant("t");
    left.tenant_id = principal_at(&service.tables.tenants, left.tenant_ref)->id;
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "token %zu", i);
        rig_platform(left.tenant_ref, PERMISSION_ALL, name, left.headers[i], &left.made[i]);
        if (i % 40 == 39) {
            rig_flush();
        }
    }
    rig_flush();
}

int left_fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    rig_new();
    left_make();
    return 0;
}

void left_reboot(void)
{
    rig_flush();
    rig_reboot();
    left.tenant_ref = principals_find(&service.tables.tenants, &left.tenant_id);
    assert_int_not_equal(left.tenant_ref, 0);
}

enum status left_sign_in(size_t i)
{
    struct caller caller;
    return rig_authenticate(left.headers[i], &caller);
}

void left_look_up(size_t i, struct token_view *view)
{
    assert_int_equal(service_find(left.tenant_ref, TOKEN_PLATFORM, &left.made[i].id, view), STATUS_OK);
}

uint32_t left_loose_count(void)
{
    return service.tables.loose_end - service.tables.loose_first;
}

void left_write_what_ties(void)
{
    uint32_t user = rig_user("gone@example.org", left.tenant_ref, CAPABILITY_WITHDRAWAL);
    assert_int_equal(service_delete_user(user), STATUS_OK);
}

void left_chain_all(void)
{
    while (tokens_any_loose(&service.tables)) {
        assert_true(service_read_some());
    }
}

void left_expect_all_in_order(void)
{
    static struct token_page page;
    struct token_query query = {.family = TOKEN_PLATFORM, .tenant_ref = left.tenant_ref};
    service_list(&query, TOKEN_PAGE_MAX, &page);
    assert_int_equal(page.total, LEFT_COUNT);
    for (size_t i = 0; i < LEFT_COUNT; i++) {
        struct token_view view;
        service_view_token(page.refs[i], &view);
        assert_memory_equal(&view.id, &left.made[i].id, sizeof view.id);
    }
}

/* A token's record with the tails of another, which it replaces: that one must have been gone. */
void left_write_one_like(const struct token_view *other, const char *name)
{
    struct buffer *text = journal_text();
    fields_append(text, FIELD_NAME, rig_text(name));
    struct token_record record = {.token = {.id = other->id, .family = TOKEN_PLATFORM, .permissions = 1},
                                  .tenant = left.tenant_id,
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
