/*
 * How long a flush waits for more to share it with: group commit's patience.
 *
 * Where a sync takes milliseconds, clients that each wait for their answer fall into two groups that take turns: the
 * requests of one come while the other's are synced, and each sync serves half of them. A short wait after a sync lets
 * the clients that were just answered come back, and the two become one. Where a sync is fast the processor is what
 * limits: each sync costs some of it, and wears the flash, so one begins when there is enough to share it, or when there
 * is nothing else to do and few others are to be expected. Fast is what takes less than serving as many requests does, and
 * what the loop stands still for: nobody comes meanwhile, and everybody waits for it. A lone client never waits.
 *
 * Asked only while no flush is under way: what comes meanwhile is gathered anyway.
 *
 * Pure: times are arguments, in nanoseconds of one monotonic clock. Owner: the loop that flushes; zeroed at first.
 */
#ifndef JETON_STORE_GATHER_H
#define JETON_STORE_GATHER_H

#include "base/bytes.h"

struct gather {
    uint64_t took_ns;    /* by the last flush */
    uint64_t flush_ns;   /* the shorter one of the last two: one that was held up says nothing of the next */
    uint64_t flushed;    /* records in it */
    bool blocks;         /* the loop stands still for it */
    uint64_t expected;   /* records to wait for; 0 until something is pending after a flush */
    uint64_t pending;    /* when last seen */
    uint64_t began_ns;   /* when something was pending first */
    uint64_t changed_ns; /* when more came last */
};

struct gather_load {
    uint64_t pending; /* records that could be flushed */
    uint64_t writers; /* clients that wrote lately */
    bool busy;        /* there was other work just now, and may be more */
};

/* 0: flush now; else: look again when more came, and at this time at the latest. Bounds on a slow device: waits end a
 * GATHER_QUIET_SHARE-th of a flush after the last arrival, and after a GATHER_ALL_SHARE-th in all. On a fast one: with
 * GATHER_FAST_RECORDS (GATHER_BLOCKING_RECORDS), or with all who write, else, if busy, after GATHER_FEW_NS. Where
 * GATHER_MANY_WRITERS write: after GATHER_MANY_NS, and unless busy also GATHER_MANY_QUIET_NS after the last arrival. */
uint64_t gather_until_ns(struct gather *gather, const struct gather_load *load, uint64_t now_ns);

/* How many more records a group takes, at least one: on a fast device a full one is flushed at once, so that its clients wait
 * for no more than it. */
uint64_t gather_room(const struct gather *gather, uint64_t pending);

struct gather_flush {
    uint64_t records; /* in it */
    uint64_t took_ns;
    bool blocked; /* it ended in the call that began it: the loop stood still */
};
void gather_flushed(struct gather *gather, const struct gather_flush *flush);

#endif
