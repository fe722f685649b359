/*
 * How picolibc is configured for the bare-metal image; its own build system would generate this file.
 *
 * One thread and a global errno, so no thread-local storage; full-precision printf and scanf of doubles, which the JSON
 * writer depends on; no files, locales or wide streams.
 */
#ifndef JETON_PICOLIBC_H
#define JETON_PICOLIBC_H

#define _PICOLIBC__             1
#define _PICOLIBC_MINOR__       8
#define _PICOLIBC_VERSION       "1.8.10"
#define __PICOLIBC__            1
#define __PICOLIBC_MINOR__      8
#define __PICOLIBC_PATCHLEVEL__ 10
#define __PICOLIBC_VERSION__    "1.8.10"
#define _NEWLIB_VERSION         "4.3.0"
#define __NEWLIB__              4
#define __NEWLIB_MINOR__        3
#define __NEWLIB_PATCHLEVEL__   0

#define __SINGLE_THREAD
#define __GLOBAL_ERRNO
#define __TINY_STDIO
#define __IO_DEFAULT 'd'
#define __IO_FLOAT_EXACT
#define __IO_LONG_LONG
#define __IO_C99_FORMATS
#define __FAST_STRCMP
#define __HAVE_CC_INHIBIT_LOOP_TO_LIBCALL
#define __HAVE_BITFIELDS_IN_PACKED_STRUCTS
#define __OBSOLETE_MATH_FLOAT  0
#define __OBSOLETE_MATH_DOUBLE 0

#endif
