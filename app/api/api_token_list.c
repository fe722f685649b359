/*
 * Family 1: GET /api/v1/tokens, the caller's own tokens in pages (WIRE.md section 4).
 *
 * Order of checks: caller (auth.h), 422 for the query, 400 for a cursor that is not of this list.
 */
#include "api/cursor.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/validate.h"
#include "api/views.h"

/* The parameters, and what the pages of one list have in common. */
struct list {
    struct token_query query;
    struct cursor_list cursors;
    uint32_t limit;
    bool count_wanted;
    struct bytes cursor; /* as sent; empty when none */
};

/* ---- parameters ---- */

static const char *const directions[] = {"next", "prev", NULL};
static const char *const sorts[] = {"created_at", "name", "last_used_at", "expires_at", NULL};

static bool read_parameters(struct exchange *exchange, struct list *list)
{
    static uint8_t memory[3 * HTTP_HEAD_MAX_BYTES];
    static const struct int_field limit = {"limit", 1, TOKEN_PAGE_MAX};
    static const struct choice_field direction = {"direction", directions, "'next' or 'prev'"};
    static const struct choice_field sort = {"sort_by", sorts,
                                             "'created_at', 'name', 'last_used_at' or 'expires_at'"};
    size_t direction_index = 0;
    size_t sort_index = TOKEN_SORT_CREATED;
    struct validation validation = validation_of(exchange, PLACE_QUERY, buffer_over(memory, sizeof(memory)));
    validate_bool(&validation, "include_revoked", &list->query.include_revoked);
    validate_int(&validation, &limit, &list->limit);
    list->cursor = validate_text(&validation, "cursor");
    validate_choice(&validation, &direction, &direction_index);
    validate_bool(&validation, "include_total_count", &list->count_wanted);
    validate_choice(&validation, &sort, &sort_index);
    validate_bool(&validation, "descending", &list->query.descending);
    list->query.backwards = direction_index == 1;
    list->query.sort = (enum token_sort)sort_index;
    return !validation_answered(&validation);
}

/* A cursor is good for one user, tenant, filter and order. */
static void bind_cursors(const struct exchange *exchange, struct list *list)
{
    const struct caller *caller = &exchange->caller;
    const uint8_t order[] = {TOKEN_JWT, list->query.include_revoked, (uint8_t)list->query.sort,
                             list->query.descending};
    struct tenant_view tenant;
    service_view_tenant(caller->tenant_ref, &tenant);
    const struct bytes parts[] = {bytes_of(order, sizeof(order)), bytes_of(tenant.id.bytes, UUID_BYTES),
                                  bytes_of(caller->principal.bytes, UUID_BYTES)};
    list->cursors = cursor_list_of(parts, 3);
}

static void set_position(struct token_query *query, const struct cursor *cursor)
{
    query->has_position = true;
    query->position_id = cursor->id;
    query->position_key_s = cursor->key_s;
    query->position_name = cursor->name;
}

static bool read_list(struct exchange *exchange, struct list *list)
{
    struct cursor cursor;
    *list = (struct list){
        .query = {.family = TOKEN_JWT,
                  .tenant_ref = exchange->caller.tenant_ref,
                  .user_ref = exchange->caller.user_ref,
                  .descending = true},
        .limit = API_PAGE_DEFAULT,
    };
    if (!read_parameters(exchange, list)) {
        return false;
    }
    bind_cursors(exchange, list);
    if (list->cursor.size == 0) {
        return true;
    }
    if (cursor_read(list->cursor, &list->cursors, &cursor) != STATUS_OK) {
        fail(exchange, FAULT_INVALID);
        return false;
    }
    set_position(&list->query, &cursor);
    return true;
}

/* ---- pages ---- */

static struct cursor cursor_at(const struct list *list, uint32_t ref)
{
    struct token_view token;
    service_view_token(ref, &token);
    struct cursor cursor = {.id = token.id};
    switch (list->query.sort) {
    case TOKEN_SORT_CREATED:
        cursor.key_s = token.created_s;
        break;
    case TOKEN_SORT_NAME:
        cursor.name = token.name;
        break;
    case TOKEN_SORT_LAST_USED:
        cursor.key_s = token.last_used_s;
        break;
    case TOKEN_SORT_EXPIRES:
        cursor.key_s = token.expires_s;
        break;
    }
    return cursor;
}

