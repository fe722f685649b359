/*
 * Bounded waiting for a device: spin for a fraction of a millisecond, then halt a millisecond at a time.
 *
 * Blocking: up to the time that the caller names; the processor idles for all but the first part of it.
 * Failure: a false or an end of patience; what then is said and done is the caller's.
 */
#ifndef JETON_X86_64_WAIT_H
#define JETON_X86_64_WAIT_H

#include "platform/types.h"

#define WAIT_SPIN_NS 300000ULL
#define WAIT_HALT_NS 1000000ULL /* bounds one halt: a lost interrupt costs no more */

/* One step of a wait that began at `start_ns`. False once `timeout_ms` have passed. */
bool wait_step(uint64_t start_ns, uint32_t timeout_ms) MUST_USE;

/* Let at least `duration_ms` pass. */
void wait_ms(uint32_t duration_ms);

/* Wait until the bits `mask` of the register at `address` are `wanted`. False after `timeout_ms`. */
bool wait_register(uintptr_t address, uint32_t mask, uint32_t wanted, uint32_t timeout_ms) MUST_USE;

#endif
