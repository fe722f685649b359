/*
 * The command gateway: POST /withdrawals and POST /conversions (WIRE.md section 6), where the tenant's policy names an
 * upstream for the action.
 *
 * The body is the command itself: what the member "withdrawal" or "conversion" of POST /action-tokens held. An action
 * token is bound to it when the digest over {"action":...,"<member>":<body>} is the same. Upstream gets the body to the
 * byte, by POST to the policy's URL (one without a path: to the path of the request), with Idempotency-Key, X-Request-Id,
 * X-Auth-Principal, X-Auth-Tenant, and X-Action-Token-Id where a token was consumed; never the caller's credential.
 *
 * Order of checks: 401 and 409 for a suspended tenant (auth.h), 404 without an upstream, 415 and 400 for the body, 400
 * Idempotency-Key, then what stands under that key; 403 capability, 422 policy_limit, 400 X-Action-Token, 503 when no
 * exchange can begin, then the action token as in consuming: 401, 403, 409, 422. After this the token is consumed, and
 * once that is durable the command goes upstream, once.
 *
 * 2xx and 4xx of upstream are relayed: status, Content-Type, body. All else is 502 with details.reason:
 *   not_sent             nothing of the command went out (name, connection, certificate)
 *   outcome_unknown      it went out, and there is no answer or none that can be read: it may have been carried out
 *   upstream_status_NNN  upstream's own failure; 401 and 407 too, which are about us and not about our caller
 *
 * Idempotency-Key: the same caller with the same body gets the first answer again for a day, 502 included; another body
 * is 409 key_payload_mismatch; while the first is under way, 409 in_progress. When the appliance lost power before an
 * answer was written down, the repeat is 502 outcome_unknown: a command is never sent twice under one key, neither for a
 * user, whose token is consumed, nor for a service principal. Who gets it asks upstream, and tries with another key.
 */
#include <assert.h>
#include <string.h>

#include "api/command.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/metrics.h"
#include "api/tenant_policy.h"
#include "api/upstream_url.h"
#include "crypto/crypto.h"
#include "store/store.h"

/* Copies of what the policy says: the JSON document is the body's after that. */
struct destination {
    struct upstream_url url; /* views of url_memory */
    uint8_t url_memory[POLICY_UPSTREAM_MAX_BYTES];
    char ca_pem[TENANT_POLICY_MAX_BYTES + 1];
};

struct submission {
    const struct destination *destination;
    struct tenant_view tenant;
    struct command command;
    struct idempotency idempotency;
    struct bytes token; /* data NULL: the caller is exempt */
};

/* ---- the policy ---- */

/* STATUS_NOT_FOUND: commands of this action go nowhere. */
static enum status find_destination(struct bytes policy, const char *action, struct destination *destination)
{
    struct policy_upstream upstream;
    enum status status = tenant_policy_upstream(policy, action, &upstream);
    if (status != STATUS_OK) {
        return status;
    }
    if (upstream.url.size == 0 || upstream.url.size > sizeof(destination->url_memory) ||
        upstream.ca_pem.size >= sizeof(destination->ca_pem)) {
        return STATUS_NOT_FOUND;
    }
    memcpy(destination->url_memory, upstream.url.data, upstream.url.size);
    memset(destination->ca_pem, 0, sizeof(destination->ca_pem));
    if (upstream.ca_pem.size > 0) {
        memcpy(destination->ca_pem, upstream.ca_pem.data, upstream.ca_pem.size);
    }
    struct bytes url = bytes_of(destination->url_memory, upstream.url.size);
    return upstream_url_read(url, &destination->url) == STATUS_OK ? STATUS_OK : STATUS_NOT_FOUND;
}

/* ---- what stands under the key ---- */

static void relay(struct exchange *exchange, const struct outcome *outcome)
{
    static char memory[HTTP_TYPE_MAX_BYTES + 1];
    struct buffer type = buffer_over(memory, sizeof(memory));
    if (outcome->body.size == 0) {
        answer_empty(exchange, outcome->status);
        return;
    }
    buffer_append(&type, outcome->content_type);
    buffer_append_byte(&type, 0);
    struct buffer *body = answer_text(exchange, outcome->status, type.size > 1 ? memory : NULL);
    buffer_append(body, outcome->body);
}

static void fail_unknown(struct exchange *exchange)
{
    fail_reason(exchange, FAULT_UPSTREAM, BYTES_LITERAL("outcome_unknown"));
}

