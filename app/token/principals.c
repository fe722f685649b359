/*
 * Tenants and users.
 */
#include "token/principals.h"

#include <assert.h>
#include <string.h>

#include "token/fields.h"
#include "token/memo.h"

bool principals_have_room(const struct tables *tables, const struct principal_table *table, size_t text_bytes)
{
    return table->count < table->capacity && pool_has_room(&tables->pool, POOL_ISSUE, 0, text_bytes);
}

static uint32_t *id_bucket(const struct principal_table *table, const struct uuid *id)
{
    return &table->id_buckets[hash_id(id->bytes) & table->bucket_mask];
}

static uint32_t take_slot(struct principal_table *table)
{
    uint32_t ref = table->free_head;
    if (ref != 0) {
        table->free_head = table->slots[ref].id_next;
    } else {
        if (table->used_end > table->capacity) {
            return 0;
        }
        ref = table->used_end++;
    }
    memset(&table->slots[ref], 0, sizeof(struct principal));
    return ref;
}

uint32_t principals_add(struct principal_table *table, const struct uuid *id)
{
    uint32_t ref = take_slot(table);
    if (ref == 0) {
        return 0;
    }
    struct principal *principal = principal_at(table, ref);
    uint32_t *bucket = id_bucket(table, id);
    principal->id = *id;
    principal->flags = PRINCIPAL_USED;
    principal->id_next = *bucket;
    *bucket = ref;
    principal->prev = table->last;
    if (table->last == 0) {
        table->first = ref;
    } else {
        struct principal *before = principal_at(table, table->last);
        before->next = ref;
        table->unsorted = table->unsorted || uuid_compare(&before->id, id) > 0;
    }
    table->last = ref;
    table->count++;
    return ref;
}

uint32_t principals_find(const struct principal_table *table, const struct uuid *id)
{
    uint32_t ref = *id_bucket(table, id);
    while (ref != 0 && !uuid_equal(&principal_at(table, ref)->id, id)) {
        ref = principal_at(table, ref)->id_next;
    }
    return ref;
}

uint32_t principals_await(struct principal_table *table, const struct uuid *id)
{
    uint32_t ref = principals_find(table, id);
    if (ref != 0) {
        return ref;
    }
    ref = principals_add(table, id);
    if (ref != 0) {
        principal_at(table, ref)->flags |= PRINCIPAL_AWAITED;
        table->awaited_count++;
    }
    return ref;
}

/* ---- users by e-mail ---- */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

/* FNV-1a over the lower-case text. */
static uint32_t *email_bucket(const struct principal_table *users, struct bytes email)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < email.size; i++) {
        hash = (hash ^ lower(email.data[i])) * 16777619u;
    }
    return &users->email_buckets[(hash ^ hash >> 15) & users->bucket_mask];
}

static struct bytes email_of(const struct tables *tables, uint32_t ref)
{
    return fields_find(pool_text(&tables->pool, principal_at(&tables->users, ref)->text), FIELD_EMAIL);
}

uint32_t users_find_email(const struct tables *tables, struct bytes email)
{
    uint32_t ref = *email_bucket(&tables->users, email);
    while (ref != 0 && !bytes_equal_ignoring_case(email_of(tables, ref), email)) {
        ref = principal_at(&tables->users, ref)->email_next;
    }
    return ref;
}

static void leave_email_chain(struct tables *tables, uint32_t ref)
{
    if (principal_at(&tables->users, ref)->text == 0) {
        return; /* awaited: it never entered */
    }
    uint32_t *link = email_bucket(&tables->users, email_of(tables, ref));
    while (*link != ref) {
        link = &principal_at(&tables->users, *link)->email_next;
    }
    *link = principal_at(&tables->users, ref)->email_next;
}

static void enter_email_chain(struct tables *tables, uint32_t ref)
{
    uint32_t *bucket = email_bucket(&tables->users, email_of(tables, ref));
    principal_at(&tables->users, ref)->email_next = *bucket;
    *bucket = ref;
}

