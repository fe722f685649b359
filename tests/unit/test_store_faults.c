/*
 * The store on a device that fails or rots: acknowledged stays acknowledged, or the store says that it does not know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/sim/sim.h"
#include "store/frame.h"
#include "tests/support/store_lab.h"

#define SEGMENT_BLOCKS 8
#define SYNC_NS        1000000ULL /* of a disk; NOR does not wait */
#define FIRST_BLOCK    STORE_HEADER_BLOCKS

static uint64_t random_state;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&random_state) % bound);
}

/* ---- a workload that goes on whatever fails ---- */

/* Verbs until the store refuses; what is noted but not acknowledged may or may not be there. */
static void work(uint32_t groups)
{
    for (uint32_t group = 0; group < groups; group++) {
        for (uint32_t i = 0; i < 1 + group % 5; i++) {
            uint32_t id = draw(300);
            bool create = dictionary[id].version == 0 || draw(2) == 0;
            enum status status = create ? dictionary_create(id, draw(400), FOREVER) : dictionary_consume(id);
            if (status == STATUS_OK)
                checker_note(id);
        }
        sim_advance_ns(draw(3) * (SYNC_NS / 2));
        (void)checker_flush(NOW_S);
        store_step(NOW_S + group / 8, 300);
    }
}

static struct sim_flash_snapshot *aged(enum sim_flash_model model)
{
    random_state = 3;
    lab_make_flash(model, 12);
    sim_flash_set_sync_ns(model == SIM_FLASH_NOR ? 0 : SYNC_NS);
    lab_boot(true);
    checker_start();
    for (int i = 0; i < 200; i++) {
        work(20);
        checker_start();
        struct store_stats stats;
        store_stats(&stats);
        if (stats.erase_count > 12 * SEGMENT_BLOCKS)
            break;
    }
    return sim_flash_save();
}

/* ---- failing calls ---- */

static uint64_t calls_of_workload(const struct sim_flash_snapshot *state)
{
    sim_flash_restore(state);
    sim_flash_counts_clear();
    random_state = 5;
    lab_boot(false);
    work(60);
    lab_check();
    return sim_flash_counts().calls;
}

/* The k-th call and `count - 1` after it fail; then the machine is started again on a device that works. */
static void fail_at(const struct sim_flash_snapshot *state, uint64_t k, uint64_t count, uint64_t seed)
{
    bool formatted;
    sim_flash_restore(state);
    sim_flash_counts_clear();
    random_state = 5;
    sim_flash_fail_calls(k, count, seed);
    enum status status = lab_boot_with(NO_BYTES, &formatted);
    if (status == STATUS_OK) {
        checker_start();
        work(60);
    } else {
        assert_int_equal(status, STATUS_IO);
        assert_true(strlen(store_sentence()) > 20);
    }
    sim_flash_fail_calls(0, 0, 0);
    sim_flash_settle(SIM_SETTLE_LOST, 0); /* with the power gone, what was not synced is gone too */
    lab_boot(false);
    if (status == STATUS_OK)
        lab_check();
}

static void fail_each(enum sim_flash_model model)
{
    struct sim_flash_snapshot *state = aged(model);
    uint64_t calls = calls_of_workload(state);
    for (uint64_t k = 0; k < calls; k++) {
        fail_at(state, k, 1, 0);
        fail_at(state, k, 1, k + 1); /* leaves a mixture behind */
        if (k % 3 == 0)
            fail_at(state, k, 2 + k % 7, k);
        if (k % 16 == 0)
            fail_at(state, k, UINT64_MAX, k);
    }
    print_message("%llu calls\n", (unsigned long long)calls);
    sim_flash_snapshot_free(state);
}

static void test_failing_calls(void **state)
{
    (void)state;
    lab_each_model(fail_each);
}

static void test_failing_format(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 60; k++) {
        bool formatted;
        lab_make_flash(SIM_FLASH_NOR, 12);
        sim_flash_fail_calls(k, 1, 0);
        enum status status = lab_boot_with(NO_BYTES, &formatted);
        assert_true(status == STATUS_OK || status == STATUS_IO);
        sim_flash_fail_calls(0, 0, 0);
        lab_boot(true);
    }
}

