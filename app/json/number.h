/*
 * Number text to double and back, exactly. Private to json/, besides json_write_number of json.h.
 *
 * Reading rounds to the nearest double, ties to even, whatever the length of the text; writing gives the shortest
 * digits that read back as the same double, and of those the closest (ECMAScript Number::toString). Both are exact by
 * big natural numbers, so that the C library's strtod and printf don't matter.
 */
#ifndef JETON_JSON_NUMBER_H
#define JETON_JSON_NUMBER_H

#include "base/bytes.h"

/* `text` follows the grammar of RFC 8259 section 6. STATUS_TOO_LARGE when it rounds to infinity; numbers too small
 * become zero. */
enum status json_read_number(struct bytes text, double *value) MUST_USE;

#endif
