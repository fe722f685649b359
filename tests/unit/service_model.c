/*
 * Random verbs on the service and on the model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_model.h"
#include "store/store.h"

struct model now;
struct tally tally;
static uint64_t random_state;

uint64_t draw(uint64_t end)
{
    return sim_random(&random_state) % end;
}

/* ---- references, by id as they may change with each reboot ---- */

uint32_t model_tenant_ref(uint32_t tenant)
{
    uint32_t ref = 0;
    assert_int_equal(service_find_tenant(&now.tenants[tenant], &ref), STATUS_OK);
    return ref;
}

static uint32_t user_ref(uint32_t user)
{
    uint32_t ref = 0;
    assert_int_equal(service_find_user(&now.users[user].id, &ref), STATUS_OK);
    return ref;
}

static void caller_for_user(uint32_t tenant, uint32_t user, struct caller *caller)
{
    *caller = (struct caller){.kind = CALLER_USER,
                              .credential = CREDENTIAL_JWT,
                              .tenant_ref = model_tenant_ref(tenant),
                              .user_ref = user_ref(user),
                              .principal = now.users[user].id};
}

static void caller_for_service(uint32_t tenant, struct caller *caller)
{
    *caller = (struct caller){.kind = CALLER_SERVICE,
                              .credential = CREDENTIAL_BASIC,
                              .tenant_ref = model_tenant_ref(tenant),
                              .permissions = PERMISSION_ALL};
    caller->principal.bytes[0] = (uint8_t)tenant;
}

static struct idempotency key_of(uint64_t key, char text[24])
{
    snprintf(text, 24, "key-%llu", (unsigned long long)key);
    struct idempotency idempotency = {.key = {NULL, 0}};
    if (key != 0) {
        idempotency.key = bytes_of_string(text);
        idempotency.payload_digest[3] = (uint8_t)key;
    }
    return idempotency;
}

/* Done, or refused because the flash is full: issuing may be. */
static bool done(enum status status)
{
    tally.full += status == STATUS_FULL;
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    return status == STATUS_OK;
}

/* ---- creating ---- */

static struct model_token *free_place(void)
{
    size_t start = draw(TOKENS);
    for (size_t i = 0; i < TOKENS; i++) {
        struct model_token *token = &now.tokens[(start + i) % TOKENS];
        bool old = token->fate != FATE_NONE && token->fate != FATE_ACTIVE && draw(4) == 0;
        if (token->fate == FATE_NONE || old) {
            memset(token, 0, sizeof *token);
            return token;
        }
    }
    return NULL;
}

static void add(struct model_token *place, const struct token_view *token, uint32_t tenant, uint32_t user,
                uint64_t key)
{
    place->fate = FATE_ACTIVE;
    place->family = token->family;
    place->id = token->id;
    place->tenant = tenant;
    place->user = user;
    place->created_s = token->created_s;
    place->expires_s = token->expires_s;
    place->key = key;
    tally.created++;
}

static void platform_text(const struct token_view *token, const char *secret, char *out)
{
    struct buffer text = buffer_over(out, 99);
    encode_hex(&text, bytes_of(token->client_id, 16));
    buffer_append_string(&text, ":");
    buffer_append_string(&text, secret);
    assert_false(buffer_failed(&text));
    out[text.size] = '\0';
}

static void create_platform(void)
{
    struct model_token *place = free_place();
    uint32_t tenant = (uint32_t)draw(TENANTS);
    if (place == NULL) {
        return;
    }
    uint64_t key = draw(3) == 0 ? 1 + draw(1u << 30) : 0;
    char key_text[24];
    struct idempotency idempotency = key_of(key, key_text);
    struct caller caller;
    struct token_view token;
    struct token_view again;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    char secret_again[CLIENT_SECRET_TEXT_BYTES + 1];
    snprintf(place->name, sizeof place->name, "p%llu", (unsigned long long)draw(1000000));
    struct platform_input input = {.tenant_ref = model_tenant_ref(tenant),
                                   .name = bytes_of_string(place->name),
                                   .permissions = (uint8_t)(1 + draw(7)),
                                   .expires_s = draw(2) == 0 ? service_now_s() + 1 + (int64_t)draw(9000) : 0};
    caller_for_service(tenant, &caller);
    if (!done(service_create_platform(&caller, &input, &idempotency, &token, secret))) {
        return;
    }
    platform_text(&token, secret, place->text);
    add(place, &token, tenant, USERS, key);
    if (key != 0) {
        assert_int_equal(service_create_platform(&caller, &input, &idempotency, &again, secret_again),
                         STATUS_OK);
        assert_string_equal(secret, secret_again);
        assert_memory_equal(&token.id, &again.id, sizeof token.id);
    }
}

