/*
 * Slots for unread tokens, and their way into the chains, many at a time.
 */
#include "token/unread.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "token/table.h"

static void fill_unread(struct token *token, const struct unread_token *unread, enum token_family family)
{
    /* In two parts, which are a few stores each: for the whole a compiler calls a function. */
    memset(token, 0, offsetof(struct token, tenant));
    memset((uint8_t *)token + offsetof(struct token, tenant), 0,
           sizeof *token - offsetof(struct token, tenant));
    token->created_s = unread->place;
    token->updated_s = unread->index;
    token->expires_s = unread->rest_bytes;
    token->segment = unread->segment;
    token->family = (uint8_t)family;
    token->flags = TOKEN_USED;
    memcpy(token->id.bytes + TOKEN_TAIL_AT, unread->tails, TOKEN_TAIL_BYTES);
    memcpy(token->key + TOKEN_TAIL_AT, unread->tails + TOKEN_TAIL_BYTES, TOKEN_TAIL_BYTES);
}

size_t tokens_take_loose(struct tables *tables, const struct unread_token *list, size_t count)
{
    size_t taken = 0;
    uint32_t ref = tables->token_end;
    if (tables->free_token != 0) {
        return 0;
    }
    if (!tokens_any_loose(tables)) {
        tables->loose_first = ref;
    }
    for (; taken < count && ref != UINT32_MAX && ref - tables->loose_first < TOKENS_LOOSE_MAX; taken++) {
        if (!pool_can_promise(&tables->pool, sizeof(struct token), list[taken].text_bytes)) {
            break;
        }
        tables->pool.front_bytes += sizeof(struct token);
        pool_promise(&tables->pool, list[taken].text_bytes);
        fill_unread(&tables->tokens[ref++], &list[taken], TOKEN_LOOSE);
    }
    tables->token_end = ref;
    tables->loose_end = ref;
    tables->token_count += (uint32_t)taken;
    return taken;
}

uint32_t tokens_take_unread(struct tables *tables, const struct unread_token *unread)
{
    size_t slot_bytes = tables->free_token != 0 ? 0 : sizeof(struct token);
    assert(!tokens_any_loose(tables));
    if (!pool_can_promise(&tables->pool, slot_bytes, unread->text_bytes)) {
        return 0;
    }
    uint32_t ref = tokens_take(tables, POOL_ESSENTIAL);
    if (ref != 0) {
        pool_promise(&tables->pool, unread->text_bytes);
        fill_unread(&tables->tokens[ref], unread, TOKEN_UNREAD);
    }
    return ref;
}

uint32_t tokens_loose_before(const struct tables *tables, uint32_t ref, enum token_tail which,
                             const uint8_t tail[TOKEN_TAIL_BYTES])
{
    size_t offset = which == TAIL_OF_ID ? offsetof(struct token, id) : offsetof(struct token, key);
    while (ref > tables->loose_first) {
        const struct token *token = &tables->tokens[--ref];
        if (memcmp((const uint8_t *)token + offset + TOKEN_TAIL_AT, tail, TOKEN_TAIL_BYTES) == 0 &&
            token->family == TOKEN_LOOSE) {
            return ref;
        }
    }
    return 0;
}

void tokens_tie(struct tables *tables, uint32_t ref)
{
    assert(token_at(tables, ref)->family == TOKEN_LOOSE);
    token_at(tables, ref)->family = TOKEN_UNREAD;
    tokens_chain(tables, ref);
}

/* Buckets are visited part by part of their table: at random each of them would be a miss of the TLB. */
#define PARTS    256
#define FORESEEN 16
#define FEW      64 /* so many are not worth the sorting */

/* A token that goes to a bucket. */
struct entry {
    uint32_t bucket;
    uint32_t ref;
};

static uint32_t part_shift(const struct tables *tables)
{
    uint32_t shift = 0;
    while (tables->token_mask >> shift >= PARTS) {
        shift++;
    }
    return shift;
}

