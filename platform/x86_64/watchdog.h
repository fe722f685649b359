/*
 * The hardware watchdog: resets the machine when the loop no longer comes around. Known are Intel's i6300ESB (PCI 8086:25ab)
 * and the TCO timer of the ICH9 family (PCI 8086:2918); a machine without either goes without.
 *
 * Not armed before the first platform_alive(), so that an app that never calls it is left alone.
 */
#ifndef JETON_X86_64_WATCHDOG_H
#define JETON_X86_64_WATCHDOG_H

#include "platform/types.h"

/* Find the timer, and count a crash when it says that it ended the last run. Boot option `watchdog` is the time in
 * seconds, 2 to 300, 30 if not given; 0 leaves the timer alone. */
void watchdog_init(void);

#endif
