/*
 * The hypervisor writes the 16 bytes while the machine stands still, so that they never change halfway through a read.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/fw_cfg.h"
#include "platform/x86_64/generation.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/virtio_rng.h"

#define ADDRESS_FILE "etc/vmgenid_addr"
#define WORDS        2U

static const volatile uint64_t *identifier; /* NULL: there is none */
static uint64_t seen[WORDS];
static uint64_t generation;

static void take_file(const struct fw_cfg_file *file)
{
    static uint64_t address; /* the device writes it: hence not on the stack */
    if (strcmp(file->name, ADDRESS_FILE) != 0 || file->size != sizeof address) {
        return;
    }
    fw_cfg_read(file->selector, &address, sizeof address);
    uintptr_t mapped = address % sizeof(uint64_t) == 0 ? paging_map_firmware(address, sizeof seen) : 0;
    identifier = (const volatile uint64_t *)mapped;
}

void generation_init(void)
{
    fw_cfg_each_file(take_file);
    for (size_t i = 0; identifier != NULL && i < WORDS; i++) {
        seen[i] = identifier[i];
    }
}

uint64_t platform_generation(void)
{
    bool changed = false;
    for (size_t i = 0; identifier != NULL && i < WORDS; i++) {
        uint64_t now = identifier[i];
        changed = changed || now != seen[i];
        seen[i] = now;
    }
    if (changed) {
        generation++;
        virtio_rng_discard();
    }
    return generation;
}
