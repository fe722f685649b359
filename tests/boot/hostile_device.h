/*
 * A virtio device that lies, and the drivers of platform/x86_64 that must bear it, for a program that says how it lies: a
 * process for each device (hostile_device_main.c), or a fuzzer.
 *
 * Ownership: the device and the drivers are static: one device for each process, or for each copy of its variables.
 * Failure: AddressSanitizer's, or an abort.
 */
#ifndef JETON_HOSTILE_DEVICE_H
#define JETON_HOSTILE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTILE_KINDS 3 /* network, disk, random numbers */

extern bool hostile_is_honest;    /* it never lies */
extern uint32_t hostile_patience; /* the larger, the rarer the lies: some show only after a long good time */

/* Attach a device of this kind and use it so many times; how often that went well. */
size_t hostile_run(uint32_t kind, uint32_t step_count);

/* Of the program: the next number that decides, of 24 bits; memory_take_for_device() is the program's too. */
uint32_t hostile_draw(void);

#endif
