/*
 * The operator's serial console (16550 at COM1, 115200 8N1), behind platform_console_write().
 *
 * Output goes through a ring that is drained by polling, so that a slow line does not hold up the app until the ring
 * is full; then writing waits for the line, a bounded time. The print functions serve the boot and the panic screen.
 */
#ifndef JETON_X86_64_CONSOLE_H
#define JETON_X86_64_CONSOLE_H

#include "platform/types.h"

void console_init(void);

/* Give the line what it takes now. True when nothing is left in the ring. */
bool console_drain(void);

/* Wait, at most about a second, until everything is out. For the end of the run. */
void console_flush(void);

void console_print(const char *text);
void console_print_hex(uint64_t value, unsigned digits);
void console_print_decimal(uint64_t value);

#endif
