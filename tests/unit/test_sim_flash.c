/*
 * The simulator's flash: if the model is wrong, every power-cut proof over it is worth nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/flash.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"

#define BLOCK 4096

static uint8_t pattern[2 * BLOCK];

static void make(enum sim_flash_model model)
{
    struct flash_geometry geometry;

    sim_reset();
    sim_flash_destroy();
    assert_int_equal(flash_open(&geometry), STATUS_NOT_FOUND);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i / 16 + 1);
    sim_flash_create(model, BLOCK, 16);
    assert_int_equal(flash_open(&geometry), STATUS_OK);
    assert_int_equal(geometry.block_bytes, BLOCK);
    assert_int_equal(geometry.block_count, 16);
    assert_int_equal(geometry.program_bytes, model == SIM_FLASH_NOR ? 16 : 512);
}

/* True when the flash holds `size` pattern bytes at `offset`, which the pattern has at `at`. */
static bool holds(size_t offset, size_t at, size_t size)
{
    return memcmp(sim_flash_contents().data + offset, pattern + at, size) == 0;
}

static bool blank(size_t offset, size_t size)
{
    const uint8_t *cells = sim_flash_contents().data + offset;

    for (size_t i = 0; i < size; i++) {
        if (cells[i] != 0xff)
            return false;
    }
    return true;
}

/* One call to run under sim_run(). */
struct call {
    enum sim_operation_kind kind;
    uint64_t offset;
    size_t size;
    enum status status;
};

static void do_call(void *context)
{
    struct call *call = context;

    if (call->kind == SIM_OPERATION_PROGRAM)
        call->status = flash_program(call->offset, pattern, call->size);
    else if (call->kind == SIM_OPERATION_ERASE)
        call->status = flash_erase((uint32_t)(call->offset / BLOCK));
    else
        call->status = flash_sync();
}

static enum sim_end_kind program(uint64_t offset, size_t size)
{
    struct call call = {SIM_OPERATION_PROGRAM, offset, size, STATUS_OK};
    struct sim_end end = sim_run(do_call, &call);

    assert_int_equal(call.status, STATUS_OK);
    return end.kind;
}

static enum sim_end_kind erase(uint32_t block)
{
    struct call call = {SIM_OPERATION_ERASE, (uint64_t)block * BLOCK, 0, STATUS_OK};
    struct sim_end end = sim_run(do_call, &call);

    assert_int_equal(call.status, STATUS_OK);
    return end.kind;
}

static void reopen(void)
{
    struct flash_geometry geometry;

    assert_int_equal(flash_open(&geometry), STATUS_OK);
}

static void test_program_read_erase(void **state)
{
    uint8_t out[40];

    (void)state;
    make(SIM_FLASH_NOR);
    assert_int_equal(program(BLOCK + 16, 32), SIM_END_RETURNED);
    assert_int_equal(flash_read(BLOCK + 15, out, 34), STATUS_OK);
    assert_int_equal(out[0], 0xff);
    assert_memory_equal(out + 1, pattern, 32);
    assert_int_equal(out[33], 0xff);
    assert_int_equal(erase(1), SIM_END_RETURNED);
    assert_true(blank(0, (size_t)16 * BLOCK));
    assert_int_equal(sim_flash_wear(1), 1);
    assert_int_equal(flash_sync(), STATUS_OK);
    struct sim_flash_counts counts = sim_flash_counts();
    assert_int_equal(counts.calls, 4);
    assert_int_equal(counts.operations, 3);
    assert_int_equal(counts.programs, 1);
    assert_int_equal(counts.erases, 1);
    assert_int_equal(counts.syncs, 1);
    assert_int_equal(counts.reads, 1);
    assert_int_equal(counts.bytes_programmed, 32);
    assert_int_equal(counts.bytes_read, 34);
}

