/*
 * Tagged fields: walk, find, append, check.
 */
#include "token/fields.h"

#include <assert.h>

#include "limits.h"

bool fields_next(struct bytes text, size_t *offset, struct field *field)
{
    if (*offset >= text.size) {
        return false;
    }
    assert(text.size - *offset >= FIELD_HEADER_BYTES);
    const uint8_t *at = text.data + *offset;
    size_t size = (size_t)at[1] | (size_t)at[2] << 8;
    assert(text.size - *offset - FIELD_HEADER_BYTES >= size);
    *field = (struct field){(enum field_tag)at[0], {at + FIELD_HEADER_BYTES, size}};
    *offset += FIELD_HEADER_BYTES + size;
    return true;
}

struct bytes fields_find(struct bytes text, enum field_tag tag)
{
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag == tag) {
            return field.value;
        }
    }
    return (struct bytes){NULL, 0};
}

void fields_append(struct buffer *out, enum field_tag tag, struct bytes value)
{
    if (value.data == NULL) {
        return;
    }
    assert(value.size <= UINT16_MAX);
    buffer_append_byte(out, (uint8_t)tag);
    buffer_append_byte(out, (uint8_t)value.size);
    buffer_append_byte(out, (uint8_t)(value.size >> 8));
    buffer_append(out, value);
}

void fields_append_without(struct buffer *out, struct bytes text, enum field_tag tag)
{
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag != tag) {
            fields_append(out, field.tag, field.value);
        }
    }
}

static bool prefixes_possible(struct bytes ranges)
{
    for (size_t offset = FIELD_CIDR_BYTES - 1; offset < ranges.size; offset += FIELD_CIDR_BYTES) {
        if (ranges.data[offset] > 128) {
            return false;
        }
    }
    return true;
}

static bool value_possible(enum field_tag tag, struct bytes value)
{
    size_t size = value.size;
    switch (tag) {
    case FIELD_DIGEST:
        return size == 32;
    case FIELD_CIDRS:
        return size % FIELD_CIDR_BYTES == 0 && size <= FIELD_CIDR_BYTES * TOKEN_CIDRS_MAX &&
               prefixes_possible(value);
    case FIELD_PREVIOUS:
        return size == FIELD_PREVIOUS_BYTES;
    case FIELD_MEMO:
        return size == FIELD_MEMO_BYTES;
    case FIELD_ACCESS_CUT:
        return size == FIELD_CUT_BYTES;
    case FIELD_TENANTS:
        return size % 16 == 0 && size <= 16 * USER_TENANTS_MAX;
    default:
        return true;
    }
}

enum status fields_check(struct bytes text, uint32_t *tags)
{
    uint32_t seen = 0;
    size_t offset = 0;
    *tags = 0;
    while (offset < text.size) {
        if (text.size - offset < FIELD_HEADER_BYTES) {
            return STATUS_DAMAGED;
        }
        const uint8_t *at = text.data + offset;
        size_t size = (size_t)at[1] | (size_t)at[2] << 8;
        if (at[0] == 0 || at[0] >= FIELD_TAG_END || text.size - offset - FIELD_HEADER_BYTES < size) {
            return STATUS_DAMAGED;
        }
        enum field_tag tag = (enum field_tag)at[0];
        bool again = (seen & FIELDS_WITH(tag)) != 0 && tag != FIELD_MEMO && tag != FIELD_CAPABILITY;
        if (again || !value_possible(tag, (struct bytes){at + FIELD_HEADER_BYTES, size})) {
            return STATUS_DAMAGED;
        }
        seen |= FIELDS_WITH(tag);
        offset += FIELD_HEADER_BYTES + size;
    }
    *tags = seen;
    return STATUS_OK;
}
