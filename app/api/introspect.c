/*
 * POST /oauth/introspect (RFC 7662) and POST /oauth/revoke (RFC 7009), for every kind of token.
 *
 * Order of checks: as oauth.h, then 403 for the capability (introspection), then 400 for a missing token.
 */
#include "api/handlers.h"
#include "api/oauth.h"
#include "api/views.h"

/* ---- introspection ---- */

/* Shown to callers of its own tenant only, and while it is good. */
static bool is_shown(const struct exchange *exchange, const struct inspection *found)
{
    bool timeless = found->expires_s == 0 || service_clock_known();
    return found->token.state == TOKEN_ACTIVE && !found->stopped && timeless &&
           found->token.tenant_ref == exchange->caller.tenant_ref;
}

static void write_subject(struct json_writer *json, const struct inspection *found)
{
    uint8_t memory[17 + UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, found->family == TOKEN_PLATFORM ? "service-accounts/" : "users/");
    encode_uuid(&text, &found->principal);
    json_member_string(json, "sub", buffer_view(&text));
}

/* The permissions of a service principal. */
static void write_scope(struct json_writer *json, uint8_t permissions)
{
    uint8_t memory[32];
    struct buffer text = buffer_over(memory, sizeof(memory));
    append_permissions(&text, permissions, " ");
    json_member_string(json, "scope", buffer_view(&text));
}

static void write_hex(struct json_writer *json, const char *name, const char *before, struct bytes data)
{
    uint8_t memory[80];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, before);
    encode_hex(&text, data);
    json_member_string(json, name, buffer_view(&text));
}

/* What the kinds have of their own. */
static void write_kind(struct json_writer *json, const struct inspection *found)
{
    const struct token_view *token = &found->token;
    if (found->family == TOKEN_PLATFORM) {
        write_hex(json, "client_id", "", bytes_of(token->client_id, sizeof(token->client_id)));
        write_scope(json, token->permissions);
        return;
    }
    struct user_view user;
    service_view_user(token->user_ref, &user);
    json_member_string(json, "username", user.email);
    if (found->family == TOKEN_ACTION) {
        json_member_string(json, "action", token->action);
        write_hex(json, "bound_command_digest", "sha256:", bytes_of(token->digest, sizeof(token->digest)));
    }
}

static const char *type_of(const struct inspection *found)
{
    if (found->family == TOKEN_ACTION) {
        return "action_token";
    }
    return found->family == TOKEN_JWT || found->is_access_token ? "Bearer" : "Basic";
}

static void answer_active(struct exchange *exchange, const struct inspection *found)
{
    bool has_jti = found->family == TOKEN_JWT || found->is_access_token;
    struct tenant_view tenant;
    service_view_tenant(found->token.tenant_ref, &tenant);
    struct json_writer *json = answer_begin(exchange, 200);
    json_member_bool(json, "active", true);
    json_member_literal(json, "token_type", type_of(found));
    json_member_string(json, "iss", service_issuer());
    write_subject(json, found);
    json_member_uuid(json, "jti", has_jti ? &found->jti : &found->token.id);
    json_member_u64(json, "iat", (uint64_t)found->issued_s);
    if (found->expires_s != 0) {
        json_member_u64(json, "exp", (uint64_t)found->expires_s);
    }
    json_member_uuid(json, "business_id", &tenant.id);
    write_kind(json, found);
    answer_end(exchange);
}

static void answer_inactive(struct exchange *exchange)
{
    struct json_writer *json = answer_begin(exchange, 200);
    json_member_bool(json, "active", false);
    answer_end(exchange);
}

void oauth_introspect(struct exchange *exchange)
{
    static struct inspection found;
    struct oauth_parameters parameters;
    if (!read_oauth(exchange, &parameters)) {
        return;
    }
    if (!service_has_capability(&exchange->caller, BYTES_LITERAL(CAPABILITY_INTROSPECT))) {
        fail_oauth(exchange, 403, "insufficient_scope", "The caller lacks tokens.introspect.");
    } else if (parameters.token.data == NULL) {
        fail_oauth(exchange, 400, "invalid_request", "token is missing.");
    } else if (service_inspect(parameters.token, &found) == STATUS_OK && is_shown(exchange, &found)) {
        answer_active(exchange, &found);
    } else {
        answer_inactive(exchange);
    }
}

/* ---- revocation ---- */

/* A user's tokens are its own; a service principal's is its one credential. */
static bool is_own(const struct caller *caller, const struct inspection *found)
{
    if (caller->kind == CALLER_USER) {
        return found->token.user_ref == caller->user_ref && found->token.tenant_ref == caller->tenant_ref;
    }
    return found->token.ref == caller->token_ref; /* its access tokens too */
}

/* An access token dies with all that its credential was given before it; the credential goes on. */
static enum status revoke(const struct exchange *exchange, struct inspection *found)
{
    bool already = false;
    if (found->is_access_token) {
        return service_revoke_access_token(found->token.ref, &found->jti);
    }
    return service_revoke(&exchange->caller, found->token.ref, (struct bytes){NULL, 0}, &already,
                          &found->token);
}

static void answer_revoked(struct exchange *exchange, enum status status)
{
    if (status == STATUS_OK) {
        answer_empty(exchange, 200);
    } else if (status == STATUS_DENIED) {
        fail_oauth(exchange, 403, "access_denied", "The root token can be rotated, but not revoked.");
    } else {
        fail_oauth(exchange, 503, "temporarily_unavailable", "Retry with backoff.");
    }
}

void oauth_revoke(struct exchange *exchange)
{
    static struct inspection found;
    struct oauth_parameters parameters;
    if (!read_oauth(exchange, &parameters)) {
        return;
    }
    if (parameters.token.data == NULL) {
        fail_oauth(exchange, 400, "invalid_request", "token is missing.");
    } else if (service_inspect(parameters.token, &found) != STATUS_OK || !is_own(&exchange->caller, &found)) {
        answer_empty(exchange, 200); /* unknown, or another's: the same answer (RFC 7009 section 2.2) */
    } else {
        answer_revoked(exchange, revoke(exchange, &found));
    }
}
