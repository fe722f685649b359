/*
 * The C entry, called by entry.S on the main stack with interrupts off.
 */
#ifndef JETON_X86_64_BOOT_H
#define JETON_X86_64_BOOT_H

#include <stdint.h>

/* `start_info`: physical address of struct pvh_start_info. */
_Noreturn void boot_main(uint32_t start_info);

#endif
