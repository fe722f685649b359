/*
 * How the simulated flash differs from a snapshot (platform/sim/sim_flash.h): what tells the states apart that power cuts
 * leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/flash.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"

#define BLOCK 4096

static void program(uint64_t offset)
{
    static const uint8_t data[64] = {1, 2, 3};
    assert_int_equal(flash_program(offset, data, sizeof data), STATUS_OK);
}

/* However a state came about, it is the same where its bytes are. */
static void test_difference(void **state)
{
    (void)state;
    struct flash_geometry geometry;
    sim_reset();
    sim_flash_create(SIM_FLASH_NOR, BLOCK, 16);
    assert_int_equal(flash_open(&geometry), STATUS_OK);
    program(0);
    struct sim_flash_snapshot *before = sim_flash_save();
    assert_int_equal(sim_flash_difference(before), 0);
    program(BLOCK);
    const uint64_t once = sim_flash_difference(before);
    assert_int_not_equal(once, 0);
    assert_int_equal(flash_erase(2), STATUS_OK); /* it was blank */
    assert_int_equal(sim_flash_difference(before), once);
    assert_int_equal(flash_erase(1), STATUS_OK);
    assert_int_equal(sim_flash_difference(before), 0);
    program(2 * BLOCK); /* the same bytes elsewhere */
    assert_int_not_equal(sim_flash_difference(before), once);
    sim_flash_restore(before);
    assert_int_equal(sim_flash_difference(before), 0);
    sim_flash_flip(BLOCK - 1, 1);
    assert_int_not_equal(sim_flash_difference(before), 0);
    assert_int_not_equal(sim_flash_difference(before), once);
    sim_flash_snapshot_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_difference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
