/*
 * The token table: slots, chains by id and key, owners' lists, states.
 */
#include "token/table.h"

#include <assert.h>
#include <string.h>

#include "token/fields.h"
#include "token/memo.h"
#include "token/words.h"

#define TYPICAL_TEXT_BYTES 24 /* of the pool: a 16-character name */

bool tokens_have_room(const struct tables *tables, enum pool_class class, size_t text_bytes)
{
    size_t slot_bytes = tables->free_token != 0 ? 0 : sizeof(struct token);
    return pool_has_room(&tables->pool, class, slot_bytes, text_bytes);
}

uint32_t tokens_take(struct tables *tables, enum pool_class class)
{
    uint32_t ref = tables->free_token;
    if (ref != 0) {
        tables->free_token = tables->tokens[ref].id_next;
        memset(&tables->tokens[ref], 0, sizeof(struct token));
    } else {
        if (tables->token_end == UINT32_MAX ||
            pool_take_slots(&tables->pool, class, sizeof(struct token)) == NULL) {
            return 0;
        }
        ref = tables->token_end++;
    }
    tables->tokens[ref].flags = TOKEN_USED;
    tables->token_count++;
    return ref;
}

/* ---- owners' lists ---- */

static struct principal *owner_of(const struct tables *tables, const struct token *token)
{
    if (token->family == TOKEN_PLATFORM) {
        return principal_at(&tables->tenants, token->tenant);
    }
    return principal_at(&tables->users, token->user);
}

struct token_list *token_owner_list(const struct tables *tables, const struct token *token)
{
    struct principal *owner = owner_of(tables, token);
    return token->family == TOKEN_ACTION ? &owner->actions : &owner->tokens;
}

static void enter_list(struct tables *tables, uint32_t ref)
{
    struct token *token = token_at(tables, ref);
    struct token_list *list = token_owner_list(tables, token);
    token->owner_prev = list->last;
    token->owner_next = 0;
    if (list->last == 0) {
        list->first = ref;
    } else {
        struct token *before = token_at(tables, list->last);
        before->owner_next = ref;
        if (uuid_compare(&before->id, &token->id) > 0) {
            owner_of(tables, token)->flags |= PRINCIPAL_UNSORTED;
        }
    }
    list->last = ref;
}

static void leave_list(struct tables *tables, const struct token *token)
{
    struct token_list *list = token_owner_list(tables, token);
    if (token->owner_prev != 0) {
        token_at(tables, token->owner_prev)->owner_next = token->owner_next;
    } else {
        list->first = token->owner_next;
    }
    if (token->owner_next != 0) {
        token_at(tables, token->owner_next)->owner_prev = token->owner_prev;
    } else {
        list->last = token->owner_prev;
    }
}

/* ---- the state under which a token is counted ---- */

static unsigned counted(const struct token *token)
{
    return (token->flags & TOKEN_COUNTED_MASK) >> TOKEN_COUNTED_SHIFT;
}

static void set_counted(struct token *token, enum token_state state)
{
    token->flags = (uint8_t)((token->flags & ~TOKEN_COUNTED_MASK) | (unsigned)state << TOKEN_COUNTED_SHIFT);
}

/* ---- chains ---- */

static uint32_t *id_bucket(const struct tables *tables, const struct uuid *id)
{
    return &tables->id_buckets[hash_id(id->bytes) & tables->token_mask];
}

static uint32_t *key_bucket(const struct tables *tables, const uint8_t key[16])
{
    return &tables->key_buckets[hash_id(key) & tables->token_mask];
}

static void leave_id_chain(struct tables *tables, uint32_t ref)
{
    struct token *token = token_at(tables, ref);
    uint32_t *link = id_bucket(tables, &token->id);
    while (*link != ref) {
        link = &token_at(tables, *link)->id_next;
    }
    *link = token->id_next;
}

static void leave_key_chain(struct tables *tables, uint32_t ref)
{
    struct token *token = token_at(tables, ref);
    uint32_t *link = key_bucket(tables, token->key);
    while (*link != ref) {
        link = &token_at(tables, *link)->key_next;
    }
    *link = token->key_next;
}

void tokens_chain(struct tables *tables, uint32_t ref)
{
    struct token *token = token_at(tables, ref);
    uint32_t *by_id = id_bucket(tables, &token->id);
    token->id_next = *by_id;
    *by_id = ref;
    uint32_t *by_key = key_bucket(tables, token->key);
    token->key_next = *by_key;
    *by_key = ref;
}

void tokens_set_free(struct tables *tables, uint32_t ref)
{
    struct token *token = token_at(tables, ref);
    bytes_wipe(token, sizeof *token);
    token->id_next = tables->free_token;
    tables->free_token = ref;
}

