/*
 * Ends of a run: a flash program that must be refused, and an exit code.
 */
#include "platform/flash.h"
#include "platform/platform.h"
#include "selftest.h"

void selftest_program_twice(void)
{
    struct flash_geometry g;
    static uint8_t unit[4096];
    selftest_expect(flash_open(&g) == STATUS_OK, "open");
    selftest_expect(flash_erase(1) == STATUS_OK, "erase");
    selftest_expect(flash_program(g.block_bytes, unit, g.program_bytes) == STATUS_OK, "first program");
    selftest_expect(flash_program(g.block_bytes, unit, g.program_bytes) == STATUS_IO, "second program");
}

void selftest_exit_code(void)
{
    platform_power_off(7);
}
