/*
 * Operator plane: a user's first token, revoking many tokens at once (WIRE.md section 2), and a new signing key.
 */
#include "api/admin.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/views.h"

/* ---- POST /admin/v1/users/{id}/tokens ---- */

static bool read_token(struct exchange *exchange, struct jwt_input *input)
{
    static const struct text_rule name = {"name", REQUIRED, 1, TOKEN_NAME_MAX_CODE_POINTS};
    static const struct text_rule description = {"description", OPTIONAL, 0,
                                                 TOKEN_DESCRIPTION_MAX_CODE_POINTS};
    static const struct number_rule days = {"expires_in_days", OPTIONAL, 1, API_TOKEN_DAYS_MAX};
    const struct json *object;
    if (!read_object(exchange, &object)) {
        return false;
    }
    struct problems problems = problems_of(exchange);
    if (member_tenant(&problems, object, REQUIRED, &input->tenant_ref) &&
        !service_is_member(input->user_ref, input->tenant_ref)) {
        problem(&problems, "tenant", "member", "The user is no member of this tenant.");
    }
    (void)member_text(&problems, object, &name, &input->name);
    (void)member_text(&problems, object, &description, &input->description);
    (void)member_number(&problems, object, &days, &input->expires_in_days);
    return !problems_answered(&problems);
}

void user_token_create(struct exchange *exchange)
{
    static uint8_t memory[API_JWT_MAX_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct jwt_input input = {.expires_in_days = API_TOKEN_DAYS_MAX};
    struct idempotency idempotency;
    struct token_view token;
    bool limit_reached = false;
    if (!find_path_user(exchange, &input.user_ref) || !read_token(exchange, &input) ||
        !read_idempotency(exchange, &idempotency)) {
        return;
    }
    enum status status =
        service_create_jwt(&exchange->caller, &input, &idempotency, &token, &text, &limit_reached);
    if (limit_reached) {
        fail_message(exchange, FAULT_STATE_CONFLICT, "Maximum of 10 active tokens reached");
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_api_token(exchange, &token, buffer_view(&text));
    }
    bytes_wipe(memory, sizeof(memory));
}

/* ---- POST /admin/v1/revocations ---- */

static void read_family(struct problems *problems, const struct json *object, int *family)
{
    static const struct number_rule rule = {"family", OPTIONAL, TOKEN_ACTION, TOKEN_PLATFORM};
    uint32_t number = 0;
    if (member_number(problems, object, &rule, &number)) {
        *family = (int)number;
    }
}

static bool read_selector(struct exchange *exchange, struct revocation_selector *selector)
{
    static const struct text_rule reason = {"reason", OPTIONAL, 0, TOKEN_REASON_MAX_CODE_POINTS};
    const struct json *object;
    *selector = (struct revocation_selector){.family = -1};
    if (!read_object(exchange, &object)) {
        return false;
    }
    struct problems problems = problems_of(exchange);
    (void)member_tenant(&problems, object, OPTIONAL, &selector->tenant_ref);
    (void)member_user(&problems, object, &selector->user_ref);
    read_family(&problems, object, &selector->family);
    if (member_time(&problems, object, "created_before", &selector->created_before_s) &&
        selector->created_before_s < 1) {
        problem(&problems, "created_before", "range", "Must be later than 1970.");
    }
    (void)member_text(&problems, object, &reason, &selector->reason);
    if (problems.count == 0 && selector->tenant_ref == 0 && selector->user_ref == 0 && selector->family < 0 &&
        selector->created_before_s == 0) {
        problem(&problems, "body", "required", "One of tenant, user, family and created_before is needed.");
    }
    return !problems_answered(&problems);
}

void revocation_create(struct exchange *exchange)
{
    struct revocation_selector selector;
    uint64_t revoked_count = 0;
    if (!read_selector(exchange, &selector)) {
        return;
    }
    enum status status = service_revoke_many(&exchange->caller, &selector, &revoked_count);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return;
    }
    struct json_writer *json = answer_begin(exchange, 200);
    json_member_u64(json, "revoked", revoked_count);
    answer_end(exchange);
}

/* ---- POST /admin/v1/signing-keys ---- */

void signing_key_create(struct exchange *exchange)
{
    struct signing_key_view key;
    enum status status = service_rotate_signing_key(&key);
    if (status == STATUS_CONFLICT) {
        fail_message(exchange, FAULT_STATE_CONFLICT,
                     "Tokens of too many signing keys are still alive; try again when some have expired.");
        return;
    }
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return;
    }
    struct json_writer *json = answer_begin(exchange, 201);
    json_member_string(json, "kid", key.kid);
    json_member_literal(json, "alg", key.alg);
    answer_end(exchange);
}
