/*
 * The store in long use: compaction, even wear, the reserve, the idle mark, and what a full log still does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "platform/sim/sim.h"
#include "tests/support/store_lab.h"

/* ---- wear and write amplification ---- */

static void wear_evenly(enum sim_flash_model model)
{
    const uint32_t segments = 16;
    lab_make_flash(model, segments);
    lab_boot(true);
    checker_start();
    uint32_t count = lab_fill(60);
    uint32_t blocks = (uint32_t)sim_flash_contents().size / (model == SIM_FLASH_NOR ? 4096 : 65536);
    while (sim_flash_wear(STORE_HEADER_BLOCKS) < 100) {
        for (uint32_t i = lab_draw(64); i > 0; i--)
            lab_create(lab_draw(count), 100 + lab_draw(100));
        lab_flush();
        store_step(NOW_S, 500);
        if (lab_draw(400) == 0)
            lab_boot(false);
        checker_start(); /* the history would grow without end */
    }
    lab_boot(false);
    lab_check();
    uint64_t sum = 0;
    uint32_t most = 0;
    for (uint32_t block = STORE_HEADER_BLOCKS; block < blocks; block++) {
        sum += sim_flash_wear(block);
        most = sim_flash_wear(block) > most ? sim_flash_wear(block) : most;
    }
    double mean = (double)sum / (blocks - STORE_HEADER_BLOCKS);
    print_message("wear: most %u, mean %.1f, ratio %.3f\n", most, mean, most / mean);
    assert_true(mean >= 99);
    assert_true(most / mean <= 1.2);
}

static void test_even_wear(void **state)
{
    (void)state;
    lab_each_model(wear_evenly);
}

/* Steady replacement at 70 % fill: bytes programmed for each byte of the owner's. */
static void test_write_amplification(void **state)
{
    (void)state;
    lab_make_flash(SIM_FLASH_NOR, 64);
    lab_boot(true);
    checker_start();
    uint32_t count = lab_fill(70);
    uint64_t owner_bytes = 0;
    struct store_stats before = {0};
    for (uint32_t round = 0; round < 12000; round++) {
        if (round == 4000) {
            before = lab_stats();
            owner_bytes = 0;
        }
        for (uint32_t i = 0; i < 16; i++) {
            uint32_t filler_bytes = 100 + lab_draw(100);
            lab_create(lab_draw(count), filler_bytes);
            owner_bytes += 21 + filler_bytes;
        }
        lab_flush();
        checker_start();
    }
    double factor = (double)(lab_stats().programmed_bytes - before.programmed_bytes) / (double)owner_bytes;
    print_message("write amplification at 70 %% fill: %.2f\n", factor);
    assert_true(factor <= 2.5);
}

/* ---- the reserve ---- */

static uint32_t fill_until_full(void)
{
    uint32_t id = 0;
    for (;;) {
        enum status status = dictionary_create(id, lab_draw(200), FOREVER);
        if (status == STATUS_OK) {
            checker_note(id++);
            if (id % 8 == 0)
                lab_flush();
            continue;
        }
        assert_int_equal(status, STATUS_FULL);
        lab_flush();
        lab_idle(NOW_S);
        if (!store_has_room(STORE_ISSUE, 300))
            return id;
    }
}

/* A full store consumes all that it holds, one by one, and comes back with it. */
static void full_still_consumes(enum sim_flash_model model)
{
    lab_make_flash(model, 16);
    lab_boot(true);
    checker_start();
    uint32_t count = fill_until_full();
    struct store_stats stats = lab_stats();
    print_message("full at %u entries: %llu live of %llu\n", count, (unsigned long long)stats.live_bytes,
                  (unsigned long long)stats.capacity_bytes);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t id = 0; id < count; id++) {
            if (round == 0)
                lab_consume(id);
            else
                lab_update(id);
            lab_flush(); /* each in a frame of its own: the worst case */
        }
    }
    lab_boot(false);
    lab_check();
}

static void test_full_still_consumes(void **state)
{
    (void)state;
    lab_each_model(full_still_consumes);
}

/* What expires makes room again. */
static void test_expiry_makes_room(void **state)
{
    (void)state;
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    checker_start();
    uint32_t count = fill_until_full();
    for (uint32_t id = 0; id < count; id++) {
        dictionary[id].expires_s = NOW_S - 1; /* the owner's clock moved, say */
    }
    dictionary_collect(NOW_S);
    for (uint32_t i = 0; i < 4 && !store_has_room(STORE_ISSUE, 300); i++)
        lab_idle(NOW_S);
    assert_true(store_has_room(STORE_ISSUE, 300));
    assert_int_equal(lab_stats().live_bytes, 0);
    checker_start();
    lab_fill(50);
    lab_boot(false);
    for (uint32_t id = 0; id < count; id++) {
        if (dictionary[id].version != 0 && dictionary[id].expires_s != FOREVER)
            fail_msg("entry %u", id);
    }
}

/* The estimate of live bytes outlives boots and does not drift. */
static void test_live_estimate(void **state)
{
    (void)state;
    lab_make_flash(SIM_FLASH_NOR, 32);
    lab_boot(true);
    checker_start();
    uint32_t count = lab_fill(50);
    for (uint32_t round = 0; round < 3000; round++) {
        lab_create(lab_draw(count), 100 + lab_draw(100));
        if (round % 16 == 0)
            lab_flush();
        if (round % 500 == 499) {
            lab_flush();
            lab_boot(false);
        }
    }
    lab_flush();
    uint64_t truth = 0;
    for (uint32_t id = 0; id < count; id++)
        truth += dictionary[id].filler_bytes + 21 + 4;
    uint64_t estimate = lab_stats().live_bytes;
    print_message("live: %llu, estimated %llu\n", (unsigned long long)truth, (unsigned long long)estimate);
    assert_true(estimate > truth / 100 * 95 && estimate < truth / 100 * 112);
}

/* ---- the idle mark ---- */

static void test_idle_mark(void **state)
{
    (void)state;
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    lab_idle(NOW_S + 100);
    assert_int_equal(store_newest_time_s(), 0); /* an empty log gets none */
    checker_start();
    lab_create(1, 10);
    lab_flush();
    struct store_stats before = lab_stats();
    lab_idle(NOW_S);
    assert_int_equal(lab_stats().programmed_bytes, before.programmed_bytes); /* not quiet yet */
    lab_idle(NOW_S + 1);
    assert_int_equal(lab_stats().programmed_bytes, before.programmed_bytes + 144);
    lab_idle(NOW_S + 30);
    assert_int_equal(lab_stats().programmed_bytes, before.programmed_bytes + 144);
    lab_idle(NOW_S + 1 + STORE_MARK_INTERVAL_S);
    assert_int_equal(lab_stats().programmed_bytes, before.programmed_bytes + 288);
    lab_boot(false);
    assert_int_equal(store_newest_time_s(), NOW_S + 1 + STORE_MARK_INTERVAL_S);
    lab_idle(NOW_S); /* an older clock writes nothing and changes nothing */
    assert_int_equal(store_flush(NOW_S), STATUS_OK);
    assert_int_equal(store_newest_time_s(), NOW_S + 1 + STORE_MARK_INTERVAL_S);
    lab_check();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_wear),           cmocka_unit_test(test_write_amplification),
        cmocka_unit_test(test_full_still_consumes), cmocka_unit_test(test_expiry_makes_room),
        cmocka_unit_test(test_live_estimate),       cmocka_unit_test(test_idle_mark),
    };
    return cmocka_run_group_tests(tests, lab_start, NULL);
}
