/*
 * The strict scan: UTF-8, grammar, depth, surrogates.
 */
#include "json/scan.h"

#include "base/encode.h"
#include "limits.h"

/* CPython's int() refuses longer numbers (sys.int_info.default_max_str_digits) with an error that is not of grammar,
 * at once. */
#define INTEGER_DIGITS_MAX 4300

struct scanner {
    struct bytes text;
    size_t offset;
    size_t depth;
    uint8_t is_object[JSON_TEXT_MAX_BYTES / 8]; /* a bit per level, as deep as brackets can go */
    struct json_error *error;                   /* of grammar, or one that waits for the end of the text */
};

size_t json_position(struct bytes text, size_t offset)
{
    size_t points = 0;
    for (size_t i = 0; i < offset; i++) {
        points += (text.data[i] & 0xc0) != 0x80;
    }
    return points;
}

static void set_error(struct scanner *scanner, enum json_error_kind kind, const char *message, size_t offset)
{
    *scanner->error = (struct json_error){kind, message, json_position(scanner->text, offset)};
}

/* A mistake of grammar: the scan ends, whatever waited. Always false. */
static bool fail(struct scanner *scanner, const char *message, size_t offset)
{
    set_error(scanner, JSON_ERROR_GRAMMAR, message, offset);
    return false;
}

/* Something that only counts when the grammar is right to the end. */
static void note(struct scanner *scanner, enum json_error_kind kind, const char *message, size_t offset)
{
    if (scanner->error->kind == JSON_ERROR_NONE) {
        set_error(scanner, kind, message, offset);
    }
}

/* The byte `ahead` of the present one; 0 past the end, which no rule below takes for anything. */
static uint8_t peek(const struct scanner *scanner, size_t ahead)
{
    size_t index = scanner->offset + ahead;
    return index < scanner->text.size ? scanner->text.data[index] : 0;
}

static bool at_end(const struct scanner *scanner)
{
    return scanner->offset == scanner->text.size;
}

