/*
 * Operator plane: what its files share.
 *
 * Order of checks everywhere in it: 401 and 403 for `admin` (auth.h), 404 for the thing of the path, 415, 400 (all problems
 * at once), Idempotency-Key 400, then 409 and 503 from the service.
 */
#include "api/admin.h"

#include <string.h>

#include "api/cursor.h"
#include "api/errors.h"
#include "api/input.h"

/* ---- lists ---- */

static bool id_is_after(const struct uuid *id, const struct uuid *other)
{
    return memcmp(id->bytes, other->bytes, UUID_BYTES) > 0;
}

/* The row after this id; when the row of the id is gone, by the order of ids. */
static uint32_t row_after(const struct admin_table *table, const struct uuid *id)
{
    uint32_t ref = 0;
    struct uuid other;
    if (table->find(id, &ref) == STATUS_OK) {
        return table->next(ref);
    }
    for (ref = table->next(0); ref != 0; ref = table->next(ref)) {
        table->id_of(ref, &other);
        if (id_is_after(&other, id)) {
            break;
        }
    }
    return ref;
}

/* The first row of a page. STATUS_INVALID for a foreign cursor. */
static enum status first_row(const struct admin_table *table, const struct cursor_list *cursors,
                             struct bytes text, uint32_t *ref)
{
    struct cursor cursor;
    if (text.size == 0) {
        *ref = table->next(0);
        return STATUS_OK;
    }
    if (cursor_read(text, cursors, &cursor) != STATUS_OK) {
        return STATUS_INVALID;
    }
    *ref = row_after(table, &cursor.id);
    return STATUS_OK;
}

/* Write at most `limit` rows; *ref ends at the first that was not written, *last at the last that was. */
static void write_rows(struct json_writer *json, const struct admin_table *table, size_t limit, uint32_t *ref,
                       uint32_t *last)
{
    size_t room = API_BODY_MAX_BYTES - API_PAGE_FRAME_MAX_BYTES - API_ROW_MAX_BYTES;
    json_name_of(json, "data");
    json_begin_array(json);
    for (size_t i = 0; i < limit && *ref != 0 && json->out->size < room; i++) {
        json_begin_object(json);
        table->write(json, *ref);
        json_end_object(json);
        *last = *ref;
        *ref = table->next(*ref);
    }
    json_end_array(json);
}

static void write_next(struct json_writer *json, const struct admin_table *table,
                       const struct cursor_list *cursors, uint32_t last)
{
    uint8_t memory[API_CURSOR_SHORT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct cursor cursor = {.key_s = 0};
    if (last != 0) {
        table->id_of(last, &cursor.id);
        cursor_write(&text, cursors, &cursor);
    }
    json_member_string(json, "nextCursor", buffer_view(&text));
}

void answer_admin_list(struct exchange *exchange, const struct admin_table *table)
{
    struct list_query parameters;
    const struct bytes name = bytes_of_string(table->name);
    const struct cursor_list cursors = cursor_list_of(&name, 1);
    uint32_t ref = 0;
    uint32_t last = 0;
    if (!read_list_query(exchange, &parameters)) {
        return;
    }
    if (first_row(table, &cursors, parameters.cursor, &ref) != STATUS_OK) {
        fail_problem(exchange, "cursor", "format", "Is not a cursor of this list.");
        return;
    }
    struct json_writer *json = answer_begin(exchange, 200);
    write_rows(json, table, parameters.limit, &ref, &last);
    json_member_bool(json, "hasMore", ref != 0);
    write_next(json, table, &cursors, ref != 0 ? last : 0);
    json_member_u64(json, "totalCount", table->count());
    answer_end(exchange);
}

/* ---- one tenant, one user ---- */

bool find_path_tenant(struct exchange *exchange, uint32_t *tenant_ref)
{
    struct uuid id;
    bool found = path_id(exchange, "", &id) == STATUS_OK && service_find_tenant(&id, tenant_ref) == STATUS_OK;
    if (!found) {
        fail(exchange, FAULT_NO_ROUTE);
    }
    return found;
}

bool find_path_user(struct exchange *exchange, uint32_t *user_ref)
{
    struct uuid id;
    bool found =
        path_id(exchange, "users/", &id) == STATUS_OK && service_find_user(&id, user_ref) == STATUS_OK;
    if (!found) {
        fail(exchange, FAULT_NO_ROUTE);
    }
    return found;
}

bool member_tenant(struct problems *problems, const struct json *object, enum presence presence,
                   uint32_t *tenant_ref)
{
    struct uuid id;
    if (!member_uuid(problems, object, "tenant", presence, &id)) {
        return false;
    }
    if (service_find_tenant(&id, tenant_ref) != STATUS_OK) {
        problem(problems, "tenant", "exists", "There is no such tenant.");
        return false;
    }
    return true;
}

bool member_user(struct problems *problems, const struct json *object, uint32_t *user_ref)
{
    struct uuid id;
    if (!member_uuid(problems, object, "user", OPTIONAL, &id)) {
        return false;
    }
    if (service_find_user(&id, user_ref) != STATUS_OK) {
        problem(problems, "user", "exists", "There is no such user.");
        return false;
    }
    return true;
}