bool users_set_text(struct tables *tables, uint32_t ref, struct bytes text)
{
    if (!pool_has_room(&tables->pool, POOL_ESSENTIAL, 0, text.size)) {
        return false;
    }
    leave_email_chain(tables, ref);
    bool kept = entity_set_text(tables, MEMO_USER, ref, &principal_at(&tables->users, ref)->text, text);
    assert(kept);
    (void)kept;
    enter_email_chain(tables, ref);
    return true;
}

void users_drop(struct tables *tables, uint32_t ref)
{
    struct principal_table *users = &tables->users;
    struct principal *user = principal_at(users, ref);
    assert(user->tokens.first == 0 && user->actions.first == 0);
    leave_email_chain(tables, ref);
    memos_forget(tables, MEMO_USER, ref, user->text);
    pool_free_text(&tables->pool, user->text);
    uint32_t *link = id_bucket(users, &user->id);
    while (*link != ref) {
        link = &principal_at(users, *link)->id_next;
    }
    *link = user->id_next;
    *(user->prev != 0 ? &principal_at(users, user->prev)->next : &users->first) = user->next;
    *(user->next != 0 ? &principal_at(users, user->next)->prev : &users->last) = user->prev;
    if ((user->flags & PRINCIPAL_AWAITED) != 0) {
        users->awaited_count--;
    }
    memset(user, 0, sizeof *user);
    user->id_next = users->free_head;
    users->free_head = ref;
    users->count--;
}

/* ---- questions and views ---- */

bool user_is_member(const struct tables *tables, uint32_t user_ref, uint32_t tenant_ref)
{
    const struct principal *user = principal_at(&tables->users, user_ref);
    const struct uuid *tenant = &principal_at(&tables->tenants, tenant_ref)->id;
    struct bytes ids = fields_find(pool_text(&tables->pool, user->text), FIELD_TENANTS);
    for (size_t offset = 0; offset < ids.size; offset += UUID_BYTES) {
        if (memcmp(ids.data + offset, tenant->bytes, UUID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

bool user_is_granted(const struct tables *tables, uint32_t user_ref, struct bytes capability)
{
    struct bytes text = pool_text(&tables->pool, principal_at(&tables->users, user_ref)->text);
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag == FIELD_CAPABILITY && bytes_equal(field.value, capability)) {
            return true;
        }
    }
    return false;
}

void tenant_view_of(const struct tables *tables, uint32_t ref, struct tenant_view *view)
{
    const struct principal *tenant = principal_at(&tables->tenants, ref);
    assert((tenant->flags & PRINCIPAL_USED) != 0);
    struct bytes text = pool_text(&tables->pool, tenant->text);
    *view = (struct tenant_view){
        .ref = ref,
        .id = tenant->id,
        .name = fields_find(text, FIELD_NAME),
        .suspended = (tenant->flags & PRINCIPAL_STOPPED) != 0,
        .policy = fields_find(text, FIELD_POLICY),
        .created_s = tenant->created_s,
        .updated_s = tenant->updated_s,
    };
}

static void view_tenants(const struct tables *tables, struct bytes ids, struct user_view *view)
{
    for (size_t offset = 0; offset < ids.size; offset += UUID_BYTES) {
        struct uuid id;
        memcpy(id.bytes, ids.data + offset, UUID_BYTES);
        uint32_t tenant = principals_find(&tables->tenants, &id);
        if (tenant != 0 && view->tenant_count < USER_TENANTS_MAX) {
            view->tenant_refs[view->tenant_count++] = tenant;
        }
    }
}

void user_view_of(const struct tables *tables, uint32_t ref, struct user_view *view)
{
    const struct principal *user = principal_at(&tables->users, ref);
    assert((user->flags & PRINCIPAL_USED) != 0);
    *view = (struct user_view){
        .ref = ref,
        .id = user->id,
        .disabled = (user->flags & PRINCIPAL_STOPPED) != 0,
        .created_s = user->created_s,
        .updated_s = user->updated_s,
    };
    struct bytes text = pool_text(&tables->pool, user->text);
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag == FIELD_EMAIL) {
            view->email = field.value;
        } else if (field.tag == FIELD_TENANTS) {
            view_tenants(tables, field.value, view);
        } else if (field.tag == FIELD_CAPABILITY && view->capability_count < USER_CAPABILITIES_MAX) {
            view->capabilities[view->capability_count++] = field.value;
        }
    }
}
