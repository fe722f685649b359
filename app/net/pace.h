/*
 * A pace: so many a second, a second's worth at once. For answers that strangers can ask for without limit.
 */
#ifndef JETON_NET_PACE_H
#define JETON_NET_PACE_H

#include "platform/types.h"

struct pace {
    uint32_t per_s;
    uint32_t used;
    uint64_t second;
};

/* True if one more may go now; then it counts. */
bool pace_allows(struct pace *pace);

#endif