static void test_dead_device_is_read_only(void **state)
{
    (void)state;
    struct store_stats stats;
    lab_make_flash(SIM_FLASH_NOR, 12);
    lab_boot(true);
    checker_start();
    lab_create(1, 10);
    lab_flush();
    lab_create(2, 10);
    sim_flash_fail_calls(0, UINT64_MAX, 0);
    assert_int_equal(store_flush(NOW_S), STATUS_READ_ONLY);
    assert_true(store_durable() < store_newest());
    sim_flash_fail_calls(0, 0, 0);
    assert_int_equal(store_flush(NOW_S), STATUS_READ_ONLY); /* and stays so: what is durable is not known */
    assert_int_equal(store_append(STORE_ESSENTIAL, 1, BYTES_LITERAL("x"), 0, NULL), STATUS_READ_ONLY);
    assert_false(store_has_room(STORE_ISSUE, 1));
    assert_false(store_step(NOW_S, 1000));
    store_stats(&stats);
    assert_true(stats.read_only);
    assert_non_null(strstr(store_sentence(), "save a copy"));
    assert_true(sim_console_has("read-only"));
    lab_boot(false);
    lab_check();
}

/* ---- while a sync is under way ---- */

/* Entry 1 is durable, 2 being synced, 3 appended behind it. */
static void overlap(enum sim_flash_model model)
{
    lab_make_flash(model, 12);
    lab_boot(true);
    checker_start();
    lab_create(1, 10);
    lab_flush();
    sim_flash_set_sync_ns(SYNC_NS);
    lab_create(2, 10);
    store_flush_begin(NOW_S);
    lab_create(3, 10);
    assert_int_equal(store_flush_poll(), STATUS_AGAIN);
    assert_int_equal(store_durable(), 1);
}

static void test_next_group_gathers(void **state)
{
    (void)state;
    overlap(SIM_FLASH_DISK);
    uint64_t programs = sim_flash_counts().programs;
    store_flush_begin(NOW_S); /* one at a time */
    assert_int_equal(sim_flash_counts().programs, programs);
    sim_advance_ns(SYNC_NS);
    assert_int_equal(store_flush_poll(), STATUS_OK);
    assert_int_equal(store_durable(), 2);
    store_flush_begin(NOW_S);
    assert_int_equal(store_flush_poll(), STATUS_AGAIN);
    sim_advance_ns(SYNC_NS);
    assert_int_equal(store_flush_poll(), STATUS_OK);
    assert_int_equal(store_durable(), store_newest());
    sim_flash_settle(SIM_SETTLE_LOST, 0);
    lab_boot(false);
    checker_acknowledge();
    lab_check();
}

/* Who waits gets all that was appended, what came during the sync too. */
static void test_flush_waits_for_both(void **state)
{
    (void)state;
    overlap(SIM_FLASH_DISK);
    lab_flush();
    sim_flash_settle(SIM_SETTLE_LOST, 0);
    lab_boot(false);
    lab_check();
}

static void test_failed_sync_acknowledges_nothing(void **state)
{
    (void)state;
    overlap(SIM_FLASH_DISK);
    sim_flash_fail_calls(sim_flash_counts().calls, 1, 0);
    sim_advance_ns(SYNC_NS);
    assert_int_equal(store_flush_poll(), STATUS_READ_ONLY);
    assert_int_equal(store_durable(), 1);
    assert_true(store_must_roll_back());
    sim_flash_settle(SIM_SETTLE_LOST, 0);
    lab_boot(false);
    lab_check();
}

/* What fails beside it does not undo a sync: what it covers is durable, and acknowledged. */
static void test_sync_survives_another_failure(void **state)
{
    (void)state;
    overlap(SIM_FLASH_DISK);
    store_forbid_writes("because");
    assert_int_equal(store_flush_poll(), STATUS_AGAIN);
    assert_true(store_must_roll_back());
    assert_int_equal(store_durable(), 2);
    checker_acknowledge();
    assert_int_equal(store_flush_poll(), STATUS_READ_ONLY);
    sim_flash_settle(SIM_SETTLE_LOST, 0);
    lab_boot(false);
    lab_check();
}

/* Frames of the next group are programmed as they become full; after a cut the one being synced may lack, and they not. */
static void test_late_frames_are_dropped(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        overlap(SIM_FLASH_DISK);
        for (uint32_t id = 4; id < 60; id++)
            lab_create(id, 1000);
        assert_int_equal(store_flush_poll(), STATUS_AGAIN);
        sim_flash_settle(SIM_SETTLE_LATE, seed);
        lab_boot(false);
        lab_check();
        if (seed == 0)
            assert_int_equal(store_newest(), 1);
    }
}

/* ---- blocks that fail ---- */

