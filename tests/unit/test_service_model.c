/*
 * Differential test: random verbs, reboots and power cuts against a plain array of what must be true.
 *
 * The model is copied after each verb; after a reboot the copy that belongs to the newest record in the log is the truth,
 * and it must not be older than what was flushed. A small flash keeps compaction busy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_rig.h"
#include "store/store.h"

#define TENANTS     5
#define USERS       8
#define TOKENS      300
#define COPIES      12 /* verbs between two flushes, and one */
#define BLOCKS      16
#define ROUNDS_EACH 2500

enum fate {
    FATE_NONE, /* this place is free */
    FATE_ACTIVE,
    FATE_REVOKED,
    FATE_CONSUMED
};

struct model_token {
    enum fate fate;
    enum token_family family;
    struct uuid id;
    uint32_t tenant;
    uint32_t user; /* index; USERS for TOKEN_PLATFORM */
    int64_t created_s;
    int64_t expires_s;
    int64_t ended_s;
    uint64_t reason; /* 0: none */
    uint8_t digest;
    char name[24];
    char text[600]; /* the secret as its bearer shows it */
    char old_text[100];
    int64_t old_until_s;
    uint64_t key; /* Idempotency-Key of its create, 0: none */
    int64_t consumed_s;
    uint64_t consume_key;
};

struct model_user {
    bool exists;
    bool disabled;
    struct uuid id;
    char email[32];
};

struct model {
    uint64_t position; /* store_newest() when this was true */
    struct uuid tenants[TENANTS];
    bool suspended[TENANTS];
    char policies[TENANTS][80];
    struct model_user users[USERS];
    struct model_token tokens[TOKENS];
    char setting[1600];
};

static struct model now;            /* as of the last verb */
static struct model copies[COPIES]; /* [0]: as of the last flush */
static size_t copy_count;
static uint64_t random_state;
static struct {
    uint64_t verbs, reboots, cuts, older, full, created, consumed, revoked, relocated, checked;
} tally;

static uint64_t draw(uint64_t end)
{
    return sim_random(&random_state) % end;
}

/* ---- references, by id as they may change with each reboot ---- */

static uint32_t tenant_ref(uint32_t tenant)
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
                              .tenant_ref = tenant_ref(tenant),
                              .user_ref = user_ref(user),
                              .principal = now.users[user].id};
}

