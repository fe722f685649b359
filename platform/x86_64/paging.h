/*
 * Final page tables, with W^X. Mapped are the image's segments by their rights, its stacks between unmapped guard pages,
 * memory that was taken, and device registers as drivers ask for them, each where layout.h says. All else faults, every
 * physical address included.
 */
#ifndef JETON_X86_64_PAGING_H
#define JETON_X86_64_PAGING_H

#include "platform/types.h"

/* Build the tables and switch to them. Takes a few pages of memory. */
void paging_init(void);

/* Map the pages of [start, end) as data, zeroing those that were not mapped before. */
void paging_map_zeroed(uint64_t start, uint64_t end);

/* Map the registers at [address, address + size) uncached, read-write, not executable, and return where they are now.
 * 0 when the range touches RAM or the image (a device must not make us write there) or is absurd. Mapping a page
 * again is harmless. */
uintptr_t paging_map_device(uint64_t address, uint64_t size_bytes);

/* Map what the firmware left at [address, address + size) outside of usable RAM, such as ACPI tables, read-only, and
 * return where it is now. 0 when the range is page 0, touches usable RAM or the image, or is absurd. */
uintptr_t paging_map_firmware(uint64_t address, uint64_t size_bytes);

#endif
