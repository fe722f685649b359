/*
 * The simulated flash's cells: what an operation, whole or cut, does to them, and how the disk model's pending
 * sectors settle when the power goes. See sim_flash.h.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/sim/sim.h"
#include "platform/sim/sim_flash_parts.h"
#include "platform/sim/sim_parts.h"

struct sim_flash sim_flash;

void sim_flash_touch(uint64_t offset, size_t size)
{
    for (uint64_t block = offset / sim_flash.block_bytes; block * sim_flash.block_bytes < offset + size;
         block++)
        sim_flash.dirty[block] = 1;
}

/* ---- pending sectors of the disk model ---- */

void sim_flash_pending_clear(void)
{
    for (size_t i = 0; i < sim_flash.pending.count; i++)
        sim_flash.newest[sim_flash.pending.versions[i].sector] = 0;
    sim_flash.pending.count = 0;
    sim_flash.pending.covered = 0;
}

static void pending_add(uint32_t sector, const uint8_t *data)
{
    struct sim_pending *pending = &sim_flash.pending;

    if (pending->count == pending->capacity) {
        pending->capacity = pending->capacity == 0 ? 256 : pending->capacity * 2;
        pending->versions = sim_grow(pending->versions, pending->capacity * sizeof *pending->versions);
    }
    struct sim_version *version = &pending->versions[pending->count++];
    version->sector = sector;
    version->older = sim_flash.newest[sector];
    memcpy(version->data, data, sizeof version->data);
    sim_flash.newest[sector] = (uint32_t)pending->count;
}

/* A sector appears in `versions` once for each write; its first one stands for it where sectors are walked. */
static bool is_first_of_sector(const struct sim_version *version)
{
    return version->older == 0;
}

static uint32_t version_count(uint32_t sector)
{
    uint32_t count = 0;

    for (uint32_t i = sim_flash.newest[sector]; i != 0; i = sim_flash.pending.versions[i - 1].older)
        count++;
    return count;
}

size_t sim_flash_pending_sectors(void)
{
    size_t count = 0;

    for (size_t i = 0; i < sim_flash.pending.count; i++)
        count += is_first_of_sector(&sim_flash.pending.versions[i]);
    return count;
}

uint64_t sim_flash_outcome_count(void)
{
    uint64_t outcomes = 1;

    for (size_t i = 0; i < sim_flash.pending.count; i++) {
        const struct sim_version *version = &sim_flash.pending.versions[i];
        if (!is_first_of_sector(version))
            continue;
        uint64_t choices = (uint64_t)version_count(version->sector) + 1;
        if (outcomes > UINT64_MAX / choices)
            return UINT64_MAX;
        outcomes *= choices;
    }
    return outcomes;
}

/* Choice 0 is the durable sector, choice n the n-th newest version of it. */
static void settle_sector(uint32_t sector, uint64_t choice)
{
    size_t offset = (size_t)sector * SIM_FLASH_DISK_GRAIN;
    uint32_t index = sim_flash.newest[sector];

    sim_flash_touch(offset, SIM_FLASH_DISK_GRAIN);
    if (choice != 0) {
        for (; choice > 1; choice--)
            index = sim_flash.pending.versions[index - 1].older;
        memcpy(sim_flash.durable + offset, sim_flash.pending.versions[index - 1].data, SIM_FLASH_DISK_GRAIN);
    }
    memcpy(sim_flash.now + offset, sim_flash.durable + offset, SIM_FLASH_DISK_GRAIN);
}

static uint64_t settle_choice(enum sim_settle settle, uint64_t *value, uint32_t sector)
{
    uint64_t choices = (uint64_t)version_count(sector) + 1;
    uint64_t choice;

    switch (settle) {
    case SIM_SETTLE_LATE:
        if (sim_flash.newest[sector] > sim_flash.pending.covered)
            return 1;
        return *value == 0 ? 0 : sim_random(value) % choices;
    case SIM_SETTLE_KEPT:
        return 1;
    case SIM_SETTLE_SEED:
        return sim_random(value) % choices;
    case SIM_SETTLE_INDEX:
        choice = *value % choices;
        *value /= choices;
        return choice;
    case SIM_SETTLE_LOST:
    case SIM_SETTLE_HOLD:
        break;
    }
    return 0;
}

void sim_flash_settle(enum sim_settle settle, uint64_t value)
{
    sim_flash.held = settle == SIM_SETTLE_HOLD && sim_flash.pending.count != 0;
    if (settle == SIM_SETTLE_HOLD)
        return;
    for (size_t i = 0; i < sim_flash.pending.count; i++) {
        uint32_t sector = sim_flash.pending.versions[i].sector;
        if (!is_first_of_sector(&sim_flash.pending.versions[i]))
            continue;
        settle_sector(sector, settle_choice(settle, &value, sector));
    }
    sim_flash_pending_clear();
}

