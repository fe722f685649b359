/*
 * The simulated flash: flash.h with its rules checked, counters, scripted cuts and faults, and the trace.
 * See sim_flash.h; what happens to the cells is in sim_flash_cells.c, snapshots are in sim_flash_snapshot.c.
 */
#include "platform/sim/sim_flash.h"

#include <stdlib.h>
#include <string.h>

#include "platform/flash.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash_parts.h"
#include "platform/sim/sim_parts.h"

#define SIZE_MAX_BYTES ((uint64_t)1 << 30)
#define FAULT_STUCK    1
#define FAULT_BLIND    2

struct trace_entry {
    enum sim_operation_kind kind;
    uint64_t offset;
    size_t data_at;
    size_t data_size;
};

static struct {
    bool cut_set;
    struct sim_cut cut;
    uint64_t fail_first;
    uint64_t fail_count;
    uint64_t fail_seed;
    void (*hook)(void *context, const struct sim_operation *operation);
    void *hook_context;

    bool tracing;
    struct trace_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    uint8_t *trace_data;
    size_t trace_data_size;
    size_t trace_data_capacity;
} script;

/* ---- making and contents ---- */

void sim_flash_destroy(void)
{
    free(sim_flash.now);
    free(sim_flash.durable);
    free(sim_flash.newest);
    free(sim_flash.pending.versions);
    free(sim_flash.wear);
    free(sim_flash.faults);
    free(sim_flash.dirty);
    memset(&sim_flash, 0, sizeof sim_flash);
    free(script.entries);
    free(script.trace_data);
    memset(&script, 0, sizeof script);
}

void sim_flash_create(enum sim_flash_model model, uint32_t block_bytes, uint32_t block_count)
{
    uint64_t size = (uint64_t)block_bytes * block_count;

    sim_flash_destroy();
    if (block_bytes < 4096 || (block_bytes & (block_bytes - 1)) != 0 || block_count == 0 ||
        size > SIZE_MAX_BYTES)
        sim_misuse("sim_flash_create: the block is no power of two of at least 4096, or the size is none");
    sim_flash.exists = true;
    sim_flash.model = model;
    sim_flash.block_bytes = block_bytes;
    sim_flash.block_count = block_count;
    sim_flash.grain_bytes = model == SIM_FLASH_NOR ? SIM_FLASH_NOR_GRAIN : SIM_FLASH_DISK_GRAIN;
    sim_flash.size = (size_t)size;
    sim_flash.now = sim_allocate(sim_flash.size);
    memset(sim_flash.now, 0xff, sim_flash.size);
    sim_flash.wear = sim_allocate(block_count * sizeof *sim_flash.wear);
    sim_flash.faults = sim_allocate(block_count);
    sim_flash.dirty = sim_allocate(block_count);
    if (model == SIM_FLASH_NOR)
        return;
    sim_flash.durable = sim_allocate(sim_flash.size);
    memset(sim_flash.durable, 0xff, sim_flash.size);
    sim_flash.newest = sim_allocate(sim_flash.size / SIM_FLASH_DISK_GRAIN * sizeof *sim_flash.newest);
}

struct bytes sim_flash_contents(void)
{
    return (struct bytes){sim_flash.now, sim_flash.size};
}

void sim_flash_poke(uint64_t offset, struct bytes data)
{
    if (offset > sim_flash.size || data.size > sim_flash.size - offset)
        sim_misuse("sim_flash_poke: outside of the flash");
    if (data.size == 0)
        return;
    sim_flash_touch(offset, data.size);
    memcpy(sim_flash.now + offset, data.data, data.size);
    if (sim_flash.durable != NULL)
        memcpy(sim_flash.durable + offset, data.data, data.size);
}

void sim_flash_flip(uint64_t offset, uint8_t mask)
{
    if (offset >= sim_flash.size)
        sim_misuse("sim_flash_flip: outside of the flash");
    uint8_t flipped = sim_flash.now[offset] ^ mask;
    sim_flash_poke(offset, (struct bytes){&flipped, 1});
}

/* ---- counters and script ---- */

struct sim_flash_counts sim_flash_counts(void)
{
    return sim_flash.counts;
}

void sim_flash_counts_clear(void)
{
    memset(&sim_flash.counts, 0, sizeof sim_flash.counts);
}

uint32_t sim_flash_wear(uint32_t block_index)
{
    return block_index < sim_flash.block_count ? sim_flash.wear[block_index] : 0;
}

