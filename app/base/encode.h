/*
 * Text encodings of bytes: hex, base64, base64url, base62, UUID, UTF-8.
 *
 * Ownership: callers give buffers. Blocking: none. Failure: decoders say STATUS_INVALID for any byte outside the
 * alphabet, for wrong padding and for non-zero trailing bits (one text per value), STATUS_TOO_LARGE for a small
 * destination. Encoders append to a struct buffer and fail as buffer_append does.
 */
#ifndef JETON_BASE_ENCODE_H
#define JETON_BASE_ENCODE_H

#include "base/bytes.h"

#define UUID_BYTES      16
#define UUID_TEXT_BYTES 36

struct uuid {
    uint8_t bytes[UUID_BYTES];
};

/* Lower-case hex. */
void encode_hex(struct buffer *out, struct bytes in);
/* Exactly out_size bytes from 2 * out_size hex digits; upper case is refused when `lower_only`. */
enum status decode_hex(struct bytes text, bool lower_only, uint8_t *out, size_t out_size) MUST_USE;

/* RFC 4648 section 4 with padding; decode also without padding is refused. */
void encode_base64(struct buffer *out, struct bytes in);
enum status decode_base64(struct bytes text, struct buffer *out) MUST_USE;

/* RFC 4648 section 5 without padding. */
void encode_base64url(struct buffer *out, struct bytes in);
enum status decode_base64url(struct bytes text, struct buffer *out) MUST_USE;

/* `digits` base62 characters (0-9A-Za-z, most significant first) of value mod 62^digits. digits <= 10. */
void encode_base62(struct buffer *out, uint64_t value, size_t digits);

/* RFC 9562 text, lower case out; any case in. */
void encode_uuid(struct buffer *out, const struct uuid *uuid);
enum status decode_uuid(struct bytes text, struct uuid *uuid) MUST_USE;
bool uuid_equal(const struct uuid *a, const struct uuid *b);

/* RFC 9562 section 5.7: version 7 from Unix milliseconds and 10 random bytes. */
struct uuid uuid_v7(uint64_t unix_ms, const uint8_t random[10]);

/* Strict UTF-8 (no overlong forms, surrogates, or above U+10FFFF). `count` may be NULL: code points on success. */
enum status utf8_check(struct bytes text, size_t *count) MUST_USE;

/* CRC-32 (IEEE 802.3, reflected, as in zip). Start with 0, feed pieces. */
uint32_t crc32_update(uint32_t crc, struct bytes bytes);

#endif
