/*
 * Queries and form bodies: pairs, and percent-decoding of one part (RFC 3986 section 2.1; the plus is of the WHATWG
 * form encoding).
 */
#include "base/encode.h"
#include "http/request.h"

/* How many bytes of `text` stand for themselves, up to the next that does not. */
static size_t plain_size(struct bytes text, bool plus_is_space)
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '%' && (text.data[size] != '+' || !plus_is_space)) {
        size++;
    }
    return size;
}

enum status http_percent_decode(struct bytes text, bool plus_is_space, struct buffer *out)
{
    while (text.size > 0) {
        size_t plain = plain_size(text, plus_is_space);
        buffer_append(out, bytes_slice(text, 0, plain));
        text = bytes_slice(text, plain, text.size);
        if (text.size > 0) {
            uint8_t byte = ' ';
            bool is_escape = text.data[0] == '%';
            if (is_escape && decode_hex(bytes_slice(text, 1, 2), false, &byte, 1) != STATUS_OK) {
                return STATUS_INVALID;
            }
            buffer_append_byte(out, byte);
            text = bytes_slice(text, is_escape ? 3 : 1, text.size);
        }
        if (buffer_failed(out)) {
            return STATUS_TOO_LARGE;
        }
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