static void skip_space(struct scanner *scanner)
{
    while (peek(scanner, 0) == ' ' || peek(scanner, 0) == '\t' || peek(scanner, 0) == '\n' ||
           peek(scanner, 0) == '\r') {
        scanner->offset++;
    }
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* ---- strings ---- */

/* The four digits after `\u`, or -1. As in CPython, something must follow them. */
static int32_t hex_escape(const struct scanner *scanner, size_t ahead)
{
    uint8_t value[2];
    struct bytes digits = bytes_slice(scanner->text, scanner->offset + ahead, 4);
    if (scanner->offset + ahead + 4 >= scanner->text.size ||
        decode_hex(digits, false, value, 2) != STATUS_OK) {
        return -1;
    }
    return (int32_t)value[0] << 8 | value[1];
}

/* At the backslash of `\u`. */
static bool scan_unicode_escape(struct scanner *scanner)
{
    int32_t unit = hex_escape(scanner, 2);
    if (unit < 0) {
        return fail(scanner, "Invalid \\uXXXX escape", scanner->offset + 1);
    }
    size_t start = scanner->offset;
    bool is_high = unit >= 0xd800 && unit <= 0xdbff;
    scanner->offset += 6;
    if (is_high && peek(scanner, 0) == '\\' && peek(scanner, 1) == 'u') {
        int32_t second = hex_escape(scanner, 2);
        if (second < 0) {
            return fail(scanner, "Invalid \\uXXXX escape", scanner->offset + 1);
        }
        if (second >= 0xdc00 && second <= 0xdfff) {
            scanner->offset += 6;
            return true;
        }
    }
    if (unit >= 0xd800 && unit <= 0xdfff) {
        note(scanner, JSON_ERROR_ENCODING, "lone surrogate", start);
    }
    if (unit == 0) {
        note(scanner, JSON_ERROR_ENCODING, "U+0000 in a string", start);
    }
    return true;
}

/* At a backslash inside the string that began at `start`. */
static bool scan_escape(struct scanner *scanner, size_t start)
{
    const struct bytes simple = BYTES_LITERAL("\"\\/bfnrt");
    if (scanner->offset + 1 == scanner->text.size) {
        return fail(scanner, "Unterminated string starting at", start);
    }
    uint8_t escape = peek(scanner, 1);
    if (escape == 'u') {
        return scan_unicode_escape(scanner);
    }
    if (bytes_find(simple, escape) == simple.size) {
        return fail(scanner, "Invalid \\escape", scanner->offset);
    }
    scanner->offset += 2;
    return true;
}

static bool scan_string(struct scanner *scanner)
{
    size_t start = scanner->offset++;
    while (!at_end(scanner)) {
        uint8_t byte = peek(scanner, 0);
        if (byte == '"') {
            scanner->offset++;
            return true;
        }
        if (byte < 0x20) {
            return fail(scanner, "Invalid control character at", scanner->offset);
        }
        if (byte != '\\') {
            scanner->offset++;
        } else if (!scan_escape(scanner, start)) {
            return false;
        }
    }
    return fail(scanner, "Unterminated string starting at", start);
}

/* ---- numbers and words ---- */

static void skip_digits(struct scanner *scanner)
{
    while (is_digit(peek(scanner, 0))) {
        scanner->offset++;
    }
}

/* Fraction and exponent, as far as they are whole: of `1.` only the 1 is a number, and the rest an error later. */
static void skip_fraction_and_exponent(struct scanner *scanner)
{
    if (peek(scanner, 0) == '.' && is_digit(peek(scanner, 1))) {
        scanner->offset++;
        skip_digits(scanner);
    }
    if ((peek(scanner, 0) | 0x20) == 'e') {
        size_t sign = peek(scanner, 1) == '+' || peek(scanner, 1) == '-' ? 1 : 0;
        if (is_digit(peek(scanner, 1 + sign))) {
            scanner->offset += 1 + sign;
            skip_digits(scanner);
        }
    }
}

static bool scan_number(struct scanner *scanner)
{
    size_t start = scanner->offset;
    scanner->offset += peek(scanner, 0) == '-' ? 1 : 0;
    size_t digits = scanner->offset;
    if (!is_digit(peek(scanner, 0))) {
        return fail(scanner, "Expecting value", start);
    }
    if (peek(scanner, 0) == '0') {
        scanner->offset++;
    } else {
        skip_digits(scanner);
    }
    size_t end = scanner->offset;
    skip_fraction_and_exponent(scanner);
    if (scanner->offset == end && end - digits > INTEGER_DIGITS_MAX) {
        set_error(scanner, JSON_ERROR_RANGE, "integer of too many digits", start);
        return false;
    }
    return true;
}

static bool scan_word(struct scanner *scanner)
{
    static const struct {
        struct bytes word;
        bool is_json;
    } words[] = {
        {{(const uint8_t *)"null", 4}, true},      {{(const uint8_t *)"true", 4}, true},
        {{(const uint8_t *)"false", 5}, true},     {{(const uint8_t *)"NaN", 3}, false},
        {{(const uint8_t *)"Infinity", 8}, false}, {{(const uint8_t *)"-Infinity", 9}, false},
    };
    struct bytes rest = bytes_slice(scanner->text, scanner->offset, scanner->text.size);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (bytes_starts_with(rest, words[i].word)) {
            if (!words[i].is_json) {
                note(scanner, JSON_ERROR_RANGE, "not a finite number", scanner->offset);
            }
            scanner->offset += words[i].word.size;
            return true;
        }
    }
    return scan_number(scanner);
}

/* ---- containers ---- */

static void push(struct scanner *scanner, bool is_object)
{
    uint8_t bit = (uint8_t)(1U << (scanner->depth % 8));
    uint8_t *level = &scanner->is_object[scanner->depth / 8];
    *level = is_object ? *level | bit : (uint8_t)(*level & ~bit);
    if (++scanner->depth > JSON_DEPTH_MAX) {
        note(scanner, JSON_ERROR_DEPTH, "nested too deep", scanner->offset);
    }
}

static bool in_object(const struct scanner *scanner)
{
    size_t level = scanner->depth - 1;
    return (scanner->is_object[level / 8] >> (level % 8) & 1) != 0;
}

