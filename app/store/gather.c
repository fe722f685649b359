/*
 * Group commit's patience.
 */
#include "store/gather.h"

#include "limits.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

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

/* A fast device: the group may grow while there is other work, or while many others write who are not in it yet. */
static uint64_t fast_until_ns(const struct gather *gather, const struct gather_load *load)
{
    uint64_t end_ns = gather->began_ns + GATHER_FAST_NS;
    if (load->pending >= GATHER_FAST_RECORDS)
        return 0;
    if (load->busy)
        return end_ns;
    bool has_company = load->writers >= GATHER_FAST_WRITERS && load->writers > load->pending;
    return has_company ? min_u64(gather->changed_ns + GATHER_FAST_QUIET_NS, end_ns) : 0;
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
    bool is_lone = gather->flushed <= 1 && load->pending <= 1 && load->writers < GATHER_FAST_WRITERS;
    if (is_lone)
        return 0;
    uint64_t until_ns = is_fast(gather) ? fast_until_ns(gather, load) : slow_until_ns(gather);
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
