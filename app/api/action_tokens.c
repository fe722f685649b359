/*
 * Family 0: POST /action-tokens and POST /action-tokens/consume (WIRE.md section 3).
 *
 * Order of checks: 401 and 409 for a suspended tenant (auth.h), 415, 400 for the body but for the command, 422
 * unknown_action, 400 for the command, Idempotency-Key 400, 422 service_principal_exempt, 403 capability, 422
 * policy_limit, then what the service says. Consuming: 415, 400, 403 capability, then the service: 401, 403, 409, 422.
 */
#include <string.h>

#include "api/command.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/tenant_policy.h"

#define DIGEST_TEXT_BYTES (7 + 64) /* sha256: and hex digits */

static void write_digest(struct json_writer *json, const uint8_t digest[32])
{
    uint8_t memory[DIGEST_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, "sha256:");
    encode_hex(&text, bytes_of(digest, 32));
    json_member_string(json, "bound_command_digest", buffer_view(&text));
}

/* users/<uuid> of the user to whom the token is bound. */
static void write_actor(struct json_writer *json, uint32_t user_ref)
{
    uint8_t memory[6 + UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct user_view user;
    service_view_user(user_ref, &user);
    buffer_append_string(&text, "users/");
    encode_uuid(&text, &user.id);
    json_member_string(json, "bound_actor", buffer_view(&text));
}

static bool fail_admission(struct exchange *exchange, struct bytes reason)
{
    fail_reason(exchange, FAULT_NOT_ADMISSIBLE, reason);
    return false;
}

/* ---- create ---- */

/* May this caller have a token for this command? */
static bool admit(struct exchange *exchange, const struct command *command, const struct action_rules *rules)
{
    const struct caller *caller = &exchange->caller;
    if (caller->kind == CALLER_SERVICE) {
        return fail_admission(exchange, BYTES_LITERAL("service_principal_exempt"));
    }
    if (!service_has_capability(caller, command->action)) {
        fail(exchange, FAULT_FORBIDDEN);
        return false;
    }
    return rules->within_limit || fail_admission(exchange, BYTES_LITERAL("policy_limit"));
}

static void issue(struct exchange *exchange, const struct command *command, uint32_t life_s,
                  const struct idempotency *idempotency)
{
    struct action_input input = {.action = command->action, .life_s = life_s};
    struct token_view token;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    memcpy(input.digest, command->digest, sizeof(input.digest));
    enum status status = service_create_action(&exchange->caller, &input, idempotency, &token, text);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return;
    }
    struct json_writer *json = answer_begin(exchange, 201);
    write_actor(json, token.user_ref);
    write_digest(json, token.digest);
    json_member_time(json, "expires_at", token.expires_s);
    json_member_literal(json, "token", text);
    answer_end(exchange);
    bytes_wipe(text, sizeof(text));
}

void action_token_create(struct exchange *exchange)
{
    struct command command;
    struct action_rules rules;
    struct idempotency idempotency;
    struct tenant_view tenant;
    if (!read_command(exchange, COMMAND_CREATE, &command)) {
        return;
    }
    service_view_tenant(exchange->caller.tenant_ref, &tenant);
    enum status status = tenant_policy_rules(tenant.policy, &command, &rules);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return;
    }
    if (!rules.known) {
        (void)fail_admission(exchange, BYTES_LITERAL("unknown_action"));
        return;
    }
    if (command_is_good(exchange, &command) && read_idempotency(exchange, &idempotency) &&
        admit(exchange, &command, &rules)) {
        issue(exchange, &command, rules.life_s, &idempotency);
    }
}

/* ---- consume ---- */

static void write_consumption(struct exchange *exchange, const struct token_view *token)
{
    struct json_writer *json = answer_begin(exchange, 200);
    json_member_string(json, "action", token->action);
    write_actor(json, token->user_ref);
    write_digest(json, token->digest);
    json_member_time(json, "consumed_at", token->consumed_s);
    json_member_uuid(json, "token_id", &token->id);
    answer_end(exchange);
}

void action_token_consume(struct exchange *exchange)
{
    struct command command;
    struct idempotency idempotency;
    if (!read_command(exchange, COMMAND_CONSUME, &command) || !command_is_good(exchange, &command) ||
        !read_idempotency(exchange, &idempotency)) {
        return;
    }
    if (!service_has_capability(&exchange->caller, BYTES_LITERAL(CAPABILITY_CONSUME))) {
        fail(exchange, FAULT_FORBIDDEN);
        return;
    }
    struct consume_input input = {.token = command.token, .actor = command.actor, .action = command.action};
    enum consume_result result = CONSUME_UNKNOWN;
    struct token_view token;
    memcpy(input.digest, command.digest, sizeof(input.digest));
    enum status status = service_consume(&exchange->caller, &input, &idempotency, &result, &token);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else if (result != CONSUME_OK) {
        fail_consume(exchange, result);
    } else {
        write_consumption(exchange, &token);
    }
}
