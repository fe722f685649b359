/*
 * The memory map of UEFI (specification 2.10, 7.2) as PVH has it: sorted, neighbours of one kind joined.
 */
#include <string.h>

#include "platform/x86_64/efi/stub.h"

#define EXIT_TRIES 4U

static uint32_t kind_of(uint32_t type)
{
    switch (type) {
    case EFI_LOADER_CODE:
    case EFI_LOADER_DATA:
    case EFI_BOOT_SERVICES_CODE:
    case EFI_BOOT_SERVICES_DATA:
    case EFI_CONVENTIONAL_MEMORY:
        return PVH_TYPE_RAM;
    case EFI_UNUSABLE_MEMORY:
        return PVH_TYPE_UNUSABLE;
    case EFI_ACPI_RECLAIM_MEMORY:
        return PVH_TYPE_ACPI;
    case EFI_ACPI_NVS_MEMORY:
        return PVH_TYPE_ACPI_NVS;
    default:
        return PVH_TYPE_RESERVED;
    }
}

/* Put an entry in its place by address; when all places are taken the entry is left out, and what it names unused. */
static size_t insert(struct pvh_memory_entry *out, size_t count, size_t count_max,
                     struct pvh_memory_entry entry)
{
    if (count == count_max) {
        return count;
    }
    size_t at = count;
    while (at > 0 && out[at - 1].start > entry.start) {
        out[at] = out[at - 1];
        at--;
    }
    out[at] = entry;
    return count + 1;
}

static size_t join_neighbours(struct pvh_memory_entry *map, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct pvh_memory_entry *last = kept > 0 ? &map[kept - 1] : NULL;
        if (last != NULL && last->type == map[i].type && last->start + last->size == map[i].start) {
            last->size += map[i].size;
        } else {
            map[kept++] = map[i];
        }
    }
    return kept;
}

size_t stub_convert_map(struct pvh_memory_entry *out, size_t out_count, const uint8_t *map, size_t size_bytes,
                        size_t descriptor_bytes)
{
    size_t count = 0;
    struct efi_memory_descriptor from;
    if (descriptor_bytes < sizeof from) {
        return 0;
    }
    for (size_t at = 0; size_bytes - at >= descriptor_bytes; at += descriptor_bytes) {
        memcpy(&from, map + at, sizeof from);
        struct pvh_memory_entry entry = {.start = from.physical_start,
                                         .size = from.page_count * EFI_PAGE_BYTES,
                                         .type = kind_of(from.type)};
        if (count == out_count) {
            count = join_neighbours(out, count);
        }
        count = insert(out, count, out_count, entry);
    }
    return join_neighbours(out, count);
}

/* The map as it is now. The last one is the one that counts: its key is what the exit asks for. */
static efi_status take_map(const struct stub *stub, size_t *key)
{
    struct stub_facts *facts = stub->facts;
    size_t size_bytes = sizeof facts->firmware_map;
    size_t descriptor_bytes = 0;
    uint32_t version = 0;
    efi_status status = stub->system->boot_services->get_memory_map(&size_bytes, facts->firmware_map, key,
                                                                    &descriptor_bytes, &version);
    if (status == EFI_SUCCESS) {
        facts->start.memory_map_count =
            (uint32_t)stub_convert_map(facts->memory, STUB_MEMORY_ENTRIES,
                                       (const uint8_t *)facts->firmware_map, size_bytes, descriptor_bytes);
    }
    return status;
}

efi_status stub_exit_boot_services(struct stub *stub)
{
    size_t key = 0;
    efi_status status = take_map(stub, &key);
    for (unsigned i = 0; status == EFI_SUCCESS && i < EXIT_TRIES; i++) {
        status = stub->system->boot_services->exit_boot_services(stub->self, key);
        if (status != EFI_INVALID_PARAMETER) {
            break;
        }
        status = take_map(stub, &key); /* it changed in between: try again */
    }
    return status;
}