static void caller_for_service(uint32_t tenant, struct caller *caller)
{
    *caller = (struct caller){.kind = CALLER_SERVICE,
                              .credential = CREDENTIAL_BASIC,
                              .tenant_ref = tenant_ref(tenant),
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
    struct platform_input input = {.tenant_ref = tenant_ref(tenant),
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
    struct jwt_input input = {.tenant_ref = tenant_ref(tenant),
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

static struct model_token *pick_token(void)
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

static bool is_expired(const struct model_token *token)
{
    return token->expires_s != 0 && token->expires_s <= service_now_s();
}

/* The table may have forgotten it already. */
static bool may_be_gone(const struct model_token *token)
{
    int64_t now_s = service_now_s();
    if (token->family == TOKEN_ACTION) {
        return is_expired(token) &&
               (token->consume_key == 0 || token->consumed_s + IDEMPOTENCY_LIFE_S <= now_s);
    }
    return (token->fate == FATE_REVOKED && token->ended_s + TOKEN_RETENTION_S <= now_s) ||
           (token->expires_s != 0 && token->expires_s + TOKEN_RETENTION_S <= now_s);
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
    caller_for_service(tenant, &caller);
    struct revocation_selector selector = {.tenant_ref = tenant_ref(tenant),
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
    actor[10] = right_actor ? actor[10] : '!';
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
        token->old_until_s = service_now_s() + overlap_s;
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
    if (!done(service_change_tenant(tenant_ref(tenant), &change, &view))) {
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
        refs[i] = tenant_ref(i);
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
    memset(now.setting, (int)('a' + draw(26)), size);
    now.setting[size] = '\0';
    assert_int_equal(service_setting_set("model", bytes_of_string(now.setting)), STATUS_OK);
}

/* ---- checking ---- */

static void check_caller(const struct model_token *token, const char *text)
{
    char header[800];
    struct caller caller;
    bool proves = token->fate == FATE_ACTIVE && !is_expired(token) && token->family != TOKEN_ACTION;
    bool disabled = token->family == TOKEN_JWT && now.users[token->user].disabled;
    enum status expected = !proves || disabled            ? STATUS_DENIED
                           : now.suspended[token->tenant] ? STATUS_CONFLICT
                                                          : STATUS_OK;
    if (token->family == TOKEN_PLATFORM) {
        struct buffer out = buffer_over(header, sizeof header - 1);
        buffer_append_string(&out, "Basic ");
        encode_base64(&out, bytes_of_string(text));
        header[out.size] = '\0';
    } else {
        snprintf(header, sizeof header, "Bearer %s", text);
    }
    assert_int_equal(rig_authenticate(header, &caller), expected);
}

static void check_view(const struct model_token *token, const struct token_view *view)
{
    static const enum token_state states[] = {TOKEN_EXPIRED, TOKEN_ACTIVE, TOKEN_REVOKED, TOKEN_CONSUMED};
    enum token_state expected =
        token->fate == FATE_ACTIVE && is_expired(token) ? TOKEN_EXPIRED : states[token->fate];
    assert_int_equal(view->state, expected);
    assert_true(view->created_s == token->created_s && view->expires_s == token->expires_s);
    assert_memory_equal(&view->id, &token->id, sizeof view->id);
    if (token->family != TOKEN_ACTION) {
        assert_true(bytes_equal_string(view->name, token->name));
    }
    if (token->fate == FATE_REVOKED) {
        char reason[24];
        snprintf(reason, sizeof reason, "r%llu", (unsigned long long)token->reason);
        assert_true(view->revoked_s == token->ended_s);
        assert_true(bytes_equal_string(view->revocation_reason, reason));
    }
    if (token->fate == FATE_CONSUMED) {
        assert_true(view->consumed_s == token->consumed_s);
    }
}

static void check_token(const struct model_token *token)
{
    struct inspection inspection;
    tally.checked++;
    enum status status = service_inspect(bytes_of_string(token->text), &inspection);
    if (status != STATUS_OK) {
        assert_true(may_be_gone(token));
        return;
    }
    check_view(token, &inspection.token);
    check_caller(token, token->text);
    if (token->old_text[0] != '\0') {
        bool alive = token->old_until_s > service_now_s();
        assert_int_equal(service_inspect(bytes_of_string(token->old_text), &inspection),
                         alive ? STATUS_OK : STATUS_NOT_FOUND);
    }
}

static void check_lists(void)
{
    static struct token_page page;
    for (uint32_t tenant = 0; tenant < TENANTS; tenant++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < TOKENS; i++) {
            const struct model_token *token = &now.tokens[i];
            expected += token->fate == FATE_ACTIVE && token->family == TOKEN_PLATFORM &&
                        token->tenant == tenant && !is_expired(token);
        }
        struct token_query query = {.family = TOKEN_PLATFORM, .tenant_ref = tenant_ref(tenant)};
        service_list(&query, TOKEN_PAGE_MAX, &page);
        assert_true(page.total == expected && page.count == expected && !page.has_more);
        for (size_t i = 1; i < page.count; i++) {
            struct token_view a;
            struct token_view b;
            service_view_token(page.refs[i - 1], &a);
            service_view_token(page.refs[i], &b);
            assert_true(memcmp(&a.id, &b.id, sizeof a.id) < 0);
        }
    }
}

static void check_all(void)
{
    struct bytes value;
    for (size_t i = 0; i < TOKENS; i++) {
        if (now.tokens[i].fate != FATE_NONE) {
            check_token(&now.tokens[i]);
        }
    }
    for (uint32_t i = 0; i < TENANTS; i++) {
        struct tenant_view tenant;
        service_view_tenant(tenant_ref(i), &tenant);
        assert_true(tenant.suspended == now.suspended[i]);
        assert_true(bytes_equal_string(tenant.policy, now.policies[i]));
    }
    assert_int_equal(service_setting_get("model", &value), STATUS_OK);
    assert_true(bytes_equal_string(value, now.setting));
    check_lists();
}

/* ---- the run ---- */

static void one_verb(void)
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

static void flush(void)
{
    rig_flush();
    now.position = store_newest();
    copies[0] = now;
    copy_count = 1;
}

/* A few verbs, then a flush; background work in between. The cut, if one is set, comes somewhere in it. */
static void group(void *context)
{
    (void)context;
    uint64_t verbs = 1 + draw(COPIES - 1);
    for (uint64_t i = 0; i < verbs; i++) {
        one_verb();
        copies[copy_count++] = now;
        const struct model_token *token = pick_token();
        if (token != NULL) {
            check_token(token);
        }
    }
    if (draw(3) == 0) {
        (void)service_step(500);
    }
    flush();
    if (draw(2) == 0) {
        (void)store_step(service_now_s(), 2000);
    }
}

/* Start again, and take the copy that the log has as the truth. */
static void reboot(void)
{
    struct store_stats stats;
    store_stats(&stats);
    tally.relocated += stats.relocated_count;
    rig_reboot();
    tally.reboots++;
    size_t found = 0;
    uint64_t newest = store_newest();
    assert_true(copies[0].position <= newest); /* nothing acknowledged is lost */
    for (size_t i = 0; i < copy_count; i++) {
        found = copies[i].position <= newest ? i : found;
    }
    tally.older += found + 1 < copy_count;
    now = copies[found];
    flush();
    check_all();
}

static void set_cut(void)
{
    static const enum sim_cut_moment moments[] = {SIM_CUT_BEFORE, SIM_CUT_TORN, SIM_CUT_MIXED, SIM_CUT_AFTER};
    struct sim_cut cut = {.operation = sim_flash_counts().operations + draw(4),
                          .moment = moments[draw(4)],
                          .part = 1 + draw(20),
                          .settle = SIM_SETTLE_KEPT};
    sim_flash_cut(&cut);
}

static void advance(void)
{
    uint64_t choice = draw(300);
    int64_t most_s = choice == 0 ? 80 * 86400 : choice < 6 ? 2 * 86400 : 20;
    rig_advance_s((int64_t)draw((uint64_t)most_s));
}

static void start(uint64_t seed)
{
    memset(&now, 0, sizeof now);
    copy_count = 0;
    random_state = seed;
    rig.jwt_es256 = false;
    rig_new_with(RIG_TABLE_BYTES, BLOCKS);
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
    flush();
}

static void random_verbs_and_cuts_agree_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        start(seed);
        for (uint64_t round = 0; round < ROUNDS_EACH; round++) {
            advance();
            bool cut = draw(12) == 0;
            if (cut) {
                set_cut();
            }
            struct sim_end end = sim_run(group, NULL);
            sim_flash_cut(NULL);
            if (end.kind != SIM_END_RETURNED) {
                assert_int_equal(end.kind, SIM_END_POWER_CUT);
                tally.cuts++;
                reboot();
            } else if (draw(100) == 0) {
                reboot();
            }
        }
        reboot();
    }
    print_message("%llu verbs (%llu created, %llu consumed, %llu revoked), %llu reboots, %llu cuts (%llu "
                  "lost writes that "
                  "nobody was promised), %llu checks, %llu relocated\n",
                  (unsigned long long)tally.verbs, (unsigned long long)tally.created,
                  (unsigned long long)tally.consumed, (unsigned long long)tally.revoked,
                  (unsigned long long)tally.reboots, (unsigned long long)tally.cuts,
                  (unsigned long long)tally.older, (unsigned long long)tally.checked,
                  (unsigned long long)tally.relocated);
    print_message("%llu refused for want of room\n", (unsigned long long)tally.full);
    assert_true(tally.consumed > 100 && tally.cuts > 100 && tally.older > 10 && tally.relocated > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_verbs_and_cuts_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
