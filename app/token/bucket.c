/*
 * Token buckets.
 */
#include "token/bucket.h"

#include <assert.h>

static uint64_t left_us(uint64_t until_us, uint64_t now_us)
{
    return until_us > now_us ? until_us - now_us : 0;
}

/* ---- the table ---- */

/* Times further off than any rule reaches are of before a jump back: from here on they end as others do. */
static bool is_idle(struct bucket *bucket, uint64_t now_us)
{
    bucket->full_at_us = min_u64(bucket->full_at_us, now_us + BUCKET_BLOCK_MAX_US + BUCKET_FILL_MAX_US);
    bucket->blocked_until_us = min_u64(bucket->blocked_until_us, now_us + BUCKET_BLOCK_MAX_US);
    return bucket->full_at_us <= now_us;
}

struct bucket *bucket_find(struct bucket_table *table, struct bytes owner, uint64_t now_us)
{
    uint64_t tag = siphash(&table->key, owner);
    struct bucket *set = table->buckets + tag % table->set_count * BUCKET_WAYS;
    struct bucket *idle = NULL;
    for (size_t i = 0; i < BUCKET_WAYS; i++) {
        bool free = is_idle(&set[i], now_us);
        if (set[i].tag == tag) {
            return &set[i];
        }
        if (free && idle == NULL) {
            idle = &set[i];
        }
    }
    if (idle == NULL) {
        return &set[BUCKET_WAYS - 1];
    }
    *idle = (struct bucket){.tag = tag};
    return idle;
}

/* ---- a bucket ---- */

/* What is missing, as time. */
static uint64_t missing_us(const struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us)
{
    return min_u64(left_us(bucket->full_at_us, now_us), rule->burst * rule->interval_us);
}

uint64_t bucket_wait_us(const struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us)
{
    assert(rule->interval_us > 0 && rule->burst > 0);
    assert(rule->burst * rule->interval_us <= BUCKET_FILL_MAX_US);
    return left_us(missing_us(bucket, rule, now_us) + rule->interval_us, rule->burst * rule->interval_us);
}

void bucket_take(struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us)
{
    assert(bucket_wait_us(bucket, rule, now_us) == 0);
    bucket->full_at_us = now_us + missing_us(bucket, rule, now_us) + rule->interval_us;
}

/* ---- failures ---- */

void bucket_fail(struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us)
{
    if (bucket->full_at_us <= now_us) {
        bucket->level = 0;
    }
    if (bucket_wait_us(bucket, rule, now_us) == 0) {
        bucket_take(bucket, rule, now_us);
        return;
    }
    bucket->blocked_until_us = now_us + (BUCKET_BLOCK_FIRST_US << bucket->level);
    bucket->full_at_us = bucket->blocked_until_us + rule->burst * rule->interval_us;
    bucket->level += bucket->level < BUCKET_LEVEL_MAX;
}

uint64_t bucket_blocked_us(const struct bucket *bucket, uint64_t now_us)
{
    return min_u64(left_us(bucket->blocked_until_us, now_us), BUCKET_BLOCK_MAX_US);
}

size_t bucket_blocked_count(const struct bucket_table *table, uint64_t now_us)
{
    size_t count = 0;
    for (size_t i = 0; i < table->set_count * BUCKET_WAYS; i++) {
        count += bucket_blocked_us(&table->buckets[i], now_us) > 0;
    }
    return count;
}
