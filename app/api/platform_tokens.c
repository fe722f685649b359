/*
 * Family 2: /tokens (WIRE.md section 5).
 *
 * Order of checks: 401 and 403 for the route's permission (auth.h), 404 for the token of the path, 415, 400, 403 for this
 * token, then what the service says.
 */
#include "api/cursor.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/platform_input.h"
#include "api/problems.h"
#include "api/views.h"

void platform_token_create(struct exchange *exchange)
{
    create_platform_token(exchange, exchange->caller.tenant_ref, exchange->caller.permissions);
}

/* ---- list ---- */

/* A cursor is good for one tenant and name filter; the list is in the order of creation. */
static struct cursor_list cursors_of(const struct exchange *exchange, const struct list_query *parameters)
{
    struct tenant_view tenant;
    service_view_tenant(exchange->caller.tenant_ref, &tenant);
    const struct bytes parts[] = {BYTES_LITERAL("tokens"), bytes_of(tenant.id.bytes, UUID_BYTES),
                                  parameters->name};
    return cursor_list_of(parts, 3);
}

static bool read_position(struct exchange *exchange, const struct list_query *parameters,
                          const struct cursor_list *cursors, struct token_query *query)
{
    struct cursor cursor;
    if (parameters->cursor.size == 0) {
        return true;
    }
    if (cursor_read(parameters->cursor, cursors, &cursor) != STATUS_OK) {
        fail_problem(exchange, "cursor", "format", "Is not a cursor of this list.");
        return false;
    }
    query->has_position = true;
    query->position_id = cursor.id;
    query->position_key_s = cursor.key_s;
    return true;
}

static void write_data(struct json_writer *json, const struct token_page *page)
{
    json_name_of(json, "data");
    json_begin_array(json);
    for (size_t i = 0; i < page->count; i++) {
        struct token_view token;
        service_view_token(page->refs[i], &token);
        json_begin_object(json);
        write_platform_token(json, &token);
        json_end_object(json);
    }
    json_end_array(json);
}

/* The cursor after the page's last token, "" when the list ends there. */
static void write_next(struct json_writer *json, const struct token_page *page,
                       const struct cursor_list *cursors)
{
    uint8_t memory[API_CURSOR_SHORT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    if (page->has_more && page->count > 0) {
        struct token_view last;
        service_view_token(page->refs[page->count - 1], &last);
        struct cursor cursor = {.id = last.id, .key_s = last.created_s};
        cursor_write(&text, cursors, &cursor);
    }
    json_member_string(json, "nextCursor", buffer_view(&text));
}

void platform_token_list(struct exchange *exchange)
{
    static struct token_page page;
    struct list_query parameters;
    struct token_query query = {
        .family = TOKEN_PLATFORM, .tenant_ref = exchange->caller.tenant_ref, .sort = TOKEN_SORT_CREATED};
    if (!read_list_query(exchange, &parameters)) {
        return;
    }
    query.name_filter = parameters.name;
    struct cursor_list cursors = cursors_of(exchange, &parameters);
    if (!read_position(exchange, &parameters, &cursors, &query)) {
        return;
    }
    service_list(&query, parameters.limit, &page);
    struct json_writer *json = answer_begin(exchange, 200);
    write_data(json, &page);
    json_member_bool(json, "hasMore", page.has_more);
    write_next(json, &page, &cursors);
    json_member_u64(json, "totalCount", page.total);
    answer_end(exchange);
}

/* ---- one token ---- */

/* The token of the path, in the caller's tenant, or answer 404. */
static bool find_token(struct exchange *exchange, struct token_view *token)
{
    struct uuid id;
    bool found = path_id(exchange, "Token:", &id) == STATUS_OK &&
                 service_find(exchange->caller.tenant_ref, TOKEN_PLATFORM, &id, token) == STATUS_OK;
    if (!found) {
        fail(exchange, FAULT_NO_TOKEN);
    }
    return found;
}

/* The contract knows two states: an expired token is shown as ended at its expiry. */
static void answer_token(struct exchange *exchange, const struct token_view *token)
{
    bool active = token->state == TOKEN_ACTIVE;
    int64_t ended_s = token->revoked_s != 0 ? token->revoked_s : token->expires_s;
    struct json_writer *json = answer_begin(exchange, 200);
    write_platform_token(json, token);
    json_member_literal(json, "status", active ? "ACTIVE" : "REVOKED");
    json_member_time_or_null(json, "revokedAt", active ? 0 : ended_s);
    answer_end(exchange);
}

void platform_token_get(struct exchange *exchange)
{
    struct token_view token;
    if (find_token(exchange, &token)) {
        answer_token(exchange, &token);
    }
}

/* Revoke the token of the path, or answer why not. */
static bool revoke(struct exchange *exchange, struct token_view *token)
{
    bool already = false;
    if (!find_token(exchange, token)) {
        return false;
    }
    enum status status =
        service_revoke(&exchange->caller, token->ref, (struct bytes){NULL, 0}, &already, token);
    if (status == STATUS_DENIED) {
        fail(exchange, FAULT_NOT_REVOCABLE);
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    }
    return status == STATUS_OK;
}

void platform_token_revoke(struct exchange *exchange)
{
    struct token_view token;
    if (revoke(exchange, &token)) {
        answer_token(exchange, &token);
    }
}

void platform_token_delete(struct exchange *exchange)
{
    struct token_view token;
    if (revoke(exchange, &token)) {
        answer_empty(exchange, 204);
    }
}

/* ---- rotation ---- */

static bool read_overlap(struct exchange *exchange, uint32_t *overlap_s)
{
    static const struct number_rule rule = {"overlapSeconds", OPTIONAL, 0, API_OVERLAP_MAX_S};
    const struct json *object;
    *overlap_s = 0;
    if (!read_optional_object(exchange, &object)) {
        return false;
    }
    if (object == NULL) {
        return true;
    }
    struct problems problems = problems_of(exchange);
    (void)member_number(&problems, object, &rule, overlap_s);
    return !problems_answered(&problems);
}

void platform_token_rotate(struct exchange *exchange)
{
    struct token_view token;
    struct idempotency idempotency;
    uint32_t overlap_s = 0;
    char client_secret[CLIENT_SECRET_TEXT_BYTES + 1];
    if (!find_token(exchange, &token) || !read_overlap(exchange, &overlap_s) ||
        !read_idempotency(exchange, &idempotency)) {
        return;
    }
    struct uuid id = token.id;
    enum status status =
        service_rotate(&exchange->caller, &id, overlap_s, &idempotency, &token, client_secret);
    if (status == STATUS_CONFLICT) {
        fail(exchange, FAULT_STATE_CONFLICT);
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_platform_secret(exchange, 200, &token, client_secret);
        bytes_wipe(client_secret, sizeof(client_secret));
    }
}
