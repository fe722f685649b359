/*
 * Usable RAM: what the loader's map calls RAM, without the first MiB and without the image. Behind
 * platform_memory_take(); nothing is ever given back.
 *
 * A large piece is handed out unmapped, and each part of it is zeroed and mapped when it is first touched: clearing
 * all memory at boot would take longer than the rest of the start. Such memory must not be given to a device before
 * the processor has touched it.
 *
 * DMA: what a device reads or writes is memory_take_for_device() (zeroed, physically contiguous), or a static object of
 * the image. A device is never told a pointer, but memory_physical() of it: the two differ. Registers and firmware
 * tables are the other way round: paging.h maps what has a physical address and returns the pointer.
 */
#ifndef JETON_X86_64_MEMORY_H
#define JETON_X86_64_MEMORY_H

#include "platform/types.h"

#define MEMORY_REGIONS_MAX 16

struct memory_region {
    uint64_t start; /* both page-aligned; end is exclusive */
    uint64_t end;
};

/* Take the map from struct hvm_start_info at `start_info`. Panics when it has none. */
void memory_init(uintptr_t start_info);

/* Like platform_memory_take(), but zeroed at once, so that a device may write to it. */
void *memory_take_for_device(size_t size_bytes);

/* The address at which a device finds the byte at `pointer`, which lies in the image or in memory that was taken. What
 * begins in one such piece is contiguous to the end of it. Panics for any other pointer: a device would write there. */
uint64_t memory_physical(const volatile void *pointer);

/* Take addresses only: neither mapped nor zeroed. 0 when there is not as much. */
uintptr_t memory_reserve(size_t size_bytes);

/* The processor touched unmapped `address`: true when that was the first touch of handed-out memory, which is now
 * there. Called by the page-fault handler. */
bool memory_touch(uint64_t address);

/* All RAM regions above 1 MiB, by physical address, the image's own range left out, as they were at boot. */
size_t memory_regions(const struct memory_region **list);

#endif