/* `"name" :` and the space after it. */
static bool scan_name(struct scanner *scanner)
{
    if (peek(scanner, 0) != '"') {
        return fail(scanner, "Expecting property name enclosed in double quotes", scanner->offset);
    }
    if (!scan_string(scanner)) {
        return false;
    }
    skip_space(scanner);
    if (peek(scanner, 0) != ':') {
        return fail(scanner, "Expecting ':' delimiter", scanner->offset);
    }
    scanner->offset++;
    skip_space(scanner);
    return true;
}

/* After an opening bracket: *is_complete for an empty container, else what comes before its first value. */
static bool scan_opening(struct scanner *scanner, bool *is_complete)
{
    bool is_object = peek(scanner, 0) == '{';
    push(scanner, is_object);
    scanner->offset++;
    skip_space(scanner);
    *is_complete = peek(scanner, 0) == (is_object ? '}' : ']');
    if (*is_complete) {
        scanner->depth--;
        scanner->offset++;
        return true;
    }
    return !is_object || scan_name(scanner);
}

/* One value, or the beginning of one: *is_complete is false after an opening bracket. */
static bool scan_value(struct scanner *scanner, bool *is_complete)
{
    uint8_t byte = peek(scanner, 0);
    *is_complete = true;
    if (byte == '{' || byte == '[') {
        return scan_opening(scanner, is_complete);
    }
    return byte == '"' ? scan_string(scanner) : scan_word(scanner);
}

/* After a value in a container: its end (*is_complete: it is a value itself), or a comma and what follows. */
static bool scan_after_value(struct scanner *scanner, bool *is_complete)
{
    bool is_object = in_object(scanner);
    uint8_t closing = is_object ? '}' : ']';
    skip_space(scanner);
    *is_complete = peek(scanner, 0) == closing;
    if (*is_complete) {
        scanner->depth--;
        scanner->offset++;
        return true;
    }
    size_t comma = scanner->offset;
    if (peek(scanner, 0) != ',') {
        return fail(scanner, "Expecting ',' delimiter", comma);
    }
    scanner->offset++;
    skip_space(scanner);
    if (peek(scanner, 0) == closing) {
        return fail(scanner,
                    is_object ? "Illegal trailing comma before end of object"
                              : "Illegal trailing comma before end of array",
                    comma);
    }
    return !is_object || scan_name(scanner);
}

static bool scan_text(struct scanner *scanner)
{
    bool is_complete = false;
    skip_space(scanner);
    do {
        if (!scan_value(scanner, &is_complete)) {
            return false;
        }
        while (is_complete && scanner->depth > 0) {
            if (!scan_after_value(scanner, &is_complete)) {
                return false;
            }
        }
    } while (!is_complete);
    skip_space(scanner);
    return at_end(scanner) || fail(scanner, "Extra data", scanner->offset);
}

/* json.loads takes bytes that begin so for UTF-16 or UTF-32; RFC 8259 section 8.1 wants UTF-8 without a mark. */
static bool is_utf8_text(struct bytes text)
{
    bool has_mark = bytes_starts_with(text, BYTES_LITERAL("\xef\xbb\xbf"));
    bool has_wide_units = (text.size == 2 || text.size >= 4) && bytes_find(bytes_slice(text, 0, 2), 0) < 2;
    return !has_mark && !has_wide_units && utf8_check(text, NULL) == STATUS_OK;
}

enum status json_scan(struct bytes text, struct json_error *error)
{
    struct scanner scanner = {.text = text, .error = error};
    *error = (struct json_error){JSON_ERROR_NONE, NULL, 0};
    if (text.size > JSON_TEXT_MAX_BYTES) {
        *error = (struct json_error){JSON_ERROR_RANGE, "text too large", 0};
    } else if (!is_utf8_text(text)) {
        *error = (struct json_error){JSON_ERROR_ENCODING, "not UTF-8", 0};
    } else if (scan_text(&scanner) && error->kind == JSON_ERROR_NONE) {
        return STATUS_OK;
    }
    return STATUS_INVALID;
}
