/*
 * Writing JSON into a buffer: commas and escapes taken care of, nesting checked by assert.
 *
 * Ownership: the buffer is the caller's. Failure: as buffer_append; look once at the end with buffer_failed().
 * Strings must be UTF-8; escapes are minimal (RFC 8785 section 3.2.2.2), so that the same writer serves both uses.
 */
#ifndef JETON_JSON_WRITER_H
#define JETON_JSON_WRITER_H

#include "base/bytes.h"
#include "base/encode.h"

#define JSON_WRITER_DEPTH_MAX 16

struct json_writer {
    struct buffer *out;
    uint32_t has_items; /* a bit per level: something was written there */
    uint32_t is_object; /* a bit per level */
    uint8_t depth;
    bool after_name;
};

/* A whole string with its quotes, without a writer. */
void json_write_string(struct buffer *out, struct bytes text);

struct json_writer json_writer_over(struct buffer *out);

void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);

/* A member name; one value must follow. The first is for our own names, which need no escapes. */
void json_name_of(struct json_writer *writer, const char *name);
void json_name_of_view(struct json_writer *writer, struct bytes name);

/* Values: array items, or the value after json_name_of. */
void json_value_string(struct json_writer *writer, struct bytes text);
void json_value_literal(struct json_writer *writer, const char *text);
void json_value_u64(struct json_writer *writer, uint64_t value);
void json_value_i64(struct json_writer *writer, int64_t value);
void json_value_bool(struct json_writer *writer, bool value);
void json_value_null(struct json_writer *writer);
void json_value_raw(struct json_writer *writer, struct bytes json); /* text that is JSON already */
void json_value_uuid(struct json_writer *writer, const struct uuid *uuid);
void json_value_time(struct json_writer *writer, int64_t unix_s); /* RFC 3339 string */

/* Members in one call. */
void json_member_string(struct json_writer *writer, const char *name, struct bytes text);
void json_member_literal(struct json_writer *writer, const char *name, const char *text);
void json_member_u64(struct json_writer *writer, const char *name, uint64_t value);
void json_member_bool(struct json_writer *writer, const char *name, bool value);
void json_member_null(struct json_writer *writer, const char *name);
void json_member_raw(struct json_writer *writer, const char *name, struct bytes json);
void json_member_uuid(struct json_writer *writer, const char *name, const struct uuid *uuid);
void json_member_time(struct json_writer *writer, const char *name, int64_t unix_s);
/* null when unix_s is 0 */
void json_member_time_or_null(struct json_writer *writer, const char *name, int64_t unix_s);

#endif
