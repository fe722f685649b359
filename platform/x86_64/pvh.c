/*
 * The modules of the start information.
 */
#include "platform/x86_64/pvh.h"

#define FIRST_TABLES_END (1ULL << 32)

bool pvh_module(const struct pvh_start_info *info, uint32_t index, struct bytes *module)
{
    if (info->magic != PVH_MAGIC || index >= info->module_count || index >= PVH_MODULES_MAX ||
        info->modules >= FIRST_TABLES_END - PVH_MODULES_MAX * sizeof(struct pvh_module_entry)) {
        return false;
    }
    const struct pvh_module_entry *entry = (const struct pvh_module_entry *)(uintptr_t)info->modules + index;
    bool sound =
        entry->size <= PVH_MODULE_BYTES_MAX && entry->start < FIRST_TABLES_END - PVH_MODULE_BYTES_MAX;
    *module = (struct bytes){(const uint8_t *)(uintptr_t)entry->start, sound ? (size_t)entry->size : 0};
    return true;
}
