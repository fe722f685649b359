/*
 * What a handler reads of a request: body, query parameters, ids, Idempotency-Key.
 *
 * Functions named read_* answer the failure themselves, in the family's dialect, and then return false.
 * Ownership: views are of the request, of the JSON arena, or of the memory that the caller gave.
 */
#ifndef JETON_API_INPUT_H
#define JETON_API_INPUT_H

#include "api/exchange.h"
#include "json/json.h"

/* Is the Content-Type application/json or application/<anything>+json? An absent or empty one is `when_absent`.
 * Judged as Python's email.message does (family 1 needs that): parameters ignored, any case. */
bool body_is_json(const struct http_request *request, bool when_absent);

/* A JSON object as body: 415 for another Content-Type, 400 for a malformed body or one that is no object.
 * Families 0 (duplicate names refused) and 2. */
bool read_object(struct exchange *exchange, const struct json **object);

/* The same where a body may be missing: *object is NULL then. */
bool read_optional_object(struct exchange *exchange, const struct json **object);

/* The Idempotency-Key, and the digest of method, path and body that it stands for. */
bool read_idempotency(struct exchange *exchange, struct idempotency *idempotency);

/* The {id} of the path: a UUID, after `prefix` ("Token:" in family 2) or bare. STATUS_NOT_FOUND for anything else. */
enum status path_id(const struct exchange *exchange, const char *prefix, struct uuid *id) MUST_USE;

/* The last value of query parameter `name`, percent-decoded into `memory`; data NULL when absent.
 * STATUS_INVALID for a bad escape or invalid UTF-8, STATUS_TOO_LARGE when it does not fit. */
enum status query_value(struct bytes query, const char *name, struct buffer *memory,
                        struct bytes *value) MUST_USE;

/* The same as Python's urllib.parse.parse_qsl reads it (family 1): what is no escape stays as it is, bytes that are not
 * UTF-8 become U+FFFD. Never fails when `memory` holds three bytes for each of the query. */
struct bytes query_value_leniently(struct bytes query, const char *name, struct buffer *memory);

/* Does a text have min..max code points? It is UTF-8 already. */
bool text_length_within(struct bytes text, size_t min, size_t max);

#endif
