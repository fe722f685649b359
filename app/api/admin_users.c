/*
 * Operator plane: users (WIRE.md section 2).
 */
#include "api/admin.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "token/policy.h"

/* ---- answers ---- */

static void write_principal(struct json_writer *json, const struct uuid *id)
{
    uint8_t memory[6 + UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, "users/");
    encode_uuid(&text, id);
    json_member_string(json, "principal", buffer_view(&text));
}

static void write_tenants(struct json_writer *json, const struct user_view *user)
{
    json_name_of(json, "tenants");
    json_begin_array(json);
    for (size_t i = 0; i < user->tenant_count; i++) {
        struct tenant_view tenant;
        service_view_tenant(user->tenant_refs[i], &tenant);
        json_value_uuid(json, &tenant.id);
    }
    json_end_array(json);
}

static void write_capabilities(struct json_writer *json, const struct user_view *user)
{
    json_name_of(json, "capabilities");
    json_begin_array(json);
    for (size_t i = 0; i < user->capability_count; i++) {
        json_value_string(json, user->capabilities[i]);
    }
    json_end_array(json);
}

static void write_user(struct json_writer *json, const struct user_view *user)
{
    json_member_uuid(json, "id", &user->id);
    write_principal(json, &user->id);
    json_member_string(json, "email", user->email);
    write_tenants(json, user);
    write_capabilities(json, user);
    json_member_bool(json, "disabled", user->disabled);
    json_member_time(json, "created_at", user->created_s);
    json_member_time(json, "updated_at", user->updated_s);
}

static void answer_user(struct exchange *exchange, uint16_t status, const struct user_view *user)
{
    struct json_writer *json = answer_begin(exchange, status);
    write_user(json, user);
    answer_end(exchange);
}

static void write_row(struct json_writer *json, uint32_t ref)
{
    struct user_view user;
    service_view_user(ref, &user);
    write_user(json, &user);
}

static void id_of(uint32_t ref, struct uuid *id)
{
    struct user_view user;
    service_view_user(ref, &user);
    *id = user.id;
}

void user_list(struct exchange *exchange)
{
    static const struct admin_table table = {
        "users", service_next_user, service_find_user, service_user_count, id_of, write_row};
    answer_admin_list(exchange, &table);
}

void user_get(struct exchange *exchange)
{
    struct user_view user;
    uint32_t ref = 0;
    if (find_path_user(exchange, &ref)) {
        service_view_user(ref, &user);
        answer_user(exchange, 200, &user);
    }
}

/* ---- bodies ---- */

/* What a body names, with room for the lists that struct user_input points to. */
struct user_body {
    struct user_input input;
    uint32_t tenant_refs[USER_TENANTS_MAX];
    struct bytes capabilities[USER_CAPABILITIES_MAX];
};

/* One @ with something on both sides, no white space or control characters; the rest is the mail system's business. */
static bool is_email(struct bytes text)
{
    size_t at = bytes_find(text, '@');
    struct bytes domain = bytes_slice(text, at + 1, text.size);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    return at > 0 && domain.size > 0 && bytes_find(domain, '@') == domain.size &&
           text.size <= USER_EMAIL_MAX_BYTES;
}

static void read_email(struct problems *problems, const struct json *object, enum presence presence,
                       struct bytes *email)
{
    const struct text_rule rule = {"email", presence, 1, USER_EMAIL_MAX_BYTES};
    if (member_text(problems, object, &rule, email) && !is_email(*email)) {
        problem(problems, "email", "format", "Must be an e-mail address of at most 254 bytes.");
    }
}

/* A tenant's ref by the text of its id, 0 when there is none. */
static uint32_t tenant_of(const struct json *text)
{
    struct uuid id;
    uint32_t ref = 0;
    bool found = json_type(text) == JSON_STRING && decode_uuid(json_string(text), &id) == STATUS_OK &&
                 service_find_tenant(&id, &ref) == STATUS_OK;
    return found ? ref : 0;
}

static void add_tenant(struct user_body *body, uint32_t ref)
{
    for (size_t i = 0; i < body->input.tenant_count; i++) {
        if (body->tenant_refs[i] == ref) {
            return;
        }
    }
    body->tenant_refs[body->input.tenant_count++] = ref;
}