static void test_misuse_is_caught(void **state)
{
    (void)state;
    make(SIM_FLASH_NOR);
    assert_int_equal(program(0, 32), SIM_END_RETURNED);
    assert_int_equal(program(16, 16), SIM_END_MISUSE);             /* not erased */
    assert_int_equal(program(16, 32), SIM_END_MISUSE);             /* the first half is not */
    assert_int_equal(program(32, 16), SIM_END_RETURNED);           /* just past it */
    assert_int_equal(program(72, 16), SIM_END_MISUSE);             /* misaligned */
    assert_int_equal(program(64, 8), SIM_END_MISUSE);              /* no whole unit */
    assert_int_equal(program(64, 0), SIM_END_MISUSE);              /* nothing */
    assert_int_equal(program(2 * BLOCK - 16, 32), SIM_END_MISUSE); /* across blocks */
    assert_int_equal(program(2 * BLOCK - 16, 16), SIM_END_RETURNED);
    assert_int_equal(program(16 * BLOCK, 16), SIM_END_MISUSE); /* outside */
    assert_int_equal(erase(16), SIM_END_MISUSE);
    assert_int_equal(erase(15), SIM_END_RETURNED);
    make(SIM_FLASH_DISK);
    assert_int_equal(program(16, 512), SIM_END_MISUSE);
    assert_int_equal(program(512, 16), SIM_END_MISUSE);
    assert_int_equal(program(512, 512), SIM_END_RETURNED);
    assert_int_equal(program(512, 512), SIM_END_MISUSE);
}

static void cut_program(enum sim_cut_moment moment, uint64_t part)
{
    struct sim_cut cut = {1, moment, part, SIM_SETTLE_LOST, 0};

    make(SIM_FLASH_NOR);
    sim_flash_cut(&cut);
    assert_int_equal(program(0, 16), SIM_END_RETURNED);
    assert_true(sim_flash_cut_pending());
    assert_int_equal(program(BLOCK, 64), SIM_END_POWER_CUT);
    assert_false(sim_flash_cut_pending());
    assert_int_equal(program(BLOCK + 64, 16), SIM_END_MISUSE); /* off until opened again */
    reopen();
    assert_true(holds(0, 0, 16));
}

static void test_nor_program_cut(void **state)
{
    (void)state;
    cut_program(SIM_CUT_BEFORE, 0);
    assert_true(blank(BLOCK, BLOCK));
    for (uint64_t part = 1; part <= 3; part++) {
        cut_program(SIM_CUT_TORN, part);
        assert_true(holds(BLOCK, 0, part * 16));
        assert_true(blank(BLOCK + part * 16, BLOCK - part * 16));
    }
    cut_program(SIM_CUT_TORN, 99);
    assert_true(holds(BLOCK, 0, 64));
    cut_program(SIM_CUT_AFTER, 0);
    assert_true(holds(BLOCK, 0, 64));
    assert_true(blank(BLOCK + 64, BLOCK - 64));
}

static void test_nor_mixed_cut_covers_all_subsets(void **state)
{
    uint32_t seen = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint32_t subset = 0;
        cut_program(SIM_CUT_MIXED, seed);
        for (size_t i = 0; i < 4; i++) {
            bool written = holds(BLOCK + 16 * i, 16 * i, 16);
            assert_true(written || blank(BLOCK + 16 * i, 16));
            subset |= (uint32_t)written << i;
        }
        seen |= 1u << subset;
    }
    assert_int_equal(seen, 0xffff);
}

static void cut_erase(enum sim_cut_moment moment, uint64_t part)
{
    struct sim_cut cut = {1, moment, part, SIM_SETTLE_LOST, 0};

    make(SIM_FLASH_NOR);
    sim_flash_cut(&cut);
    assert_int_equal(program(2 * BLOCK, BLOCK), SIM_END_RETURNED);
    assert_int_equal(erase(2), SIM_END_POWER_CUT);
}

static void test_nor_erase_cut(void **state)
{
    size_t at = (size_t)2 * BLOCK;

    (void)state;
    cut_erase(SIM_CUT_BEFORE, 0);
    assert_true(holds(at, 0, BLOCK));
    assert_int_equal(sim_flash_wear(2), 0);
    cut_erase(SIM_CUT_TORN, 1);
    assert_true(blank(at, BLOCK / 2));
    assert_true(holds(at + BLOCK / 2, BLOCK / 2, BLOCK / 2));
    assert_int_equal(sim_flash_wear(2), 1);
    cut_erase(SIM_CUT_TORN, 2);
    assert_true(holds(at, 0, BLOCK / 2));
    assert_true(blank(at + BLOCK / 2, BLOCK / 2));
    cut_erase(SIM_CUT_AFTER, 0);
    assert_true(blank(at, BLOCK));
}

