/*
 * Text encodings of bytes: hex, base64 and base64url, base62, UUID, UTF-8, and CRC-32.
 *
 * None of the tables or branches here is constant-time: what is decoded is compared as a MAC or digest afterwards.
 */
#include "base/encode.h"

#include <assert.h>
#include <string.h>

#define NOT_A_DIGIT 0xff

static const char hex_digits[] = "0123456789abcdef";
static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base62_alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* ---- hex ---- */

static uint8_t hex_value(uint8_t digit, bool lower_only)
{
    if (digit >= '0' && digit <= '9') {
        return (uint8_t)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (uint8_t)(digit - 'a' + 10);
    }
    if (digit >= 'A' && digit <= 'F' && !lower_only) {
        return (uint8_t)(digit - 'A' + 10);
    }
    return NOT_A_DIGIT;
}

/* 2 * size digits; returns their end. */
static uint8_t *write_hex(uint8_t *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        *out++ = (uint8_t)hex_digits[data[i] >> 4];
        *out++ = (uint8_t)hex_digits[data[i] & 15];
    }
    return out;
}

void encode_hex(struct buffer *out, struct bytes in)
{
    uint8_t *place = buffer_extend(out, 2 * in.size);
    if (place != NULL) {
        write_hex(place, in.data, in.size);
    }
}

enum status decode_hex(struct bytes text, bool lower_only, uint8_t *out, size_t out_size)
{
    if (text.size / 2 != out_size || text.size % 2 != 0) {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < out_size; i++) {
        uint8_t high = hex_value(text.data[2 * i], lower_only);
        uint8_t low = hex_value(text.data[2 * i + 1], lower_only);
        if (high == NOT_A_DIGIT || low == NOT_A_DIGIT) {
            return STATUS_INVALID;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return STATUS_OK;
}

/* ---- base64 ---- */

#define IN_BASE64    0x40
#define IN_BASE64URL 0x80
#define DIGIT_MASK   0x3f
#define DIGITS_FIRST 0x20 /* the table begins with the space */

/* What the characters from the space to DEL mean: a digit, and the alphabets that have it; 0 in neither. */
static const uint8_t base64_digits[] = {
    /* clang-format off */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7e, 0x00, 0xbe, 0x00, 0x7f,
    0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce,
    0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0x00, 0x00, 0x00, 0x00, 0xbf,
    0x00, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8,
    0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3, 0x00, 0x00, 0x00, 0x00, 0x00,
    /* clang-format on */
};

/* Room for what 1 to 3 bytes are in digits: one more than they are. */
static uint8_t *write_group(uint8_t *out, const uint8_t *group, size_t size, const char *alphabet)
{
    uint32_t bits = (uint32_t)group[0] << 16;
    bits |= size > 1 ? (uint32_t)group[1] << 8 : 0;
    bits |= size > 2 ? (uint32_t)group[2] : 0;
    for (size_t digit = 0; digit <= size; digit++) {
        *out++ = (uint8_t)alphabet[bits >> (18 - 6 * digit) & DIGIT_MASK];
    }
    return out;
}

static void encode_with(struct buffer *out, struct bytes in, const char *alphabet)
{
    size_t tail = in.size % 3;
    uint8_t *place = buffer_extend(out, in.size / 3 * 4 + (tail == 0 ? 0 : tail + 1));
    if (place == NULL) {
        return;
    }
    for (size_t offset = 0; offset < in.size - tail; offset += 3) {
        place = write_group(place, in.data + offset, 3, alphabet);
    }
    if (tail > 0) {
        write_group(place, in.data + in.size - tail, tail, alphabet);
    }
}

/* One group of 2 to 4 digits, as 1 to 3 bytes. Clears the bits in *alphabets of those that lack a digit. */
static uint32_t read_group(const uint8_t *digits, size_t count, uint8_t *alphabets)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = (size_t)digits[i] - DIGITS_FIRST; /* huge below the table */
        uint8_t value = index < sizeof(base64_digits) ? base64_digits[index] : 0;
        *alphabets &= value;
        bits |= (uint32_t)(value & DIGIT_MASK) << (18 - 6 * i);
    }
    return bits;
}

/* The last group. False for trailing bits that are not zero: a second text for the same bytes. */
static bool read_tail(const uint8_t *digits, size_t count, uint8_t *alphabets, uint8_t *out)
{
    uint32_t bits = read_group(digits, count, alphabets);
    for (size_t i = 0; i + 1 < count; i++) {
        out[i] = (uint8_t)(bits >> (16 - 8 * i));
    }
    return (bits & (0xffffffU >> (8 * (count - 1)))) == 0;
}

