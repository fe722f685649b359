/*
 * Slots for unread tokens, and their way into the chains, many at a time.
 */
#include "token/unread.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "token/table.h"

/* ---- the list, in the memory of slots to come ---- */

static uint8_t *entry_at(const struct tables *tables, uint32_t ref)
{
    uint8_t *list = (uint8_t *)&tables->tokens[tables->loose_first];
    return list + (size_t)(ref - tables->loose_first) * sizeof(struct unread_token);
}

struct unread_token tokens_loose_at(const struct tables *tables, uint32_t ref)
{
    struct unread_token unread;
    assert(token_is_loose(tables, ref));
    memcpy(&unread, entry_at(tables, ref), sizeof unread);
    return unread;
}

/* What a rest of 0 bytes stands for. */
void tokens_strike(struct tables *tables, uint32_t ref)
{
    struct unread_token gone = {.rest_bytes = 0};
    assert(token_is_loose(tables, ref));
    memcpy(entry_at(tables, ref), &gone, sizeof gone);
    tables->token_count--;
}

size_t tokens_promised_bytes(uint32_t rest_bytes, size_t fixed_bytes)
{
    return rest_bytes > fixed_bytes ? rest_bytes - fixed_bytes : 0;
}

size_t tokens_take_loose(struct tables *tables, const struct unread_token *list, size_t count,
                         size_t fixed_bytes)
{
    uint32_t ref = tables->token_end;
    size_t taken = 0;
    if (tables->free_token != 0) {
        return 0;
    }
    if (!tokens_any_loose(tables)) {
        tables->loose_first = ref;
    }
    for (; taken < count && ref != UINT32_MAX && ref - tables->loose_first < TOKENS_LOOSE_MAX; taken++) {
        size_t text_bytes = tokens_promised_bytes(list[taken].rest_bytes, fixed_bytes);
        if (!pool_can_promise(&tables->pool, sizeof(struct token), text_bytes)) {
            break;
        }
        tables->pool.front_bytes += sizeof(struct token);
        pool_promise(&tables->pool, text_bytes);
        memcpy(entry_at(tables, ref++), &list[taken], sizeof list[taken]);
    }
    tables->token_end = ref;
    tables->loose_end = ref;
    tables->token_count += (uint32_t)taken;
    return taken;
}

uint32_t tokens_loose_before(const struct tables *tables, uint32_t ref, enum token_tail which,
                             const uint8_t tail[TOKEN_TAIL_BYTES])
{
    size_t at = which == TAIL_OF_ID ? 0 : TOKEN_TAIL_BYTES;
    ref = ref < tables->loose_end ? ref : tables->loose_end;
    while (ref > tables->loose_first) {
        const uint8_t *entry = entry_at(tables, --ref);
        if (memcmp(entry + at, tail, TOKEN_TAIL_BYTES) == 0 && tokens_loose_at(tables, ref).rest_bytes != 0) {
            return ref;
        }
    }
    return 0;
}

/* ---- slots ---- */

static void fill(struct token *token, const struct unread_token *unread)
{
    /* In two parts, which are a few stores each: for the whole a compiler calls a function. */
    memset(token, 0, offsetof(struct token, tenant));
    memset((uint8_t *)token + offsetof(struct token, tenant), 0,
           sizeof *token - offsetof(struct token, tenant));
    token->created_s = unread->place;
    token->updated_s = unread->index;
    token->expires_s = unread->rest_bytes;
    token->segment = unread->segment;
    token->family = TOKEN_UNREAD;
    token->flags = TOKEN_USED;
    memcpy(token->id.bytes + TOKEN_TAIL_AT, unread->tails, TOKEN_TAIL_BYTES);
    memcpy(token->key + TOKEN_TAIL_AT, unread->tails + TOKEN_TAIL_BYTES, TOKEN_TAIL_BYTES);
}

static uint32_t take_and_chain(struct tables *tables, const struct unread_token *unread)
{
    uint32_t ref = tokens_take(tables, POOL_ESSENTIAL);
    if (ref != 0) {
        fill(&tables->tokens[ref], unread);
        tokens_chain(tables, ref);
    }
    return ref;
}

