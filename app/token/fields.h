/*
 * Tagged fields: the texts of one entity in one byte string, the same in the table and in the log.
 *
 * A field is a tag byte, a length (2 bytes, little-endian), and the value. Order is free; only FIELD_CAPABILITY and
 * FIELD_MEMO may occur more than once.
 * Ownership: views of the caller's bytes. Blocking, failure: none but fields_check.
 */
#ifndef JETON_TOKEN_FIELDS_H
#define JETON_TOKEN_FIELDS_H

#include "base/bytes.h"

enum field_tag {
    FIELD_NAME = 1,
    FIELD_DESCRIPTION = 2,
    FIELD_REASON = 3,
    FIELD_REVOKED_BY = 4,
    FIELD_ACTION = 5,
    FIELD_DIGEST = 6,   /* 32 bytes */
    FIELD_CIDRS = 7,    /* 17 bytes each: address, prefix bits */
    FIELD_PREVIOUS = 8, /* MAC of the secret before the rotation (16), end of its life (4) */
    FIELD_MEMO = 9,     /* an idempotency key's memo: see memo.h */
    FIELD_POLICY = 10,
    FIELD_EMAIL = 11,
    FIELD_TENANTS = 12, /* 16 bytes each */
    FIELD_CAPABILITY = 13,
    FIELD_ACCESS_CUT = 14, /* jti (16): access tokens of the credential up to it are void */
    FIELD_TAG_END
};

#define FIELD_HEADER_BYTES   3
#define FIELD_CIDR_BYTES     17
#define FIELD_PREVIOUS_BYTES 20
#define FIELD_MEMO_BYTES     37
#define FIELD_CUT_BYTES      16

struct field {
    enum field_tag tag;
    struct bytes value;
};

/* Walk: start with *offset 0; false at the end. The text has passed fields_check once. */
bool fields_next(struct bytes text, size_t *offset, struct field *field);

/* The first value under `tag`; data NULL when there is none (an empty value has data). */
struct bytes fields_find(struct bytes text, enum field_tag tag);

/* Append one field; nothing when the value's data is NULL. */
void fields_append(struct buffer *out, enum field_tag tag, struct bytes value);

/* Append all fields of `text` but those under `tag`. */
void fields_append_without(struct buffer *out, struct bytes text, enum field_tag tag);

/* Tags that occur in a text: a bit each. */
#define FIELDS_WITH(tag) ((uint32_t)1 << (tag))
static_assert(FIELD_TAG_END <= 32, "a bit for each tag");

/* STATUS_DAMAGED for anything that is not a sequence of known fields of possible sizes, once each where once is the rule.
 * `tags` says which there are. */
enum status fields_check(struct bytes text, uint32_t *tags) MUST_USE;

#endif
