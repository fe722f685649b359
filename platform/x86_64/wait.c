/*
 * Waiting for devices, with an end.
 */
#include "platform/x86_64/wait.h"
#include "platform/platform.h"
#include "platform/x86_64/clock.h"
#include "platform/x86_64/cpu.h"

#define NS_PER_MS 1000000ULL

bool wait_step(uint64_t start_ns, uint32_t timeout_ms)
{
    uint64_t now_ns = platform_monotonic_ns();
    uint64_t waited_ns = now_ns - start_ns;
    if (waited_ns < WAIT_SPIN_NS) {
        cpu_relax();
    } else {
        clock_wake_at(now_ns + WAIT_HALT_NS);
        cpu_halt_until_interrupt();
    }
    return waited_ns < timeout_ms * NS_PER_MS;
}

void wait_ms(uint32_t duration_ms)
{
    uint64_t start_ns = platform_monotonic_ns();
    while (wait_step(start_ns, duration_ms)) {
    }
}

bool wait_register(uintptr_t address, uint32_t mask, uint32_t wanted, uint32_t timeout_ms)
{
    uint64_t start_ns = platform_monotonic_ns();
    bool patient = true;
    while ((mmio_read32(address) & mask) != wanted) {
        if (!patient) {
            return false;
        }
        patient = wait_step(start_ns, timeout_ms);
    }
    return true;
}