/* Sector 0 synced as pattern A (the first 512 pattern bytes); then the block is erased and sector 0 and 1 programmed;
 * the power goes before the sync. */
static void cut_disk(enum sim_settle settle, uint64_t value)
{
    struct sim_cut cut = {4, SIM_CUT_BEFORE, 0, settle, value};

    make(SIM_FLASH_DISK);
    assert_int_equal(program(0, 512), SIM_END_RETURNED);
    assert_int_equal(flash_sync(), STATUS_OK);
    assert_int_equal(sim_flash_pending_sectors(), 0);
    assert_int_equal(sim_flash_outcome_count(), 1);
    sim_flash_cut(&cut);
    assert_int_equal(erase(0), SIM_END_RETURNED);
    assert_int_equal(sim_flash_pending_sectors(), 8);
    assert_int_equal(program(512, 512), SIM_END_RETURNED);
    assert_int_equal(sim_flash_pending_sectors(), 8);
    assert_int_equal(sim_flash_outcome_count(), 3 << 7);
    struct call call = {SIM_OPERATION_SYNC, 0, 0, STATUS_OK};
    assert_int_equal(sim_run(do_call, &call).kind, SIM_END_POWER_CUT);
}

static void test_disk_cut_lost_and_kept(void **state)
{
    (void)state;
    cut_disk(SIM_SETTLE_LOST, 0);
    assert_true(holds(0, 0, 512));
    assert_true(blank(512, BLOCK - 512));
    cut_disk(SIM_SETTLE_KEPT, 0);
    assert_true(blank(0, 512));
    assert_true(holds(512, 0, 512));
    assert_int_equal(sim_flash_pending_sectors(), 0);
}

/* Which of the four states that differ to the eye: sector 0 old or erased, sector 1 blank or programmed. */
static uint32_t disk_state(void)
{
    bool erased = blank(0, 512);
    bool programmed = holds(512, 0, 512);

    assert_true(erased || holds(0, 0, 512));
    assert_true(programmed || blank(512, 512));
    return 1u << ((erased ? 1 : 0) + (programmed ? 2 : 0));
}

static void test_disk_cut_enumerates_every_outcome(void **state)
{
    uint32_t by_index = 0;
    uint32_t by_seed = 0;

    (void)state;
    cut_disk(SIM_SETTLE_HOLD, 0);
    struct sim_flash_snapshot *snapshot = sim_flash_save();
    for (uint64_t i = 0; i < sim_flash_outcome_count(); i++) {
        sim_flash_settle(SIM_SETTLE_INDEX, i);
        by_index |= disk_state();
        sim_flash_restore(snapshot);
        sim_flash_settle(SIM_SETTLE_SEED, i);
        by_seed |= disk_state();
        sim_flash_restore(snapshot);
    }
    sim_flash_snapshot_free(snapshot);
    assert_int_equal(by_index, 0xf);
    assert_int_equal(by_seed, 0xf);
}

static void open_body(void *context)
{
    (void)context;
    reopen();
}

static void test_disk_held_cut_must_be_settled(void **state)
{
    (void)state;
    cut_disk(SIM_SETTLE_HOLD, 0);
    assert_int_equal(sim_run(open_body, NULL).kind, SIM_END_MISUSE);
    sim_flash_settle(SIM_SETTLE_KEPT, 0);
    assert_int_equal(sim_run(open_body, NULL).kind, SIM_END_RETURNED);
    assert_true(holds(512, 0, 512));
}

static void test_disk_cut_after_sync_is_durable(void **state)
{
    struct sim_cut cut = {1, SIM_CUT_AFTER, 0, SIM_SETTLE_LOST, 0};
    struct call call = {SIM_OPERATION_SYNC, 0, 0, STATUS_OK};

    (void)state;
    make(SIM_FLASH_DISK);
    sim_flash_cut(&cut);
    assert_int_equal(program(0, 1024), SIM_END_RETURNED);
    assert_int_equal(sim_run(do_call, &call).kind, SIM_END_POWER_CUT);
    assert_true(holds(0, 0, 1024));
}

