/*
 * Lines on the operator's console.
 */
#include "base/log.h"

#include "limits.h"
#include "platform/platform.h"

#include <stdarg.h>
#include <stdio.h>

static const char prefix[] = "jeton: ";

#define PREFIX_BYTES (sizeof(prefix) - 1)

_Static_assert(LOG_LINE_MAX_BYTES > sizeof(prefix) + 1, "a line holds its prefix, a text and its end");

static enum log_level current_level = LOG_INFO;

void log_set_level(enum log_level level)
{
    current_level = level;
}

static void make_printable(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            text[i] = '?';
        }
    }
}

static void write_line(const char *format, va_list arguments)
{
    char line[LOG_LINE_MAX_BYTES + 1]; /* vsnprintf wants room for its NUL, which the newline then takes */
    const size_t room = sizeof(line) - 1 - PREFIX_BYTES;
    for (size_t i = 0; i < PREFIX_BYTES; i++) {
        line[i] = prefix[i];
    }
    int printed = vsnprintf(line + PREFIX_BYTES, room, format, arguments);
    size_t size = printed < 0 ? 0 : (size_t)printed;
    if (size > room - 1) {
        size = room - 1;
    }
    make_printable(line + PREFIX_BYTES, size);
    line[PREFIX_BYTES + size] = '\n';
    platform_console_write(bytes_of(line, PREFIX_BYTES + size + 1));
}

void log_alert(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    if (current_level < LOG_INFO) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void log_debug(const char *format, ...)
{
    if (current_level < LOG_DEBUG) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}
