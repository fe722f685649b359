/*
 * The wall clock: the platform's, never below the newest time in the log, never backwards.
 */
#include "platform/platform.h"
#include "service/state.h"

#define NS_PER_MS      1000000u
#define LOOK_PERIOD_MS 1000u /* how often the platform's wall clock is read */

static struct {
    bool known;
    bool behind;
    uint64_t base_ms;   /* time at base_ns */
    uint64_t base_ns;   /* monotonic */
    uint64_t looked_ms; /* monotonic time of the last look at the wall clock */
} clock_state;

static uint64_t monotonic_ms(void)
{
    return platform_monotonic_ns() / NS_PER_MS;
}

uint64_t service_monotonic_us(void)
{
    return platform_monotonic_ns() / 1000;
}

static uint64_t running_ms(void)
{
    return clock_state.base_ms + (platform_monotonic_ns() - clock_state.base_ns) / NS_PER_MS;
}

static void set_ms(uint64_t now_ms)
{
    clock_state.base_ms = now_ms;
    clock_state.base_ns = platform_monotonic_ns();
}

/* Take the platform's time when it is ahead; time that runs behind the log goes on from the log. */
static void look(void)
{
    int64_t wall_s = 0;
    clock_state.looked_ms = monotonic_ms();
    if (platform_wall_clock_s(&wall_s) != STATUS_OK || wall_s <= 0) {
        return;
    }
    uint64_t now_ms = running_ms();
    if (!clock_state.known) {
        clock_state.behind = (uint64_t)wall_s < now_ms / 1000;
    }
    clock_state.known = true;
    if ((uint64_t)wall_s > now_ms / 1000) {
        set_ms((uint64_t)wall_s * 1000);
    }
}

void clock_start(int64_t newest_s)
{
    clock_state.known = false;
    clock_state.behind = false;
    set_ms(newest_s > 0 ? (uint64_t)newest_s * 1000 : 0);
    look();
}

void service_clock_update(void)
{
    if (!clock_state.known || monotonic_ms() - clock_state.looked_ms >= LOOK_PERIOD_MS) {
        look();
    }
}

bool service_clock_known(void)
{
    return clock_state.known;
}

bool service_clock_behind(void)
{
    return clock_state.behind;
}

uint64_t service_now_ms(void)
{
    return clock_state.known ? running_ms() : 0;
}

int64_t service_now_s(void)
{
    return (int64_t)(service_now_ms() / 1000);
}

int64_t clock_bound_s(void)
{
    int64_t now_s = service_clock_known() ? service_now_s() : (int64_t)(running_ms() / 1000);
    return now_s > 0 ? now_s : 1;
}
