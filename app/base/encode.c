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

void encode_hex(struct buffer *out, struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        const uint8_t pair[2] = {(uint8_t)hex_digits[in.data[i] >> 4], (uint8_t)hex_digits[in.data[i] & 15]};
        buffer_append(out, bytes_of(pair, sizeof(pair)));
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

/* One group: 1 to 3 bytes as 2 to 4 digits. */
static void encode_group(struct buffer *out, struct bytes group, const char *alphabet)
{
    uint32_t bits = (uint32_t)group.data[0] << 16;
    bits |= group.size > 1 ? (uint32_t)group.data[1] << 8 : 0;
    bits |= group.size > 2 ? (uint32_t)group.data[2] : 0;
    for (size_t digit = 0; digit <= group.size; digit++) {
        buffer_append_byte(out, (uint8_t)alphabet[bits >> (18 - 6 * digit) & 63]);
    }
}

static void encode_with(struct buffer *out, struct bytes in, const char *alphabet)
{
    for (size_t offset = 0; offset < in.size; offset += 3) {
        encode_group(out, bytes_slice(in, offset, 3), alphabet);
    }
}

/* `last` is the alphabet's digits 62 and 63. */
static uint8_t base64_value(uint8_t digit, const char *last)
{
    if (digit >= 'A' && digit <= 'Z') {
        return (uint8_t)(digit - 'A');
    }
    if (digit >= 'a' && digit <= 'z') {
        return (uint8_t)(digit - 'a' + 26);
    }
    if (digit >= '0' && digit <= '9') {
        return (uint8_t)(digit - '0' + 52);
    }
    if (digit == (uint8_t)last[0]) {
        return 62;
    }
    return digit == (uint8_t)last[1] ? 63 : NOT_A_DIGIT;
}

/* One group of 2 to 4 digits, as 1 to 3 bytes. */
static enum status decode_group(struct bytes digits, const char *last, struct buffer *out)
{
    uint32_t bits = 0;
    assert(digits.size >= 2 && digits.size <= 4);
    for (size_t i = 0; i < digits.size; i++) {
        uint8_t value = base64_value(digits.data[i], last);
        if (value == NOT_A_DIGIT) {
            return STATUS_INVALID;
        }
        bits |= (uint32_t)value << (18 - 6 * i);
    }
    const uint8_t group[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
    size_t size = digits.size - 1;
    if ((bits & (0xffffffU >> (8 * size))) != 0) {
        return STATUS_INVALID; /* trailing bits: a second text for the same bytes */
    }
    buffer_append(out, bytes_of(group, size));
    return STATUS_OK;
}

/* `text` is without padding. */
static enum status decode_with(struct bytes text, const char *last, struct buffer *out)
{
    size_t size = text.size / 4 * 3 + (text.size % 4 * 3) / 4;
    if (text.size % 4 == 1) {
        return STATUS_INVALID;
    }
    if (size > 0 && (buffer_failed(out) || size > out->capacity - out->size)) {
        return STATUS_TOO_LARGE;
    }
    size_t before = out->size;
    for (size_t offset = 0; offset < text.size; offset += 4) {
        if (decode_group(bytes_slice(text, offset, 4), last, out) != STATUS_OK) {
            out->size = before;
            return STATUS_INVALID;
        }
    }
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
    return decode_with(text, base64_alphabet + 62, out);
}

void encode_base64url(struct buffer *out, struct bytes in)
{
    encode_with(out, in, base64url_alphabet);
}

enum status decode_base64url(struct bytes text, struct buffer *out)
{
    return decode_with(text, base64url_alphabet + 62, out);
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

/* The bytes before which RFC 9562 writes a dash. */
static bool dash_before(size_t index)
{
    return index == 4 || index == 6 || index == 8 || index == 10;
}

void encode_uuid(struct buffer *out, const struct uuid *uuid)
{
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (dash_before(i)) {
            buffer_append_byte(out, '-');
        }
        encode_hex(out, bytes_of(&uuid->bytes[i], 1));
    }
}

enum status decode_uuid(struct bytes text, struct uuid *uuid)
{
    struct uuid read;
    size_t offset = 0;
    if (text.size != UUID_TEXT_BYTES) {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (dash_before(i) && text.data[offset++] != '-') {
            return STATUS_INVALID;
        }
        if (decode_hex(bytes_slice(text, offset, 2), false, &read.bytes[i], 1) != STATUS_OK) {
            return STATUS_INVALID;
        }
        offset += 2;
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
    for (size_t offset = 0; offset < text.size; points++) {
        size_t size = utf8_sequence_size(bytes_slice(text, offset, text.size));
        if (size == 0) {
            return STATUS_INVALID;
        }
        offset += size;
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
