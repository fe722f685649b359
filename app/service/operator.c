/*
 * The operator's verbs: tenants and users. Each change writes the whole principal as one full record.
 */
#include <assert.h>

#include "service/state.h"

/* A repeat is of this kind of principal; `memo.ref` is it. */
static enum status begin(const struct idempotency *idempotency, enum memo_owner owner, struct plan *plan)
{
    if (!service_clock_known()) {
        return STATUS_NO_CLOCK;
    }
    enum status status = plan_make(NULL, idempotency, MEMO_CREATED, plan);
    if (status == STATUS_OK && plan->repeat && plan->memo.owner != owner) {
        status = STATUS_CONFLICT;
    }
    return status;
}

static enum status create_principal(enum record_type type, bool stopped, const struct buffer *text,
                                    uint32_t *ref)
{
    assert(!buffer_failed(text));
    struct principal_table *table = type == RECORD_USER ? &service.tables.users : &service.tables.tenants;
    if (!principals_have_room(&service.tables, table, text->size)) {
        seek_room();
    }
    if (!principals_have_room(&service.tables, table, text->size)) {
        return STATUS_FULL;
    }
    uint32_t now_s = (uint32_t)service_now_s();
    struct principal_record record = {.id = ids_next(),
                                      .created_s = now_s,
                                      .updated_s = now_s,
                                      .stopped = stopped,
                                      .text = buffer_view(text)};
    record_put_principal(journal_payload(), &record);
    enum status status = journal(STORE_ISSUE, type);
    *ref = status == STATUS_OK ? principals_find(table, &record.id) : 0;
    return status;
}

/* A text that stays as it is takes none. */
static bool has_room_for(const struct principal *principal, enum pool_class class, struct bytes text)
{
    const struct pool *pool = &service.tables.pool;
    bool stays = bytes_equal(text, pool_text(pool, principal->text));
    if (!stays && !pool_has_room(pool, class, 0, text.size)) {
        seek_room();
    }
    return stays || pool_has_room(pool, class, 0, text.size);
}

/* Write a principal with a new text. Stopping one must work in a full store and a full table. */
static enum status change_principal(enum record_type type, struct principal *principal, int stopped,
                                    const struct buffer *text)
{
    assert(!buffer_failed(text));
    enum store_class class = stopped == 1 ? STORE_ESSENTIAL : STORE_ISSUE;
    if (!has_room_for(principal, stopped == 1 ? POOL_ESSENTIAL : POOL_ISSUE, buffer_view(text))) {
        return STATUS_FULL;
    }
    bool was_stopped = (principal->flags & PRINCIPAL_STOPPED) != 0;
    struct principal_record record = {
        .id = principal->id,
        .created_s = principal->created_s,
        .updated_s = (uint32_t)clock_bound_s(),
        .stopped = stopped < 0 ? was_stopped : stopped == 1,
        .text = buffer_view(text),
    };
    record_put_principal(journal_payload(), &record);
    return journal(class, type);
}

/* ---- tenants ---- */

enum status service_create_tenant(struct bytes name, const struct idempotency *idempotency,
                                  struct tenant_view *tenant)
{
    assert(name.size <= TENANT_NAME_MAX_BYTES);
    struct plan plan;
    enum status status = begin(idempotency, MEMO_TENANT, &plan);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t ref = plan.memo.ref;
    if (!plan.repeat) {
        struct buffer *text = journal_text();
        fields_append(text, FIELD_NAME, name);
        fields_append(text, FIELD_POLICY, BYTES_LITERAL("{}"));
        plan_append(&plan, text);
        status = create_principal(RECORD_TENANT, false, text, &ref);
    }
    if (status == STATUS_OK) {
        tenant_view_of(&service.tables, ref, tenant);
    }
    return status;
}

static bool holds_root(uint32_t tenant_ref)
{
    return service.root_ref != 0 && token_at(&service.tables, service.root_ref)->tenant == tenant_ref;
}

enum status service_change_tenant(uint32_t tenant_ref, const struct tenant_change *change,
                                  struct tenant_view *tenant)
{
    assert(change->name.size <= TENANT_NAME_MAX_BYTES && change->policy.size <= TENANT_POLICY_MAX_BYTES);
    if (change->suspended == 1 && holds_root(tenant_ref)) {
        return STATUS_CONFLICT;
    }
    struct principal *slot = principal_at(&service.tables.tenants, tenant_ref);
    struct tenant_view old;
    tenant_view_of(&service.tables, tenant_ref, &old);
    struct buffer *text = journal_text();
    struct bytes memo = fields_find(pool_text(&service.tables.pool, slot->text), FIELD_MEMO);
    fields_append(text, FIELD_NAME, change->name.data != NULL ? change->name : old.name);
    fields_append(text, FIELD_POLICY, change->policy.data != NULL ? change->policy : old.policy);
    fields_append(text, FIELD_MEMO, memo);
    enum status status = change_principal(RECORD_TENANT, slot, change->suspended, text);
    if (status == STATUS_OK) {
        tenant_view_of(&service.tables, tenant_ref, tenant);
    }
    return status;
}