static void read_tenants(struct problems *problems, const struct json *object, enum presence presence,
                         struct user_body *body)
{
    const struct json *ids = member_array(problems, object, "tenants", presence);
    if (ids == NULL) {
        return;
    }
    if (json_count(ids) < 1 || json_count(ids) > USER_TENANTS_MAX) {
        problem(problems, "tenants", "items", "Must have 1 to 16 tenants.");
        return;
    }
    for (const struct json *id = json_first(ids); id != NULL; id = json_next(id)) {
        uint32_t ref = tenant_of(id);
        if (ref == 0) {
            problem(problems, "tenants", "exists", "Each must be the id of a tenant.");
        } else {
            add_tenant(body, ref);
        }
    }
    body->input.tenant_refs = body->tenant_refs;
    body->input.has_tenants = true;
}

/* Besides the known ones, the name of any action that a tenant may come to list. */
static bool is_capability(const struct json *value)
{
    if (json_type(value) != JSON_STRING) {
        return false;
    }
    struct bytes text = json_string(value);
    return bytes_equal_string(text, CAPABILITY_ADMIN) || policy_action_is_wellformed(text, NULL);
}

static void add_capability(struct user_body *body, struct bytes capability)
{
    for (size_t i = 0; i < body->input.capability_count; i++) {
        if (bytes_equal(body->capabilities[i], capability)) {
            return;
        }
    }
    body->capabilities[body->input.capability_count++] = capability;
}

static void read_capabilities(struct problems *problems, const struct json *object, enum presence presence,
                              struct user_body *body)
{
    const struct json *names = member_array(problems, object, "capabilities", presence);
    if (names == NULL) {
        return;
    }
    if (json_count(names) > USER_CAPABILITIES_MAX) {
        problem(problems, "capabilities", "items", "Must have at most 32 capabilities.");
        return;
    }
    for (const struct json *name = json_first(names); name != NULL; name = json_next(name)) {
        if (!is_capability(name)) {
            problem(problems, "capabilities", "enum", "Each must be the name of a capability.");
        } else {
            add_capability(body, json_string(name));
        }
    }
    body->input.capabilities = body->capabilities;
    body->input.has_capabilities = true;
}

static bool read_user(struct exchange *exchange, enum presence presence, struct user_body *body)
{
    const struct json *object;
    bool disabled = false;
    body->input = (struct user_input){.disabled = -1};
    if (!read_object(exchange, &object)) {
        return false;
    }
    struct problems problems = problems_of(exchange);
    read_email(&problems, object, presence, &body->input.email);
    read_tenants(&problems, object, presence, body);
    read_capabilities(&problems, object, presence, body);
    if (presence == OPTIONAL && member_bool(&problems, object, "disabled", &disabled)) {
        body->input.disabled = disabled;
    }
    return !problems_answered(&problems);
}

/* ---- verbs ---- */

void user_create(struct exchange *exchange)
{
    struct user_body body;
    struct idempotency idempotency;
    struct user_view user;
    if (!read_user(exchange, REQUIRED, &body) || !read_idempotency(exchange, &idempotency)) {
        return;
    }
    enum status status = service_create_user(&body.input, &idempotency, &user);
    if (status == STATUS_CONFLICT) {
        fail_message(exchange, FAULT_STATE_CONFLICT,
                     "The e-mail address is another user's, or the Idempotency-Key was used with another "
                     "payload.");
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_user(exchange, 201, &user);
    }
}

void user_change(struct exchange *exchange)
{
    struct user_body body;
    struct user_view user;
    uint32_t ref = 0;
    if (!find_path_user(exchange, &ref) || !read_user(exchange, OPTIONAL, &body)) {
        return;
    }
    enum status status = service_change_user(ref, &body.input, &user);
    if (status == STATUS_CONFLICT) {
        fail_message(exchange, FAULT_STATE_CONFLICT, "The e-mail address is another user's.");
    } else if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_user(exchange, 200, &user);
    }
}

void user_delete(struct exchange *exchange)
{
    uint32_t ref = 0;
    if (!find_path_user(exchange, &ref)) {
        return;
    }
    enum status status = service_delete_user(ref);
    if (status != STATUS_OK) {
        fail_status(exchange, status);
    } else {
        answer_empty(exchange, 204);
    }
}
