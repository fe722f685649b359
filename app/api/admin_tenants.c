/*
 * Operator plane: tenants (WIRE.md section 2).
 */
#include "api/admin.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/platform_input.h"
#include "api/tenant_policy.h"

/* ---- answers ---- */

static void write_tenant(struct json_writer *json, const struct tenant_view *tenant)
{
    json_member_uuid(json, "id", &tenant->id);
    json_member_string(json, "name", tenant->name);
    json_member_bool(json, "suspended", tenant->suspended);
    json_member_raw(json, "policy", tenant->policy);
    json_member_time(json, "created_at", tenant->created_s);
    json_member_time(json, "updated_at", tenant->updated_s);
}

static void answer_tenant(struct exchange *exchange, uint16_t status, const struct tenant_view *tenant)
{
    struct json_writer *json = answer_begin(exchange, status);
    write_tenant(json, tenant);
    answer_end(exchange);
}

static void write_row(struct json_writer *json, uint32_t ref)
{
    struct tenant_view tenant;
    service_view_tenant(ref, &tenant);
    write_tenant(json, &tenant);
}

static void id_of(uint32_t ref, struct uuid *id)
{
    struct tenant_view tenant;
    service_view_tenant(ref, &tenant);
    *id = tenant.id;
}

void tenant_list(struct exchange *exchange)
{
    static const struct admin_table table = {
        "tenants", service_next_tenant, service_find_tenant, service_tenant_count, id_of, write_row};
    answer_admin_list(exchange, &table);
}

void tenant_get(struct exchange *exchange)
{
    struct tenant_view tenant;
    uint32_t ref = 0;
    if (find_path_tenant(exchange, &ref)) {
        service_view_tenant(ref, &tenant);
        answer_tenant(exchange, 200, &tenant);
    }
}

/* ---- create ---- */

static bool read_name(struct exchange *exchange, struct bytes *name)
{
    static const struct text_rule rule = {"name", REQUIRED, 1, TOKEN_NAME_MAX_CODE_POINTS};
    const struct json *object;
    if (!read_object(exchange, &object)) {
        return false;
    }
    struct problems problems = problems_of(exchange);
    (void)member_text(&problems, object, &rule, name);
    return !problems_answered(&problems);
}

void tenant_create(struct exchange *exchange)
{
    struct idempotency idempotency;
    struct tenant_view tenant;
    struct bytes name;
    if (!read_name(exchange, &name) || !read_idempotency(exchange, &idempotency)) {
        return;
    }
    enum status status = service_create_tenant(name, &idempotency, &tenant);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_tenant(exchange, 201, &tenant);
    }
}

/* ---- change ---- */

/* The policy's canonical text, in the answer's memory until the answer begins. */
static void read_policy(struct problems *problems, const struct json *object, struct bytes *text)
{
    const struct json *policy = json_member(object, "policy");
    if (policy == NULL) {
        return;
    }
    tenant_policy_check(problems, policy);
    if (problems->count > 0) {
        return; /* they have the answer's memory */
    }
    struct buffer canonical = exchange_scratch(problems->exchange);
    enum status status = json_canonical(policy, &canonical);
    if (status != STATUS_OK || canonical.size > TENANT_POLICY_MAX_BYTES) {
        problem(problems, "policy", "length", "Is too long.");
        return;
    }
    *text = buffer_view(&canonical);
}

static bool read_change(struct exchange *exchange, struct tenant_change *change)
{
    static const struct text_rule name = {"name", OPTIONAL, 1, TOKEN_NAME_MAX_CODE_POINTS};
    const struct json *object;
    bool suspended = false;
    *change = (struct tenant_change){.suspended = -1};
    if (!read_object(exchange, &object)) {
        return false;
    }
    struct problems problems = problems_of(exchange);
    (void)member_text(&problems, object, &name, &change->name);
    if (member_bool(&problems, object, "suspended", &suspended)) {
        change->suspended = suspended;
    }
    read_policy(&problems, object, &change->policy);
    return !problems_answered(&problems);
}

void tenant_change(struct exchange *exchange)
{
    struct tenant_change change;
    struct tenant_view tenant;
    uint32_t ref = 0;
    if (!find_path_tenant(exchange, &ref) || !read_change(exchange, &change)) {
        return;
    }
    enum status status = service_change_tenant(ref, &change, &tenant);
    if (status == STATUS_CONFLICT) {
        fail_message(exchange, FAULT_STATE_CONFLICT, "The tenant of the root token cannot be suspended.");
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_tenant(exchange, 200, &tenant);
    }
}

/* ---- tokens ---- */

/* The operator gives what it likes: a tenant's first token has no creator there. */
void tenant_token_create(struct exchange *exchange)
{
    uint32_t ref = 0;
    if (find_path_tenant(exchange, &ref)) {
        create_platform_token(exchange, ref, PERMISSION_ALL);
    }
}