/* Blocks that take no program or erase any more are left out; the log goes round them. */
static void test_stuck_blocks(void **state)
{
    (void)state;
    struct store_stats stats;
    random_state = 9;
    lab_make_flash(SIM_FLASH_NOR, 20);
    lab_boot(true);
    checker_start();
    for (uint32_t round = 0; round < 4; round++) {
        sim_flash_stick_block(FIRST_BLOCK + (3 + round * 5) * SEGMENT_BLOCKS + round, true);
        for (uint32_t i = 0; i < 500; i++)
            work(1 + i % 3);
        store_stats(&stats);
        assert_false(stats.read_only);
        lab_flush();
        lab_boot(false);
        lab_check();
    }
    for (uint32_t i = 0; i < 500; i++)
        work(3);
    store_stats(&stats);
    assert_int_equal(stats.bad_block_count, 4 * SEGMENT_BLOCKS);
    assert_true(sim_console_has("no longer used"));
    lab_flush();
    lab_boot(false);
    lab_check();
}

static void test_blind_block(void **state)
{
    (void)state;
    random_state = 9;
    lab_make_flash(SIM_FLASH_NOR, 12);
    lab_boot(true);
    checker_start();
    work(60);
    sim_flash_blind_block(FIRST_BLOCK, true);
    lab_expect_refusal(NO_BYTES, STATUS_IO, "cannot be read");
    sim_flash_blind_block(FIRST_BLOCK, false);
    sim_flash_blind_block(FIRST_BLOCK + 11 * SEGMENT_BLOCKS, true); /* holds nothing */
    lab_boot(false);
    lab_check();
    sim_flash_blind_block(FIRST_BLOCK + 11 * SEGMENT_BLOCKS, false);
    uint32_t next = 0; /* where the log may go on unseen */
    while (!frame_is_blank(
        bytes_slice(sim_flash_contents(), (FIRST_BLOCK + next * SEGMENT_BLOCKS) * 4096, 4096)))
        next++;
    sim_flash_blind_block(FIRST_BLOCK + next * SEGMENT_BLOCKS, true);
    lab_expect_refusal(NO_BYTES, STATUS_IO, "cannot be read");
    sim_flash_blind_block(FIRST_BLOCK + next * SEGMENT_BLOCKS, false);
    sim_flash_blind_block(0, true); /* one header copy */
    lab_boot(false);
    lab_check();
}

/* ---- rot ---- */

/* Flip bits of every byte in turn: harmless or refused, never another answer. */
static void flip_everything(enum sim_flash_model model)
{
    random_state = 11;
    lab_make_flash(model, 12);
    lab_boot(true);
    checker_start();
    work(model == SIM_FLASH_NOR ? 30 : 12);
    lab_flush();
    lab_idle(NOW_S + 100); /* the mark */
    struct sim_flash_snapshot *state = sim_flash_save();
    size_t size = sim_flash_contents().size;
    uint32_t refused = 0, harmless = 0, blank = 0;
    for (size_t at = 0; at < size; at++) {
        bool formatted;
        bool is_blank = sim_flash_contents().data[at] == 0xff;
        if (is_blank && blank++ % 509 != 0)
            continue; /* erased bytes: a sample */
        sim_flash_flip(at, (uint8_t)(1u << draw(8)));
        enum status status = lab_boot_with(NO_BYTES, &formatted);
        if (status == STATUS_OK) {
            harmless++;
            lab_check();
            lab_create(299, 10); /* and it can go on from there */
            assert_int_equal(store_flush(NOW_S), STATUS_OK);
            checker_undo(1);
        } else {
            refused++;
            assert_true(status == STATUS_DAMAGED || status == STATUS_FOREIGN);
            assert_true(strlen(store_sentence()) > 20);
        }
        sim_flash_restore(state);
    }
    print_message("%u flips refused, %u harmless\n", refused, harmless);
    assert_true(refused > 1000);
    sim_flash_snapshot_free(state);
}

static void test_bit_rot(void **state)
{
    (void)state;
    lab_each_model(flip_everything);
}

