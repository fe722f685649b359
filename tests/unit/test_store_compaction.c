/*
 * Compaction's two promises: a segment counts as used until a durable frame says that the log begins behind it, and each
 * turn of the loop does a bounded piece of work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "platform/sim/sim.h"
#include "store/frame.h"
#include "tests/support/store_lab.h"

#define SEGMENTS 16

/* What one turn may cost, in all: see WORK and FLUSH_WORK in compact.c. */
#define BUSY_US             200
#define FLUSH_COMPACT_BYTES (64 * 1024 + STORE_FRAME_MAX_BYTES)
#define STEP_BYTES          (BUSY_US * 16 + STORE_FRAME_MAX_BYTES)

static enum sim_flash_model flash_model;

/* ---- the commit point ---- */

static size_t segment_bytes(void)
{
    return flash_model == SIM_FLASH_NOR ? 8 * 4096 : 65536;
}

/* The frames of a segment as they stand on the flash: where they end, and the segment number; 0: none. */
static size_t walk_segment(uint32_t position, uint32_t *number, struct frame_header *last)
{
    size_t unit = flash_model == SIM_FLASH_NOR ? 16 : 512;
    size_t block = flash_model == SIM_FLASH_NOR ? 4096 : 65536;
    struct bytes all = bytes_slice(sim_flash_contents(),
                                   STORE_HEADER_BLOCKS * block + position * segment_bytes(), segment_bytes());
    struct frame_header header;
    size_t at = 0;
    *number = 0;
    while (at + FRAME_HEADER_BYTES <= all.size && frame_decode_header(all.data + at, &header) == STATUS_OK &&
           (at == 0 || header.segment == *number) &&
           at + frame_extent_of(header.payload_bytes, header.rest_bytes, unit).total_bytes <= all.size) {
        *number = header.segment;
        *last = header;
        at += frame_extent_of(header.payload_bytes, header.rest_bytes, unit).total_bytes;
    }
    return at;
}

/* Bytes of the segments from `oldest` on, and the newest frame. */
static uint64_t bytes_from(uint32_t oldest, struct frame_header *newest)
{
    uint64_t sum = 0;
    *newest = (struct frame_header){0};
    for (uint32_t position = 0; position < SEGMENTS; position++) {
        uint32_t number;
        struct frame_header last = {0};
        size_t size = walk_segment(position, &number, &last);
        if (number != 0 && number >= oldest)
            sum += size;
        if (last.sequence > newest->sequence)
            *newest = last;
    }
    return sum;
}

struct watch {
    uint32_t durable_oldest; /* where the log begins, by the newest frame that a sync has made durable */
    uint32_t syncs;
    uint32_t commits; /* syncs that moved it */
};

/* Before each erase and sync: is everything that a cut right now needs still counted as used? */
static void look(void *context, const struct sim_operation *operation)
{
    struct watch *watch = context;
    struct frame_header newest;
    if (operation->kind == SIM_OPERATION_PROGRAM)
        return; /* a frame may be half there */
    uint64_t needed = bytes_from(watch->durable_oldest, &newest);
    assert_true(lab_stats().used_bytes >= needed);
    if (operation->kind != SIM_OPERATION_SYNC)
        return;
    watch->syncs++;
    watch->commits += newest.oldest_segment != watch->durable_oldest;
    watch->durable_oldest = newest.oldest_segment; /* once this sync is done: seen at the next operation */
}

static void keep_until_commit(enum sim_flash_model model)
{
    struct watch watch = {0};
    struct frame_header newest;
    lab_draw_from(5);
    flash_model = model;
    lab_make_flash(model, SEGMENTS);
    lab_boot(true);
    checker_start();
    uint32_t count = lab_fill(60);
    (void)bytes_from(0, &newest);
    watch.durable_oldest = newest.oldest_segment;
    sim_flash_set_operation_hook(look, &watch);
    while (watch.commits < 30) {
        for (uint32_t i = lab_draw(24); i > 0; i--)
            lab_create(lab_draw(count), 100 + lab_draw(100));
        lab_flush();
        store_step(NOW_S, 1 + lab_draw(2000));
        checker_start();
    }
    sim_flash_set_operation_hook(NULL, NULL);
    lab_boot(false);
    lab_check();
}

static void test_kept_until_commit(void **state)
{
    (void)state;
    lab_each_model(keep_until_commit);
}

/* ---- the bound ---- */

struct cost {
    uint64_t read, programmed, syncs, erases;
};

static struct cost cost_since(const struct sim_flash_counts *before)
{
    struct sim_flash_counts now = sim_flash_counts();
    return (struct cost){now.bytes_read - before->bytes_read, now.bytes_programmed - before->bytes_programmed,
                         now.syncs - before->syncs, now.erases - before->erases};
}

static void keep_most(struct cost *most, const struct cost *cost)
{
    most->read = cost->read > most->read ? cost->read : most->read;
    most->programmed = cost->programmed > most->programmed ? cost->programmed : most->programmed;
    most->syncs = cost->syncs > most->syncs ? cost->syncs : most->syncs;
    most->erases = cost->erases > most->erases ? cost->erases : most->erases;
}

static void print_cost(const char *what, const struct cost *most)
{
    print_message("%s, at most: %llu bytes read, %llu programmed, %llu syncs, %llu erases\n", what,
                  (unsigned long long)most->read, (unsigned long long)most->programmed,
                  (unsigned long long)most->syncs, (unsigned long long)most->erases);
}

/* 64 writers at 70 % fill: what a flush does beyond its own group, and what a step does. */
static void bounded_turns(enum sim_flash_model model)
{
    struct cost flush = {0}, step = {0};
    lab_draw_from(5);
    flash_model = model;
    lab_make_flash(model, 64);
    lab_boot(true);
    checker_start();
    uint32_t count = lab_fill(70);
    uint64_t relocated = dictionary_relocations();
    for (int turn = 0; turn < 2000; turn++) {
        for (int i = 0; i < 64; i++)
            lab_create(lab_draw(count), 100 + lab_draw(100));
        struct sim_flash_counts before = sim_flash_counts();
        lab_flush();
        struct cost cost = cost_since(&before);
        keep_most(&flush, &cost);
        before = sim_flash_counts();
        store_step(NOW_S, BUSY_US);
        cost = cost_since(&before);
        keep_most(&step, &cost);
        checker_start();
    }
    assert_true(dictionary_relocations() > relocated + 100000);
    print_cost("a flush", &flush);
    print_cost("a step", &step);
    /* Reads go by windows, and a block is looked at before it is erased and after. */
    assert_true(flush.read <= FLUSH_COMPACT_BYTES + 3 * STORE_WINDOW_BYTES + 3 * (uint64_t)segment_bytes());
    assert_true(flush.programmed <= FLUSH_COMPACT_BYTES + 3 * (uint64_t)STORE_FRAME_MAX_BYTES);
    assert_true(flush.syncs <= 8 && flush.erases <= segment_bytes() / 4096);
    assert_true(step.read <= STEP_BYTES + 2 * STORE_WINDOW_BYTES);
    assert_true(step.programmed <= STEP_BYTES + STORE_FRAME_MAX_BYTES && step.syncs <= 3 &&
                step.erases <= segment_bytes() / 4096);
}

static void test_bounded_turns(void **state)
{
    (void)state;
    lab_each_model(bounded_turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_until_commit),
        cmocka_unit_test(test_bounded_turns),
    };
    return cmocka_run_group_tests(tests, lab_start, NULL);
}