enum status service_find_tenant(const struct uuid *id, uint32_t *tenant_ref)
{
    *tenant_ref = principals_find(&service.tables.tenants, id);
    return *tenant_ref != 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

void service_view_tenant(uint32_t tenant_ref, struct tenant_view *tenant)
{
    tenant_view_of(&service.tables, tenant_ref, tenant);
}

static uint32_t next_principal(const struct principal_table *table, uint32_t after_ref)
{
    return after_ref == 0 ? table->first : principal_at(table, after_ref)->next;
}

uint32_t service_next_tenant(uint32_t after_ref)
{
    return next_principal(&service.tables.tenants, after_ref);
}

uint32_t service_tenant_count(void)
{
    return service.tables.tenants.count;
}

/* ---- users ---- */

static void append_tenants(struct buffer *text, const struct user_input *input)
{
    uint8_t ids[UUID_BYTES * USER_TENANTS_MAX];
    struct buffer out = buffer_over(ids, sizeof ids);
    for (size_t i = 0; i < input->tenant_count; i++) {
        buffer_append(&out, bytes_of(principal_at(&service.tables.tenants, input->tenant_refs[i])->id.bytes,
                                     UUID_BYTES));
    }
    assert(!buffer_failed(&out));
    fields_append(text, FIELD_TENANTS, buffer_view(&out));
}

static void append_capabilities(struct buffer *text, const struct user_input *input)
{
    for (size_t i = 0; i < input->capability_count; i++) {
        fields_append(text, FIELD_CAPABILITY, input->capabilities[i]);
    }
}

static void check_user_input(const struct user_input *input)
{
    assert(input->email.size <= USER_EMAIL_MAX_BYTES);
    assert(input->tenant_count <= USER_TENANTS_MAX && input->capability_count <= USER_CAPABILITIES_MAX);
    for (size_t i = 0; i < input->capability_count; i++) {
        assert(input->capabilities[i].size <= CAPABILITY_MAX_BYTES);
    }
}

static enum status create_user(const struct user_input *input, const struct plan *plan, uint32_t *ref)
{
    if (users_find_email(&service.tables, input->email) != 0) {
        return STATUS_CONFLICT;
    }
    struct buffer *text = journal_text();
    fields_append(text, FIELD_EMAIL, input->email);
    append_tenants(text, input);
    append_capabilities(text, input);
    plan_append(plan, text);
    return create_principal(RECORD_USER, input->disabled == 1, text, ref);
}

enum status service_create_user(const struct user_input *input, const struct idempotency *idempotency,
                                struct user_view *user)
{
    check_user_input(input);
    assert(input->email.size > 0);
    struct plan plan;
    enum status status = begin(idempotency, MEMO_USER, &plan);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t ref = plan.memo.ref;
    if (!plan.repeat) {
        status = create_user(input, &plan, &ref);
    }
    if (status == STATUS_OK) {
        user_view_of(&service.tables, ref, user);
    }
    return status;
}

static void append_changed_user(struct buffer *text, const struct principal *slot,
                                const struct user_input *change)
{
    struct bytes old = pool_text(&service.tables.pool, slot->text);
    fields_append(text, FIELD_EMAIL,
                  change->email.data != NULL ? change->email : fields_find(old, FIELD_EMAIL));
    if (change->has_tenants) {
        append_tenants(text, change);
    } else {
        fields_append(text, FIELD_TENANTS, fields_find(old, FIELD_TENANTS));
    }
    if (change->has_capabilities) {
        append_capabilities(text, change);
    }
    struct field field;
    size_t offset = 0;
    while (fields_next(old, &offset, &field)) {
        if (field.tag == FIELD_MEMO || (field.tag == FIELD_CAPABILITY && !change->has_capabilities)) {
            fields_append(text, field.tag, field.value);
        }
    }
}

enum status service_change_user(uint32_t user_ref, const struct user_input *change, struct user_view *user)
{
    check_user_input(change);
    struct principal *slot = principal_at(&service.tables.users, user_ref);
    if (change->email.data != NULL) {
        uint32_t other = users_find_email(&service.tables, change->email);
        if (other != 0 && other != user_ref) {
            return STATUS_CONFLICT;
        }
    }
    struct buffer *text = journal_text();
    append_changed_user(text, slot, change);
    enum status status = change_principal(RECORD_USER, slot, change->disabled, text);
    if (status == STATUS_OK) {
        user_view_of(&service.tables, user_ref, user);
    }
    return status;
}

enum status service_delete_user(uint32_t user_ref)
{
    struct change_record record = {.id = principal_at(&service.tables.users, user_ref)->id,
                                   .at_s = (uint32_t)clock_bound_s()};
    service_need_all();
    record_put_change(journal_payload(), &record);
    return journal(STORE_ESSENTIAL, RECORD_USER_DELETED);
}

enum status service_find_user(const struct uuid *id, uint32_t *user_ref)
{
    *user_ref = principals_find(&service.tables.users, id);
    return *user_ref != 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

void service_view_user(uint32_t user_ref, struct user_view *user)
{
    user_view_of(&service.tables, user_ref, user);
}

uint32_t service_next_user(uint32_t after_ref)
{
    return next_principal(&service.tables.users, after_ref);
}

uint32_t service_user_count(void)
{
    return service.tables.users.count;
}
