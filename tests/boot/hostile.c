/*
 * <test> SEED COUNT runs COUNT devices, each in a process of its own under AddressSanitizer, and says how many ended
 * badly: whatever a device does, no driver may touch memory that is not its own, nor wait for ever; the worst is a
 * device that is given up. The first device of each kind is honest, and must work.
 */
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/x86_64/clock.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/pci.h"
#include "tests/boot/hostile_children.h"

#define STEPS        2000
#define HONEST_STEPS 400
#define QUIET_CALLS  200 /* looks at the clock without progress before it jumps */
#define STEP_NS      2000
#define JUMP_NS      400000000ULL

bool honest;
static uint32_t seed;
static uint32_t patience = 1; /* the larger, the rarer the lies: some show only after a long good time */
static uint64_t now_ns;
static uint32_t quiet_calls;

uint32_t chance(uint32_t limit)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % limit;
}

bool lies(uint32_t one_in)
{
    return !honest && chance(one_in * patience) == 0;
}

void note_progress(void)
{
    quiet_calls = 0;
}

/* ---- what the drivers need of the machine ---- */

uint64_t platform_monotonic_ns(void)
{
    device_runs();
    now_ns += ++quiet_calls > QUIET_CALLS ? JUMP_NS : STEP_NS;
    return now_ns;
}

void *memory_take_for_device(size_t size_bytes)
{
    return aligned_alloc(4096, (size_bytes + 4095) & ~(size_t)4095);
}

uint64_t memory_physical(const volatile void *pointer)
{
    return (uintptr_t)pointer;
}

void clock_wake_at(uint64_t deadline_ns)
{
    (void)deadline_ns;
}

uint8_t interrupt_vector_new(void)
{
    return 40;
}

uint32_t interrupt_count(uint8_t vector)
{
    (void)vector;
    return chance(4);
}

void console_print(const char *text)
{
    if (honest) {
        fputs(text, stderr);
    }
}

_Noreturn void platform_panic(const char *sentence)
{
    fprintf(stderr, "panic: %s\n", sentence);
    abort();
}

void pci_enable(const struct pci_device *device)
{
    (void)device;
}

void pci_disable(const struct pci_device *device)
{
    (void)device;
}

uintptr_t pci_map(const struct pci_device *device, uint8_t index, uint32_t offset, uint32_t size)
{
    (void)device;
    (void)index;
    (void)size;
    return REGISTERS + offset;
}

enum status pci_message_enable(struct pci_device *device, uint8_t vector)
{
    (void)device;
    (void)vector;
    return STATUS_OK;
}

enum status pci_msi_enable(const struct pci_device *device, uint8_t vector)
{
    (void)device;
    (void)vector;
    return STATUS_OK;
}

/* ---- one process a device ---- */

static int run_child(uint32_t number, uint32_t first_seed)
{
    seed = first_seed + number;
    honest = number < device_kinds;
    patience = 1U << chance(12);
    (void)alarm(60);
    device_attach(number % device_kinds);
    uint32_t went_well = 0;
    for (int i = 0; i < (honest ? HONEST_STEPS : STEPS); i++) {
        note_progress();
        device_runs();
        went_well += device_use();
    }
    return honest && went_well < HONEST_STEPS * 3 / 4 ? 2 : 0;
}

int main(int argc, char **argv)
{
    return hostile_children(argc, argv, run_child);
}
