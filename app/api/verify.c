/*
 * GET /verify: forward authentication for reverse proxies (nginx auth_request, Traefik, Caddy, Envoy).
 *
 * Order of checks: 401 for the Authorization header, then 403 for what `permission` and `capability` ask. Answers have no
 * body; the proxy reads status and headers. The headers are always there, empty where there is nothing to say, so that a
 * proxy that copies them overwrites what its client sent under their names.
 *
 * A proxy may append its client's own query to ours. So each occurrence of a parameter must hold: what is appended can
 * ask for more, never for less. Other parameters are ignored, and empty ones ask for nothing.
 */
#include "api/handlers.h"
#include "api/views.h"

/* ---- what is asked ---- */

static bool has_permission(const struct caller *caller, struct bytes label)
{
    return caller->kind == CALLER_SERVICE && (caller->permissions & permission_of_label(label)) != 0;
}

/* Does one parameter hold? One that cannot be read does not. */
static bool holds(const struct caller *caller, struct bytes name, struct bytes raw)
{
    uint8_t memory[CAPABILITY_MAX_BYTES];
    struct buffer value = buffer_over(memory, sizeof(memory));
    bool is_permission = bytes_equal_string(name, "permission");
    if ((!is_permission && !bytes_equal_string(name, "capability")) || raw.size == 0) {
        return true;
    }
    if (http_percent_decode(raw, true, &value) != STATUS_OK) {
        return false;
    }
    return is_permission ? has_permission(caller, buffer_view(&value))
                         : service_has_capability(caller, buffer_view(&value));
}

static bool all_hold(const struct caller *caller, struct bytes query)
{
    struct bytes name;
    struct bytes raw;
    while (http_form_next(&query, &name, &raw)) {
        if (!holds(caller, name, raw)) {
            return false;
        }
    }
    return true;
}

/* ---- who it is ---- */

static void add_principal(struct exchange *exchange)
{
    static uint8_t memory[17 + UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    bool is_user = exchange->caller.kind == CALLER_USER;
    buffer_append_string(&text, is_user ? "users/" : "service-accounts/");
    encode_uuid(&text, &exchange->caller.principal);
    answer_header(exchange, "X-Auth-Principal", buffer_view(&text));
}

static void add_tenant(struct exchange *exchange)
{
    static uint8_t memory[UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct tenant_view tenant;
    service_view_tenant(exchange->caller.tenant_ref, &tenant);
    encode_uuid(&text, &tenant.id);
    answer_header(exchange, "X-Auth-Tenant", buffer_view(&text));
}

static void add_permissions(struct exchange *exchange)
{
    static uint8_t memory[32];
    struct buffer text = buffer_over(memory, sizeof(memory));
    append_permissions(&text, exchange->caller.permissions, ",");
    answer_header(exchange, "X-Auth-Permissions", buffer_view(&text));
}

static void add_token_id(struct exchange *exchange)
{
    static uint8_t memory[UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct token_view token;
    service_view_token(exchange->caller.token_ref, &token);
    encode_uuid(&text, &token.id);
    answer_header(exchange, "X-Auth-Token-Id", buffer_view(&text));
}

void verify(struct exchange *exchange)
{
    size_t count = 0;
    struct bytes authorization = http_request_header(exchange->request, "Authorization", &count);
    bool known = count == 1 &&
                 service_authenticate(authorization, exchange->peer_address, &exchange->caller) == STATUS_OK;
    if (!known) {
        answer_empty(exchange, 401);
        answer_header(exchange, "WWW-Authenticate", BYTES_LITERAL("Basic realm=\"jeton\""));
    } else if (!all_hold(&exchange->caller, exchange->request->query)) {
        answer_empty(exchange, 403);
    } else {
        answer_empty(exchange, 200);
        add_principal(exchange);
        add_tenant(exchange);
        add_permissions(exchange);
        add_token_id(exchange);
    }
}