void sim_flash_cut(const struct sim_cut *cut)
{
    script.cut_set = cut != NULL;
    if (cut != NULL)
        script.cut = *cut;
}

bool sim_flash_cut_pending(void)
{
    return script.cut_set;
}

void sim_flash_fail_calls(uint64_t first, uint64_t count, uint64_t seed)
{
    script.fail_first = first;
    script.fail_count = count;
    script.fail_seed = seed;
}

static void set_fault(uint32_t block_index, uint8_t fault, bool on)
{
    if (block_index >= sim_flash.block_count)
        sim_misuse("a fault on a block that the flash does not have");
    if (on)
        sim_flash.faults[block_index] |= fault;
    else
        sim_flash.faults[block_index] &= (uint8_t)~fault;
}

void sim_flash_stick_block(uint32_t block_index, bool on)
{
    set_fault(block_index, FAULT_STUCK, on);
}

void sim_flash_blind_block(uint32_t block_index, bool on)
{
    set_fault(block_index, FAULT_BLIND, on);
}

/* ---- trace ---- */

void sim_flash_set_operation_hook(void (*hook)(void *context, const struct sim_operation *operation),
                                  void *context)
{
    script.hook = hook;
    script.hook_context = context;
}

void sim_flash_trace_start(void)
{
    script.tracing = true;
    script.entry_count = 0;
    script.trace_data_size = 0;
}

void sim_flash_trace_stop(void)
{
    script.tracing = false;
}

size_t sim_flash_trace_count(void)
{
    return script.entry_count;
}

struct sim_operation sim_flash_trace_get(size_t index)
{
    if (index >= script.entry_count)
        sim_misuse("sim_flash_trace_get: no such operation");
    const struct trace_entry *entry = &script.entries[index];
    const uint8_t *data = entry->data_size == 0 ? NULL : script.trace_data + entry->data_at;
    return (struct sim_operation){entry->kind, entry->offset, {data, entry->data_size}};
}

static void trace_add(const struct sim_operation *operation)
{
    if (script.entry_count == script.entry_capacity) {
        script.entry_capacity = script.entry_capacity == 0 ? 1024 : script.entry_capacity * 2;
        script.entries = sim_grow(script.entries, script.entry_capacity * sizeof *script.entries);
    }
    if (script.trace_data_size + operation->data.size > script.trace_data_capacity) {
        script.trace_data_capacity = (script.trace_data_size + operation->data.size) * 2;
        script.trace_data = sim_grow(script.trace_data, script.trace_data_capacity);
    }
    if (operation->data.size != 0)
        memcpy(script.trace_data + script.trace_data_size, operation->data.data, operation->data.size);
    script.entries[script.entry_count++] = (struct trace_entry){operation->kind, operation->offset,
                                                                script.trace_data_size, operation->data.size};
    script.trace_data_size += operation->data.size;
}

/* ---- flash.h ---- */

enum status flash_open(struct flash_geometry *geometry)
{
    if (!sim_flash.exists)
        return STATUS_NOT_FOUND;
    if (sim_flash.held)
        sim_misuse("flash_open: a cut left pending sectors undecided; call sim_flash_settle() first");
    sim_flash.open = true;
    sim_flash.sync_under_way = false; /* of the machine before a restart */
    sim_flash.pending.covered = 0;
    geometry->block_bytes = sim_flash.block_bytes;
    geometry->block_count = sim_flash.block_count;
    geometry->program_bytes = sim_flash.grain_bytes;
    geometry->name = "sim";
    return STATUS_OK;
}

static void check_range(uint64_t offset, size_t size)
{
    if (!sim_flash.open)
        sim_misuse("the flash is used before flash_open()");
    if (offset > sim_flash.size || size > sim_flash.size - offset)
        sim_misuse("a flash call outside of the flash");
}

static bool call_fails(void)
{
    uint64_t index = sim_flash.counts.calls++;

    return index >= script.fail_first && index - script.fail_first < script.fail_count;
}

static bool range_has_fault(uint64_t offset, size_t size, uint8_t fault)
{
    for (uint64_t block = offset / sim_flash.block_bytes; block * sim_flash.block_bytes < offset + size;
         block++) {
        if (sim_flash.faults[block] & fault)
            return true;
    }
    return false;
}

