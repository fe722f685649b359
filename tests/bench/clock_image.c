/*
 * The bench's clock of an image: the machine's.
 */
#include "bench_app.h"
#include "platform/platform.h"

uint64_t bench_clock_ns(void)
{
    return platform_monotonic_ns();
}
