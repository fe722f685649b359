/*
 * Sleeping: everything that may end the sleep is armed and looked at once more with interrupts shut, then `sti; hlt`.
 */
#include "platform/platform.h"
#include "platform/x86_64/clock.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/nic.h"

#define POLL_NS 1000000ULL /* while something has no interrupt: a slow console, a device without a line */

void platform_sleep_until(uint64_t deadline_ns)
{
    bool console_done = console_drain();
    bool nothing_waits = nic_sleep_begin();
    nothing_waits &= flash_sleep_begin();
    uint64_t now_ns = platform_monotonic_ns();
    if (!console_done || nic_needs_polling() || flash_needs_polling()) {
        deadline_ns = deadline_ns < now_ns + POLL_NS ? deadline_ns : now_ns + POLL_NS;
    }
    if (nothing_waits && deadline_ns > now_ns) {
        clock_wake_at(deadline_ns);
        cpu_halt_until_interrupt();
    }
    flash_sleep_end();
    nic_sleep_end();
}
