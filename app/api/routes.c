/*
 * The route table.
 */
#include "api/routes.h"

#include <assert.h>
#include <string.h>

#include "api/handlers.h"

static const struct route routes[] = {
    {HTTP_POST, "/action-tokens", NEEDS_CALLER | ISSUES, action_token_create},
    {HTTP_POST, "/action-tokens/consume", NEEDS_CALLER, action_token_consume},
    {HTTP_POST, "/withdrawals", NEEDS_CALLER, withdrawal_submit},
    {HTTP_POST, "/conversions", NEEDS_CALLER, conversion_submit},

    {HTTP_POST, "/api/v1/tokens", NEEDS_BUSINESS | ISSUES, api_token_create},
    {HTTP_GET, "/api/v1/tokens", NEEDS_BUSINESS, api_token_list},
    {HTTP_POST, "/api/v1/tokens/{id}/revoke", NEEDS_BUSINESS, api_token_revoke},

    {HTTP_POST, "/tokens", NEEDS_MANAGE | ISSUES, platform_token_create},
    {HTTP_GET, "/tokens", NEEDS_VIEW, platform_token_list},
    {HTTP_GET, "/tokens/{id}", NEEDS_VIEW, platform_token_get},
    {HTTP_DELETE, "/tokens/{id}", NEEDS_MANAGE, platform_token_delete},
    {HTTP_POST, "/tokens/{id}/revoke", NEEDS_MANAGE, platform_token_revoke},
    {HTTP_POST, "/tokens/{id}/rotate", NEEDS_MANAGE | ISSUES, platform_token_rotate},

    {HTTP_POST, "/admin/v1/tenants", NEEDS_ADMIN | ISSUES, tenant_create},
    {HTTP_GET, "/admin/v1/tenants", NEEDS_ADMIN, tenant_list},
    {HTTP_GET, "/admin/v1/tenants/{id}", NEEDS_ADMIN, tenant_get},
    {HTTP_PATCH, "/admin/v1/tenants/{id}", NEEDS_ADMIN, tenant_change},
    {HTTP_POST, "/admin/v1/tenants/{id}/tokens", NEEDS_ADMIN | ISSUES, tenant_token_create},
    {HTTP_POST, "/admin/v1/users", NEEDS_ADMIN | ISSUES, user_create},
    {HTTP_GET, "/admin/v1/users", NEEDS_ADMIN, user_list},
    {HTTP_GET, "/admin/v1/users/{id}", NEEDS_ADMIN, user_get},
    {HTTP_PATCH, "/admin/v1/users/{id}", NEEDS_ADMIN, user_change},
    {HTTP_DELETE, "/admin/v1/users/{id}", NEEDS_ADMIN, user_delete},
    {HTTP_POST, "/admin/v1/users/{id}/tokens", NEEDS_ADMIN | ISSUES, user_token_create},
    {HTTP_POST, "/admin/v1/revocations", NEEDS_ADMIN, revocation_create},
    {HTTP_POST, "/admin/v1/signing-keys", NEEDS_ADMIN | ISSUES, signing_key_create},

    {HTTP_POST, "/oauth/token", NEEDS_NOTHING, oauth_token},
    {HTTP_POST, "/oauth/introspect", NEEDS_NOTHING, oauth_introspect},
    {HTTP_POST, "/oauth/revoke", NEEDS_NOTHING, oauth_revoke},
    {HTTP_GET, "/.well-known/oauth-authorization-server", NEEDS_NOTHING, authorization_server_metadata},
    {HTTP_GET, "/.well-known/jwks.json", NEEDS_NOTHING, json_web_key_set},
    {HTTP_GET, "/verify", NEEDS_NOTHING, verify},

    {HTTP_GET, "/openapi.json", NEEDS_NOTHING, openapi},
    {HTTP_GET, "/metrics", NEEDS_VIEW, metrics},
    {HTTP_GET, "/health/alive", NEEDS_NOTHING, health_alive},
    {HTTP_GET, "/health/ready", NEEDS_NOTHING, health_ready},
    {HTTP_GET, "/health/state", NEEDS_NOTHING, health_state},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

/* Does the path fit the pattern? *id gets the segment that stands for {id}; it is not empty. */
static bool path_fits(const char *pattern, struct bytes path, struct bytes *id)
{
    static const char hole[] = "{id}";
    const char *found = strstr(pattern, hole);
    *id = (struct bytes){NULL, 0};
    if (found == NULL) {
        return bytes_equal_string(path, pattern);
    }
    struct bytes head = bytes_of(pattern, (size_t)(found - pattern));
    if (!bytes_starts_with(path, head)) {
        return false;
    }
    struct bytes rest = bytes_slice(path, head.size, path.size);
    size_t size = bytes_find(rest, '/');
    *id = bytes_slice(rest, 0, size);
    return size > 0 && bytes_equal_string(bytes_slice(rest, size, rest.size), found + strlen(hole));
}

uint32_t route_methods(struct bytes path)
{
    uint32_t methods = 0;
    struct bytes id;
    bool is_server = bytes_equal_string(path, "*"); /* OPTIONS * asks of the server as a whole */
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (is_server || path_fits(routes[i].pattern, path, &id)) {
            methods |= 1U << routes[i].method;
        }
    }
    return methods;
}

const struct route *route_find(enum http_method method, struct bytes path, struct bytes *id, uint8_t *index)
{
    if (method == HTTP_HEAD) {
        method = HTTP_GET; /* net sends the head of it only */
    }
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (routes[i].method == method && path_fits(routes[i].pattern, path, id)) {
            *index = (uint8_t)i;
            return &routes[i];
        }
    }
    return NULL;
}

static_assert(ROUTE_COUNT < API_ROUTES_MAX, "the last index means no route");

const struct route *route_at(size_t index)
{
    return index < ROUTE_COUNT ? &routes[index] : NULL;
}
