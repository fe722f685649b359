/*
 * What the tests with devices that lie share: chance, a clock that runs on, the machine below a driver, and a process
 * for each device. A device lives in hostile_disk.c or hostile_nic.c, which implement the last four functions.
 */
#ifndef JETON_HOSTILE_H
#define JETON_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTERS 0x10000000UL /* where the model's registers begin */

extern bool honest; /* this device never lies */

/* A number below `limit`. */
uint32_t chance(uint32_t limit);

/* True once in about `one_in` times, times the device's patience; never for an honest one. */
bool lies(uint32_t one_in);

/* The driver makes progress: the clock need not jump. */
void note_progress(void);

/* Attach the driver under test to a new device, of kind `which`. */
void device_attach(uint32_t which);

/* The device works for a moment. */
void device_runs(void);

/* Use the driver once; true when that went well. */
bool device_use(void);

/* How many kinds of device there are. */
extern const uint32_t device_kinds;

#endif
