/*
 * What the simulator's own files share with each other; tests include sim.h and sim_flash.h.
 */
#ifndef JETON_PLATFORM_SIM_SIM_PARTS_H
#define JETON_PLATFORM_SIM_SIM_PARTS_H

#include "platform/types.h"

/* End the run: a rule of the platform was broken. */
_Noreturn void sim_misuse(const char *sentence);

/* Host memory: zeroed, or grown as realloc does. Abort when the host has none. */
void *sim_allocate(size_t size);
void *sim_grow(void *data, size_t size);

/* The virtual clock, which a look does not move. */
uint64_t sim_now_ns(void);

/* When the flash's sync ends; UINT64_MAX when none is under way. */
uint64_t sim_flash_wake_ns(void);

/* The wire: a frame waits for the app; drop all frames; drop all frames and take the default settings. */
bool sim_wire_waiting(void);
void sim_wire_clear(void);
void sim_wire_reset(void);

#endif
