/*
 * The simulator's flash while a sync is under way: what it takes, what it covers, and what a cut or a failure leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "platform/flash.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"

#define BLOCK  4096
#define SECTOR SIM_FLASH_DISK_GRAIN

static const uint8_t pattern[SECTOR] = "what is programmed";

static void open_flash(void)
{
    struct flash_geometry geometry;

    assert_int_equal(flash_open(&geometry), STATUS_OK);
}

static void make(void)
{
    sim_reset();
    sim_flash_create(SIM_FLASH_DISK, BLOCK, 16);
    open_flash();
}

static void program(size_t sector)
{
    assert_int_equal(flash_program(sector * SECTOR, pattern, SECTOR), STATUS_OK);
}

static bool is_there(size_t sector)
{
    const uint8_t *cells = sim_flash_contents().data + sector * SECTOR;
    bool is = memcmp(cells, pattern, SECTOR) == 0;

    assert_true(is || (cells[0] == 0xff && memcmp(cells, cells + 1, SECTOR - 1) == 0));
    return is;
}

static void begin_body(void *context)
{
    (void)context;
    flash_sync_begin();
}

static void program_body(void *context)
{
    (void)context;
    program(1);
}

static void poll_body(void *context)
{
    enum status *status = context;

    *status = flash_sync_poll();
}

static enum status poll_sync(void)
{
    enum status status = STATUS_IO;

    assert_int_equal(sim_run(poll_body, &status).kind, SIM_END_RETURNED);
    return status;
}

static void test_sync_takes_its_time(void **state)
{
    enum status status;

    (void)state;
    make();
    sim_flash_set_sync_ns(1000);
    assert_int_equal(sim_run(poll_body, &status).kind, SIM_END_MISUSE);
    flash_sync_begin();
    assert_int_equal(sim_run(begin_body, NULL).kind, SIM_END_MISUSE);
    assert_int_equal(poll_sync(), STATUS_AGAIN);
    sim_advance_ns(999);
    assert_int_equal(poll_sync(), STATUS_AGAIN);
    sim_advance_ns(1);
    assert_int_equal(poll_sync(), STATUS_OK);
    flash_sync_begin();
    uint64_t begin_ns = platform_monotonic_ns();
    platform_sleep_until(UINT64_MAX); /* its end wakes the sleeper */
    assert_int_equal(platform_monotonic_ns(), begin_ns + 1000);
    assert_int_equal(poll_sync(), STATUS_OK);
    begin_ns = platform_monotonic_ns();
    assert_int_equal(flash_sync(), STATUS_OK);
    assert_int_equal(platform_monotonic_ns(), begin_ns + 1000);
}

static void test_sync_covers_what_was_before(void **state)
{
    (void)state;
    make();
    program(0);
    flash_sync_begin();
    program(1);
    assert_int_equal(sim_flash_pending_sectors(), 2);
    assert_int_equal(poll_sync(), STATUS_OK);
    assert_int_equal(sim_flash_pending_sectors(), 1);
    sim_flash_settle(SIM_SETTLE_LOST, 0);
    assert_true(is_there(0));
    assert_false(is_there(1));
}

/* Before the end of a sync nothing of it is certain, and what came later may be all there is. */
static void test_cut_while_a_sync_is_under_way(void **state)
{
    const enum sim_settle settles[] = {SIM_SETTLE_LOST, SIM_SETTLE_KEPT, SIM_SETTLE_LATE};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sim_cut cut = {1, SIM_CUT_AFTER, 0, settles[i], 0};
        make();
        sim_flash_cut(&cut);
        program(0);
        flash_sync_begin();
        assert_int_equal(sim_run(program_body, NULL).kind, SIM_END_POWER_CUT);
        assert_int_equal(is_there(0), settles[i] == SIM_SETTLE_KEPT);
        assert_int_equal(is_there(1), settles[i] != SIM_SETTLE_LOST);
        open_flash();
        flash_sync_begin(); /* the one before the cut is forgotten */
        assert_int_equal(poll_sync(), STATUS_OK);
    }
}

static void test_sync_fails_at_its_end(void **state)
{
    (void)state;
    make();
    sim_flash_fail_calls(1, 1, 0);
    program(0);
    flash_sync_begin();
    assert_int_equal(poll_sync(), STATUS_IO);
    assert_int_equal(sim_flash_pending_sectors(), 1);
    assert_int_equal(flash_sync(), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_takes_its_time),
        cmocka_unit_test(test_sync_covers_what_was_before),
        cmocka_unit_test(test_cut_while_a_sync_is_under_way),
        cmocka_unit_test(test_sync_fails_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
