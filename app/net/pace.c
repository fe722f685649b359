/*
 * One second after another.
 */
#include "net/pace.h"

#include "platform/platform.h"

bool pace_allows(struct pace *pace)
{
    uint64_t second = platform_monotonic_ns() / 1000000000;
    if (second != pace->second) {
        pace->second = second;
        pace->used = 0;
    }
    if (pace->used >= pace->per_s)
        return false;
    pace->used++;
    return true;
}
