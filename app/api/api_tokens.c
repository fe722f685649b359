/*
 * Family 1: POST /api/v1/tokens and POST /api/v1/tokens/{id}/revoke (WIRE.md section 4).
 *
 * Order of checks: 401, 400 and 403 for caller and x-business-id (auth.h), the body's 400 and 422 (validate.h), and then,
 * creating: Idempotency-Key 400, 400 for the tenth token, 409, 503; revoking: 404 for what is not the caller's, 400 for
 * one revoked already.
 */
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/validate.h"
#include "api/views.h"

/* ---- create ---- */

static bool read_create(struct exchange *exchange, struct jwt_input *input)
{
    static const struct string_field name = {"name", false, 1, TOKEN_NAME_MAX_CODE_POINTS};
    static const struct string_field description = {"description", true, 0,
                                                    TOKEN_DESCRIPTION_MAX_CODE_POINTS};
    static const struct int_field days = {"expires_in_days", 1, API_TOKEN_DAYS_MAX};
    struct validation validation = validation_of(exchange, PLACE_BODY, (struct buffer){0});
    if (!validate_body(&validation, false)) {
        return false;
    }
    validate_string(&validation, &name, &input->name);
    validate_string(&validation, &description, &input->description);
    validate_int(&validation, &days, &input->expires_in_days);
    return !validation_answered(&validation);
}

void api_token_create(struct exchange *exchange)
{
    static uint8_t memory[API_JWT_MAX_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct jwt_input input = {.tenant_ref = exchange->caller.tenant_ref,
                              .user_ref = exchange->caller.user_ref,
                              .expires_in_days = API_TOKEN_DAYS_MAX};
    struct idempotency idempotency;
    struct token_view token;
    bool limit_reached = false;
    if (!read_create(exchange, &input) || !read_idempotency(exchange, &idempotency)) {
        return;
    }
    enum status status =
        service_create_jwt(&exchange->caller, &input, &idempotency, &token, &text, &limit_reached);
    if (limit_reached) {
        fail_detail(exchange, 400, "Maximum of 10 active tokens reached");
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_api_token(exchange, &token, buffer_view(&text));
    }
    bytes_wipe(memory, text.size);
}

/* ---- revoke ---- */

/* The caller's own token of the path, or answer 404. */
static bool find_own(struct exchange *exchange, struct token_view *token)
{
    const struct caller *caller = &exchange->caller;
    struct uuid id;
    bool found = path_id(exchange, "", &id) == STATUS_OK &&
                 service_find(caller->tenant_ref, TOKEN_JWT, &id, token) == STATUS_OK &&
                 token->user_ref == caller->user_ref;
    if (!found) {
        fail(exchange, FAULT_NO_TOKEN);
    }
    return found;
}

static bool read_reason(struct exchange *exchange, struct bytes *reason)
{
    static const struct string_field field = {"reason", true, 0, TOKEN_REASON_MAX_CODE_POINTS};
    struct validation validation = validation_of(exchange, PLACE_BODY, (struct buffer){0});
    if (!validate_body(&validation, true)) {
        return false;
    }
    validate_string(&validation, &field, reason);
    return !validation_answered(&validation);
}

static void answer_revoked(struct exchange *exchange, const struct token_view *token)
{
    struct json_writer *json = answer_begin(exchange, 201);
    json_member_uuid(json, "id", &token->id);
    json_member_uuid(json, "jti", &token->jti);
    json_member_string(json, "name", token->name);
    json_member_time(json, "revoked_at", token->revoked_s);
    json_member_string(json, "revoked_by", token->revoked_by);
    write_text_or_null(json, "revocation_reason", token->revocation_reason);
    answer_end(exchange);
}

void api_token_revoke(struct exchange *exchange)
{
    struct token_view token;
    struct bytes reason = {NULL, 0};
    bool already = false;
    if (!read_reason(exchange, &reason) || !find_own(exchange, &token)) {
        return;
    }
    enum status status = service_revoke(&exchange->caller, token.ref, reason, &already, &token);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else if (already) {
        fail_detail(exchange, 400, "Token is already revoked");
    } else {
        answer_revoked(exchange, &token);
    }
}