/* True if the key, or the want of one, leaves the way free; else the answer is given. */
static bool is_first(struct exchange *exchange, const struct idempotency *idempotency)
{
    enum outcome_state state;
    struct outcome outcome;
    enum status status = service_find_outcome(&exchange->caller, idempotency, &state, &outcome);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return false;
    }
    switch (state) {
    case OUTCOME_UNDER_WAY:
        fail_reason(exchange, FAULT_STATE_CONFLICT, BYTES_LITERAL("in_progress"));
        return false;
    case OUTCOME_UNKNOWN:
        fail_unknown(exchange);
        return false;
    case OUTCOME_KNOWN:
        relay(exchange, &outcome);
        return false;
    default:
        return true;
    }
}

/* ---- admission ---- */

/* A user brings one action token. */
static bool read_token(struct exchange *exchange, struct bytes *token)
{
    size_t count = 0;
    *token = (struct bytes){NULL, 0};
    if (exchange->caller.kind == CALLER_SERVICE) {
        return true;
    }
    *token = http_request_header(exchange->request, "X-Action-Token", &count);
    if (count == 1 && token->size > 0) {
        return true;
    }
    fail_reason(exchange, FAULT_INVALID, BYTES_LITERAL("X-Action-Token"));
    return false;
}

static bool admit(struct exchange *exchange, const struct submission *submission)
{
    struct action_rules rules;
    if (!service_has_capability(&exchange->caller, submission->command.action)) {
        fail(exchange, FAULT_FORBIDDEN);
        return false;
    }
    enum status status = tenant_policy_rules(submission->tenant.policy, &submission->command, &rules);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return false;
    }
    if (!rules.within_limit) {
        fail_reason(exchange, FAULT_NOT_ADMISSIBLE, BYTES_LITERAL("policy_limit"));
    }
    return rules.within_limit;
}

/* ---- the request to upstream ---- */

static void add_line(struct buffer *out, const char *name, struct bytes value)
{
    buffer_append_string(out, name);
    buffer_append_string(out, ": ");
    buffer_append(out, value);
    buffer_append_string(out, "\r\n");
}

static void add_id(struct buffer *out, const char *name, const char *kind, const struct uuid *id)
{
    uint8_t memory[17 + UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, kind);
    encode_uuid(&text, id);
    add_line(out, name, buffer_view(&text));
}

static void write_request(const struct exchange *exchange, const struct submission *submission,
                          const struct token_view *consumed, struct buffer *out)
{
    const struct upstream_url *url = &submission->destination->url;
    const struct http_request *request = exchange->request;
    bool is_user = exchange->caller.kind == CALLER_USER;
    buffer_append_string(out, "POST ");
    buffer_append(out, url->path.size > 0 ? url->path : request->path);
    buffer_append_string(out, " HTTP/1.1\r\n");
    add_line(out, "Host", url->authority);
    buffer_append_string(out, "Content-Type: application/json\r\nContent-Length: ");
    buffer_append_u64(out, request->body.size);
    buffer_append_string(out, "\r\n");
    add_line(out, "X-Request-Id", exchange->answer->response.request_id);
    add_id(out, "X-Auth-Principal", is_user ? "users/" : "service-accounts/", &exchange->caller.principal);
    add_id(out, "X-Auth-Tenant", "", &submission->tenant.id);
    if (is_user) {
        add_id(out, "X-Action-Token-Id", "", &consumed->id);
    }
    if (submission->idempotency.key.data != NULL) {
        add_line(out, "Idempotency-Key", submission->idempotency.key);
    }
    buffer_append_string(out, "\r\n");
    buffer_append(out, request->body);
    assert(!buffer_failed(out)); /* limits.h */
}

/* Only one tenant's commands, to one place, under one trust, share a connection. */
static void write_pool_key(const struct submission *submission, uint8_t key[32])
{
    const struct upstream_url *url = &submission->destination->url;
    const struct bytes parts[] = {
        bytes_of(submission->tenant.id.bytes, UUID_BYTES),
        url->is_https ? BYTES_LITERAL("https\n") : BYTES_LITERAL("http\n"),
        url->authority,
        BYTES_LITERAL("\n"),
        bytes_of_string(submission->destination->ca_pem),
    };
    crypto_sha256(parts, sizeof(parts) / sizeof(parts[0]), key);
}

static void set_off(struct exchange *exchange, const struct submission *submission,
                    const struct outcome_begin *begin)
{
    struct api_upstream_call *call = exchange->upstream;
    const struct upstream_url *url = &submission->destination->url;
    call->is_https = url->is_https;
    call->port = url->port;
    memcpy(call->host, url->host.data, url->host.size);
    call->host[url->host.size] = 0;
    memcpy(call->ca_pem, submission->destination->ca_pem, sizeof(call->ca_pem));
    write_pool_key(submission, call->pool_key);
    call->request = buffer_over(call->request_memory, sizeof(call->request_memory));
    write_request(exchange, submission, &begin->token, &call->request);
    call->outcome = begin->number;
    exchange->answer->waits = true;
}