static bool pick_user(uint32_t *user)
{
    *user = (uint32_t)draw(USERS);
    return now.users[*user].exists;
}

static uint32_t count_active(uint32_t tenant, uint32_t user)
{
    uint32_t count = 0;
    for (size_t i = 0; i < TOKENS; i++) {
        const struct model_token *token = &now.tokens[i];
        count += token->fate == FATE_ACTIVE && token->family == TOKEN_JWT && token->tenant == tenant &&
                 token->user == user && token->expires_s > service_now_s();
    }
    return count;
}

static void create_jwt(void)
{
    struct model_token *place = free_place();
    uint32_t tenant = (uint32_t)draw(TENANTS);
    uint32_t user;
    if (place == NULL || !pick_user(&user)) {
        return;
    }
    struct caller caller;
    struct token_view token;
    bool limit_reached;
    snprintf(place->name, sizeof place->name, "j%llu", (unsigned long long)draw(1000000));
    struct jwt_input input = {.tenant_ref = model_tenant_ref(tenant),
                              .user_ref = user_ref(user),
                              .name = bytes_of_string(place->name),
                              .expires_in_days = 1 + (uint32_t)draw(3)};
    caller_for_user(tenant, user, &caller);
    struct buffer text = buffer_over(place->text, sizeof place->text - 1);
    enum status status = service_create_jwt(&caller, &input, NULL, &token, &text, &limit_reached);
    bool full = count_active(tenant, user) >= TOKEN_ACTIVE_PER_USER_MAX;
    assert_true(limit_reached == full && (status == STATUS_CONFLICT) == full);
    if (!full && done(status)) {
        add(place, &token, tenant, user, 0);
    }
}

static void create_action(void)
{
    struct model_token *place = free_place();
    uint32_t tenant = (uint32_t)draw(TENANTS);
    uint32_t user;
    if (place == NULL || !pick_user(&user)) {
        return;
    }
    struct caller caller;
    struct token_view token;
    struct action_input input = {.action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL),
                                 .life_s = 30 + (uint32_t)draw(870)};
    place->digest = (uint8_t)draw(256);
    memset(input.digest, place->digest, sizeof input.digest);
    caller_for_user(tenant, user, &caller);
    if (done(service_create_action(&caller, &input, NULL, &token, place->text))) {
        add(place, &token, tenant, user, 0);
    }
}

/* ---- ending ---- */

struct model_token *pick_token(void)
{
    size_t start = draw(TOKENS);
    for (size_t i = 0; i < TOKENS; i++) {
        struct model_token *token = &now.tokens[(start + i) % TOKENS];
        if (token->fate != FATE_NONE) {
            return token;
        }
    }
    return NULL;
}

static void revoke_one(void)
{
    struct model_token *token = pick_token();
    struct token_view view;
    if (token == NULL || service_find(0, token->family, &token->id, &view) != STATUS_OK) {
        assert_true(token == NULL || may_be_gone(token));
        return;
    }
    struct caller caller;
    char reason[24];
    bool already;
    uint64_t number = draw(1u << 20) + 1;
    snprintf(reason, sizeof reason, "r%llu", (unsigned long long)number);
    number = store_has_room(STORE_ISSUE, TOKEN_REASON_MAX_BYTES + USER_EMAIL_MAX_BYTES) ? number : 0;
    caller_for_service(token->tenant, &caller);
    assert_int_equal(service_revoke(&caller, view.ref, bytes_of_string(reason), &already, &view), STATUS_OK);
    assert_true(already == (token->fate != FATE_ACTIVE));
    if (!already) {
        token->fate = FATE_REVOKED;
        token->ended_s = service_now_s();
        token->reason = number;
        tally.revoked++;
    }
}

