/*
 * The functions of libc.c, which only the C library and the compiler call.
 */
#ifndef JETON_X86_64_LIBC_H
#define JETON_X86_64_LIBC_H

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression);
_Noreturn void __assert_no_args(void);
_Noreturn void __stack_chk_fail(void);
_Noreturn void abort(void);
_Noreturn void _exit(int code);

#endif