static void test_disk_torn_program(void **state)
{
    struct sim_cut cut = {0, SIM_CUT_TORN, 2, SIM_SETTLE_KEPT, 0};

    (void)state;
    make(SIM_FLASH_DISK);
    sim_flash_cut(&cut);
    assert_int_equal(program(0, 2048), SIM_END_POWER_CUT);
    assert_true(holds(0, 0, 1024));
    assert_true(blank(1024, BLOCK - 1024));
}

static void test_failing_calls(void **state)
{
    uint8_t out[16];

    (void)state;
    make(SIM_FLASH_NOR);
    sim_flash_fail_calls(1, 2, 0);
    assert_int_equal(flash_program(0, pattern, 64), STATUS_OK);
    assert_int_equal(flash_program(64, pattern, 64), STATUS_IO);
    assert_int_equal(flash_read(0, out, 16), STATUS_IO);
    assert_int_equal(flash_read(0, out, 16), STATUS_OK);
    assert_true(blank(64, 64));
    uint64_t next = sim_flash_counts().calls;
    sim_flash_fail_calls(next, 1, 7);
    assert_int_equal(flash_program(BLOCK, pattern, 1024), STATUS_IO);
    assert_false(blank(BLOCK, 1024));
    assert_false(holds(BLOCK, 0, 1024));
    sim_flash_fail_calls(0, 0, 0);
    assert_int_equal(flash_sync(), STATUS_OK);
}

static void test_stuck_and_blind_blocks(void **state)
{
    uint8_t out[32];

    (void)state;
    make(SIM_FLASH_NOR);
    assert_int_equal(flash_program(BLOCK, pattern, 16), STATUS_OK);
    sim_flash_stick_block(1, true);
    assert_int_equal(flash_program(BLOCK + 16, pattern, 16), STATUS_IO);
    assert_int_equal(flash_erase(1), STATUS_IO);
    assert_int_equal(flash_read(BLOCK, out, 32), STATUS_OK);
    assert_memory_equal(out, pattern, 16);
    assert_int_equal(flash_program(2 * BLOCK, pattern, 16), STATUS_OK);
    sim_flash_stick_block(1, false);
    assert_int_equal(flash_erase(1), STATUS_OK);
    sim_flash_blind_block(1, true);
    assert_int_equal(flash_read(2 * BLOCK, out, 32), STATUS_OK);
    assert_int_equal(flash_read(2 * BLOCK - 1, out, 2), STATUS_IO);
    assert_int_equal(flash_program(BLOCK, pattern, 16), STATUS_OK);
}

static void test_restore_brings_back_everything(void **state)
{
    enum sim_flash_model models[] = {SIM_FLASH_NOR, SIM_FLASH_DISK};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make(models[i]);
        assert_int_equal(program(0, 512), SIM_END_RETURNED);
        assert_int_equal(flash_sync(), STATUS_OK);
        assert_int_equal(program(512, 512), SIM_END_RETURNED);
        size_t pending = sim_flash_pending_sectors();
        struct sim_flash_snapshot *snapshot = sim_flash_save();
        for (int round = 0; round < 2; round++) { /* the second round copies changed blocks only */
            sim_flash_flip(16 * BLOCK - 1, 0x81);
            assert_int_equal(sim_flash_contents().data[16 * BLOCK - 1], 0x7e);
            assert_int_equal(erase(0), SIM_END_RETURNED);
            assert_int_equal(flash_sync(), STATUS_OK);
            sim_flash_restore(snapshot);
            assert_true(holds(0, 0, 512));
            assert_true(holds(512, 0, 512));
            assert_true(blank(1024, (size_t)15 * BLOCK));
            assert_int_equal(sim_flash_wear(0), 0);
            assert_int_equal(sim_flash_counts().operations, 3);
            assert_int_equal(sim_flash_pending_sectors(), pending);
        }
        sim_flash_settle(SIM_SETTLE_LOST, 0);
        assert_true(models[i] == SIM_FLASH_NOR ? holds(512, 0, 512) : blank(512, 512));
        sim_flash_snapshot_free(snapshot);
    }
}

