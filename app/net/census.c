/*
 * One period after another.
 */
#include "net/census.h"

#include "limits.h"

/* A member that was never seen has period 0: none is called so. */
static uint64_t move_on(struct census *census, uint64_t now_ms)
{
    uint64_t period = now_ms / CENSUS_PERIOD_MS + 1;
    if (period == census->period)
        return period;
    census->last_count = period == census->period + 1 ? census->count : 0;
    census->count = 0;
    census->period = period;
    return period;
}

void census_note(struct census *census, uint64_t *seen, uint64_t now_ms)
{
    uint64_t period = move_on(census, now_ms);
    if (*seen == period)
        return;
    *seen = period;
    census->count++;
}

uint32_t census_count(struct census *census, uint64_t now_ms)
{
    (void)move_on(census, now_ms);
    return census->count > census->last_count ? census->count : census->last_count;
}
