/*
 * Validation as FastAPI 0.115 with pydantic 2.10 does it, and its 422 answers (WIRE.md section 4).
 *
 * The rules are those of pydantic's lax mode for values that came from JSON (bodies) and for texts (query parameters).
 * All errors of one request are told at once, in the order in which the fields are read.
 * Use: take validation_of(exchange, place), read the body and the fields, then `if (validation_answered(&v)) return;`.
 * Ownership: views are of the request, of the JSON arena, or of the query memory that the caller gave.
 */
#ifndef JETON_API_VALIDATE_H
#define JETON_API_VALIDATE_H

#include "api/exchange.h"
#include "json/json.h"

enum place {
    PLACE_BODY,
    PLACE_QUERY
};

struct validation {
    struct exchange *exchange;
    enum place place;
    size_t error_count;
    const struct json *object; /* PLACE_BODY: the body; NULL when there is none and need not be */
    struct buffer memory;      /* PLACE_QUERY: where decoded parameters go */
};

/* For a query `memory` holds three bytes for each of it. */
struct validation validation_of(struct exchange *exchange, enum place place, struct buffer memory);

/* True if there were errors: the answer is complete then. */
bool validation_answered(struct validation *validation);

/* Read the body, a model; false after the answer, which is 422 or 400 "There was an error parsing the body".
 * An optional one may be missing or null. */
bool validate_body(struct validation *validation, bool optional);

/* A str field of the body: min..max code points. Absent or null is an error unless optional, when it leaves
 * *text as it is (data NULL for null). */
struct string_field {
    const char *name;
    bool optional;
    size_t min;
    size_t max;
};
void validate_string(struct validation *validation, const struct string_field *field, struct bytes *text);

/* An int field of the body or the query: min..max. Absent leaves *number, the default, as it is. */
struct int_field {
    const char *name;
    int64_t min;
    int64_t max;
};
void validate_int(struct validation *validation, const struct int_field *field, uint32_t *number);

/* A bool of the query. Absent leaves *value as it is. */
void validate_bool(struct validation *validation, const char *name, bool *value);

/* One of some words (Literal) of the query, by its index. Absent leaves *index as it is. */
struct choice_field {
    const char *name;
    const char *const *words; /* NULL at the end */
    const char *expected;     /* the words as pydantic lists them */
};
void validate_choice(struct validation *validation, const struct choice_field *field, size_t *index);

/* Any text of the query; data NULL when absent. */
struct bytes validate_text(struct validation *validation, const char *name);

#endif
