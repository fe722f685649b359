/*
 * Time as text: RFC 3339 (UTC, `Z`, whole seconds) and the HTTP date of RFC 9110 section 5.6.7.
 *
 * Times are Unix seconds, int64_t, named `_s`. Range 0 .. 253402300799 (year 9999); outside it is an assert for
 * writers and STATUS_INVALID for readers.
 */
#ifndef JETON_BASE_CLOCKTEXT_H
#define JETON_BASE_CLOCKTEXT_H

#include "base/bytes.h"

/* "2026-05-01T10:00:00Z" (20 bytes). */
void time_write_rfc3339(struct buffer *out, int64_t unix_s);

/* Any RFC 3339 date-time: fraction dropped, offset applied, leap second 60 read as 59. */
enum status time_read_rfc3339(struct bytes text, int64_t *unix_s) MUST_USE;

/* "Fri, 01 May 2026 10:00:00 GMT" (29 bytes). */
void time_write_http(struct buffer *out, int64_t unix_s);

#endif