static void revoke_many(void)
{
    uint32_t tenant = (uint32_t)draw(TENANTS);
    uint32_t user = 0;
    bool by_user = draw(2) == 0 && pick_user(&user);
    int family = draw(2) == 0 ? (int)draw(3) : -1;
    int64_t before_s = draw(2) == 0 ? service_now_s() - (int64_t)draw(600) : 0;
    uint64_t number = draw(1u << 20) + 1;
    char reason[24];
    struct caller caller;
    snprintf(reason, sizeof reason, "r%llu", (unsigned long long)number);
    number = store_has_room(STORE_ISSUE, TOKEN_REASON_MAX_BYTES + USER_EMAIL_MAX_BYTES) ? number : 0;
    caller_for_service(tenant, &caller);
    struct revocation_selector selector = {.tenant_ref = model_tenant_ref(tenant),
                                           .user_ref = by_user ? user_ref(user) : 0,
                                           .family = family,
                                           .created_before_s = before_s,
                                           .reason = bytes_of_string(reason)};
    uint64_t count = 0;
    uint64_t expected = 0;
    assert_int_equal(service_revoke_many(&caller, &selector, &count), STATUS_OK);
    for (size_t i = 0; i < TOKENS; i++) {
        struct model_token *token = &now.tokens[i];
        if (token->fate == FATE_ACTIVE && !is_expired(token) && token->tenant == tenant &&
            (!by_user || token->user == user) && (family < 0 || (int)token->family == family) &&
            (before_s == 0 || token->created_s < before_s)) {
            token->fate = FATE_REVOKED;
            token->ended_s = service_now_s();
            token->reason = number;
            expected++;
        }
    }
    assert_true(count == expected);
    tally.revoked += expected;
}

static enum consume_result expected_result(const struct model_token *token, bool right_actor,
                                           bool right_digest)
{
    if (is_expired(token)) {
        return CONSUME_UNKNOWN;
    }
    if (!right_actor || now.users[token->user].disabled || now.suspended[token->tenant]) {
        return CONSUME_FORBIDDEN;
    }
    if (token->fate != FATE_ACTIVE) {
        return CONSUME_SPENT;
    }
    return right_digest ? CONSUME_OK : CONSUME_MISMATCH;
}

static void actor_of(const struct model_token *token, char actor[64])
{
    struct buffer text = buffer_over(actor, 63);
    memset(actor, 0, 64);
    buffer_append_string(&text, "users/");
    encode_uuid(&text, &now.users[token->user].id);
}

static struct model_token *pick_action(void)
{
    struct model_token *token = pick_token();
    for (int i = 0; i < 20 && token != NULL; i++) {
        if (token->family == TOKEN_ACTION && token->fate == FATE_ACTIVE && !is_expired(token)) {
            break;
        }
        token = pick_token();
    }
    return token;
}

static void consume(void)
{
    struct model_token *token = draw(4) == 0 ? pick_token() : pick_action();
    if (token == NULL || token->family != TOKEN_ACTION || !now.users[token->user].exists) {
        return;
    }
    struct caller caller;
    struct token_view view;
    char actor[64];
    char key_text[24];
    enum consume_result result;
    bool right_actor = draw(8) != 0;
    bool right_digest = draw(8) != 0;
    uint64_t key = draw(2) == 0 ? (UINT64_C(1) << 32) + draw(1u << 30) : 0;
    struct idempotency idempotency = key_of(key, key_text);
    struct consume_input input = {.token = bytes_of_string(token->text),
                                  .action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL)};
    actor_of(token, actor);
    if (!right_actor) {
        actor[10] = '!';
    }
    input.actor = bytes_of_string(actor);
    memset(input.digest, right_digest ? token->digest : token->digest + 1, sizeof input.digest);
    caller_for_service(token->tenant, &caller);
    enum consume_result expected = expected_result(token, right_actor, right_digest);
    assert_int_equal(service_consume(&caller, &input, &idempotency, &result, &view), STATUS_OK);
    assert_int_equal(result, expected);
    if (result == CONSUME_OK) {
        token->fate = FATE_CONSUMED;
        token->consumed_s = service_now_s();
        token->consume_key = key;
        tally.consumed++;
    }
}