/* What the sync under way covers, oldest first; what is younger stays pending. */
static void make_durable(void)
{
    struct sim_pending *pending = &sim_flash.pending;
    size_t covered = pending->covered;
    size_t count = pending->count;

    if (covered == 0)
        return;
    for (size_t i = 0; i < covered; i++) {
        size_t offset = (size_t)pending->versions[i].sector * SIM_FLASH_DISK_GRAIN;
        sim_flash_touch(offset, SIM_FLASH_DISK_GRAIN);
        memcpy(sim_flash.durable + offset, pending->versions[i].data, SIM_FLASH_DISK_GRAIN);
    }
    sim_flash_pending_clear();
    for (size_t i = covered; i < count; i++)
        pending_add(pending->versions[i].sector, pending->versions[i].data);
}

/* ---- operations ---- */

static void write_grain(uint64_t offset, const uint8_t *data)
{
    sim_flash_touch(offset, sim_flash.grain_bytes);
    memcpy(sim_flash.now + offset, data, sim_flash.grain_bytes);
    if (sim_flash.model == SIM_FLASH_DISK)
        pending_add((uint32_t)(offset / SIM_FLASH_DISK_GRAIN), data);
}

static uint64_t grain_count(const struct sim_operation *operation)
{
    switch (operation->kind) {
    case SIM_OPERATION_PROGRAM:
        return operation->data.size / sim_flash.grain_bytes;
    case SIM_OPERATION_ERASE:
        return sim_flash.block_bytes / sim_flash.grain_bytes;
    case SIM_OPERATION_SYNC:
    case SIM_OPERATION_SYNC_BEGIN:
        break;
    }
    return 0;
}

static void apply_grain(const struct sim_operation *operation, uint64_t index)
{
    static uint8_t ones[SIM_FLASH_DISK_GRAIN];
    uint64_t at = index * sim_flash.grain_bytes;

    memset(ones, 0xff, sizeof ones);
    write_grain(operation->offset + at,
                operation->kind == SIM_OPERATION_ERASE ? ones : operation->data.data + at);
}

static void apply_grains(const struct sim_operation *operation, uint64_t first, uint64_t end)
{
    if (sim_flash.model == SIM_FLASH_DISK) {
        for (uint64_t i = first; i < end; i++)
            apply_grain(operation, i);
        return;
    }
    uint64_t at = first * sim_flash.grain_bytes;
    size_t size = (size_t)(end - first) * sim_flash.grain_bytes;
    if (size == 0)
        return;
    sim_flash_touch(operation->offset + at, size);
    if (operation->kind == SIM_OPERATION_ERASE)
        memset(sim_flash.now + operation->offset + at, 0xff, size);
    else
        memcpy(sim_flash.now + operation->offset + at, operation->data.data + at, size);
}

static void apply_torn(const struct sim_operation *operation, uint64_t part)
{
    uint64_t count = grain_count(operation);
    bool halves = sim_flash.model == SIM_FLASH_NOR && operation->kind == SIM_OPERATION_ERASE;

    if (halves && part == 1)
        apply_grains(operation, 0, count / 2);
    else if (halves && part == 2)
        apply_grains(operation, count / 2, count);
    else
        apply_grains(operation, 0, halves || part > count ? count : part);
}

static void apply_mixed(const struct sim_operation *operation, uint64_t seed)
{
    uint64_t count = grain_count(operation);

    for (uint64_t i = 0; i < count; i++) {
        if (sim_random(&seed) & 1)
            apply_grain(operation, i);
    }
}

static void apply_whole(const struct sim_operation *operation)
{
    if (operation->kind == SIM_OPERATION_SYNC)
        make_durable();
    else if (operation->kind == SIM_OPERATION_SYNC_BEGIN)
        sim_flash.pending.covered = sim_flash.pending.count;
    else
        apply_grains(operation, 0, grain_count(operation));
}

void sim_flash_apply(const struct sim_operation *operation, enum sim_cut_moment moment, uint64_t part)
{
    if (operation->kind == SIM_OPERATION_ERASE && moment != SIM_CUT_BEFORE)
        sim_flash.wear[operation->offset / sim_flash.block_bytes]++;
    switch (moment) {
    case SIM_CUT_BEFORE:
        break;
    case SIM_CUT_TORN:
        apply_torn(operation, part);
        break;
    case SIM_CUT_MIXED:
        apply_mixed(operation, part);
        break;
    case SIM_CUT_AFTER:
        apply_whole(operation);
        break;
    }
}

uint64_t sim_flash_torn_parts(const struct sim_operation *operation)
{
    uint64_t count = grain_count(operation);

    if (sim_flash.model == SIM_FLASH_NOR && operation->kind == SIM_OPERATION_ERASE)
        return 2;
    return count == 0 ? 0 : count - 1;
}
