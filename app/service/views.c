/*
 * Views for answers.
 */
#include <assert.h>

#include "service/state.h"

void view_token(uint32_t ref, struct token_view *view)
{
    token_view_of(&service.tables, ref, clock_bound_s(), view);
    struct bytes note = note_text(token_at(&service.tables, ref)->note);
    if (note.size > 0) {
        view->revocation_reason = fields_find(note, FIELD_REASON);
        view->revoked_by = fields_find(note, FIELD_REVOKED_BY);
    }
}

void view_as_created(uint32_t ref, struct token_view *view)
{
    view_token(ref, view);
    view->state = TOKEN_ACTIVE;
    view->updated_s = view->created_s;
    view->revoked_s = 0;
    view->consumed_s = 0;
    view->last_used_s = 0;
    view->revocation_reason = (struct bytes){NULL, 0};
    view->revoked_by = (struct bytes){NULL, 0};
}

void append_caller_name(struct buffer *out, const struct caller *caller)
{
    if (caller->kind == CALLER_USER) {
        struct user_view user;
        user_view_of(&service.tables, caller->user_ref, &user);
        buffer_append(out, user.email);
        return;
    }
    buffer_append_string(out, "service-accounts/");
    encode_uuid(out, &caller->principal);
}

bool token_is_stopped(const struct token *token)
{
    const struct tables *tables = &service.tables;
    bool stopped = (principal_at(&tables->tenants, token->tenant)->flags & PRINCIPAL_STOPPED) != 0;
    if (token->user != 0) {
        stopped = stopped || (principal_at(&tables->users, token->user)->flags & PRINCIPAL_STOPPED) != 0;
    }
    return stopped;
}

void service_view_token(uint32_t token_ref, struct token_view *token)
{
    view_token(token_ref, token);
}

enum status service_find(uint32_t tenant_ref, enum token_family family, const struct uuid *id,
                         struct token_view *token)
{
    uint32_t ref = tokens_find_id(&service.tables, id);
    if (ref == 0) {
        return STATUS_NOT_FOUND;
    }
    const struct token *found = token_at(&service.tables, ref);
    if (found->family != family || (tenant_ref != 0 && found->tenant != tenant_ref)) {
        return STATUS_NOT_FOUND;
    }
    view_token(ref, token);
    return STATUS_OK;
}

bool service_is_member(uint32_t user_ref, uint32_t tenant_ref)
{
    return user_is_member(&service.tables, user_ref, tenant_ref);
}

void service_stats(struct service_stats *stats)
{
    const struct tables *tables = &service.tables;
    *stats = (struct service_stats){
        .token_count = tables->token_count,
        .token_capacity = tokens_capacity(tables),
        .text_used_bytes = tables->pool.text_bytes,
        .text_capacity_bytes = tables->pool.text_bytes + pool_gap_bytes(&tables->pool),
        .collected_count = service.collected_count,
    };
    for (size_t family = 0; family < 3; family++) {
        for (size_t state = 0; state < 4; state++) {
            stats->tokens[family][state] = tables->counts[family][state];
        }
    }
}
