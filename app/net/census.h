/*
 * A census: how many members were seen lately, each counted once however often it came. Time is an argument, in
 * milliseconds of one monotonic clock; it is cut into periods of CENSUS_PERIOD_MS.
 *
 * Ownership: the caller holds the census, and for each member the period in which it was seen last; both zeroed at first.
 */
#ifndef JETON_NET_CENSUS_H
#define JETON_NET_CENSUS_H

#include "platform/types.h"

struct census {
    uint64_t period;
    uint32_t count; /* in this period so far */
    uint32_t last_count;
};

/* A member is seen; `seen` is its own. */
void census_note(struct census *census, uint64_t *seen, uint64_t now_ms);

/* Members seen in the last whole period, or in this one if they are more already. */
uint32_t census_count(struct census *census, uint64_t now_ms);

#endif
