/*
 * RFC 8785, the JSON canonicalization scheme.
 */
#include "limits.h"
#include "json/json.h"
#include "json/members.h"
#include "json/writer.h"

#include <assert.h>

/* The sorted members of the objects that are being written, outermost first. Each member of a document is in at most
 * one of them. */
static const struct json *sorted_members[JSON_MEMBERS_MAX];

/* Recursion is bounded by JSON_DEPTH_MAX, which the scan enforced. */
static void write_value(const struct json *value, struct buffer *out, size_t sorted_count);

static void write_array(const struct json *array, struct buffer *out, size_t sorted_count)
{
    buffer_append_byte(out, '[');
    for (const struct json *item = json_first(array); item != NULL; item = json_next(item)) {
        write_value(item, out, sorted_count);
        if (json_next(item) != NULL) {
            buffer_append_byte(out, ',');
        }
    }
    buffer_append_byte(out, ']');
}

static void write_object(const struct json *object, struct buffer *out, size_t sorted_count)
{
    const struct json **sorted = sorted_members + sorted_count;
    size_t count = json_sort_members(object, sorted, JSON_MEMBERS_MAX - sorted_count);
    buffer_append_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_append_byte(out, ',');
        }
        json_write_string(out, json_name(sorted[i]));
        buffer_append_byte(out, ':');
        write_value(sorted[i], out, sorted_count + count);
    }
    buffer_append_byte(out, '}');
}

static void write_value(const struct json *value, struct buffer *out, size_t sorted_count)
{
    switch (json_type(value)) {
    case JSON_NULL:
        buffer_append_string(out, "null");
        break;
    case JSON_FALSE:
        buffer_append_string(out, "false");
        break;
    case JSON_TRUE:
        buffer_append_string(out, "true");
        break;
    case JSON_NUMBER:
        json_write_number(out, json_number(value));
        break;
    case JSON_STRING:
        json_write_string(out, json_string(value));
        break;
    case JSON_ARRAY:
        write_array(value, out, sorted_count);
        break;
    case JSON_OBJECT:
        write_object(value, out, sorted_count);
        break;
    }
}

enum status json_canonical(const struct json *value, struct buffer *out)
{
    assert(value != NULL);
    write_value(value, out, 0);
    return buffer_failed(out) ? STATUS_TOO_LARGE : STATUS_OK;
}