/* A snapshot that is not the last one used must be copied whole. */
static void test_two_snapshots(void **state)
{
    (void)state;
    make(SIM_FLASH_NOR);
    struct sim_flash_snapshot *first = sim_flash_save();
    assert_int_equal(program(0, 16), SIM_END_RETURNED);
    struct sim_flash_snapshot *second = sim_flash_save();
    sim_flash_restore(first);
    assert_true(blank(0, BLOCK));
    sim_flash_restore(second);
    assert_true(holds(0, 0, 16));
    sim_flash_restore(first);
    assert_true(blank(0, BLOCK));
    sim_flash_snapshot_free(first);
    sim_flash_snapshot_free(second);
}

/* Replaying the trace over the first snapshot ends in the same cells. */
static void test_trace_replays(void **state)
{
    (void)state;
    make(SIM_FLASH_NOR);
    struct sim_flash_snapshot *blank_flash = sim_flash_save();
    sim_flash_trace_start();
    assert_int_equal(program(0, 64), SIM_END_RETURNED);
    assert_int_equal(program(BLOCK, 128), SIM_END_RETURNED);
    assert_int_equal(flash_sync(), STATUS_OK);
    assert_int_equal(erase(0), SIM_END_RETURNED);
    assert_int_equal(program(0, 32), SIM_END_RETURNED);
    sim_flash_trace_stop();
    uint8_t *end = malloc((size_t)16 * BLOCK);
    assert_non_null(end);
    memcpy(end, sim_flash_contents().data, (size_t)16 * BLOCK);
    sim_flash_restore(blank_flash);
    assert_int_equal(sim_flash_trace_count(), 6);
    uint64_t parts[] = {3, 7, 0, 0, 2, 1};
    for (size_t i = 0; i < 6; i++) {
        struct sim_operation operation = sim_flash_trace_get(i);
        assert_int_equal(sim_flash_torn_parts(&operation), parts[i]);
        sim_flash_apply(&operation, SIM_CUT_AFTER, 0);
    }
    assert_memory_equal(end, sim_flash_contents().data, (size_t)16 * BLOCK);
    assert_int_equal(sim_flash_counts().operations, 0);
    free(end);
    sim_flash_snapshot_free(blank_flash);
}

static void count_hook(void *context, const struct sim_operation *operation)
{
    int *counts = context;

    counts[operation->kind]++;
}

static void test_operation_hook(void **state)
{
    int counts[4] = {0, 0, 0, 0};

    (void)state;
    make(SIM_FLASH_NOR);
    sim_flash_set_operation_hook(count_hook, counts);
    assert_int_equal(program(0, 64), SIM_END_RETURNED);
    assert_int_equal(program(0, 64), SIM_END_MISUSE);
    assert_int_equal(erase(0), SIM_END_RETURNED);
    assert_int_equal(flash_sync(), STATUS_OK);
    assert_int_equal(counts[SIM_OPERATION_PROGRAM], 1);
    assert_int_equal(counts[SIM_OPERATION_ERASE], 1);
    assert_int_equal(counts[SIM_OPERATION_SYNC] + 10 * counts[SIM_OPERATION_SYNC_BEGIN], 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_read_erase),
        cmocka_unit_test(test_misuse_is_caught),
        cmocka_unit_test(test_nor_program_cut),
        cmocka_unit_test(test_nor_mixed_cut_covers_all_subsets),
        cmocka_unit_test(test_nor_erase_cut),
        cmocka_unit_test(test_disk_cut_lost_and_kept),
        cmocka_unit_test(test_disk_cut_enumerates_every_outcome),
        cmocka_unit_test(test_disk_held_cut_must_be_settled),
        cmocka_unit_test(test_disk_cut_after_sync_is_durable),
        cmocka_unit_test(test_disk_torn_program),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_stuck_and_blind_blocks),
        cmocka_unit_test(test_restore_brings_back_everything),
        cmocka_unit_test(test_two_snapshots),
        cmocka_unit_test(test_trace_replays),
        cmocka_unit_test(test_operation_hook),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sim_flash_destroy();
    return failed;
}
