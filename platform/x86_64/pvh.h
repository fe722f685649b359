/*
 * What a PVH loader hands over (Xen, xen/include/public/arch-x86/hvm/start_info.h).
 */
#ifndef JETON_X86_64_PVH_H
#define JETON_X86_64_PVH_H

#include <stdint.h>

#define PVH_MAGIC    0x336ec578U
#define PVH_TYPE_RAM 1U

struct pvh_start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, acpi_rsdp;
    uint64_t memory_map; /* from version 1 on */
    uint32_t memory_map_count, reserved;
};

struct pvh_memory_entry {
    uint64_t start, size;
    uint32_t type, reserved;
};

#endif