void tokens_free(struct tables *tables, uint32_t ref)
{
    leave_id_chain(tables, ref);
    leave_key_chain(tables, ref);
    pool_free_text(&tables->pool, token_at(tables, ref)->text);
    tokens_set_free(tables, ref);
    tables->token_count--;
}

void tokens_enter(struct tables *tables, uint32_t ref, int64_t now_s)
{
    struct token *token = token_at(tables, ref);
    enter_list(tables, ref);
    enum token_state state = token_state_at(token, now_s);
    set_counted(token, state);
    tables->counts[token->family][state]++;
}

void tokens_link(struct tables *tables, uint32_t ref, int64_t now_s)
{
    tokens_chain(tables, ref);
    tokens_enter(tables, ref, now_s);
}

void tokens_drop(struct tables *tables, uint32_t ref)
{
    struct token *token = token_at(tables, ref);
    assert((token->flags & TOKEN_USED) != 0 && token_is_read(token));
    tables->counts[token->family][counted(token)]--;
    leave_list(tables, token);
    memos_forget(tables, MEMO_TOKEN, ref, token->text);
    tokens_free(tables, ref);
}

/* Is it unread, and may it be the one that is looked for? */
static bool is_to_be_read(const struct token *token, const uint8_t *held, const uint8_t *wanted)
{
    return token->family == TOKEN_UNREAD &&
           memcmp(held + TOKEN_TAIL_AT, wanted + TOKEN_TAIL_AT, TOKEN_TAIL_BYTES) == 0;
}

static void bring(const struct tables *tables, enum token_tail which, const uint8_t *tail)
{
    if (tokens_any_loose(tables)) {
        tables->bring(which, tail);
    }
}

uint32_t tokens_find_chained(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES])
{
    return tokens_in_chain(tables, tables->id_buckets[hash_tail(tail) & tables->token_mask], tail);
}

uint32_t tokens_find_tail(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES])
{
    bring(tables, TAIL_OF_ID, tail);
    return tokens_find_chained(tables, tail);
}

static uint32_t skip_other_keys(const struct tables *tables, uint32_t ref, const uint8_t *tail)
{
    while (ref != 0 && memcmp(token_at(tables, ref)->key + TOKEN_TAIL_AT, tail, TOKEN_TAIL_BYTES) != 0) {
        ref = token_at(tables, ref)->key_next;
    }
    return ref;
}

uint32_t tokens_first_with_key(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES])
{
    return skip_other_keys(tables, tables->key_buckets[hash_tail(tail) & tables->token_mask], tail);
}

uint32_t tokens_next_with_key(const struct tables *tables, uint32_t ref)
{
    const struct token *token = token_at(tables, ref);
    return skip_other_keys(tables, token->key_next, token->key + TOKEN_TAIL_AT);
}

uint32_t tokens_find_id(const struct tables *tables, const struct uuid *id)
{
    uint32_t ref = tokens_find_tail(tables, id->bytes + TOKEN_TAIL_AT);
    if (ref == 0) {
        return 0;
    }
    if (is_to_be_read(token_at(tables, ref), token_at(tables, ref)->id.bytes, id->bytes)) {
        tables->fetch(ref);
    }
    return uuid_equal(&token_at(tables, ref)->id, id) ? ref : 0;
}

void tokens_foresee_tail(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES])
{
    __builtin_prefetch(&tables->key_buckets[hash_tail(tail) & tables->token_mask]);
}

void tokens_foresee_key(const struct tables *tables, const uint8_t key[16])
{
    const uint8_t *slot = (const uint8_t *)&tables->tokens[*key_bucket(tables, key)];
    __builtin_prefetch(slot);
    __builtin_prefetch(slot + 64);
    __builtin_prefetch(slot + sizeof(struct token) - 1);
}

uint32_t tokens_find_key(const struct tables *tables, enum token_family family, const uint8_t key[16])
{
    bring(tables, TAIL_OF_KEY, key + TOKEN_TAIL_AT);
    uint32_t ref = *key_bucket(tables, key);
    while (ref != 0) {
        const struct token *token = token_at(tables, ref);
        if (is_to_be_read(token, token->key, key)) {
            tables->fetch(ref);
            if (token->family == TOKEN_UNREAD) {
                return 0;
            }
            ref = *key_bucket(tables, key); /* what turned out to be gone has left the chain */
            continue;
        }
        if (token->family == family && memcmp(token->key, key, sizeof token->key) == 0) {
            return ref;
        }
        ref = token->key_next;
    }
    return 0;
}

/* ---- states ---- */

