/*
 * Creating tokens of the three families, the root token, and rotating a family-2 secret.
 */
#include <assert.h>
#include <string.h>

#include "service/state.h"
#include "token/secret.h"

#define DAY_S 86400

/* ---- what all creates share ---- */

/* Write the record of a new token; *ref is the token. The fields are in journal_text(). */
static enum status create(const struct token *token, struct buffer *text, uint32_t *ref)
{
    assert(!buffer_failed(text) && text->size <= TOKEN_TEXT_MAX_BYTES);
    struct tables *tables = &service.tables;
    *ref = 0;
    if (!tokens_have_room(tables, POOL_ISSUE, text->size)) {
        seek_room();
    }
    if (!tokens_have_room(tables, POOL_ISSUE, text->size)) {
        return STATUS_FULL;
    }
    struct token_record record = {
        .token = *token,
        .tenant = principal_at(&tables->tenants, token->tenant)->id,
        .text = buffer_view(text),
    };
    if (token->user != 0) {
        record.user = principal_at(&tables->users, token->user)->id;
    }
    record_put_token(journal_payload(), &record);
    enum status status = journal(STORE_ISSUE, RECORD_TOKEN);
    if (status == STATUS_OK) {
        *ref = tokens_find_id(tables, &token->id);
    }
    return status;
}

/* An id whose tail no other token has, as a boot finds tokens by it. */
static struct uuid next_token_id(void)
{
    struct uuid id;
    do {
        id = ids_next();
    } while (tokens_find_tail(&service.tables, id.bytes + TOKEN_TAIL_AT) != 0);
    return id;
}

static struct token new_token(enum token_family family)
{
    uint32_t now_s = (uint32_t)service_now_s();
    return (struct token){
        .id = next_token_id(),
        .created_s = now_s,
        .updated_s = now_s,
        .family = (uint8_t)family,
    };
}

static enum status begin(const struct caller *caller, const struct idempotency *idempotency,
                         enum memo_what what, struct plan *plan)
{
    if (!service_clock_known()) {
        return STATUS_NO_CLOCK;
    }
    return plan_make(caller, idempotency, what, plan);
}

/* The create of a token: a key that made something else is a conflict, whatever the digests say. */
static enum status begin_create(const struct caller *caller, const struct idempotency *idempotency,
                                enum token_family family, struct plan *plan)
{
    enum status status = begin(caller, idempotency, MEMO_CREATED, plan);
    if (status == STATUS_OK && plan->repeat &&
        (plan->memo.owner != MEMO_TOKEN || token_at(&service.tables, plan->memo.ref)->family != family)) {
        status = STATUS_CONFLICT;
    }
    return status;
}

/* ---- family 2 ---- */

static void append_cidrs(struct buffer *text, const struct platform_input *input)
{
    uint8_t ranges[FIELD_CIDR_BYTES * TOKEN_CIDRS_MAX];
    struct buffer out = buffer_over(ranges, sizeof ranges);
    for (size_t i = 0; i < input->cidr_count; i++) {
        buffer_append(&out, bytes_of(input->cidrs[i].address, sizeof input->cidrs[i].address));
        buffer_append_byte(&out, input->cidrs[i].prefix_bits);
    }
    assert(!buffer_failed(&out));
    if (input->cidr_count > 0) {
        fields_append(text, FIELD_CIDRS, buffer_view(&out));
    }
}

static void client_secret_of(const struct plan *plan, const char *label, const struct uuid *id,
                             char secret[CLIENT_SECRET_TEXT_BYTES + 1])
{
    uint8_t random[SECRET_RANDOM_BYTES];
    plan_secret(plan, label, id, random);
    secret_client_secret(random, secret);
    bytes_wipe(random, sizeof random);
}

static enum status create_platform(const struct platform_input *input, const struct plan *plan, uint8_t flags,
                                   char secret[CLIENT_SECRET_TEXT_BYTES + 1], uint32_t *ref)
{
    struct token token = new_token(TOKEN_PLATFORM);
    struct uuid client_id = ids_next();
    memcpy(token.key, client_id.bytes, sizeof token.key);
    token.tenant = input->tenant_ref;
    token.permissions = input->permissions;
    token.expires_s = (uint32_t)input->expires_s;
    token.flags = (uint8_t)(flags | (input->expires_s != 0 ? TOKEN_FLAG_EXPIRES_GIVEN : 0));
    client_secret_of(plan, "create", &token.id, secret);
    mac_of_client(token.key, bytes_of_string(secret), token.mac);
    struct buffer *text = journal_text();
    fields_append(text, FIELD_NAME, input->name);
    append_cidrs(text, input);
    plan_append(plan, text);
    return create(&token, text, ref);
}

/* May this caller hand out these permissions? */
static bool may_grant(const struct caller *caller, uint8_t permissions)
{
    if (caller->kind == CALLER_SERVICE) {
        return (permissions & ~caller->permissions) == 0;
    }
    return service_has_capability(caller, BYTES_LITERAL(CAPABILITY_ADMIN));
}

