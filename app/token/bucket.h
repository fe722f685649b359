/*
 * Token buckets in tables of fixed size: how often someone may do something.
 *
 * A bucket holds up to `burst` tokens and gets one back every `interval_us`. It is kept as the time at which it will be
 * full again (the generic cell rate algorithm), so that a zeroed bucket is a full one and nothing needs a timer. For
 * failures, an empty bucket also blocks its owner: 1 s, then 2, 4 ... 64 s; nothing is given back while it does, and the
 * next wait is short again only after the bucket was full.
 *
 * A table is a keyed hash into sets of BUCKET_WAYS. A bucket that is not full is never given to another owner, so no
 * flood of owners makes room for itself by pushing out its own record. Where all of a set are taken, newcomers share its
 * last bucket with its owner: they wait for one another, and nobody is let through unseen.
 *
 * Ownership: memory is the caller's; a struct bucket pointer is good until the next bucket_find on its table.
 * Blocking: none. Failure: none. Time is an argument, monotonic microseconds; one that jumps back lengthens no wait
 *   beyond what its rule can reach, one that jumps forward only fills buckets.
 * Limits: BUCKET_*, limits.h.
 */
#ifndef JETON_TOKEN_BUCKET_H
#define JETON_TOKEN_BUCKET_H

#include "base/siphash.h"
#include "limits.h"

struct bucket {
    uint64_t tag;              /* hash of the owner */
    uint64_t full_at_us;       /* in the past: it is full, and as good as nobody's */
    uint64_t blocked_until_us; /* only failures block */
    uint32_t level;            /* the next block is BUCKET_BLOCK_FIRST_US << level */
};

/* interval_us >= 1, burst >= 1, their product <= BUCKET_FILL_MAX_US. */
struct bucket_rule {
    uint64_t interval_us;
    uint64_t burst;
};

struct bucket_table {
    struct bucket *buckets; /* set_count sets of BUCKET_WAYS, zeroed */
    size_t set_count;
    struct siphash_key key; /* random */
};

/* The owner's bucket, a full one if there was none. */
struct bucket *bucket_find(struct bucket_table *table, struct bytes owner, uint64_t now_us);

/* How long until it has a token; 0: now. */
uint64_t bucket_wait_us(const struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us);

/* Take one that is there (assert). */
void bucket_take(struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us);

/* ---- failures ---- */

/* One failure: takes a token, or blocks the owner when there is none. */
void bucket_fail(struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us);

/* How long its owner is blocked yet; 0: not. */
uint64_t bucket_blocked_us(const struct bucket *bucket, uint64_t now_us);

/* Buckets that block now: looks at all. */
size_t bucket_blocked_count(const struct bucket_table *table, uint64_t now_us);

#endif