enum status flash_read(uint64_t offset, void *out, size_t size)
{
    check_range(offset, size);
    sim_flash.counts.reads++;
    if (call_fails() || range_has_fault(offset, size, FAULT_BLIND))
        return STATUS_IO;
    if (size != 0)
        memcpy(out, sim_flash.now + offset, size);
    sim_flash.counts.bytes_read += size;
    return STATUS_OK;
}

static void cut_power(const struct sim_operation *operation)
{
    script.cut_set = false;
    sim_flash_apply(operation, script.cut.moment, script.cut.part);
    sim_flash_settle(script.cut.settle, script.cut.settle_value);
    sim_flash.open = false;
    sim_end_run(SIM_END_POWER_CUT, 0, "the power was cut as scripted");
}

static void tell_of(const struct sim_operation *operation)
{
    if (script.hook != NULL)
        script.hook(script.hook_context, operation);
    if (script.tracing)
        trace_add(operation);
}

static enum status operate(const struct sim_operation *operation, size_t size)
{
    tell_of(operation);
    uint64_t index = sim_flash.counts.operations++;
    if (script.cut_set && script.cut.operation == index)
        cut_power(operation);
    bool fails = call_fails();
    if (range_has_fault(operation->offset, size, FAULT_STUCK))
        return STATUS_IO;
    if (fails) {
        if (script.fail_seed != 0)
            sim_flash_apply(operation, SIM_CUT_MIXED, script.fail_seed);
        return STATUS_IO;
    }
    sim_flash_apply(operation, SIM_CUT_AFTER, 0);
    return STATUS_OK;
}

static bool is_erased(uint64_t offset, size_t size)
{
    const uint8_t *cells = sim_flash.now + offset;

    return cells[0] == 0xff && memcmp(cells, cells + 1, size - 1) == 0;
}

enum status flash_program(uint64_t offset, const void *data, size_t size)
{
    struct sim_operation operation = {SIM_OPERATION_PROGRAM, offset, {data, size}};

    check_range(offset, size);
    if (size == 0 || offset % sim_flash.grain_bytes != 0 || size % sim_flash.grain_bytes != 0)
        sim_misuse("flash_program: empty or not aligned to the program unit");
    if (offset / sim_flash.block_bytes != (offset + size - 1) / sim_flash.block_bytes)
        sim_misuse("flash_program: across two blocks");
    if (!is_erased(offset, size))
        sim_misuse("flash_program: the bytes are not erased");
    sim_flash.counts.programs++;
    enum status status = operate(&operation, size);
    if (status == STATUS_OK)
        sim_flash.counts.bytes_programmed += size;
    return status;
}

enum status flash_erase(uint32_t block_index)
{
    struct sim_operation operation = {
        SIM_OPERATION_ERASE, (uint64_t)block_index * sim_flash.block_bytes, {NULL, 0}};

    check_range(operation.offset, sim_flash.block_bytes);
    sim_flash.counts.erases++;
    return operate(&operation, sim_flash.block_bytes);
}

void flash_sync_begin(void)
{
    struct sim_operation operation = {SIM_OPERATION_SYNC_BEGIN, 0, {NULL, 0}};

    check_range(0, 0);
    if (sim_flash.sync_under_way)
        sim_misuse("flash_sync_begin: another sync is under way");
    sim_flash.counts.syncs++;
    sim_flash.sync_under_way = true;
    sim_flash.sync_end_ns = sim_now_ns() + sim_flash.sync_ns;
    tell_of(&operation);
    sim_flash_apply(&operation, SIM_CUT_AFTER, 0);
}

enum status flash_sync_poll(void)
{
    struct sim_operation operation = {SIM_OPERATION_SYNC, 0, {NULL, 0}};

    check_range(0, 0);
    if (!sim_flash.sync_under_way)
        sim_misuse("a sync is asked for that is not under way");
    if (sim_now_ns() < sim_flash.sync_end_ns)
        return STATUS_AGAIN;
    enum status status = operate(&operation, 0);
    sim_flash.sync_under_way = false;
    return status;
}

enum status flash_sync_wait(void)
{
    if (sim_flash.sync_under_way && sim_now_ns() < sim_flash.sync_end_ns)
        sim_advance_ns(sim_flash.sync_end_ns - sim_now_ns());
    return flash_sync_poll();
}

void sim_flash_set_sync_ns(uint64_t duration_ns)
{
    sim_flash.sync_ns = duration_ns;
}

uint64_t sim_flash_wake_ns(void)
{
    return sim_flash.sync_under_way ? sim_flash.sync_end_ns : UINT64_MAX;
}
