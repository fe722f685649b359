/*
 * The strict scan that comes before cJSON. Private to json/.
 *
 * Follows the order in which CPython's json.loads (3.13, the C scanner) looks at a text, so that the first mistake has
 * its words and its position. What CPython takes and we don't (depth, lone surrogates, NaN...) is reported only when
 * the text has no mistake of grammar. One look at each byte; no recursion; no memory but a bit per level.
 */
#ifndef JETON_JSON_SCAN_H
#define JETON_JSON_SCAN_H

#include "json/json.h"

/* STATUS_INVALID and *error, or STATUS_OK: cJSON will take the text, apart from numbers out of range. */
enum status json_scan(struct bytes text, struct json_error *error) MUST_USE;

/* Code points in the first `offset` bytes of UTF-8 text. */
size_t json_position(struct bytes text, size_t offset);

#endif