uint32_t tokens_take_unread(struct tables *tables, const struct unread_token *unread, size_t fixed_bytes)
{
    size_t slot_bytes = tables->free_token != 0 ? 0 : sizeof(struct token);
    size_t text_bytes = tokens_promised_bytes(unread->rest_bytes, fixed_bytes);
    assert(!tokens_any_loose(tables));
    uint32_t ref =
        pool_can_promise(&tables->pool, slot_bytes, text_bytes) ? take_and_chain(tables, unread) : 0;
    if (ref != 0) {
        pool_promise(&tables->pool, text_bytes);
    }
    return ref;
}

bool tokens_tie(struct tables *tables, uint32_t ref)
{
    struct unread_token unread = tokens_loose_at(tables, ref);
    bool has_room = tables->free_token != 0 || pool_can_promise(&tables->pool, sizeof(struct token), 0);
    if (!has_room || take_and_chain(tables, &unread) == 0) {
        return false;
    }
    tokens_strike(tables, ref);
    return true;
}

/* ---- many at a time ---- */

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

/* Of two tokens with one tail of an id, the one that was loose is the newer one, and of two such the one farther behind. */
static uint32_t older_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static size_t chain_ids(struct tables *tables, const struct entry *entries, size_t count, uint32_t *stale)
{
    size_t stale_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t *bucket = &tables->id_buckets[entries[i].bucket];
        foresee(tables->id_buckets, entries, i, count);
        if (*bucket != 0) { /* an empty one's token has its link as it must be */
            struct token *token = &tables->tokens[entries[i].ref];
            uint32_t same = tokens_in_chain(tables, *bucket, token->id.bytes + TOKEN_TAIL_AT);
            if (same != 0) {
                stale[stale_count++] = older_of(same, entries[i].ref);
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

static size_t chain_many(struct tables *tables, const uint32_t *refs, size_t count, uint32_t *stale)
{
    static struct entry ids[TOKENS_CHAINED_AT_ONCE];
    static struct entry keys[TOKENS_CHAINED_AT_ONCE];
    static struct entry sorted[TOKENS_CHAINED_AT_ONCE];
    uint32_t shift = part_shift(tables);
    for (size_t i = 0; i < count; i++) {
        const struct token *token = &tables->tokens[refs[i]];
        ids[i] = (struct entry){hash_id(token->id.bytes) & tables->token_mask, refs[i]};
        keys[i] = (struct entry){hash_id(token->key) & tables->token_mask, refs[i]};
    }
    sort_by_part(ids, count, shift, sorted);
    size_t stale_count = chain_ids(tables, sorted, count, stale);
    sort_by_part(keys, count, shift, sorted);
    chain_keys(tables, sorted, count);
    return stale_count;
}

/* Where changes stand between the tokens of a log, a boot comes here with few at a time: sorting would cost more than it
 * saves. */
static size_t chain_few(struct tables *tables, const uint32_t *refs, size_t count, uint32_t *stale)
{
    size_t stale_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct token *token = &tables->tokens[refs[i]];
        uint32_t same = tokens_find_chained(tables, token->id.bytes + TOKEN_TAIL_AT);
        if (same != 0) {
            stale[stale_count++] = older_of(same, refs[i]);
        }
        tokens_chain(tables, refs[i]);
    }
    return stale_count;
}

/* The newest loose token becomes a slot, or free memory for one where it is gone. */
static bool unfold_newest(struct tables *tables)
{
    uint32_t ref = tables->loose_end - 1;
    struct unread_token unread = tokens_loose_at(tables, ref);
    tables->loose_end = ref;
    if (unread.rest_bytes == 0) {
        tokens_set_free(tables, ref);
        return false;
    }
    fill(&tables->tokens[ref], &unread);
    return true;
}

size_t tokens_tie_newest(struct tables *tables, uint32_t *stale)
{
    static uint32_t refs[TOKENS_CHAINED_AT_ONCE];
    size_t count = 0;
    while (tokens_any_loose(tables) && count < TOKENS_CHAINED_AT_ONCE) {
        if (unfold_newest(tables)) {
            refs[count++] = tables->loose_end;
        }
    }
    return count < FEW ? chain_few(tables, refs, count, stale) : chain_many(tables, refs, count, stale);
}
