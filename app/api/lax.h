/*
 * How pydantic 2.10 reads an int or a bool in lax mode, from a JSON value or from a text.
 *
 * Pure. Numbers beyond int64_t are given as INT64_MIN or INT64_MAX: any bound of ours tells them alike.
 */
#ifndef JETON_API_LAX_H
#define JETON_API_LAX_H

#include "json/json.h"

/* The outcome, by pydantic's names of its errors. */
enum lax_int {
    LAX_INT_OK,
    LAX_INT_TYPE,    /* int_type */
    LAX_INT_PARSING, /* int_parsing */
    LAX_INT_SIZE,    /* int_parsing_size */
    LAX_INT_FRACTION /* int_from_float */
};

/* `raw` is the source text of `value`: it tells 1 from 1.0. */
enum lax_int lax_int_of_json(const struct json *value, struct bytes raw, int64_t *number);

/* `text` is UTF-8. Surrounding white space, a sign, leading zeros, single underscores between digits and a fraction of
 * zeros are allowed. */
enum lax_int lax_int_of_text(struct bytes text, int64_t *number);

/* 0 f n no off false, 1 t y on yes true, in any case; false for anything else. */
bool lax_bool_of_text(struct bytes text, bool *value);

#endif
