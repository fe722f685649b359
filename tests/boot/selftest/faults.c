/*
 * Violations that the machine must catch, one a run.
 */
#include "platform/flash.h"
#include "platform/platform.h"
#include "selftest.h"

static const uint8_t constant[16] = {1};

void selftest_null(void)
{
    volatile uint8_t *volatile nothing = NULL;
    nothing[8] = 1; // cppcheck-suppress nullPointer
}

void selftest_text_write(void)
{
    volatile uint8_t *code = (volatile uint8_t *)(uintptr_t)&selftest_text_write;
    *code = 0xc3;
}

void selftest_rodata_write(void)
{
    volatile uint8_t *data = (volatile uint8_t *)(uintptr_t)constant;
    *data = 2;
}

void selftest_data_execute(void)
{
    static uint8_t code[16] = {0xc3};
    void (*run)(void) = (void (*)(void))(uintptr_t)code;
    run();
}

/* Not inlined, and with work after the call, so that it is no loop. */
static __attribute__((noinline)) uint64_t deeper(uint64_t depth)
{
    volatile uint8_t frame[1024];
    frame[depth % sizeof frame] = (uint8_t)depth;
    if (depth == UINT64_MAX) {
        return 0;
    }
    return deeper(depth + 1) + frame[depth % sizeof frame];
}

void selftest_stack_overflow(void)
{
    selftest_say_number("depth", deeper(0));
}

void selftest_divide(void)
{
    volatile int zero = 0;
    __asm__ volatile("idivl %0" : : "m"(zero), "a"(1), "d"(0));
}

void selftest_opcode(void)
{
    __asm__ volatile("ud2");
}

void selftest_panic(void)
{
    platform_panic("this is the sentence");
}

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
