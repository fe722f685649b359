/*
 * Queries and form bodies: pairs, and percent-decoding of one part (RFC 3986 section 2.1; the plus is of the WHATWG
 * form encoding).
 */
#include "base/encode.h"
#include "http/request.h"

/* The byte that `text` begins with, or STATUS_INVALID; *used tells how much of the text it took. */
static enum status decode_byte(struct bytes text, uint8_t *byte, size_t *used)
{
    *used = 1;
    *byte = text.data[0];
    if (text.data[0] != '%') {
        return STATUS_OK;
    }
    *used = 3;
    return decode_hex(bytes_slice(text, 1, 2), false, byte, 1);
}

enum status http_percent_decode(struct bytes text, bool plus_is_space, struct buffer *out)
{
    for (size_t offset = 0; offset < text.size;) {
        uint8_t byte = 0;
        size_t used = 0;
        if (decode_byte(bytes_slice(text, offset, text.size), &byte, &used) != STATUS_OK) {
            return STATUS_INVALID;
        }
        if (plus_is_space && text.data[offset] == '+') {
            byte = ' ';
        }
        buffer_append_byte(out, byte);
        if (buffer_failed(out)) {
            return STATUS_TOO_LARGE;
        }
        offset += used;
    }
    return STATUS_OK;
}

bool http_form_next(struct bytes *rest, struct bytes *name, struct bytes *value)
{
    while (rest->size > 0) {
        size_t pair_size = bytes_find(*rest, '&');
        struct bytes pair = bytes_slice(*rest, 0, pair_size);
        *rest = bytes_slice(*rest, pair_size + 1, rest->size);
        if (pair.size > 0) {
            size_t name_size = bytes_find(pair, '=');
            *name = bytes_slice(pair, 0, name_size);
            *value = bytes_slice(pair, name_size + 1, pair.size);
            return true;
        }
    }
    return false;
}
