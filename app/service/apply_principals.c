/*
 * What the records of tenants and users do to the tables: a part of apply.c.
 */
#include "service/state.h"

static uint32_t principal_for(struct principal_table *table, const struct uuid *id)
{
    uint32_t ref = principals_find(table, id);
    if (ref == 0) {
        return principals_add(table, id);
    }
    struct principal *principal = principal_at(table, ref);
    if ((principal->flags & PRINCIPAL_AWAITED) != 0) {
        principal->flags &= ~(uint32_t)PRINCIPAL_AWAITED;
        table->awaited_count--;
    }
    return ref;
}

/* A text that stays as it is takes no room. */
static bool set_principal_text(struct principal_table *table, uint32_t ref, const struct store_record *record,
                               struct bytes text)
{
    struct principal *principal = principal_at(table, ref);
    if (bytes_equal(pool_text(&service.tables.pool, principal->text), text)) {
        return true;
    }
    if (!apply_has_room(record, text.size)) {
        return false;
    }
    return table == &service.tables.users
               ? users_set_text(&service.tables, ref, text)
               : entity_set_text(&service.tables, MEMO_TENANT, ref, &principal->text, text);
}

enum status apply_principal(const struct store_record *record, struct principal_table *table)
{
    struct principal_record change;
    enum status status = record_get_principal(record->payload, &change);
    if (status != STATUS_OK) {
        return status;
    }
    bool is_user = table == &service.tables.users;
    if (fields_find(change.text, is_user ? FIELD_EMAIL : FIELD_NAME).data == NULL ||
        (!is_user && fields_find(change.text, FIELD_POLICY).data == NULL)) {
        return STATUS_DAMAGED;
    }
    ids_seen(&change.id);
    uint32_t ref = principal_for(table, &change.id);
    if (ref == 0) {
        return apply_no_room();
    }
    struct principal *principal = principal_at(table, ref);
    if (principal->text != 0) {
        forget_principal(principal);
    }
    if (!set_principal_text(table, ref, record, change.text)) {
        return apply_no_room();
    }
    principal->created_s = change.created_s;
    principal->updated_s = change.updated_s;
    principal->segment = record->segment;
    principal->flags &= ~(uint32_t)PRINCIPAL_STOPPED;
    principal->flags |= change.stopped ? PRINCIPAL_STOPPED : 0u;
    return STATUS_OK;
}

static void drop_list(const struct token_list *list)
{
    while (list->first != 0) {
        forget_token(list->first);
        tokens_drop(&service.tables, list->first);
    }
}

enum status apply_user_deleted(const struct store_record *record)
{
    struct change_record change;
    enum status status = record_get_change(record->payload, &change);
    if (status == STATUS_OK) {
        status = unread_user_gone(&change.id);
    }
    uint32_t ref = status == STATUS_OK ? principals_find(&service.tables.users, &change.id) : 0;
    if (ref != 0) {
        drop_list(&principal_at(&service.tables.users, ref)->tokens);
        drop_list(&principal_at(&service.tables.users, ref)->actions);
        forget_principal(principal_at(&service.tables.users, ref));
        users_drop(&service.tables, ref);
    }
    return status;
}
