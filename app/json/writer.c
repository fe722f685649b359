/*
 * Writing JSON into a buffer.
 */
#include "json/writer.h"

#include "base/clocktext.h"

#include <assert.h>

/* ---- strings ---- */

/* RFC 8259 section 7: the letter behind the backslash of what has a short escape, else 0. */
static const uint8_t short_escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
};

static void write_escape(struct buffer *out, uint8_t byte)
{
    uint8_t letter = short_escapes[byte];
    if (letter != 0) {
        buffer_append_byte(out, '\\');
        buffer_append_byte(out, letter);
    } else {
        buffer_append_string(out, "\\u00");
        encode_hex(out, bytes_of(&byte, 1));
    }
}

static bool has_escapes(uint64_t eight)
{
    return (eight_below(eight, 0x20) | eight_with(eight, '"') | eight_with(eight, '\\')) != 0;
}

void json_write_string(struct buffer *out, struct bytes text)
{
    size_t start = 0; /* of what needs no escape */
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.size - i >= 8 && !has_escapes(eight_at(text.data + i))) {
            i += 7;
        } else if (text.data[i] < 0x20 || short_escapes[text.data[i]] != 0) {
            buffer_append(out, bytes_slice(text, start, i - start));
            write_escape(out, text.data[i]);
            start = i + 1;
        }
    }
    buffer_append(out, bytes_slice(text, start, text.size));
    buffer_append_byte(out, '"');
}

/* ---- structure ---- */

struct json_writer json_writer_over(struct buffer *out)
{
    return (struct json_writer){.out = out};
}

/* Before a value or a member name: the comma, if something is there already. */
static void begin_item(struct json_writer *writer)
{
    uint32_t level = UINT32_C(1) << writer->depth;
    if (writer->after_name) {
        writer->after_name = false;
        return;
    }
    if ((writer->has_items & level) != 0) {
        assert(writer->depth > 0); /* one value at the top */
        buffer_append_byte(writer->out, ',');
    }
    writer->has_items |= level;
}

static void begin_value(struct json_writer *writer)
{
    uint32_t level = UINT32_C(1) << writer->depth;
    assert(writer->after_name || (writer->is_object & level) == 0); /* members have names */
    begin_item(writer);
}

static void begin_container(struct json_writer *writer, char bracket, bool is_object)
{
    begin_value(writer);
    assert(writer->depth < JSON_WRITER_DEPTH_MAX);
    writer->depth++;
    uint32_t level = UINT32_C(1) << writer->depth;
    writer->has_items &= ~level;
    writer->is_object = is_object ? writer->is_object | level : writer->is_object & ~level;
    buffer_append_byte(writer->out, (uint8_t)bracket);
}

static void end_container(struct json_writer *writer, char bracket, bool is_object)
{
    uint32_t level = UINT32_C(1) << writer->depth;
    assert(writer->depth > 0 && !writer->after_name);
    assert(((writer->is_object & level) != 0) == is_object);
    writer->depth--;
    buffer_append_byte(writer->out, (uint8_t)bracket);
}

void json_begin_object(struct json_writer *writer)
{
    begin_container(writer, '{', true);
}

void json_end_object(struct json_writer *writer)
{
    end_container(writer, '}', true);
}

void json_begin_array(struct json_writer *writer)
{
    begin_container(writer, '[', false);
}

void json_end_array(struct json_writer *writer)
{
    end_container(writer, ']', false);
}

static void begin_member(struct json_writer *writer)
{
    assert(!writer->after_name && (writer->is_object >> writer->depth & 1) != 0);
    begin_item(writer);
}

void json_name_of(struct json_writer *writer, const char *name)
{
    begin_member(writer);
    buffer_append_byte(writer->out, '"');
    buffer_append_string(writer->out, name);
    buffer_append_string(writer->out, "\":");
    writer->after_name = true;
}

void json_name_of_view(struct json_writer *writer, struct bytes name)
{
    begin_member(writer);
    json_write_string(writer->out, name);
    buffer_append_byte(writer->out, ':');
    writer->after_name = true;
}

/* ---- values ---- */

void json_value_string(struct json_writer *writer, struct bytes text)
{
    begin_value(writer);
    json_write_string(writer->out, text);
}

void json_value_literal(struct json_writer *writer, const char *text)
{
    json_value_string(writer, bytes_of_string(text));
}

void json_value_u64(struct json_writer *writer, uint64_t value)
{
    begin_value(writer);
    buffer_append_u64(writer->out, value);
}

void json_value_i64(struct json_writer *writer, int64_t value)
{
    begin_value(writer);
    if (value < 0) {
        buffer_append_byte(writer->out, '-');
    }
    buffer_append_u64(writer->out, value < 0 ? ~(uint64_t)value + 1 : (uint64_t)value);
}

void json_value_bool(struct json_writer *writer, bool value)
{
    begin_value(writer);
    buffer_append_string(writer->out, value ? "true" : "false");
}

void json_value_null(struct json_writer *writer)
{
    begin_value(writer);
    buffer_append_string(writer->out, "null");
}

void json_value_raw(struct json_writer *writer, struct bytes json)
{
    assert(json.size > 0);
    begin_value(writer);
    buffer_append(writer->out, json);
}

void json_value_uuid(struct json_writer *writer, const struct uuid *uuid)
{
    begin_value(writer);
    buffer_append_byte(writer->out, '"');
    encode_uuid(writer->out, uuid);
    buffer_append_byte(writer->out, '"');
}

void json_value_time(struct json_writer *writer, int64_t unix_s)
{
    begin_value(writer);
    buffer_append_byte(writer->out, '"');
    time_write_rfc3339(writer->out, unix_s);
    buffer_append_byte(writer->out, '"');
}

/* ---- members ---- */

void json_member_string(struct json_writer *writer, const char *name, struct bytes text)
{
    json_name_of(writer, name);
    json_value_string(writer, text);
}

void json_member_literal(struct json_writer *writer, const char *name, const char *text)
{
    json_name_of(writer, name);
    json_value_literal(writer, text);
}

void json_member_u64(struct json_writer *writer, const char *name, uint64_t value)
{
    json_name_of(writer, name);
    json_value_u64(writer, value);
}

void json_member_bool(struct json_writer *writer, const char *name, bool value)
{
    json_name_of(writer, name);
    json_value_bool(writer, value);
}

void json_member_null(struct json_writer *writer, const char *name)
{
    json_name_of(writer, name);
    json_value_null(writer);
}

void json_member_raw(struct json_writer *writer, const char *name, struct bytes json)
{
    json_name_of(writer, name);
    json_value_raw(writer, json);
}

void json_member_uuid(struct json_writer *writer, const char *name, const struct uuid *uuid)
{
    json_name_of(writer, name);
    json_value_uuid(writer, uuid);
}

void json_member_time(struct json_writer *writer, const char *name, int64_t unix_s)
{
    json_name_of(writer, name);
    json_value_time(writer, unix_s);
}

void json_member_time_or_null(struct json_writer *writer, const char *name, int64_t unix_s)
{
    json_name_of(writer, name);
    if (unix_s == 0) {
        json_value_null(writer);
    } else {
        json_value_time(writer, unix_s);
    }
}
