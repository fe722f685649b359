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

/* A pattern, cut at its hole. */
struct shape {
    struct bytes head;
    struct bytes tail;
    bool has_hole;
};

static const struct shape *all_shapes(void)
{
    static struct shape shapes[ROUTE_COUNT];
    static const char hole[] = "{id}";
    for (size_t i = 0; i < ROUTE_COUNT && shapes[ROUTE_COUNT - 1].head.data == NULL; i++) {
        struct bytes pattern = bytes_of_string(routes[i].pattern);
        const char *found = strstr(routes[i].pattern, hole);
        size_t size = found == NULL ? pattern.size : (size_t)(found - routes[i].pattern);
        shapes[i].head = bytes_slice(pattern, 0, size);
        shapes[i].tail = bytes_slice(pattern, size + strlen(hole), pattern.size);
        shapes[i].has_hole = found != NULL;
    }
    return shapes;
}

/* Does the path fit? *id gets the segment that stands for {id}; it is not empty. */
static bool path_fits(const struct shape *shape, struct bytes path, struct bytes *id)
{
    if (!shape->has_hole) {
        return bytes_equal(path, shape->head);
    }
    if (!bytes_starts_with(path, shape->head)) {
        return false;
    }
    struct bytes rest = bytes_slice(path, shape->head.size, path.size);
    size_t size = bytes_find(rest, '/');
    *id = bytes_slice(rest, 0, size);
    return size > 0 && bytes_equal(bytes_slice(rest, size, rest.size), shape->tail);
}

void route_find(enum http_method method, struct bytes path, struct route_match *match)
{
    const struct shape *shapes = all_shapes();
    bool is_server = bytes_equal_string(path, "*"); /* OPTIONS * asks of the server as a whole */
    *match = (struct route_match){.route = NULL};
    if (method == HTTP_HEAD) {
        method = HTTP_GET; /* net sends the head of it only */
    }
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        struct bytes id = {NULL, 0};
        bool fits = path_fits(&shapes[i], path, &id);
        if (fits || is_server) {
            match->methods |= 1U << routes[i].method;
        }
        if (fits && routes[i].method == method) {
            match->route = &routes[i];
            match->id = id;
            match->index = (uint8_t)i;
        }
    }
}

static_assert(ROUTE_COUNT < API_ROUTES_MAX, "the last index means no route");

const struct route *route_at(size_t index)
{
    return index < ROUTE_COUNT ? &routes[index] : NULL;
}