enum status service_create_platform(const struct caller *caller, const struct platform_input *input,
                                    const struct idempotency *idempotency, struct token_view *token,
                                    char client_secret[CLIENT_SECRET_TEXT_BYTES + 1])
{
    assert(input->name.size <= TOKEN_NAME_MAX_BYTES && input->cidr_count <= TOKEN_CIDRS_MAX);
    assert(input->permissions != 0 && input->permissions <= PERMISSION_ALL);
    struct plan plan;
    enum status status = begin_create(caller, idempotency, TOKEN_PLATFORM, &plan);
    if (status != STATUS_OK) {
        return status;
    }
    if (!may_grant(caller, input->permissions)) {
        return STATUS_DENIED;
    }
    uint32_t ref = plan.memo.ref;
    if (plan.repeat) {
        client_secret_of(&plan, "create", &token_at(&service.tables, ref)->id, client_secret);
    } else {
        if (input->expires_s != 0 && (input->expires_s <= service_now_s() || input->expires_s > UINT32_MAX)) {
            return STATUS_INVALID;
        }
        status = create_platform(input, &plan, 0, client_secret, &ref);
    }
    if (status == STATUS_OK) {
        view_as_created(ref, token);
    }
    return status;
}

enum status service_create_root(struct service_root *root)
{
    assert(service.root_ref == 0);
    if (!service_clock_known()) {
        return STATUS_NO_CLOCK;
    }
    uint32_t tenant_ref =
        service_next_tenant(0); /* power may have gone between the two records of an earlier try */
    if (tenant_ref == 0) {
        struct tenant_view tenant;
        enum status status = service_create_tenant(BYTES_LITERAL("default"), NULL, &tenant);
        if (status != STATUS_OK) {
            return status;
        }
        tenant_ref = tenant.ref;
    }
    struct plan plan = {0};
    uint32_t ref = 0;
    struct platform_input input = {
        .tenant_ref = tenant_ref, .name = BYTES_LITERAL("root"), .permissions = PERMISSION_ALL};
    enum status status = create_platform(&input, &plan, TOKEN_FLAG_ROOT, root->client_secret, &ref);
    if (status == STATUS_OK) {
        struct buffer text = buffer_over(root->client_id, CLIENT_ID_TEXT_BYTES);
        encode_hex(&text, bytes_of(token_at(&service.tables, ref)->key, 16));
        root->client_id[CLIENT_ID_TEXT_BYTES] = '\0';
        root->tenant = principal_at(&service.tables.tenants, tenant_ref)->id;
    }
    return status;
}

/* ---- rotation ---- */

/* The old secret's end: the overlap, but not beyond the token's own end. */
static uint32_t previous_end_s(const struct token *token, uint32_t overlap_s)
{
    if (overlap_s == 0) {
        return 0;
    }
    int64_t end_s = service_now_s() + overlap_s;
    if (token->expires_s != 0 && token->expires_s < end_s) {
        end_s = token->expires_s;
    }
    return (uint32_t)end_s;
}

static enum status rotate(const struct token *token, const struct plan *plan, uint32_t overlap_s,
                          const char *client_secret)
{
    struct buffer *text = journal_text();
    plan_append(plan, text);
    struct rotated_record record = {
        .id = token->id,
        .at_s = (uint32_t)service_now_s(),
        .previous_until_s = previous_end_s(token, overlap_s),
        .text = buffer_view(text),
    };
    mac_of_client(token->key, bytes_of_string(client_secret), record.mac);
    record_put_rotated(journal_payload(), &record);
    return journal(STORE_ISSUE, RECORD_ROTATED);
}

static bool has_room_to_rotate(const struct token *token)
{
    const struct pool *pool = &service.tables.pool;
    size_t text_bytes =
        pool_text(pool, token->text).size + FIELD_PREVIOUS_BYTES + FIELD_MEMO_BYTES + 2 * FIELD_HEADER_BYTES;
    if (!pool_has_room(pool, POOL_ISSUE, 0, text_bytes)) {
        seek_room();
    }
    return pool_has_room(pool, POOL_ISSUE, 0, text_bytes);
}

static bool may_rotate(const struct caller *caller, const struct token *token)
{
    bool is_root = (token->flags & TOKEN_FLAG_ROOT) != 0;
    return may_grant(caller, token->permissions) && (!is_root || caller->is_root);
}