/* `text` is without padding. Who fails leaves the bytes behind out->size undefined. */
static enum status decode_with(struct bytes text, uint8_t alphabet, struct buffer *out)
{
    size_t tail = text.size % 4;
    size_t size = text.size / 4 * 3 + (tail * 3) / 4;
    if (tail == 1) {
        return STATUS_INVALID;
    }
    if (size == 0) {
        return STATUS_OK;
    }
    if (buffer_failed(out) || size > out->capacity - out->size) {
        return STATUS_TOO_LARGE;
    }
    uint8_t *place = out->data + out->size;
    uint8_t alphabets = alphabet;
    for (size_t offset = 0; offset < text.size - tail; offset += 4) {
        uint32_t bits = read_group(text.data + offset, 4, &alphabets);
        *place++ = (uint8_t)(bits >> 16);
        *place++ = (uint8_t)(bits >> 8);
        *place++ = (uint8_t)bits;
    }
    bool exact = tail == 0 || read_tail(text.data + text.size - tail, tail, &alphabets, place);
    if (!exact || alphabets == 0) {
        return STATUS_INVALID;
    }
    out->size += size;
    return STATUS_OK;
}

void encode_base64(struct buffer *out, struct bytes in)
{
    encode_with(out, in, base64_alphabet);
    if (in.size % 3 != 0) {
        buffer_append_string(out, in.size % 3 == 1 ? "==" : "=");
    }
}

enum status decode_base64(struct bytes text, struct buffer *out)
{
    if (text.size % 4 != 0) {
        return STATUS_INVALID;
    }
    for (int padding = 0; padding < 2 && text.size > 0 && text.data[text.size - 1] == '='; padding++) {
        text.size--;
    }
    return decode_with(text, IN_BASE64, out);
}

void encode_base64url(struct buffer *out, struct bytes in)
{
    encode_with(out, in, base64url_alphabet);
}

enum status decode_base64url(struct bytes text, struct buffer *out)
{
    return decode_with(text, IN_BASE64URL, out);
}

/* ---- base62 ---- */

void encode_base62(struct buffer *out, uint64_t value, size_t digits)
{
    uint8_t text[10];
    assert(digits <= sizeof(text));
    for (size_t i = digits; i > 0; i--) {
        text[i - 1] = (uint8_t)base62_alphabet[value % 62];
        value /= 62;
    }
    buffer_append(out, bytes_of(text, digits));
}

/* ---- UUID ---- */

/* RFC 9562 section 4: groups of 4, 2, 2, 2 and 6 bytes. */
static const uint8_t group_bytes[] = {4, 2, 2, 2, 6};
#define GROUP_COUNT (sizeof(group_bytes) / sizeof(group_bytes[0]))

void encode_uuid(struct buffer *out, const struct uuid *uuid)
{
    uint8_t *place = buffer_extend(out, UUID_TEXT_BYTES);
    const uint8_t *from = uuid->bytes;
    for (size_t i = 0; i < GROUP_COUNT && place != NULL; i++) {
        place = write_hex(place, from, group_bytes[i]);
        from += group_bytes[i];
        if (i + 1 < GROUP_COUNT) {
            *place++ = '-';
        }
    }
}

enum status decode_uuid(struct bytes text, struct uuid *uuid)
{
    struct uuid read;
    uint8_t *place = read.bytes;
    size_t offset = 0;
    if (text.size != UUID_TEXT_BYTES) {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (i > 0 && text.data[offset++] != '-') {
            return STATUS_INVALID;
        }
        if (decode_hex(bytes_slice(text, offset, 2U * group_bytes[i]), false, place, group_bytes[i]) !=
            STATUS_OK) {
            return STATUS_INVALID;
        }
        place += group_bytes[i];
        offset += 2U * group_bytes[i];
    }
    *uuid = read;
    return STATUS_OK;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, UUID_BYTES) == 0;
}

struct uuid uuid_v7(uint64_t unix_ms, const uint8_t random[10])
{
    struct uuid uuid;
    for (size_t i = 0; i < 6; i++) {
        uuid.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    }
    memcpy(uuid.bytes + 6, random, 10);
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x70); /* version 7 */
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80); /* variant 10 */
    return uuid;
}

/* ---- UTF-8 ---- */

/* Size of the sequence that `text` begins with (Unicode table 3-7: the second byte's range depends on the first);
 * 0 when there is none. */
static size_t utf8_sequence_size(struct bytes text)
{
    uint8_t first = text.data[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.size < size) {
        return 0;
    }
    uint8_t lowest = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80; /* no overlong forms */
    uint8_t highest = first == 0xed   ? 0x9f
                      : first == 0xf4 ? 0x8f
                                      : 0xbf; /* no surrogates, none over 10FFFF */
    if (text.data[1] < lowest || text.data[1] > highest) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

enum status utf8_check(struct bytes text, size_t *count)
{
    size_t points = 0;
    for (size_t offset = 0; offset < text.size;) {
        bool is_ascii = text.size - offset >= 8 && (eight_at(text.data + offset) & EIGHT_HIGH) == 0;
        size_t size = is_ascii ? 8 : utf8_sequence_size(bytes_slice(text, offset, text.size));
        if (size == 0) {
            return STATUS_INVALID;
        }
        offset += size;
        points += is_ascii ? 8 : 1;
    }
    if (count != NULL) {
        *count = points;
    }
    return STATUS_OK;
}

/* ---- CRC-32 ---- */

uint32_t crc32_update(uint32_t crc, struct bytes bytes)
{
    /* Bit by bit: it covers 38 characters of a token at most, a table would cost a kilobyte. */
    crc = ~crc;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
        }
    }
    return ~crc;
}
