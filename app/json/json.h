/*
 * Strict JSON reading (RFC 8259) and RFC 8785 canonical form. The only user of cJSON.
 *
 * A text is scanned whole before cJSON sees it: UTF-8 without a mark, grammar, depth <= JSON_DEPTH_MAX, no U+0000, no
 * lone surrogate, no number out of double range (numbers too small become zero). The scan says where it stopped in
 * code points and why, in the words of CPython's json module, because family 1 answers so. Numbers are read and
 * written exactly (number.h), not by the C library.
 *
 * Ownership: a document lives in the module's one arena until the next json_read (one request at a time); views that
 *   it returns die with it. Raw slices point into the caller's text.
 * Blocking: none. Failure: statuses below; the arena has room for every text up to JSON_TEXT_MAX_BYTES (limits.h).
 */
#ifndef JETON_JSON_JSON_H
#define JETON_JSON_JSON_H

#include "base/bytes.h"

struct json; /* one value of the tree; opaque */

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* What went wrong. CPython's json would report the first kind by its words and a position; the others are what CPython
 * accepts or fails otherwise (family 1: 400 "There was an error parsing the body"). A mistake of grammar anywhere wins
 * over the others, except over bytes that are not UTF-8. */
enum json_error_kind {
    JSON_ERROR_NONE,
    JSON_ERROR_GRAMMAR,  /* `message` and `position` as CPython's JSONDecodeError */
    JSON_ERROR_ENCODING, /* not UTF-8 (first of all), lone surrogate, U+0000 */
    JSON_ERROR_RANGE,    /* NaN, Infinity, number out of double range; text over JSON_TEXT_MAX_BYTES */
    JSON_ERROR_DEPTH,    /* deeper than JSON_DEPTH_MAX */
    JSON_ERROR_DUPLICATE /* only when asked for */
};

struct json_error {
    enum json_error_kind kind;
    const char *message; /* static text, e.g. "Expecting ',' delimiter" */
    size_t position;     /* code points before the error; 0 where there is no one place */
};

enum json_duplicates {
    JSON_DUPLICATES_LAST,  /* the last member of a name counts; the others are not in the tree */
    JSON_DUPLICATES_REFUSE /* JSON_ERROR_DUPLICATE (family 0) */
};

/* Read a whole text. STATUS_OK and *root, or STATUS_INVALID and *error (error may be NULL), or STATUS_FULL: no room in the
 * arena. */
enum status json_read(struct bytes text, enum json_duplicates duplicates, const struct json **root,
                      struct json_error *error) MUST_USE;

enum json_type json_type(const struct json *value);

/* Text of a JSON_STRING, decoded, UTF-8. Asserts the type. */
struct bytes json_string(const struct json *value);

/* Value of a JSON_NUMBER. Asserts the type. */
double json_number(const struct json *value);

/* The member of an object, or NULL. NULL also when `object` is no object. */
const struct json *json_member(const struct json *object, const char *name);
const struct json *json_member_view(const struct json *object, struct bytes name);

/* First child of an array or object, next sibling; NULL at the end. */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *value);
/* The member name of a child of an object. Asserts that it is one. */
struct bytes json_name(const struct json *value);
size_t json_count(const struct json *container);

/* The source text of the value of top-level member `name` (the last of that name) in `text`, a text that json_read
 * accepted; an empty view when there is none or the text is no object. For echoing input verbatim. */
struct bytes json_raw_member(struct bytes text, const char *name);

/* Append the RFC 8785 canonical form of `value` to `out` (numbers as ECMAScript prints them, members by UTF-16 code
 * units). JSON_CANONICAL_MAX_BYTES are enough for any document; STATUS_TOO_LARGE when it does not fit (`out` has then
 * failed). */
enum status json_canonical(const struct json *value, struct buffer *out) MUST_USE;

/* Append a double as ECMAScript's Number::toString does (RFC 8785 section 3.2.2.3). Not for NaN or infinity. */
void json_write_number(struct buffer *out, double value);

#endif
