/*
 * What outlives a crash: how many there were, and whether they come too fast. Kept in the clock chip's battery-backed
 * memory (cmos.h), with a checksum, as RAM may be cleared by a reset and the flash may be what is broken. A machine
 * without such a chip counts nothing.
 *
 * A third crash within a minute makes the next boot a read-only one; the boot after that, if not by another crash, is
 * an ordinary one.
 */
#ifndef JETON_X86_64_CRASH_H
#define JETON_X86_64_CRASH_H

#include "platform/types.h"

/* Read what is kept, and take this boot's verdict from it. After the clock. */
void crash_init(void);

/* A crash is being reported, or the watchdog had to end the last run: count it. Needs no memory and no interrupts. */
void crash_note(void);

/* End the run after a crash, as boot option `crash` says: exit (by the emulator's port; else reboot), reboot, halt. */
_Noreturn void crash_end(void);

#endif
