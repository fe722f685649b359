/*
 * Lax integers and booleans.
 */
#include "api/lax.h"

#include "base/encode.h"
#include "limits.h"

/* Beyond it pydantic gives up with int_parsing_size. */
#define INT_TEXT_MAX_DIGITS 4300

/* ---- texts ---- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* A JSON integer: an optional minus and digits without leading zeros. Too large ones saturate. */
static enum lax_int strict_int(struct bytes text, int64_t *number)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    struct bytes digits = bytes_slice(text, negative ? 1 : 0, text.size);
    uint64_t sum = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (!is_digit(digits.data[i])) {
            return LAX_INT_PARSING;
        }
        sum = sum > INT64_MAX / 10 ? (uint64_t)INT64_MAX : sum * 10 + (uint64_t)(digits.data[i] - '0');
    }
    if (digits.size == 0 || (digits.size > 1 && digits.data[0] == '0')) {
        return LAX_INT_PARSING;
    }
    if (digits.size > INT_TEXT_MAX_DIGITS) {
        return LAX_INT_SIZE;
    }
    int64_t magnitude = sum > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)sum;
    *number = negative ? -magnitude : magnitude;
    return LAX_INT_OK;
}

/* Bytes of the Unicode White_Space character that `text` begins with, or 0. */
static size_t white_space(struct bytes text)
{
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80",
                                       "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
                                       "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
                                       "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                       "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    if (text.size > 0 && (text.data[0] == ' ' || (text.data[0] >= '\t' && text.data[0] <= '\r'))) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        struct bytes space = bytes_of_string(wide[i]);
        if (bytes_starts_with(text, space)) {
            return space.size;
        }
    }
    return 0;
}

static struct bytes trim(struct bytes text)
{
    size_t kept = 0; /* end of the last character that is no space */
    for (size_t size = white_space(text); size > 0; size = white_space(text)) {
        text = bytes_slice(text, size, text.size);
    }
    for (size_t i = 0; i < text.size;) {
        size_t size = white_space(bytes_slice(text, i, text.size));
        i += size > 0 ? size : 1;
        kept = size > 0 ? kept : i;
    }
    return bytes_slice(text, 0, kept);
}

/* Off with leading zeros, and underscores among them; a lone zero stays. False when the text begins otherwise. */
static bool strip_zeros(struct bytes *text)
{
    struct bytes rest = *text;
    if (rest.size == 0 || (!is_digit(rest.data[0]))) {
        return false;
    }
    if (rest.data[0] != '0') {
        return true;
    }
    size_t i = 1;
    while (i < rest.size && (rest.data[i] == '0' || rest.data[i] == '_')) {
        i++;
    }
    if (i == rest.size || rest.data[i] == '.') {
        i--; /* 000 is 0, and 00.0 is 0.0 */
    } else if (!is_digit(rest.data[i]) && rest.data[i] != '-') {
        return false;
    }
    *text = bytes_slice(rest, i, rest.size);
    return true;
}

/* Off with a point and zeros after it. */
static struct bytes strip_fraction(struct bytes text)
{
    size_t point = bytes_find(text, '.');
    size_t end = point + 1;
    while (end < text.size && text.data[end] == '0') {
        end++;
    }
    return end == text.size && point + 1 < text.size ? bytes_slice(text, 0, point) : text;
}

/* Off with single underscores between other characters; others stay, to be refused as digits. */
static void append_digits(struct buffer *out, struct bytes text)
{
    bool single = text.size > 0 && text.data[0] != '_' && text.data[text.size - 1] != '_';
    for (size_t i = 1; i < text.size; i++) {
        single = single && !(text.data[i] == '_' && text.data[i - 1] == '_');
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!single || text.data[i] != '_') {
            buffer_append_byte(out, text.data[i]);
        }
    }
}

enum lax_int lax_int_of_text(struct bytes text, int64_t *number)
{
    static uint8_t memory[JSON_TEXT_MAX_BYTES + 1];
    struct buffer clean = buffer_over(memory, sizeof(memory));
    enum lax_int result = strict_int(text, number);
    if (result != LAX_INT_PARSING) {
        return result;
    }
    text = trim(text);
    if (text.size > 0 && text.data[0] == '+') {
        text = bytes_slice(text, 1, text.size);
    } else if (text.size > 0 && text.data[0] == '-') {
        text = bytes_slice(text, 1, text.size);
        buffer_append_byte(&clean, '-');
    }
    if (!strip_zeros(&text)) {
        return LAX_INT_PARSING;
    }
    append_digits(&clean, strip_fraction(text));
    return strict_int(buffer_view(&clean), number) == LAX_INT_OK ? LAX_INT_OK : LAX_INT_PARSING;
}

bool lax_bool_of_text(struct bytes text, bool *value)
{
    static const char *const words[2][6] = {{"0", "f", "n", "no", "off", "false"},
                                            {"1", "t", "y", "on", "yes", "true"}};
    for (size_t i = 0; i < 12; i++) {
        if (bytes_equal_ignoring_case(text, bytes_of_string(words[i / 6][i % 6]))) {
            *value = i >= 6;
            return true;
        }
    }
    return false;
}

/* ---- JSON values ---- */

static enum lax_int int_of_double(double value, int64_t *number)
{
    const double bound = 9223372036854775808.0; /* 2^63 */
    if (!(value > -bound && value < bound)) {
        return LAX_INT_SIZE;
    }
    *number = (int64_t)value;
    return (double)*number == value ? LAX_INT_OK : LAX_INT_FRACTION;
}

static bool is_float(struct bytes raw)
{
    return bytes_find(raw, '.') < raw.size || bytes_find(raw, 'e') < raw.size ||
           bytes_find(raw, 'E') < raw.size;
}

enum lax_int lax_int_of_json(const struct json *value, struct bytes raw, int64_t *number)
{
    switch (json_type(value)) {
    case JSON_FALSE:
    case JSON_TRUE:
        *number = json_type(value) == JSON_TRUE;
        return LAX_INT_OK;
    case JSON_NUMBER:
        return is_float(raw) ? int_of_double(json_number(value), number) : strict_int(raw, number);
    case JSON_STRING:
        return lax_int_of_text(json_string(value), number);
    default:
        return LAX_INT_TYPE;
    }
}
