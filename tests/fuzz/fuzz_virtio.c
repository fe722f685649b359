/*
 * libFuzzer: virtio devices that lie as the input says (tests/boot/hostile_device.c), under the kernel's own drivers. The
 * first byte chooses the device and how rarely it lies. Drivers keep their state in static variables: the Makefile puts
 * these into one section, which is put back to what it was at first before each run.
 */
#include "platform/x86_64/memory.h"
#include "tests/boot/hostile_device.h"
#include "tests/fuzz/fuzz.h"

#define STEPS     200
#define TAKEN_MAX 64
#define STATE_MAX (4 * 1024 * 1024)

/* The linker's names for the section's ends. */
extern uint8_t __start_driver_state[]; /* NOLINT(bugprone-reserved-identifier) */
extern uint8_t __stop_driver_state[];  /* NOLINT(bugprone-reserved-identifier) */

/* Two symbols of the linker's, not two objects whose addresses must not be compared. */
static size_t state_bytes(void)
{
    return (uintptr_t)__stop_driver_state - (uintptr_t)__start_driver_state;
}

static uint8_t first_state[STATE_MAX];
static void *taken[TAKEN_MAX];
static size_t taken_count;
static struct bytes draws;
static uint32_t seed;

/* Three bytes of the input; a generator goes on where it ends. */
uint32_t hostile_draw(void)
{
    if (draws.size == 0) {
        seed = seed * 1664525U + 1013904223U;
        return seed >> 8;
    }
    uint32_t value = (uint32_t)input_byte(&draws) << 16;
    return value | input_u16(&draws);
}

void *memory_take_for_device(size_t size_bytes)
{
    require(taken_count < TAKEN_MAX, "drivers take memory at their start only");
    return taken[taken_count++] = calloc(1, size_bytes);
}

/* Byte by byte, as the sanitizer's gaps between variables lie in there as well. */
__attribute__((no_sanitize("address", "undefined"))) static void copy_state(volatile uint8_t *to,
                                                                            const volatile uint8_t *from)
{
    size_t size = state_bytes();
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    require(state_bytes() <= STATE_MAX, "room for the drivers' state");
    copy_state(first_state, __start_driver_state);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    draws = (struct bytes){data, size};
    uint8_t how = input_byte(&draws);
    copy_state(__start_driver_state, first_state);
    seed = how;
    hostile_patience = 1U << how / HOSTILE_KINDS % 8;
    (void)hostile_run(how % HOSTILE_KINDS, STEPS);
    while (taken_count > 0) {
        free(taken[--taken_count]);
    }
    return 0;
}
