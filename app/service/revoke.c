/*
 * Revoking one token, and many by one record.
 */
#include <assert.h>

#include "service/state.h"

#define BULK_OWN_TEXT_MAX 16 /* tokens that each keep who and why themselves; more share a note */

/* Who and why make the token's full record larger, and its text. A store that has no room for issuing has none for that
 * either, nor has such a table, whose reserve is for what must be kept: it is revoked without them, and the answer shows
 * that nothing was kept. */
static void append_reason(struct buffer *text, const struct caller *caller, struct bytes reason)
{
    if (!store_has_room(STORE_ISSUE, TOKEN_REASON_MAX_BYTES + USER_EMAIL_MAX_BYTES)) {
        return;
    }
    uint8_t name_bytes[USER_EMAIL_MAX_BYTES + UUID_TEXT_BYTES];
    struct buffer name = buffer_over(name_bytes, sizeof name_bytes);
    append_caller_name(&name, caller);
    fields_append(text, FIELD_REVOKED_BY, buffer_view(&name));
    fields_append(text, FIELD_REASON, reason);
}

static struct bytes fitting_reason(const struct token *token, struct bytes text)
{
    const struct pool *pool = &service.tables.pool;
    bool fits = pool_has_room(pool, POOL_ISSUE, 0, pool_text(pool, token->text).size + text.size);
    return fits ? text : (struct bytes){NULL, 0};
}

enum status service_revoke(const struct caller *caller, uint32_t token_ref, struct bytes reason,
                           bool *already, struct token_view *token)
{
    assert(reason.size <= TOKEN_REASON_MAX_BYTES);
    struct token *slot = token_at(&service.tables, token_ref);
    *already = slot->revoked_s != 0 || (slot->flags & TOKEN_FLAG_CONSUMED) != 0;
    if ((slot->flags & TOKEN_FLAG_ROOT) != 0) {
        return STATUS_DENIED;
    }
    enum status status = STATUS_OK;
    if (!*already) {
        struct buffer *text = journal_text();
        append_reason(text, caller, reason);
        struct change_record record = {slot->id, (uint32_t)clock_bound_s(),
                                       fitting_reason(slot, buffer_view(text))};
        record_put_change(journal_payload(), &record);
        status = journal(STORE_ESSENTIAL, RECORD_REVOKED);
    }
    if (status == STATUS_OK) {
        view_token(token_ref, token);
    }
    return status;
}

static bool has_room_to_cut(size_t text_bytes)
{
    return pool_has_room(&service.tables.pool, POOL_ESSENTIAL,
                         TABLE_REPLAY_MARGIN_BYTES + unread_room_bytes(), text_bytes);
}

/* The cut itself must be kept, so it is refused while there is no room even for what is essential. */
enum status service_revoke_access_token(uint32_t token_ref, const struct uuid *jti)
{
    const struct token *token = token_at(&service.tables, token_ref);
    struct bytes old = pool_text(&service.tables.pool, token->text);
    struct buffer *text = journal_text();
    assert(token->family == TOKEN_PLATFORM);
    fields_append(text, FIELD_ACCESS_CUT, bytes_of(jti->bytes, UUID_BYTES));
    if (!has_room_to_cut(old.size + text->size)) {
        seek_room();
    }
    if (!has_room_to_cut(old.size + text->size)) {
        return STATUS_FULL;
    }
    struct change_record record = {token->id, (uint32_t)clock_bound_s(), buffer_view(text)};
    record_put_change(journal_payload(), &record);
    return journal(STORE_ESSENTIAL, RECORD_ACCESS_CUT);
}

/* Few tokens keep who and why themselves, many share a note. Where that finds no place it is not kept: with each of many
 * tokens it could outgrow the flash. */
static void place_reason(struct bulk_record *record, uint64_t count, size_t text_bytes)
{
    const struct pool *pool = &service.tables.pool;
    bool by_token = count <= BULK_OWN_TEXT_MAX && pool_has_room(pool, POOL_ISSUE, text_bytes, 0);
    bool by_note =
        !by_token && record->text.size > 0 && pool_has_room(pool, POOL_ISSUE, 0, record->text.size);
    record->number = by_note ? notes_next() : 0;
    if (!by_token && record->number == 0) {
        record->text = (struct bytes){NULL, 0};
    }
}

enum status service_revoke_many(const struct caller *caller, const struct revocation_selector *selector,
                                uint64_t *revoked_count)
{
    assert(selector->tenant_ref != 0 || selector->user_ref != 0 || selector->family >= 0 ||
           selector->created_before_s != 0);
    assert(selector->family <= TOKEN_PLATFORM && selector->reason.size <= TOKEN_REASON_MAX_BYTES);
    struct buffer *text = journal_text();
    append_reason(text, caller, selector->reason);
    int64_t before_s = selector->created_before_s;
    struct bulk_record record = {
        .at_s = (uint32_t)clock_bound_s(),
        .family = selector->family < 0 ? RECORD_ANY_FAMILY : (uint8_t)selector->family,
        .created_before_s = before_s > UINT32_MAX ? UINT32_MAX : (uint32_t)before_s,
        .text = buffer_view(text),
    };
    if (selector->tenant_ref != 0) {
        record.tenant = principal_at(&service.tables.tenants, selector->tenant_ref)->id;
    }
    if (selector->user_ref != 0) {
        record.user = principal_at(&service.tables.users, selector->user_ref)->id;
    }
    size_t text_bytes;
    uint64_t count = bulk_count(&record, &text_bytes);
    *revoked_count = 0;
    if (count == 0) {
        return STATUS_OK;
    }
    place_reason(&record, count, text_bytes);
    record_put_bulk(journal_payload(), &record);
    enum status status = journal(STORE_ESSENTIAL, RECORD_REVOKED_MANY);
    *revoked_count = status == STATUS_OK ? count : 0;
    return status;
}
