/*
 * Snapshots of the simulated flash: kept, restored block by block where something changed, compared. See sim_flash.h.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "platform/sim/sim_flash_parts.h"
#include "platform/sim/sim_parts.h"

struct sim_flash_snapshot {
    uint64_t serial;
    struct sim_flash_counts counts;
    bool held;
    uint8_t *now;
    uint8_t *durable;
    uint32_t *wear;
    struct sim_version *versions;
    size_t version_count;
    size_t covered;
};

static void *copy_of(const void *data, size_t size)
{
    void *copy = sim_allocate(size);

    if (size != 0)
        memcpy(copy, data, size);
    return copy;
}

struct sim_flash_snapshot *sim_flash_save(void)
{
    static uint64_t serial;
    struct sim_flash_snapshot *snapshot = sim_allocate(sizeof *snapshot);

    snapshot->serial = ++serial;
    snapshot->counts = sim_flash.counts;
    snapshot->held = sim_flash.held;
    snapshot->now = copy_of(sim_flash.now, sim_flash.size);
    snapshot->wear = copy_of(sim_flash.wear, sim_flash.block_count * sizeof *sim_flash.wear);
    if (sim_flash.model == SIM_FLASH_DISK)
        snapshot->durable = copy_of(sim_flash.durable, sim_flash.size);
    snapshot->version_count = sim_flash.pending.count;
    snapshot->covered = sim_flash.pending.covered;
    snapshot->versions =
        copy_of(sim_flash.pending.versions, sim_flash.pending.count * sizeof *sim_flash.pending.versions);
    memset(sim_flash.dirty, 0, sim_flash.block_count);
    sim_flash.base_serial = snapshot->serial;
    return snapshot;
}

static void restore_pending(const struct sim_flash_snapshot *snapshot)
{
    struct sim_pending *pending = &sim_flash.pending;

    if (sim_flash.model == SIM_FLASH_NOR)
        return;
    sim_flash_pending_clear();
    if (pending->capacity < snapshot->version_count) {
        pending->versions = sim_grow(pending->versions, snapshot->version_count * sizeof *pending->versions);
        pending->capacity = snapshot->version_count;
    }
    for (size_t i = 0; i < snapshot->version_count; i++) {
        pending->versions[i] = snapshot->versions[i];
        sim_flash.newest[snapshot->versions[i].sector] = (uint32_t)i + 1;
    }
    pending->count = snapshot->version_count;
    pending->covered = snapshot->covered;
}

void sim_flash_restore(const struct sim_flash_snapshot *snapshot)
{
    bool all = sim_flash.base_serial != snapshot->serial;

    for (uint32_t block = 0; block < sim_flash.block_count; block++) {
        size_t at = (size_t)block * sim_flash.block_bytes;
        if (!all && !sim_flash.dirty[block])
            continue;
        memcpy(sim_flash.now + at, snapshot->now + at, sim_flash.block_bytes);
        if (sim_flash.durable != NULL)
            memcpy(sim_flash.durable + at, snapshot->durable + at, sim_flash.block_bytes);
    }
    memset(sim_flash.dirty, 0, sim_flash.block_count);
    memcpy(sim_flash.wear, snapshot->wear, sim_flash.block_count * sizeof *sim_flash.wear);
    restore_pending(snapshot);
    sim_flash.base_serial = snapshot->serial;
    sim_flash.counts = snapshot->counts;
    sim_flash.held = snapshot->held;
}

/* FNV-like, over words, four lanes at a time. */
static uint64_t hash_block(const uint8_t *data)
{
    const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t lanes[4] = {1, 2, 3, 4};

    for (size_t at = 0; at < sim_flash.block_bytes; at += sizeof lanes) {
        uint64_t words[4];
        memcpy(words, data + at, sizeof words);
        for (int i = 0; i < 4; i++)
            lanes[i] = ((lanes[i] ^ words[i]) * prime) ^ (lanes[i] >> 29);
    }
    return ((lanes[0] * prime ^ lanes[1]) * prime ^ lanes[2]) * prime ^ lanes[3];
}

uint64_t sim_flash_difference(const struct sim_flash_snapshot *snapshot)
{
    const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t sum = 0;

    if (sim_flash.base_serial != snapshot->serial)
        sim_misuse("sim_flash_difference: not the snapshot that was saved or restored last");
    for (uint32_t block = 0; block < sim_flash.block_count; block++) {
        const uint8_t *data = sim_flash.now + (size_t)block * sim_flash.block_bytes;
        const uint8_t *before = snapshot->now + (size_t)block * sim_flash.block_bytes;
        if (sim_flash.dirty[block] && memcmp(data, before, sim_flash.block_bytes) != 0)
            sum = (sum ^ hash_block(data) ^ block) * prime + 1;
    }
    return sum;
}

void sim_flash_snapshot_free(struct sim_flash_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    free(snapshot->now);
    free(snapshot->durable);
    free(snapshot->wear);
    free(snapshot->versions);
    free(snapshot);
}