/* The last acknowledged frame rots before there is a mark: told from a torn one, because no unit of it is blank. */
static void test_rot_of_the_last_frame(void **state)
{
    (void)state;
    const size_t start = FIRST_BLOCK * 4096;
    lab_make_flash(SIM_FLASH_NOR, 12);
    lab_boot(true);
    checker_start();
    lab_create(2, 13); /* 132 bytes and a record of 38: 170, padded to 176 */
    lab_flush();
    lab_create(4, 13);
    lab_flush();
    assert_int_equal(sim_flash_contents().data[start + 2 * 176 - 6], 0);
    assert_int_equal(sim_flash_contents().data[start + 2 * 176], 0xff);
    for (size_t at = start; at < start + 2 * 176; at++) {
        bool formatted;
        bool is_padding = (at - start) % 176 >= 170;
        sim_flash_flip(at, (uint8_t)(1u << draw(8)));
        assert_int_equal(lab_boot_with(NO_BYTES, &formatted), is_padding ? STATUS_OK : STATUS_DAMAGED);
        lab_make_flash(SIM_FLASH_NOR, 12);
        lab_boot(true);
        checker_start();
        lab_create(2, 13);
        lab_flush();
        lab_create(4, 13);
        lab_flush();
    }
}

/* Arbitrary bytes: any answer but a crash, a hang or a write. */
static void test_arbitrary_bytes(void **state)
{
    (void)state;
    random_state = 13;
    struct sim_flash_snapshot *base = aged(SIM_FLASH_NOR);
    for (uint32_t round = 0; round < 1500; round++) {
        uint8_t bytes[512];
        bool formatted;
        sim_flash_restore(base);
        for (uint32_t edits = 1 + draw(6); edits > 0; edits--) {
            size_t from = draw((uint32_t)(sim_flash_contents().size - sizeof bytes));
            size_t to = draw((uint32_t)(sim_flash_contents().size - sizeof bytes));
            size_t size = 1 + draw(sizeof bytes);
            memcpy(bytes, sim_flash_contents().data + from, size); /* mixes the log's own bytes up */
            for (size_t i = 0; draw(2) == 0 && i < size; i++)
                bytes[i] = (uint8_t)draw(256);
            sim_flash_poke(to, bytes_of(bytes, size));
        }
        enum status status = lab_boot_with(NO_BYTES, &formatted);
        if (status != STATUS_OK)
            assert_true(strlen(store_sentence()) > 20);
    }
    sim_flash_snapshot_free(base);
}

/* ---- the chain ---- */

/* A whole segment of another device, or of this one's past, is found. */
static void test_foreign_segment(void **state)
{
    (void)state;
    static uint8_t segment[32768];
    lab_make_flash(SIM_FLASH_NOR, 12);
    lab_boot(true);
    work(100);
    memcpy(segment, sim_flash_contents().data + FIRST_BLOCK * 4096, sizeof segment);
    lab_make_flash(SIM_FLASH_NOR, 12);
    lab_boot(true);
    checker_start();
    work(100);
    lab_flush();
    lab_boot(false);
    sim_flash_poke(FIRST_BLOCK * 4096, bytes_of(segment, sizeof segment));
    lab_expect_refusal(NO_BYTES, STATUS_DAMAGED, "damaged");
}

/* A segment in the middle that is gone, and the oldest one that is gone. */
static void test_missing_segment(void **state)
{
    (void)state;
    static uint8_t blank[32768];
    memset(blank, 0xff, sizeof blank);
    for (uint32_t position = 0; position < 2; position++) {
        random_state = 17;
        lab_make_flash(SIM_FLASH_NOR, 12);
        lab_boot(true);
        for (uint32_t id = 0; id < 500; id++)
            lab_create(id, 200);
        lab_flush();
        sim_flash_poke((FIRST_BLOCK + position * SEGMENT_BLOCKS) * 4096, bytes_of(blank, sizeof blank));
        lab_expect_refusal(NO_BYTES, STATUS_DAMAGED, position == 0 ? "is missing" : "damaged");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_failing_format),
        cmocka_unit_test(test_dead_device_is_read_only),
        cmocka_unit_test(test_next_group_gathers),
        cmocka_unit_test(test_flush_waits_for_both),
        cmocka_unit_test(test_failed_sync_acknowledges_nothing),
        cmocka_unit_test(test_sync_survives_another_failure),
        cmocka_unit_test(test_late_frames_are_dropped),
        cmocka_unit_test(test_stuck_blocks),
        cmocka_unit_test(test_blind_block),
        cmocka_unit_test(test_bit_rot),
        cmocka_unit_test(test_rot_of_the_last_frame),
        cmocka_unit_test(test_arbitrary_bytes),
        cmocka_unit_test(test_foreign_segment),
        cmocka_unit_test(test_missing_segment),
    };
    return cmocka_run_group_tests(tests, lab_start, NULL);
}