enum token_state token_state_at(const struct token *token, int64_t now_s)
{
    if ((token->flags & TOKEN_FLAG_CONSUMED) != 0) {
        return TOKEN_CONSUMED;
    }
    if (token->revoked_s != 0) {
        return TOKEN_REVOKED;
    }
    bool expired = token->expires_s != 0 && (int64_t)token->expires_s <= now_s;
    return expired ? TOKEN_EXPIRED : TOKEN_ACTIVE;
}

void tokens_recount(struct tables *tables, struct token *token, int64_t now_s)
{
    enum token_state state = token_state_at(token, now_s);
    tables->counts[token->family][counted(token)]--;
    tables->counts[token->family][state]++;
    set_counted(token, state);
}

bool token_collectable(const struct tables *tables, const struct token *token, int64_t now_s)
{
    if ((token->flags & TOKEN_FLAG_ROOT) != 0) {
        return false;
    }
    int64_t end_s = 0;
    if (token->family == TOKEN_ACTION) {
        end_s = token->expires_s;
    } else if (token->revoked_s != 0) {
        end_s = (int64_t)token->revoked_s + TOKEN_RETENTION_S;
    } else if (token->expires_s != 0) {
        end_s = (int64_t)token->expires_s + TOKEN_RETENTION_S;
    }
    return end_s != 0 && end_s <= now_s &&
           memos_count_alive(pool_text(&tables->pool, token->text), now_s) == 0;
}

uint32_t tokens_count_active(const struct tables *tables, uint32_t user_ref, uint32_t tenant_ref,
                             int64_t now_s)
{
    uint32_t count = 0;
    uint32_t ref = principal_at(&tables->users, user_ref)->tokens.first;
    for (; ref != 0; ref = token_at(tables, ref)->owner_next) {
        const struct token *token = token_at(tables, ref);
        if (token->tenant == tenant_ref && token_state_at(token, now_s) == TOKEN_ACTIVE) {
            count++;
        }
    }
    return count;
}

uint64_t tokens_capacity(const struct tables *tables)
{
    size_t gap_bytes = pool_gap_bytes(&tables->pool);
    size_t reserve_bytes = tables->pool.reserve_bytes;
    size_t usable_bytes = gap_bytes > reserve_bytes ? gap_bytes - reserve_bytes : 0;
    return tables->token_end - 1 + usable_bytes / (sizeof(struct token) + TYPICAL_TEXT_BYTES);
}

/* ---- views ---- */

static void view_cidrs(struct bytes value, struct token_view *view)
{
    view->cidr_count = value.size / FIELD_CIDR_BYTES;
    assert(view->cidr_count <= TOKEN_CIDRS_MAX);
    for (size_t i = 0; i < view->cidr_count; i++) {
        const uint8_t *at = value.data + i * FIELD_CIDR_BYTES;
        memcpy(view->cidrs[i].address, at, 16);
        view->cidrs[i].prefix_bits = at[16];
    }
}

static void view_fields(struct bytes text, struct token_view *view)
{
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        switch (field.tag) {
        case FIELD_NAME:
            view->name = field.value;
            break;
        case FIELD_DESCRIPTION:
            view->description = field.value;
            break;
        case FIELD_REASON:
            view->revocation_reason = field.value;
            break;
        case FIELD_REVOKED_BY:
            view->revoked_by = field.value;
            break;
        case FIELD_ACTION:
            view->action = field.value;
            break;
        case FIELD_DIGEST:
            memcpy(view->digest, field.value.data, sizeof view->digest);
            break;
        case FIELD_CIDRS:
            view_cidrs(field.value, view);
            break;
        default:
            break;
        }
    }
}

void token_view_of(const struct tables *tables, uint32_t ref, int64_t now_s, struct token_view *view)
{
    const struct token *token = token_at(tables, ref);
    assert((token->flags & TOKEN_USED) != 0);
    *view = (struct token_view){
        .ref = ref,
        .family = (enum token_family)token->family,
        .state = token_state_at(token, now_s),
        .id = token->id,
        .tenant_ref = token->tenant,
        .user_ref = token->user,
        .permissions = token->permissions,
        .is_root = (token->flags & TOKEN_FLAG_ROOT) != 0,
        .created_s = token->created_s,
        .updated_s = token->updated_s,
        .expires_s = token->expires_s,
        .revoked_s = token->revoked_s,
        .last_used_s = token->last_used_s,
        .expires_given = (token->flags & TOKEN_FLAG_EXPIRES_GIVEN) != 0,
    };
    if ((token->flags & TOKEN_FLAG_CONSUMED) != 0) {
        view->consumed_s = token->updated_s;
    }
    if (token->family == TOKEN_JWT) {
        memcpy(view->jti.bytes, token->key, UUID_BYTES);
    }
    if (token->family == TOKEN_PLATFORM) {
        memcpy(view->client_id, token->key, sizeof view->client_id);
    }
    view_fields(pool_text(&tables->pool, token->text), view);
}
