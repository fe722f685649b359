/*
 * Usable RAM: what the loader's map calls RAM, without the first MiB and without the image. Behind
 * platform_memory_take(); nothing is ever given back.
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

/* All RAM regions above 1 MiB, the image's own range left out, as they were at boot. */
size_t memory_regions(const struct memory_region **regions);

#endif