/* ---- the two routes ---- */

static void consume_and_set_off(struct exchange *exchange, const struct submission *submission)
{
    uint8_t actor_memory[6 + UUID_TEXT_BYTES];
    struct buffer actor = buffer_over(actor_memory, sizeof(actor_memory));
    struct consume_input input = {.token = submission->token, .action = submission->command.action};
    struct outcome_begin begin;
    buffer_append_string(&actor, "users/");
    encode_uuid(&actor, &exchange->caller.principal);
    input.actor = buffer_view(&actor);
    memcpy(input.digest, submission->command.digest, sizeof(input.digest));
    enum status status = service_begin_outcome(
        &exchange->caller, submission->token.data != NULL ? &input : NULL, &submission->idempotency, &begin);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else if (begin.consumed != CONSUME_OK) {
        fail_consume(exchange, begin.consumed);
    } else {
        set_off(exchange, submission, &begin);
    }
}

static void submit(struct exchange *exchange, const char *action)
{
    static struct destination destination;
    struct submission submission = {.destination = &destination};
    service_view_tenant(exchange->caller.tenant_ref, &submission.tenant);
    enum status status = find_destination(submission.tenant.policy, action, &destination);
    if (status == STATUS_NOT_FOUND) {
        fail(exchange, FAULT_NO_ROUTE);
        return;
    }
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return;
    }
    if (!read_submitted(exchange, action, &submission.command) ||
        !read_idempotency(exchange, &submission.idempotency) ||
        !is_first(exchange, &submission.idempotency) || !admit(exchange, &submission) ||
        !read_token(exchange, &submission.token)) {
        return;
    }
    if (exchange->upstream == NULL) {
        fail(exchange, FAULT_UNAVAILABLE);
        return;
    }
    consume_and_set_off(exchange, &submission);
}

void withdrawal_submit(struct exchange *exchange)
{
    submit(exchange, CAPABILITY_WITHDRAWAL);
}

void conversion_submit(struct exchange *exchange)
{
    submit(exchange, CAPABILITY_CONVERSION);
}

/* ---- what came of it ---- */

static void fail_status_of_upstream(struct exchange *exchange, uint16_t status)
{
    uint8_t memory[32];
    struct buffer reason = buffer_over(memory, sizeof(memory));
    buffer_append_string(&reason, "upstream_status_");
    buffer_append_u64(&reason, status);
    fail_reason(exchange, FAULT_UPSTREAM, buffer_view(&reason));
}

static bool is_relayed(uint16_t status)
{
    return (status >= 200 && status <= 299) ||
           (status >= 400 && status <= 499 && status != 401 && status != 407);
}

static void write_result(struct exchange *exchange, const struct api_upstream_result *result)
{
    if (result->end == API_UPSTREAM_NOT_SENT) {
        fail_reason(exchange, FAULT_UPSTREAM, BYTES_LITERAL("not_sent"));
    } else if (result->end == API_UPSTREAM_LOST) {
        fail_unknown(exchange);
    } else if (is_relayed(result->status)) {
        const struct outcome outcome = {result->status, result->content_type, result->body};
        relay(exchange, &outcome);
    } else {
        fail_status_of_upstream(exchange, result->status);
    }
}

/* The answer as it stands is what a repeat will get. */
static void keep(struct exchange *exchange, uint32_t number)
{
    const struct http_response *response = &exchange->answer->response;
    const struct outcome outcome = {
        .status = response->status,
        .content_type = response->content_type != NULL ? bytes_of_string(response->content_type)
                                                       : (struct bytes){NULL, 0},
        .body = buffer_view(response->body),
    };
    if (service_end_outcome(number, &outcome) != STATUS_OK) {
        fail_unknown(exchange); /* as every repeat will be told */
    }
}

void api_upstream_done(const struct api_upstream_call *call, const struct api_upstream_result *result,
                       struct api_answer *answer)
{
    struct exchange exchange = {
        .answer = answer,
        .unused_body = *answer->response.body,
        .family = answer->family,
    };
    answer->waits = false;
    if (result->end == API_UPSTREAM_NOT_DURABLE) {
        fail(&exchange, FAULT_UNAVAILABLE);
    } else {
        write_result(&exchange, result);
        if (call->outcome != 0) {
            keep(&exchange, call->outcome);
        }
    }
    metrics_count(answer);
    answer->depends_on = store_newest();
}
