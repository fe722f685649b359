/*
 * What a C library asks of the machine below it, the ends of assert() and abort(), and what the compiler's checks ask.
 * Named as picolibc and gcc call them.
 */
#include "platform/x86_64/libc.h"
#include "platform/platform.h"
#include "platform/x86_64/console.h"

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression)
{
    console_print("\nassertion failed: ");
    console_print(expression);
    console_print(" at ");
    console_print(file);
    console_print(":");
    console_print_decimal(line > 0 ? (uint64_t)line : 0);
    console_print(" in ");
    console_print(function == NULL ? "?" : function);
    platform_panic("assertion failed");
}

_Noreturn void __assert_no_args(void)
{
    platform_panic("assertion failed");
}

_Noreturn void __stack_chk_fail(void)
{
    platform_panic("the stack is smashed: a function found its canary overwritten");
}

_Noreturn void abort(void)
{
    platform_panic("abort() was called");
}

_Noreturn void _exit(int code)
{
    platform_power_off(code);
}
