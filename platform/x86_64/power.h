/*
 * The end of the run, and the code that the host sees.
 *
 * With QEMU's isa-debug-exit device at port 0xf4, a written byte v makes QEMU exit with 2v + 1:
 *   33            app_main() returned 0
 *   35            panic or processor exception
 *   65 + 2n       app_main() returned n (1 to 31; larger n count as 31)
 *   0             no verdict of ours: triple fault with -no-reboot, or QEMU was told to quit
 * Without the device a normal end switches the machine off (ACPI) or halts it for good where it cannot, an end with a
 * code halts it, and a panic resets the machine (crash.h).
 */
#ifndef JETON_X86_64_POWER_H
#define JETON_X86_64_POWER_H

#include "platform/types.h"

#define POWER_CODE_OK    16U
#define POWER_CODE_PANIC 17U
#define POWER_CODE_APP   32U

/* Try to end the emulator with one of the codes above; returns where there is none. */
void power_exit(uint8_t code);

/* Reset the machine, or stop it for good. Print nothing, need nothing to work. */
_Noreturn void power_reset(void);
_Noreturn void power_halt(void);

#endif
