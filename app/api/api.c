/*
 * One request in, one answer out: what all routes share.
 *
 * Order of checks, the same everywhere: parser's refusal, path (404), OPTIONS, method (405), caller (auth.h: 401, 400,
 * 403), then the handler: content type (415), body (400, 422), right to this thing (403, 404), state (409), 503.
 */
#include "api/api.h"

#include <assert.h>

#include "api/errors.h"
#include "api/metrics.h"
#include "api/routes.h"
#include "crypto/crypto.h"
#include "store/store.h"

/* Whose dialect a path speaks. Known also for paths that have no route. */
static enum api_family family_of(struct bytes path)
{
    static const struct {
        const char *prefix;
        enum api_family family;
    } groups[] = {{"/action-tokens", API_FAMILY_0},
                  {"/api/v1/tokens", API_FAMILY_1},
                  {"/withdrawals", API_FAMILY_0},
                  {"/conversions", API_FAMILY_0}};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct bytes prefix = bytes_of_string(groups[i].prefix);
        if (bytes_starts_with(path, prefix) && (path.size == prefix.size || path.data[prefix.size] == '/')) {
            return groups[i].family;
        }
    }
    return API_FAMILY_2;
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

static void dispatch(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct route_match match;
    route_find(request->method, request->path, &match);
    exchange->id = match.id;
    if (match.route != NULL) {
        exchange->answer->route = match.index;
    }
    if (match.methods == 0) {
        fail(exchange, FAULT_NO_ROUTE);
    } else if (request->method == HTTP_OPTIONS) {
        answer_empty(exchange, 204);
        add_allow(exchange, match.methods);
    } else if (match.route == NULL) {
        fail(exchange, FAULT_METHOD);
        add_allow(exchange, match.methods);
    } else if (authorize(exchange, match.route->needs)) {
        match.route->handle(exchange);
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
        uint32_t random[4];
        for (size_t i = 0; i < sizeof(random) / sizeof(random[0]); i++) {
            random[i] = crypto_random_u32();
        }
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
        .upstream = call->upstream,
        .unused_body = *answer->response.body,
        .family = family_of(call->request->path),
    };
    answer->family = exchange.family;
    answer->response = (struct http_response){.body = answer->response.body};
    answer->route = API_ROUTES_MAX - 1; /* none yet */
    answer->waits = false;
    choose_request_id(call->request, answer);
    if (call->refused_status != 0) {
        fail(&exchange, fault_of_refusal(call->refused_status));
        answer->response.status = call->refused_status;
        answer->response.close = true;
    } else {
        dispatch(&exchange);
    }
    check_size(&exchange);
    if (!answer->waits) {
        metrics_count(answer);
    }
    answer->depends_on = store_newest();
}

void api_unavailable(struct api_answer *answer)
{
    struct buffer *body = answer->response.body;
    metrics_discount(answer);
    bytes_wipe(body->data, body->size); /* it may hold a secret that was never issued */
    struct exchange exchange = {
        .answer = answer,
        .unused_body = buffer_over(body->data, body->capacity),
        .family = answer->family,
    };
    fail(&exchange, FAULT_UNAVAILABLE);
    metrics_count(answer);
    answer->depends_on = 0;
}
