/*
 * What a PVH loader hands over (Xen, xen/include/public/arch-x86/hvm/start_info.h). Our own entries for UEFI (efi/) and
 * GRUB (multiboot.S) make the same, so that there is one way into boot_main().
 */
#ifndef JETON_X86_64_PVH_H
#define JETON_X86_64_PVH_H

#include "platform/types.h"

#define PVH_MAGIC    0x336ec578U
#define PVH_VERSION  1U
#define PVH_TYPE_RAM 1U

#define PVH_TYPE_RESERVED    2U /* the others are those of ACPI's E820 (ACPI 6.5, table 15.4) */
#define PVH_TYPE_ACPI        3U
#define PVH_TYPE_ACPI_NVS    4U
#define PVH_TYPE_UNUSABLE    5U
#define PVH_MODULES_MAX      4U
#define PVH_MODULE_BYTES_MAX 65536U

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

struct pvh_module_entry {
    uint64_t start, size, command_line, reserved;
};

/* The `index`th module, as long as the first page tables (4 GiB, one to one) are in use: false when there are fewer.
 * A module that lies elsewhere or is larger than PVH_MODULE_BYTES_MAX comes back empty. */
bool pvh_module(const struct pvh_start_info *info, uint32_t index, struct bytes *module);

#endif
