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

/* A sync is over before the writers' next requests are served, where the two go on beside each other; where they don't,
 * nobody comes meanwhile. */
static bool is_fast(const struct gather *gather)
{
    if (gather->blocks)
        return true;
    uint64_t serving_ns = gather->expected * GATHER_RECORD_NS;
    return gather->flush_ns < (serving_ns > GATHER_FLUSH_MIN_NS ? serving_ns : GATHER_FLUSH_MIN_NS);
}

static uint64_t full_records(const struct gather *gather)
{
    return gather->blocks ? GATHER_BLOCKING_RECORDS : GATHER_FAST_RECORDS;
}

/* A fast device: until all who write are in the group it may grow while there is other work, or while they are many. */
static uint64_t fast_until_ns(const struct gather *gather, const struct gather_load *load)
{
    bool are_many = load->writers >= GATHER_MANY_WRITERS;
    if (load->pending >= full_records(gather) || load->pending >= load->writers)
        return 0;
    uint64_t end_ns = gather->began_ns + (are_many ? GATHER_MANY_NS : GATHER_FEW_NS);
    if (load->busy)
        return end_ns;
    return are_many ? min_u64(gather->changed_ns + GATHER_MANY_QUIET_NS, end_ns) : 0;
}

static uint64_t slow_until_ns(const struct gather *gather)
{
    if (gather->pending >= gather->expected)
        return 0;
    return min_u64(gather->changed_ns + gather->flush_ns / GATHER_QUIET_SHARE,
                   gather->began_ns + gather->flush_ns / GATHER_ALL_SHARE);
}

uint64_t gather_until_ns(struct gather *gather, const struct gather_load *load, uint64_t now_ns)
{
    if (load->pending == 0)
        return 0;
    if (gather->expected == 0)
        begin(gather, load->pending, now_ns);
    if (load->pending != gather->pending)
        gather->changed_ns = now_ns;
    gather->pending = load->pending;
    bool is_lone = gather->flushed <= 1 && load->pending <= 1 && load->writers < GATHER_MANY_WRITERS;
    if (is_lone)
        return 0;
    uint64_t until_ns = is_fast(gather) ? fast_until_ns(gather, load) : slow_until_ns(gather);
    return until_ns > now_ns ? until_ns : 0;
}

uint64_t gather_room(const struct gather *gather, uint64_t pending)
{
    if (!is_fast(gather))
        return UINT64_MAX;
    uint64_t full = full_records(gather);
    return pending < full ? full - pending : 1;
}

void gather_flushed(struct gather *gather, const struct gather_flush *flush)
{
    if (flush->records == 0)
        return;
    bool held_up = gather->took_ns != 0 && gather->took_ns < flush->took_ns;
    *gather = (struct gather){.took_ns = flush->took_ns,
                              .flush_ns = held_up ? gather->took_ns : flush->took_ns,
                              .flushed = flush->records,
                              .blocks = flush->blocked};
}
