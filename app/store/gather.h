/*
 * How long a flush waits for more to share it with: group commit's patience.
 *
 * Where a sync takes milliseconds, clients that each wait for their answer fall into two groups that take turns: the
 * requests of one come while the other's are synced, and each sync serves half of them. A short wait after a sync lets
 * the clients that were just answered come back, and the two become one. Where a sync is fast the processor is what
 * limits: each sync costs some of it, so one begins when there is nothing else to do, or enough to share it. Fast is what takes
 * less than serving as many requests does. A lone client never waits.
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
    uint64_t expected;   /* records to wait for; 0 until something is pending after a flush */
    uint64_t pending;    /* when last seen */
    uint64_t began_ns;   /* when something was pending first */
    uint64_t changed_ns; /* when more came last */
};

/* `pending` records could be flushed; `busy`: there was other work just now, and may be more. 0: flush now; else: look
 * again when more came, and at this time at the latest. Bounds: waits end GATHER_QUIET_SHARE-th of a flush after the last
 * arrival, and after a GATHER_ALL_SHARE-th in all; while busy, with GATHER_BUSY_RECORDS or after GATHER_BUSY_NS. */
uint64_t gather_until_ns(struct gather *gather, uint64_t pending, bool busy, uint64_t now_ns);

/* A flush of `records` took so long. */
void gather_flushed(struct gather *gather, uint64_t records, uint64_t took_ns);

#endif
