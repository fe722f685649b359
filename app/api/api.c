/*
 * One request in, one answer out: the route table, and what all routes share.
 *
 * Order of checks, the same everywhere: parser's refusal, path (404), OPTIONS, method (405), caller (auth.h: 401, 400,
 * 403), then the handler: content type (415), body (400, 422), right to this thing (403, 404), state (409), 503.
 */
#include "api/api.h"

#include <assert.h>
#include <string.h>

#include "api/auth.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "crypto/crypto.h"
#include "store/store.h"

/* ---- routes ---- */

struct route {
    enum http_method method;
    const char *pattern; /* {id} stands for one segment */
    enum needs needs;
    void (*handle)(struct exchange *exchange);
};

static const struct route routes[] = {
    {HTTP_POST, "/action-tokens", NEEDS_CALLER, action_token_create},
    {HTTP_POST, "/action-tokens/consume", NEEDS_CALLER, action_token_consume},

    {HTTP_POST, "/api/v1/tokens", NEEDS_BUSINESS, api_token_create},
    {HTTP_GET, "/api/v1/tokens", NEEDS_BUSINESS, api_token_list},
    {HTTP_POST, "/api/v1/tokens/{id}/revoke", NEEDS_BUSINESS, api_token_revoke},

    {HTTP_POST, "/tokens", NEEDS_MANAGE, platform_token_create},
    {HTTP_GET, "/tokens", NEEDS_VIEW, platform_token_list},
    {HTTP_GET, "/tokens/{id}", NEEDS_VIEW, platform_token_get},
    {HTTP_DELETE, "/tokens/{id}", NEEDS_MANAGE, platform_token_delete},
    {HTTP_POST, "/tokens/{id}/revoke", NEEDS_MANAGE, platform_token_revoke},
    {HTTP_POST, "/tokens/{id}/rotate", NEEDS_MANAGE, platform_token_rotate},

    {HTTP_POST, "/admin/v1/tenants", NEEDS_ADMIN, tenant_create},
    {HTTP_GET, "/admin/v1/tenants", NEEDS_ADMIN, tenant_list},
    {HTTP_GET, "/admin/v1/tenants/{id}", NEEDS_ADMIN, tenant_get},
    {HTTP_PATCH, "/admin/v1/tenants/{id}", NEEDS_ADMIN, tenant_change},
    {HTTP_POST, "/admin/v1/tenants/{id}/tokens", NEEDS_ADMIN, tenant_token_create},
    {HTTP_POST, "/admin/v1/users", NEEDS_ADMIN, user_create},
    {HTTP_GET, "/admin/v1/users", NEEDS_ADMIN, user_list},
    {HTTP_GET, "/admin/v1/users/{id}", NEEDS_ADMIN, user_get},
    {HTTP_PATCH, "/admin/v1/users/{id}", NEEDS_ADMIN, user_change},
    {HTTP_DELETE, "/admin/v1/users/{id}", NEEDS_ADMIN, user_delete},
    {HTTP_POST, "/admin/v1/users/{id}/tokens", NEEDS_ADMIN, user_token_create},
    {HTTP_POST, "/admin/v1/revocations", NEEDS_ADMIN, revocation_create},

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

/* Whose dialect a path speaks. Known also for paths that have no route. */
static enum api_family family_of(struct bytes path)
{
    static const struct {
        const char *prefix;
        enum api_family family;
    } groups[] = {{"/action-tokens", API_FAMILY_0}, {"/api/v1/tokens", API_FAMILY_1}};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct bytes prefix = bytes_of_string(groups[i].prefix);
        if (bytes_starts_with(path, prefix) && (path.size == prefix.size || path.data[prefix.size] == '/')) {
            return groups[i].family;
        }
    }
    return API_FAMILY_2;
}

/* The methods that a path knows, as bits of enum http_method; 0 for no route. */
static uint32_t methods_of(struct bytes path)
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

static void add_allow(struct exchange *exchange, uint32_t methods)
{
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = {{HTTP_GET, "GET, HEAD, "},
                 {HTTP_POST, "POST, "},
                 {HTTP_PUT, "PUT, "},
                 {HTTP_PATCH, "PATCH, "},
                 {HTTP_DELETE, "DELETE, "}};
    static uint8_t memory[64];
    struct buffer allow = buffer_over(memory, sizeof(memory));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (methods & 1U << names[i].method) {
            buffer_append_string(&allow, names[i].name);
        }
    }
    buffer_append_string(&allow, "OPTIONS");
    answer_header(exchange, "Allow", buffer_view(&allow));
}

static const struct route *find_route(enum http_method method, struct bytes path, struct bytes *id)
{
    if (method == HTTP_HEAD) {
        method = HTTP_GET; /* net sends the head of it only */
    }
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (routes[i].method == method && path_fits(routes[i].pattern, path, id)) {
            return &routes[i];
        }
    }
    return NULL;
}

static void dispatch(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    uint32_t methods = methods_of(request->path);
    const struct route *route = find_route(request->method, request->path, &exchange->id);
    if (methods == 0) {
        fail(exchange, FAULT_NO_ROUTE);
    } else if (request->method == HTTP_OPTIONS) {
        answer_empty(exchange, 204);
        add_allow(exchange, methods);
    } else if (route == NULL) {
        fail(exchange, FAULT_METHOD);
        add_allow(exchange, methods);
    } else if (authorize(exchange, route->needs)) {
        route->handle(exchange);
    }
}

/* ---- one call ---- */

/* The client's own id if it sent one good one, else a random one. */
static void choose_request_id(const struct http_request *request, struct api_answer *answer)
{
    size_t count = 0;
    struct bytes sent = http_request_header(request, "X-Request-Id", &count);
    struct buffer id = buffer_over(answer->request_id, sizeof(answer->request_id));
    if (count == 1 && http_request_id_valid(sent)) {
        buffer_append(&id, sent);
    } else {
        uint8_t random[16];
        crypto_random(random, sizeof(random));
        encode_hex(&id, bytes_of(random, sizeof(random)));
    }
    answer->response.request_id = buffer_view(&id);
}

/* An answer that did not fit has no use; nothing of it may leave. */
static void check_size(struct exchange *exchange)
{
    if (buffer_failed(exchange->answer->response.body)) {
        fail(exchange, FAULT_INTERNAL);
    }
}

void api_handle(const struct api_call *call, struct api_answer *answer)
{
    assert(answer->response.body != NULL && answer->response.body->size == 0);
    struct exchange exchange = {
        .request = call->request,
        .peer_address = call->peer.address,
        .answer = answer,
        .unused_body = *answer->response.body,
        .family = family_of(call->request->path),
    };
    answer->family = exchange.family;
    answer->response = (struct http_response){.body = answer->response.body};
    choose_request_id(call->request, answer);
    if (call->refused_status != 0) {
        fail(&exchange, fault_of_refusal(call->refused_status));
        answer->response.status = call->refused_status;
        answer->response.close = true;
    } else {
        dispatch(&exchange);
    }
    check_size(&exchange);
    answer->depends_on = store_newest();
}

void api_unavailable(struct api_answer *answer)
{
    struct buffer *body = answer->response.body;
    bytes_wipe(body->data, body->size); /* it may hold a secret that was never issued */
    struct exchange exchange = {
        .answer = answer,
        .unused_body = buffer_over(body->data, body->capacity),
        .family = answer->family,
    };
    fail(&exchange, FAULT_UNAVAILABLE);
    answer->depends_on = 0;
}
