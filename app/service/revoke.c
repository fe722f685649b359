/*
 * Revoking one token, and many by one record.
 */
#include <assert.h>

#include "service/state.h"

#define BULK_OWN_TEXT_MAX 16 /* tokens that each keep who and why themselves; more share a note */

/* Who and why make the token's full record larger. A store that has no room for issuing has none for that either: it
 * revokes without them, and the answer shows that nothing was kept. */
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
        struct change_record record = {slot->id, (uint32_t)clock_bound_s(), buffer_view(text)};
        record_put_change(journal_payload(), &record);
        status = journal(STORE_ESSENTIAL, RECORD_REVOKED);
    }
    if (status == STATUS_OK) {
        view_token(token_ref, token);
    }
    return status;
}

/* The cut itself must be kept, so it is refused while there is no room even for what is essential. */
enum status service_revoke_access_token(uint32_t token_ref, const struct uuid *jti)
{
    const struct token *token = token_at(&service.tables, token_ref);
    struct bytes old = pool_text(&service.tables.pool, token->text);
    struct buffer *text = journal_text();
    assert(token->family == TOKEN_PLATFORM);
    fields_append(text, FIELD_ACCESS_CUT, bytes_of(jti->bytes, UUID_BYTES));
    if (!pool_has_room(&service.tables.pool, POOL_ESSENTIAL, 0, old.size + text->size)) {
        return STATUS_FULL;
    }
    struct change_record record = {token->id, (uint32_t)clock_bound_s(), buffer_view(text)};
    record_put_change(journal_payload(), &record);
    return journal(STORE_ESSENTIAL, RECORD_ACCESS_CUT);
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
    uint64_t count = bulk_count(&record);
    *revoked_count = 0;
    if (count == 0) {
        return STATUS_OK;
    }
    record.number = count > BULK_OWN_TEXT_MAX ? notes_next() : 0;
    record_put_bulk(journal_payload(), &record);
    enum status status = journal(STORE_ESSENTIAL, RECORD_REVOKED_MANY);
    *revoked_count = status == STATUS_OK ? count : 0;
    return status;
}