/* Is there anything on that side of a place in the list? */
static bool any_beyond(const struct list *list, const struct cursor *cursor, bool backwards)
{
    static struct token_page probe;
    struct token_query query = list->query;
    query.backwards = backwards;
    set_position(&query, cursor);
    service_list(&query, 1, &probe);
    return probe.count > 0;
}

static size_t item_size(struct exchange *exchange, uint32_t ref)
{
    struct buffer scratch = exchange_scratch(exchange);
    struct json_writer json = json_writer_over(&scratch);
    struct token_view token;
    service_view_token(ref, &token);
    json_begin_object(&json);
    write_token_info(&json, &token);
    json_end_object(&json);
    return scratch.size + 1; /* and a comma */
}

/* Shorten a page whose items do not fit the answer, at the end that is away from the position. */
static void fit_page(struct exchange *exchange, const struct list *list, struct token_page *page)
{
    size_t room = API_BODY_MAX_BYTES - API_PAGE_FRAME_MAX_BYTES;
    size_t fitting = 0;
    while (fitting < page->count) {
        size_t index = list->query.backwards ? page->count - 1 - fitting : fitting;
        size_t size = item_size(exchange, page->refs[index]);
        if (size > room) {
            break;
        }
        room -= size;
        fitting++;
    }
    if (fitting < page->count) {
        size_t first = list->query.backwards ? page->count - fitting : 0;
        for (size_t i = 0; i < fitting; i++) {
            page->refs[i] = page->refs[first + i];
        }
        page->count = fitting;
        page->has_more = true;
    }
}

static void write_items(struct json_writer *json, const struct token_page *page)
{
    json_name_of(json, "items");
    json_begin_array(json);
    for (size_t i = 0; i < page->count; i++) {
        struct token_view token;
        service_view_token(page->refs[i], &token);
        json_begin_object(json);
        write_token_info(json, &token);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_cursor(struct json_writer *json, const char *name, const struct cursor_list *cursors,
                         const struct cursor *cursor)
{
    static uint8_t memory[API_CURSOR_MAX_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    if (cursor == NULL) {
        json_member_null(json, name);
        return;
    }
    cursor_write(&text, cursors, cursor);
    json_member_string(json, name, buffer_view(&text));
}

/* The ends of a page; an empty one ends where it was asked to begin. */
struct ends {
    struct cursor first;
    struct cursor last;
    bool has_prev;
    bool has_next;
};

static struct ends ends_of(const struct list *list, const struct token_page *page)
{
    const struct token_query *query = &list->query;
    struct cursor start = {query->position_id, query->position_key_s, query->position_name};
    struct ends ends = {.first = start, .last = start};
    if (page->count > 0) {
        ends.first = cursor_at(list, page->refs[0]);
        ends.last = cursor_at(list, page->refs[page->count - 1]);
    }
    if (query->backwards) {
        ends.has_prev = page->has_more;
        ends.has_next = query->has_position && any_beyond(list, &ends.last, false);
    } else {
        ends.has_next = page->has_more;
        ends.has_prev = query->has_position && any_beyond(list, &ends.first, true);
    }
    return ends;
}

void api_token_list(struct exchange *exchange)
{
    static struct token_page page;
    struct list list;
    if (!read_list(exchange, &list)) {
        return;
    }
    service_list(&list.query, list.limit, &page);
    fit_page(exchange, &list, &page);
    struct ends ends = ends_of(&list, &page);
    struct json_writer *json = answer_begin(exchange, 200);
    write_items(json, &page);
    if (list.count_wanted) {
        json_member_u64(json, "total", page.total);
    } else {
        json_member_null(json, "total");
    }
    json_member_u64(json, "limit", list.limit);
    write_cursor(json, "next_cursor", &list.cursors, ends.has_next ? &ends.last : NULL);
    write_cursor(json, "prev_cursor", &list.cursors, ends.has_prev ? &ends.first : NULL);
    json_member_bool(json, "has_next", ends.has_next);
    json_member_bool(json, "has_prev", ends.has_prev);
    answer_end(exchange);
}