/* By the parts of their buckets; in a part as they came. */
static void sort_by_part(const struct entry *entries, size_t count, uint32_t shift, struct entry *sorted)
{
    uint32_t begins[PARTS + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        begins[(entries[i].bucket >> shift) + 1]++;
    }
    for (size_t part = 0; part < PARTS; part++) {
        begins[part + 1] += begins[part];
    }
    for (size_t i = 0; i < count; i++) {
        sorted[begins[entries[i].bucket >> shift]++] = entries[i];
    }
}

/* At a million tokens the processor waits for little else than buckets: for the one of a few places ahead at once. */
static inline void foresee(const uint32_t *table, const struct entry *entries, size_t i, size_t count)
{
    if (i + FORESEEN < count) {
        __builtin_prefetch(&table[entries[i + FORESEEN].bucket], 1);
    }
}

static size_t chain_ids(struct tables *tables, const struct entry *entries, size_t count, uint32_t *stale)
{
    size_t stale_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t *bucket = &tables->id_buckets[entries[i].bucket];
        foresee(tables->id_buckets, entries, i, count);
        if (*bucket != 0) { /* an empty one's token has its link as it must be */
            struct token *token = &tables->tokens[entries[i].ref];
            uint32_t older = tokens_in_chain(tables, *bucket, token->id.bytes + TOKEN_TAIL_AT);
            if (older != 0) {
                stale[stale_count++] = older;
            }
            token->id_next = *bucket;
        }
        *bucket = entries[i].ref;
    }
    return stale_count;
}

static void chain_keys(struct tables *tables, const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t *bucket = &tables->key_buckets[entries[i].bucket];
        foresee(tables->key_buckets, entries, i, count);
        if (*bucket != 0) {
            tables->tokens[entries[i].ref].key_next = *bucket;
        }
        *bucket = entries[i].ref;
    }
}

static size_t tie_many(struct tables *tables, const uint32_t *refs, size_t count, uint32_t *stale)
{
    static struct entry ids[TOKENS_CHAINED_AT_ONCE];
    static struct entry keys[TOKENS_CHAINED_AT_ONCE];
    static struct entry sorted[TOKENS_CHAINED_AT_ONCE];
    uint32_t shift = part_shift(tables);
    for (size_t i = 0; i < count; i++) {
        struct token *token = &tables->tokens[refs[i]];
        token->family = TOKEN_UNREAD;
        ids[i] = (struct entry){hash_id(token->id.bytes) & tables->token_mask, refs[i]};
        keys[i] = (struct entry){hash_id(token->key) & tables->token_mask, refs[i]};
    }
    sort_by_part(ids, count, shift, sorted);
    size_t stale_count = chain_ids(tables, sorted, count, stale);
    sort_by_part(keys, count, shift, sorted);
    chain_keys(tables, sorted, count);
    return stale_count;
}

/* Where changes stand between the tokens of a log, a boot comes here with few at a time: sorting would cost more than it saves. */
static size_t tie_few(struct tables *tables, const uint32_t *refs, size_t count, uint32_t *stale)
{
    size_t stale_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t older = tokens_find_chained(tables, token_at(tables, refs[i])->id.bytes + TOKEN_TAIL_AT);
        if (older != 0) {
            stale[stale_count++] = older;
        }
        tokens_tie(tables, refs[i]);
    }
    return stale_count;
}

size_t tokens_tie_oldest(struct tables *tables, uint32_t *stale)
{
    static uint32_t refs[TOKENS_CHAINED_AT_ONCE];
    size_t count = 0;
    uint32_t ref = tables->loose_first;
    for (; ref != tables->loose_end && count < TOKENS_CHAINED_AT_ONCE; ref++) {
        if (tables->tokens[ref].family == TOKEN_LOOSE) { /* others were brought before, or dropped */
            refs[count++] = ref;
        }
    }
    tables->loose_first = ref;
    return count < FEW ? tie_few(tables, refs, count, stale) : tie_many(tables, refs, count, stale);
}
