/*
 * Consuming an action token: exactly once.
 *
 * The order of the answers: a key used before decides alone (the first answer again, or a conflict); then unknown,
 * malformed or expired; then another tenant, another actor, or an actor who was disabled or left the tenant; then
 * consumed or revoked; then another action or digest. A failed attempt changes nothing.
 */
#include <assert.h>

#include "service/state.h"

/* users/<uuid> of the bound user. */
static bool is_bound_actor(const struct token *token, struct bytes actor)
{
    uint8_t name[6 + UUID_TEXT_BYTES];
    struct buffer expected = buffer_over(name, sizeof name);
    buffer_append_string(&expected, "users/");
    encode_uuid(&expected, &principal_at(&service.tables.users, token->user)->id);
    return bytes_equal(buffer_view(&expected), actor);
}

static bool may_act(const struct caller *caller, const struct token *token, struct bytes actor)
{
    return token->tenant == caller->tenant_ref && is_bound_actor(token, actor) && !token_is_stopped(token) &&
           user_is_member(&service.tables, token->user, token->tenant);
}

static enum consume_result judge(const struct caller *caller, const struct consume_input *input, uint32_t ref)
{
    if (ref == 0) {
        return CONSUME_UNKNOWN;
    }
    const struct token *token = token_at(&service.tables, ref);
    if ((int64_t)token->expires_s <= service_now_s()) {
        return CONSUME_UNKNOWN;
    }
    if (!may_act(caller, token, input->actor)) {
        return CONSUME_FORBIDDEN;
    }
    if (token_state_at(token, service_now_s()) != TOKEN_ACTIVE) {
        return CONSUME_SPENT;
    }
    struct bytes text = pool_text(&service.tables.pool, token->text);
    struct bytes digest = fields_find(text, FIELD_DIGEST);
    bool right = bytes_equal(fields_find(text, FIELD_ACTION), input->action) &&
                 digest.size == sizeof input->digest &&
                 bytes_equal_constant_time(digest.data, input->digest, sizeof input->digest);
    return right ? CONSUME_OK : CONSUME_MISMATCH;
}

static enum status write_consumed(uint32_t ref, const struct plan *plan)
{
    struct buffer *text = journal_text();
    plan_append(plan, text);
    struct change_record record = {
        .id = token_at(&service.tables, ref)->id,
        .at_s = (uint32_t)service_now_s(),
        .text = buffer_view(text),
    };
    record_put_change(journal_payload(), &record);
    return journal(STORE_ESSENTIAL, RECORD_CONSUMED);
}

/* Consuming comes before remembering the key. */
static enum status spend(uint32_t ref, const struct plan *plan)
{
    static const struct plan no_key;
    enum status status = write_consumed(ref, plan);
    return status == STATUS_FULL && plan->has_key ? write_consumed(ref, &no_key) : status;
}

enum status service_consume(const struct caller *caller, const struct consume_input *input,
                            const struct idempotency *idempotency, enum consume_result *result,
                            struct token_view *token)
{
    *result = CONSUME_UNKNOWN;
    if (!service_clock_known()) {
        return STATUS_NO_CLOCK;
    }
    uint32_t ref = verify_action(input->token);
    struct plan plan;
    if (plan_make(caller, idempotency, MEMO_CONSUMED, &plan) != STATUS_OK) {
        *result = CONSUME_KEY_CONFLICT;
        return STATUS_OK;
    }
    if (plan.repeat) {
        *result = CONSUME_OK;
        view_token(plan.memo.ref, token);
        return STATUS_OK;
    }
    *result = judge(caller, input, ref);
    if (*result != CONSUME_OK) {
        return STATUS_OK;
    }
    enum status status = spend(ref, &plan);
    if (status == STATUS_OK) {
        view_token(ref, token);
    }
    return status;
}
