/*
 * The bench's clock of a process: its own time on the processor, which a busy machine does not lengthen much.
 */
#include <time.h>

#include "bench_app.h"

uint64_t bench_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
