/*
 * Time: monotonic nanoseconds from the cycle counter, calibrated at boot against the PIT (or taken from what the
 * hypervisor says), and the timer that ends a sleep.
 */
#ifndef JETON_X86_64_CLOCK_H
#define JETON_X86_64_CLOCK_H

#include "platform/types.h"

/* Calibrate; takes about 2 ms. Interrupts must be set up. */
void clock_init(void);

/* Arrange for an interrupt at `deadline_ns` or somewhat earlier (the timer's range is about a minute). */
void clock_wake_at(uint64_t deadline_ns);

/* Spin for `duration_ns`. */
void clock_spin(uint64_t duration_ns);

#endif
