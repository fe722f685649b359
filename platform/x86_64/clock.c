/*
 * Calibration of the cycle counter and the local APIC timer. Channel 0 of the PIT (8254) counts at 1,193,182 Hz on
 * every machine, microvm included. Two readings 1.5 ms apart, each good to one tick, give 0.05 % at worst.
 */
#include "platform/x86_64/clock.h"
#include "platform/platform.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/interrupt.h"

#define PIT_CHANNEL_0     0x40U
#define PIT_COMMAND       0x43U
#define PIT_MODE_0        0x30U /* channel 0, both bytes, count down once */
#define PIT_LATCH_0       0x00U
#define PIT_HZ            1193182ULL
#define PIT_START         0xffffU
#define CALIBRATION_TICKS 1800U /* about 1.5 ms */
#define SAMPLE_READINGS   16U
#define POLLS_MAX         1000000U
#define NS_PER_S          1000000000ULL
#define FRACTION_BITS     32U

struct sample {
    uint64_t cycles;
    uint32_t apic_ticks; /* remaining */
    uint32_t pit_count;
};

static uint64_t cycles_at_boot;
static uint64_t ns_per_cycle_fixed; /* nanoseconds per cycle, times 2^32 */
static uint64_t apic_ticks_per_s;

static uint32_t pit_read(void)
{
    port_write8(PIT_COMMAND, PIT_LATCH_0);
    uint32_t low = port_read8(PIT_CHANNEL_0);
    return low | (uint32_t)port_read8(PIT_CHANNEL_0) << 8;
}

/* The clocks at one moment: of several readings the one that was over soonest, as an emulator stops now and then. */
static struct sample sample_clocks(void)
{
    struct sample best = {0, 0, 0};
    uint64_t best_cycles = UINT64_MAX;
    for (uint32_t i = 0; i < SAMPLE_READINGS; i++) {
        uint64_t before = cycles_now();
        uint32_t apic_ticks = interrupt_timer_remaining();
        uint32_t pit_count = pit_read();
        uint64_t taken = cycles_now() - before;
        if (taken < best_cycles) {
            best_cycles = taken;
            best = (struct sample){before + taken / 2, apic_ticks, pit_count};
        }
    }
    return best;
}

static void calibrate(void)
{
    interrupt_timer_start(UINT32_MAX);
    port_write8(PIT_COMMAND, PIT_MODE_0);
    port_write8(PIT_CHANNEL_0, PIT_START & 0xff);
    port_write8(PIT_CHANNEL_0, PIT_START >> 8);
    struct sample first = sample_clocks();
    uint32_t count = first.pit_count;
    for (uint32_t polls = 0; first.pit_count - count < CALIBRATION_TICKS; polls++) {
        if (polls > POLLS_MAX || count > first.pit_count) {
            platform_panic("the timer chip (PIT channel 0) does not count");
        }
        count = pit_read();
    }
    struct sample last = sample_clocks();
    interrupt_timer_start(0);
    uint64_t pit_ticks = first.pit_count - last.pit_count;
    uint64_t cycles = last.cycles - first.cycles;
    uint64_t interval_ns = pit_ticks * NS_PER_S / PIT_HZ;
    ns_per_cycle_fixed = (interval_ns << FRACTION_BITS) / cycles;
    apic_ticks_per_s = (uint64_t)(first.apic_ticks - last.apic_ticks) * NS_PER_S / interval_ns;
}

void clock_init(void)
{
    cycles_at_boot = cycles_now();
    calibrate();
}

uint64_t platform_monotonic_ns(void)
{
    uint64_t cycles = cycles_now() - cycles_at_boot;
    return (uint64_t)((unsigned __int128)cycles * ns_per_cycle_fixed >> FRACTION_BITS);
}

void clock_wake_at(uint64_t deadline_ns)
{
    uint64_t now_ns = platform_monotonic_ns();
    uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    uint64_t longest_ns = (uint64_t)UINT32_MAX * NS_PER_S / (apic_ticks_per_s + 1);
    if (wait_ns > longest_ns) {
        wait_ns = longest_ns;
    }
    uint64_t ticks = wait_ns * apic_ticks_per_s / NS_PER_S;
    interrupt_timer_start(ticks == 0 ? 1 : (uint32_t)ticks);
}

void clock_spin(uint64_t duration_ns)
{
    uint64_t end_ns = platform_monotonic_ns() + duration_ns;
    while (platform_monotonic_ns() < end_ns) {
        cpu_relax();
    }
}