enum status service_rotate(const struct caller *caller, const struct uuid *id, uint32_t overlap_s,
                           const struct idempotency *idempotency, struct token_view *token,
                           char client_secret[CLIENT_SECRET_TEXT_BYTES + 1])
{
    struct token_view found;
    struct plan plan;
    enum status status = service_find(caller->tenant_ref, TOKEN_PLATFORM, id, &found);
    if (status != STATUS_OK) {
        return status;
    }
    struct token *slot = token_at(&service.tables, found.ref);
    status = may_rotate(caller, slot) ? begin(caller, idempotency, MEMO_ROTATED, &plan) : STATUS_DENIED;
    if (status != STATUS_OK) {
        return status;
    }
    if (found.state != TOKEN_ACTIVE || (plan.repeat && plan.memo.ref != found.ref)) {
        return STATUS_CONFLICT;
    }
    client_secret_of(&plan, "rotate", &slot->id, client_secret);
    if (!plan.repeat) {
        bool has_place =
            !plan.has_key || memos_count(pool_text(&service.tables.pool, slot->text)) < TOKEN_MEMOS_MAX;
        bool has_room = has_place && has_room_to_rotate(slot);
        status = has_room ? rotate(slot, &plan, overlap_s, client_secret) : STATUS_FULL;
    }
    if (status == STATUS_OK) {
        view_token(found.ref, token);
    }
    return status;
}

/* ---- family 1 ---- */

static enum status create_jwt(const struct jwt_input *input, const struct plan *plan, uint32_t *ref)
{
    struct token token = new_token(TOKEN_JWT);
    struct uuid jti = ids_next();
    memcpy(token.key, jti.bytes, sizeof token.key);
    token.tenant = input->tenant_ref;
    token.user = input->user_ref;
    token.expires_s = token.created_s + input->expires_in_days * DAY_S;
    token.signing_key = jwt_signing_number();
    struct buffer *text = journal_text();
    fields_append(text, FIELD_NAME, input->name);
    fields_append(text, FIELD_DESCRIPTION, input->description);
    plan_append(plan, text);
    return create(&token, text, ref);
}

enum status service_create_jwt(const struct caller *caller, const struct jwt_input *input,
                               const struct idempotency *idempotency, struct token_view *token,
                               struct buffer *text, bool *limit_reached)
{
    assert(input->name.size <= TOKEN_NAME_MAX_BYTES &&
           input->description.size <= TOKEN_DESCRIPTION_MAX_BYTES);
    assert(input->expires_in_days >= 1 && input->expires_in_days <= 365);
    struct plan plan;
    *limit_reached = false;
    enum status status = begin_create(caller, idempotency, TOKEN_JWT, &plan);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t ref = plan.memo.ref;
    if (!plan.repeat) {
        service_need_all();
        uint32_t active =
            tokens_count_active(&service.tables, input->user_ref, input->tenant_ref, service_now_s());
        *limit_reached = active >= TOKEN_ACTIVE_PER_USER_MAX;
        status = *limit_reached ? STATUS_CONFLICT : create_jwt(input, &plan, &ref);
    }
    if (status == STATUS_OK) {
        view_as_created(ref, token);
        status = jwt_write(ref, text);
    }
    return status;
}

/* ---- family 0 ---- */

static void action_text_of(const struct plan *plan, const struct uuid *id,
                           char text[ACTION_TOKEN_TEXT_BYTES + 1])
{
    uint8_t random[SECRET_RANDOM_BYTES];
    plan_secret(plan, "action", id, random);
    secret_action_token(random, text);
    bytes_wipe(random, sizeof random);
}

static enum status create_action(const struct caller *caller, const struct action_input *input,
                                 const struct plan *plan, char text[ACTION_TOKEN_TEXT_BYTES + 1],
                                 uint32_t *ref)
{
    struct token token = new_token(TOKEN_ACTION);
    token.tenant = caller->tenant_ref;
    token.user = caller->user_ref;
    token.expires_s = token.created_s + input->life_s;
    action_text_of(plan, &token.id, text);
    struct secret_mac secret;
    secret_of_action(bytes_of_string(text), &secret);
    memcpy(token.key, secret.key, sizeof token.key);
    memcpy(token.mac, secret.mac, sizeof token.mac);
    struct buffer *fields = journal_text();
    fields_append(fields, FIELD_ACTION, input->action);
    fields_append(fields, FIELD_DIGEST, bytes_of(input->digest, sizeof input->digest));
    plan_append(plan, fields);
    return create(&token, fields, ref);
}

enum status service_create_action(const struct caller *caller, const struct action_input *input,
                                  const struct idempotency *idempotency, struct token_view *token,
                                  char text[ACTION_TOKEN_TEXT_BYTES + 1])
{
    assert(caller->kind == CALLER_USER);
    assert(input->action.size <= ACTION_NAME_MAX_BYTES);
    assert(input->life_s >= ACTION_LIFE_MIN_S && input->life_s <= ACTION_LIFE_MAX_S);
    struct plan plan;
    enum status status = begin_create(caller, idempotency, TOKEN_ACTION, &plan);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t ref = plan.memo.ref;
    if (plan.repeat) {
        action_text_of(&plan, &token_at(&service.tables, ref)->id, text);
    } else {
        status = create_action(caller, input, &plan, text, &ref);
    }
    if (status == STATUS_OK) {
        view_as_created(ref, token);
    }
    return status;
}
