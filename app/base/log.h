/*
 * Lines on the operator's console.
 *
 * Each line is `jeton: <text>\n`; the text is made printable (bytes outside 0x20..0x7e become '?'), so that nothing
 * from outside can forge a line. Secrets are never passed here; the one exception, the root secret of a first boot,
 * is written by main.c and says so.
 * Levels: the boot option `log=` is quiet|info|debug (info by default). Ownership: none. Blocking: none.
 * Failure: never; a line over LOG_LINE_MAX_BYTES is cut.
 */
#ifndef JETON_BASE_LOG_H
#define JETON_BASE_LOG_H

#include "base/bytes.h"

enum log_level {
    LOG_QUIET, /* only what the operator must act on, and the ready line */
    LOG_INFO,
    LOG_DEBUG
};

void log_set_level(enum log_level level);

/* printf subset of the C library; the format is a literal. */
void log_alert(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
