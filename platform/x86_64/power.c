/*
 * Stopping: QEMU's exit port first, then the ways of real machines.
 */
#include "platform/x86_64/power.h"
#include "platform/platform.h"
#include "platform/x86_64/acpi.h"
#include "platform/x86_64/block.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/crash.h"
#include "platform/x86_64/traps.h"

#define DEBUG_EXIT_PORT    0xf4U
#define RESET_CONTROL_PORT 0xcf9U
#define RESET_FULL         0x06U
#define KEYBOARD_PORT      0x64U
#define KEYBOARD_RESET     0xfeU

_Noreturn void power_reset(void)
{
    acpi_reset();
    port_write8(RESET_CONTROL_PORT, RESET_FULL);
    port_write8(KEYBOARD_PORT, KEYBOARD_RESET);
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } no_idt = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt)); /* triple fault */
    cpu_halt_forever();
}

_Noreturn void power_halt(void)
{
    cpu_halt_forever();
}

void power_exit(uint8_t code)
{
    port_write8(DEBUG_EXIT_PORT, code);
}

_Noreturn void platform_power_off(int exit_code)
{
    block_stop_all();
    console_flush();
    unsigned code = exit_code > 0 && exit_code < 32 ? (unsigned)exit_code : 31U;
    power_exit(exit_code == 0 ? POWER_CODE_OK : (uint8_t)(POWER_CODE_APP + code));
    if (exit_code == 0) {
        acpi_power_off(); /* else the console shows why, for as long as anybody looks */
    }
    power_halt();
}

_Noreturn void platform_panic(const char *sentence)
{
    console_print("\npanic: ");
    console_print(sentence);
    console_print("\n");
    trap_backtrace((uintptr_t)__builtin_return_address(0), *(const uint64_t *)__builtin_frame_address(0));
    crash_end();
}

bool platform_stop_requested(void)
{
    return acpi_power_button();
}
