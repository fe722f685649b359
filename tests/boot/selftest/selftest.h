/*
 * The checks of the selftest image, and the few words in which they report. A failed expectation prints FAIL and
 * ends the run with exit code 1.
 */
#ifndef JETON_SELFTEST_H
#define JETON_SELFTEST_H

#include "platform/types.h"

void selftest_say(const char *text);
void selftest_say_number(const char *name, uint64_t value);
void selftest_say_hex(const char *name, const uint8_t *data, size_t size);
void selftest_expect(bool holds, const char *what);

void selftest_flash(void);        /* erase, program, read on several blocks */
void selftest_flash_write(void);  /* leave a pattern for selftest_flash_reread() of the next boot */
void selftest_flash_reread(void); /* find it again */
void selftest_flash_speed(void);  /* time of programs, erases, syncs, reads */
void selftest_nic(void);          /* answer ARP and echo, forward everything else back, until a stop frame */
void selftest_idle(void);         /* sleep for seconds and count the wake-ups */

void selftest_mappings(void);      /* what the page tables say, and where this boot lies */
void selftest_violation(void);     /* what option `violation` names; must end in a panic or an exception */
void selftest_program_twice(void); /* must end in a panic */

void selftest_exit_code(void); /* power off with code 7 */

#endif
