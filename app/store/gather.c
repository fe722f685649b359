/*
 * Group commit's patience.
 */
#include "store/gather.h"

#include "limits.h"

static void begin(struct gather *gather, uint64_t pending, uint64_t now_ns)
{
    /* What came during the flush, and again those that it answered. */
    gather->expected = gather->flushed + pending;
    gather->began_ns = now_ns;
    gather->changed_ns = now_ns;
}

/* A sync is over before the writers' next requests are served: the two go on beside each other. */
static bool is_fast(const struct gather *gather)
{
    uint64_t serving_ns = gather->expected * GATHER_RECORD_NS;
    return gather->flush_ns < (serving_ns > GATHER_FLUSH_MIN_NS ? serving_ns : GATHER_FLUSH_MIN_NS);
}

/* A fast device: while there is other work, the group may grow. */
static uint64_t busy_until_ns(const struct gather *gather, bool busy)
{
    return busy && gather->pending < GATHER_BUSY_RECORDS ? gather->began_ns + GATHER_BUSY_NS : 0;
}

uint64_t gather_until_ns(struct gather *gather, uint64_t pending, bool busy, uint64_t now_ns)
{
    if (pending == 0)
        return 0;
    if (gather->expected == 0)
        begin(gather, pending, now_ns);
    if (pending != gather->pending)
        gather->changed_ns = now_ns;
    gather->pending = pending;
    bool lone = gather->flushed <= 1 && pending <= 1;
    bool fast = is_fast(gather);
    if (lone || (!fast && pending >= gather->expected))
        return 0;
    uint64_t quiet_ns = gather->changed_ns + gather->flush_ns / GATHER_QUIET_SHARE;
    uint64_t end_ns = gather->began_ns + gather->flush_ns / GATHER_ALL_SHARE;
    uint64_t until_ns = fast ? busy_until_ns(gather, busy) : quiet_ns < end_ns ? quiet_ns : end_ns;
    return until_ns > now_ns ? until_ns : 0;
}

void gather_flushed(struct gather *gather, uint64_t records, uint64_t took_ns)
{
    if (records == 0)
        return;
    bool held_up = gather->took_ns != 0 && gather->took_ns < took_ns;
    *gather = (struct gather){
        .took_ns = took_ns, .flush_ns = held_up ? gather->took_ns : took_ns, .flushed = records};
}
