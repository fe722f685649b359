/*
 * Memos of idempotency keys: the field, and the index over the entities that hold it.
 */
#include "token/memo.h"

#include <assert.h>
#include <string.h>

#include "token/fields.h"
#include "token/words.h"

/* A node of the index, as a text of the pool: next 4, ref 4, owner 1. */
#define NODE_BYTES 9

static void memo_read(struct bytes value, struct memo *memo)
{
    memo->what = (enum memo_what)value.data[0];
    memo->at_s = load_u32(value.data + 1);
    memcpy(memo->id, value.data + 5, sizeof memo->id);
    memcpy(memo->digest, value.data + 21, sizeof memo->digest);
}

void memo_append(struct buffer *text, const struct memo *memo)
{
    uint8_t value[FIELD_MEMO_BYTES];
    value[0] = (uint8_t)memo->what;
    store_u32(value + 1, (uint32_t)memo->at_s);
    memcpy(value + 5, memo->id, sizeof memo->id);
    memcpy(value + 21, memo->digest, sizeof memo->digest);
    fields_append(text, FIELD_MEMO, bytes_of(value, sizeof value));
}

static bool counts(const struct memo *memo, int64_t now_s)
{
    return memo->at_s + IDEMPOTENCY_LIFE_S > now_s;
}

static uint32_t text_of(const struct tables *tables, enum memo_owner owner, uint32_t ref)
{
    if (owner == MEMO_TOKEN) {
        return token_at(tables, ref)->text;
    }
    return principal_at(owner == MEMO_TENANT ? &tables->tenants : &tables->users, ref)->text;
}

/* The entity's own memo under this id. */
static bool find_in_text(struct bytes text, const uint8_t id[16], struct memo *memo)
{
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag == FIELD_MEMO && memcmp(field.value.data + 5, id, 16) == 0) {
            memo_read(field.value, memo);
            return true;
        }
    }
    return false;
}

static uint32_t *bucket_of(const struct tables *tables, const uint8_t id[16])
{
    return &tables->memo_buckets[hash_id(id) & tables->memo_mask];
}

bool memos_find(const struct tables *tables, const uint8_t id[16], int64_t now_s, struct memo *memo)
{
    uint32_t node = *bucket_of(tables, id);
    while (node != 0) {
        const uint8_t *data = pool_text(&tables->pool, node).data;
        enum memo_owner owner = (enum memo_owner)data[8];
        uint32_t ref = load_u32(data + 4);
        struct bytes text = pool_text(&tables->pool, text_of(tables, owner, ref));
        if (find_in_text(text, id, memo) && counts(memo, now_s)) {
            memo->owner = owner;
            memo->ref = ref;
            return true;
        }
        node = load_u32(data);
    }
    return false;
}

size_t memos_count_alive(struct bytes text, int64_t now_s)
{
    size_t count = 0;
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag == FIELD_MEMO) {
            struct memo memo;
            memo_read(field.value, &memo);
            count += counts(&memo, now_s);
        }
    }
    return count;
}

size_t memos_count(struct bytes text)
{
    return memos_count_alive(text, INT64_MIN);
}

void memos_copy_alive(struct buffer *out, struct bytes text, int64_t now_s)
{
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        struct memo memo = {.at_s = now_s};
        if (field.tag == FIELD_MEMO) {
            memo_read(field.value, &memo);
        }
        if (counts(&memo, now_s)) {
            fields_append(out, field.tag, field.value);
        }
    }
}

bool memos_learn(struct tables *tables, enum memo_owner owner, uint32_t ref, uint32_t text)
{
    struct field field;
    size_t offset = 0;
    struct bytes fields = pool_text(&tables->pool, text);
    while (fields_next(fields, &offset, &field)) {
        if (field.tag != FIELD_MEMO) {
            continue;
        }
        uint32_t *bucket = bucket_of(tables, field.value.data + 5);
        uint8_t node[NODE_BYTES];
        store_u32(node, *bucket);
        store_u32(node + 4, ref);
        node[8] = (uint8_t)owner;
        uint32_t handle = 0;
        if (!pool_put_text(&tables->pool, POOL_ESSENTIAL, bytes_of(node, sizeof node), &handle)) {
            return false;
        }
        *bucket = handle;
        tables->memo_count++;
    }
    return true;
}

/* Take out the first node of this entity from the chain; none is there when memos_learn had no room. */
static void forget_one(struct tables *tables, uint32_t *bucket, enum memo_owner owner, uint32_t ref)
{
    uint32_t before = 0;
    for (uint32_t node = *bucket; node != 0;) {
        uint8_t *data = pool_text_data(&tables->pool, node);
        uint32_t next = load_u32(data);
        if (load_u32(data + 4) == ref && data[8] == (uint8_t)owner) {
            if (before == 0) {
                *bucket = next;
            } else {
                store_u32(pool_text_data(&tables->pool, before), next);
            }
            pool_free_text(&tables->pool, node);
            tables->memo_count--;
            return;
        }
        before = node;
        node = next;
    }
}

void memos_forget(struct tables *tables, enum memo_owner owner, uint32_t ref, uint32_t text)
{
    struct field field;
    size_t offset = 0;
    struct bytes fields = pool_text(&tables->pool, text);
    while (fields_next(fields, &offset, &field)) {
        if (field.tag == FIELD_MEMO) {
            forget_one(tables, bucket_of(tables, field.value.data + 5), owner, ref);
        }
    }
}

bool entity_set_text(struct tables *tables, enum memo_owner owner, uint32_t ref, uint32_t *handle,
                     struct bytes text)
{
    uint32_t new_text = 0;
    if (!pool_put_text(&tables->pool, POOL_ESSENTIAL, text, &new_text)) {
        return false;
    }
    uint32_t old_text = *handle;
    memos_forget(tables, owner, ref, old_text);
    *handle = new_text;
    pool_free_text(&tables->pool, old_text);
    (void)memos_learn(tables, owner, ref, new_text); /* a key that finds no room is not remembered */
    return true;
}