static void rotate(void)
{
    struct model_token *token = pick_token();
    struct caller caller;
    struct token_view view;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    if (token == NULL || token->family != TOKEN_PLATFORM || may_be_gone(token)) {
        return;
    }
    uint32_t overlap_s = draw(2) == 0 ? (uint32_t)draw(500) : 0;
    caller_for_service(token->tenant, &caller);
    enum status status = service_rotate(&caller, &token->id, overlap_s, NULL, &view, secret);
    bool possible = token->fate == FATE_ACTIVE && !is_expired(token);
    assert_true((status == STATUS_CONFLICT) == !possible);
    if (possible && done(status)) {
        memcpy(token->old_text, token->text, sizeof token->old_text);
        token->old_until_s = service_now_s() + overlap_s; /* but not beyond the token's own end */
        if (token->expires_s != 0 && token->expires_s < token->old_until_s) {
            token->old_until_s = token->expires_s;
        }
        platform_text(&view, secret, token->text);
    }
}

/* ---- principals and settings ---- */

static void change_tenant(void)
{
    uint32_t tenant = (uint32_t)draw(TENANTS);
    struct tenant_view view;
    struct tenant_change change = {.suspended = (int)draw(3) - 1};
    char policy[80];
    snprintf(policy, sizeof policy, "{\"x\":\"%.*s\"}", (int)draw(60),
             "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    change.policy = bytes_of_string(policy);
    if (!done(service_change_tenant(model_tenant_ref(tenant), &change, &view))) {
        assert_int_not_equal(change.suspended, 1);
        return;
    }
    memcpy(now.policies[tenant], policy, sizeof policy);
    now.suspended[tenant] = change.suspended < 0 ? now.suspended[tenant] : change.suspended == 1;
}

static void create_user(uint32_t user)
{
    struct model_user *place = &now.users[user];
    struct user_view view;
    uint32_t refs[TENANTS];
    struct bytes capability = BYTES_LITERAL(CAPABILITY_WITHDRAWAL);
    for (uint32_t i = 0; i < TENANTS; i++) {
        refs[i] = model_tenant_ref(i);
    }
    snprintf(place->email, sizeof place->email, "u%u@example.org", user);
    struct user_input input = {.email = bytes_of_string(place->email),
                               .tenant_refs = refs,
                               .tenant_count = TENANTS,
                               .capabilities = &capability,
                               .capability_count = 1,
                               .disabled = -1};
    if (!done(service_create_user(&input, NULL, &view))) {
        return;
    }
    place->exists = true;
    place->disabled = false;
    place->id = view.id;
}

static void change_user(void)
{
    uint32_t user = (uint32_t)draw(USERS);
    struct user_view view;
    if (!now.users[user].exists) {
        create_user(user);
    } else if (draw(4) == 0) {
        assert_int_equal(service_delete_user(user_ref(user)), STATUS_OK);
        now.users[user].exists = false;
        for (size_t i = 0; i < TOKENS; i++) {
            if (now.tokens[i].user == user && now.tokens[i].family != TOKEN_PLATFORM) {
                now.tokens[i].fate = FATE_NONE;
            }
        }
    } else {
        struct user_input change = {.disabled = (int)draw(2)};
        if (done(service_change_user(user_ref(user), &change, &view))) {
            now.users[user].disabled = change.disabled == 1;
        } else {
            assert_int_not_equal(change.disabled, 1);
        }
    }
}

static void change_setting(void)
{
    size_t size = draw(sizeof now.setting);
    memset(now.setting, 'a' + (int)draw(26), size);
    now.setting[size] = '\0';
    assert_int_equal(service_setting_set("model", bytes_of_string(now.setting)), STATUS_OK);
}

/* ---- start, and any verb ---- */

void model_start(uint64_t seed)
{
    memset(&now, 0, sizeof now);
    random_state = seed;
    for (uint32_t i = 0; i < TENANTS; i++) {
        struct tenant_view tenant;
        assert_int_equal(service_create_tenant(BYTES_LITERAL("t"), NULL, &tenant), STATUS_OK);
        now.tenants[i] = tenant.id;
        memcpy(now.policies[i], "{}", 3);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        create_user(i);
    }
    change_setting();
}

void model_verb(void)
{
    static void (*const verbs[])(void) = {create_platform, create_jwt,    create_action, create_action,
                                          revoke_one,      consume,       consume,       consume,
                                          rotate,          change_setting};
    tally.verbs++;
    uint64_t choice = draw(40);
    if (choice == 0) {
        revoke_many();
    } else if (choice == 1) {
        change_tenant();
    } else if (choice == 2) {
        change_user();
    } else {
        verbs[draw(sizeof verbs / sizeof verbs[0])]();
    }
    now.position = store_newest();
}
