/*
 * The source text of a member. Works on texts that json_read accepted, so that it need not check grammar again.
 */
#include "base/encode.h"
#include "json/json.h"

static size_t skip_space(struct bytes text, size_t offset)
{
    while (offset < text.size && bytes_find(BYTES_LITERAL(" \t\r\n"), text.data[offset]) < 4) {
        offset++;
    }
    return offset;
}

/* `offset` is at the opening quote; returns the place after the closing one. */
static size_t skip_string(struct bytes text, size_t offset)
{
    for (offset++; offset < text.size && text.data[offset] != '"'; offset++) {
        offset += text.data[offset] == '\\';
    }
    return offset + 1;
}

/* The place after the value at `offset`. */
static size_t skip_value(struct bytes text, size_t offset)
{
    size_t depth = 0;
    while (offset < text.size) {
        uint8_t byte = text.data[offset];
        if (byte == '"') {
            offset = skip_string(text, offset);
        } else if (byte == '{' || byte == '[') {
            depth++;
            offset++;
        } else if (depth > 0) {
            depth -= byte == '}' || byte == ']';
            offset++;
        } else {
            /* A number or a word, up to what ends it. */
            while (offset < text.size && bytes_find(BYTES_LITERAL(" \t\r\n,}]"), text.data[offset]) == 7) {
                offset++;
            }
        }
        if (depth == 0) {
            break;
        }
    }
    return offset;
}

/* The code unit of the `\uXXXX` at `offset`. */
static uint32_t unit_at(struct bytes text, size_t offset)
{
    uint8_t value[2] = {0, 0};
    enum status status = decode_hex(bytes_slice(text, offset + 2, 4), false, value, 2);
    return status == STATUS_OK ? (uint32_t)value[0] << 8 | value[1] : 0;
}

static void append_utf8(struct buffer *out, uint32_t point)
{
    if (point < 0x80) {
        buffer_append_byte(out, (uint8_t)point);
    } else if (point < 0x800) {
        buffer_append_byte(out, (uint8_t)(0xc0 | point >> 6));
        buffer_append_byte(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        buffer_append_byte(out, (uint8_t)(0xe0 | point >> 12));
        buffer_append_byte(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        buffer_append_byte(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else {
        buffer_append_byte(out, (uint8_t)(0xf0 | point >> 18));
        buffer_append_byte(out, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
        buffer_append_byte(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        buffer_append_byte(out, (uint8_t)(0x80 | (point & 0x3f)));
    }
}

/* The bytes that the escape at `offset` stands for; returns how much of the text it takes. */
static size_t decode_escape(struct bytes text, size_t offset, struct buffer *out)
{
    static const char names[] = "bfnrt";
    static const char bytes[] = "\b\f\n\r\t";
    uint8_t letter = text.data[offset + 1];
    if (letter != 'u') {
        size_t index = bytes_find(bytes_of_string(names), letter);
        buffer_append_byte(out, index < 5 ? (uint8_t)bytes[index] : letter);
        return 2;
    }
    uint32_t point = unit_at(text, offset);
    if (point < 0xd800 || point > 0xdbff) {
        append_utf8(out, point);
        return 6;
    }
    append_utf8(out, 0x10000 + ((point - 0xd800) << 10) + (unit_at(text, offset + 6) - 0xdc00));
    return 12;
}

/* True if the string at `offset` (its opening quote) is `name`. */
static bool string_is(struct bytes text, size_t offset, struct bytes name)
{
    for (offset++; text.data[offset] != '"';) {
        uint8_t memory[4];
        struct buffer piece = buffer_over(memory, sizeof(memory));
        if (text.data[offset] == '\\') {
            offset += decode_escape(text, offset, &piece);
        } else {
            buffer_append_byte(&piece, text.data[offset++]);
        }
        if (!bytes_starts_with(name, buffer_view(&piece))) {
            return false;
        }
        name = bytes_slice(name, piece.size, name.size);
    }
    return name.size == 0;
}

struct bytes json_raw_member(struct bytes text, const char *name)
{
    struct bytes found = {NULL, 0};
    size_t offset = skip_space(text, 0);
    if (offset == text.size || text.data[offset] != '{') {
        return found;
    }
    offset = skip_space(text, offset + 1);
    while (offset < text.size && text.data[offset] == '"') {
        size_t name_start = offset;
        offset = skip_space(text, skip_string(text, offset));
        size_t value_start = skip_space(text, offset + 1); /* past the colon */
        offset = skip_value(text, value_start);
        if (string_is(text, name_start, bytes_of_string(name))) {
            found = bytes_slice(text, value_start, offset - value_start);
        }
        offset = skip_space(text, skip_space(text, offset) + 1); /* past the comma, or the closing brace */
    }
    return found;
}
