/*
 * How the tables lie in their region, and the sorting of their lists after a replay.
 */
#include "token/tables.h"

#include <assert.h>
#include <string.h>

/* Of the table for each bucket, or up to twice that: there is one for each token at least, as a second token in a chain
 * costs a look-up as much again. */
#define TOKEN_BUCKET_BYTES 76
#define USERS_SHARE        32 /* of the region */
#define TENANTS_SHARE      64
#define MEMO_BUCKETS_SHARE 16 /* of the token buckets */

int uuid_compare(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, UUID_BYTES);
}

static uint32_t power_of_two_below(size_t value)
{
    uint32_t power = 1;
    while ((size_t)power * 2 <= value && power < (1u << 30)) {
        power *= 2;
    }
    return power;
}

static uint32_t *take_words(struct tables *tables, size_t count)
{
    uint32_t *words = pool_take_slots(&tables->pool, POOL_ESSENTIAL, count * sizeof *words);
    assert(words != NULL); /* TABLE_MEMORY_MIN_BYTES holds them all */
    return words;
}

static void init_principals(struct tables *tables, struct principal_table *table, size_t share_bytes)
{
    uint32_t capacity = (uint32_t)(share_bytes / (sizeof(struct principal) + 2 * sizeof(uint32_t)));
    uint32_t bucket_count = power_of_two_below(capacity);
    *table = (struct principal_table){.capacity = capacity, .used_end = 1, .bucket_mask = bucket_count - 1};
    table->id_buckets = take_words(tables, bucket_count);
    table->email_buckets = take_words(tables, bucket_count);
    table->slots = pool_take_slots(&tables->pool, POOL_ESSENTIAL, (capacity + 1) * sizeof(struct principal));
    assert(table->slots != NULL);
}

void tables_init(struct tables *tables, void *memory, size_t size_bytes)
{
    *tables = (struct tables){.token_end = 1, .loose_first = 1, .loose_end = 1};
    pool_init(&tables->pool, memory, size_bytes);
    init_principals(tables, &tables->tenants, size_bytes / TENANTS_SHARE);
    init_principals(tables, &tables->users, size_bytes / USERS_SHARE);
    uint32_t bucket_count = power_of_two_below(size_bytes / TOKEN_BUCKET_BYTES);
    uint32_t memo_bucket_count = bucket_count / MEMO_BUCKETS_SHARE;
    tables->token_mask = bucket_count - 1;
    tables->memo_mask = memo_bucket_count - 1;
    tables->id_buckets = take_words(tables, bucket_count);
    tables->key_buckets = take_words(tables, bucket_count);
    tables->memo_buckets = take_words(tables, memo_bucket_count);
    tables->tokens = pool_take_slots(&tables->pool, POOL_ESSENTIAL, sizeof(struct token));
    assert(tables->tokens != NULL);
}

/* ---- sorting: a bottom-up merge sort over the `next` links, then `prev` anew ---- */

/* One kind of linked slots: where its id and links are. */
struct chain {
    uint8_t *slots;
    size_t slot_bytes;
    size_t next_offset;
    size_t prev_offset;
};

static uint32_t *link_at(const struct chain *chain, uint32_t ref, size_t offset)
{
    return (uint32_t *)(void *)(chain->slots + (size_t)ref * chain->slot_bytes + offset);
}

static uint32_t next_of(const struct chain *chain, uint32_t ref)
{
    return *link_at(chain, ref, chain->next_offset);
}

/* The id is the first member of every slot. */
static bool comes_first(const struct chain *chain, uint32_t a, uint32_t b)
{
    return memcmp(chain->slots + (size_t)a * chain->slot_bytes, chain->slots + (size_t)b * chain->slot_bytes,
                  UUID_BYTES) <= 0;
}

static uint32_t merge(const struct chain *chain, uint32_t a, uint32_t b)
{
    uint32_t head = 0;
    uint32_t *tail = &head;
    while (a != 0 && b != 0) {
        uint32_t *smaller = comes_first(chain, a, b) ? &a : &b;
        *tail = *smaller;
        tail = link_at(chain, *smaller, chain->next_offset);
        *smaller = *tail;
    }
    *tail = a != 0 ? a : b;
    return head;
}

#define RUNS_MAX 32 /* run i holds 2^i slots */

static void sort_chain(const struct chain *chain, uint32_t *first, uint32_t *last)
{
    uint32_t runs[RUNS_MAX] = {0};
    uint32_t ref = *first;
    while (ref != 0) {
        uint32_t run = ref;
        ref = next_of(chain, ref);
        *link_at(chain, run, chain->next_offset) = 0;
        size_t i = 0;
        for (; i < RUNS_MAX - 1 && runs[i] != 0; i++) {
            run = merge(chain, runs[i], run);
            runs[i] = 0;
        }
        runs[i] = run;
    }
    uint32_t sorted = 0;
    for (size_t i = 0; i < RUNS_MAX; i++) {
        sorted = merge(chain, runs[i], sorted);
    }
    *first = sorted;
    *last = 0;
    for (ref = sorted; ref != 0; ref = next_of(chain, ref)) {
        *link_at(chain, ref, chain->prev_offset) = *last;
        *last = ref;
    }
}

static void sort_principals(struct tables *tables, struct principal_table *table)
{
    struct chain tokens = {(uint8_t *)tables->tokens, sizeof(struct token),
                           offsetof(struct token, owner_next), offsetof(struct token, owner_prev)};
    struct chain principals = {(uint8_t *)table->slots, sizeof(struct principal),
                               offsetof(struct principal, next), offsetof(struct principal, prev)};
    if (table->unsorted) {
        sort_chain(&principals, &table->first, &table->last);
        table->unsorted = false;
    }
    for (uint32_t ref = table->first; ref != 0; ref = table->slots[ref].next) {
        struct principal *owner = &table->slots[ref];
        if ((owner->flags & PRINCIPAL_UNSORTED) != 0) {
            sort_chain(&tokens, &owner->tokens.first, &owner->tokens.last);
            sort_chain(&tokens, &owner->actions.first, &owner->actions.last);
            owner->flags &= ~(uint32_t)PRINCIPAL_UNSORTED;
        }
    }
}

void tables_sort(struct tables *tables)
{
    sort_principals(tables, &tables->tenants);
    sort_principals(tables, &tables->users);
}
