/*
 * Address ranges as text.
 */
#include "api/cidr.h"

#include <string.h>

#define IPV4_OFFSET_BYTES 12 /* of an IPv4 address mapped into IPv6 */
#define IPV6_GROUPS       8

static const uint8_t mapped_prefix[IPV4_OFFSET_BYTES] = {[10] = 0xff, [11] = 0xff};

/* ---- reading ---- */

/* A decimal number without leading zeros, at most `max`. */
static enum status read_number(struct bytes text, uint64_t max, uint8_t *out)
{
    uint64_t value = 0;
    if (text.size > 3 || (text.size > 1 && text.data[0] == '0') || bytes_to_u64(text, &value) != STATUS_OK ||
        value > max) {
        return STATUS_INVALID;
    }
    *out = (uint8_t)value;
    return STATUS_OK;
}

/* Four dotted parts into 4 bytes. */
static enum status read_ipv4(struct bytes text, uint8_t *out)
{
    for (size_t part = 0; part < 4; part++) {
        size_t end = bytes_find(text, '.');
        bool last = part == 3;
        if ((end == text.size) != last ||
            read_number(bytes_slice(text, 0, end), 255, &out[part]) != STATUS_OK) {
            return STATUS_INVALID;
        }
        text = bytes_slice(text, end + 1, text.size);
    }
    return STATUS_OK;
}

/* One to four hex digits into 2 bytes. */
static enum status read_group(struct bytes text, uint8_t *out)
{
    uint8_t padded[4] = {'0', '0', '0', '0'};
    if (text.size < 1 || text.size > sizeof(padded)) {
        return STATUS_INVALID;
    }
    memcpy(padded + sizeof(padded) - text.size, text.data, text.size);
    return decode_hex(bytes_of(padded, sizeof(padded)), false, out, 2);
}

/* Groups between colons, the last of which may be dotted IPv4; *used counts groups of 2 bytes. Empty text has none. */
static enum status read_groups(struct bytes text, uint8_t *out, size_t *used)
{
    *used = 0;
    while (text.size > 0) {
        size_t end = bytes_find(text, ':');
        struct bytes group = bytes_slice(text, 0, end);
        bool dotted = bytes_find(group, '.') < group.size;
        size_t groups = dotted ? 2 : 1;
        if (*used + groups > IPV6_GROUPS || (dotted && end != text.size) || end + 1 == text.size) {
            return STATUS_INVALID;
        }
        uint8_t *place = out + *used * 2;
        if ((dotted ? read_ipv4(group, place) : read_group(group, place)) != STATUS_OK) {
            return STATUS_INVALID;
        }
        *used += groups;
        text = bytes_slice(text, end + 1, text.size);
    }
    return STATUS_OK;
}

/* Index of the first "::", or text.size. */
static size_t find_gap(struct bytes text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] == ':' && text.data[i + 1] == ':') {
            return i;
        }
    }
    return text.size;
}

static enum status read_ipv6(struct bytes text, uint8_t out[16])
{
    uint8_t tail[16];
    size_t head_groups = 0;
    size_t tail_groups = 0;
    size_t gap = find_gap(text);
    bool has_gap = gap < text.size;
    struct bytes head = bytes_slice(text, 0, gap);
    struct bytes rest = bytes_slice(text, gap + 2, text.size);
    memset(out, 0, 16);
    if (read_groups(head, out, &head_groups) != STATUS_OK ||
        read_groups(rest, tail, &tail_groups) != STATUS_OK) {
        return STATUS_INVALID;
    }
    /* A gap stands for at least one group; dotted IPv4 may only end the address. */
    if (has_gap ? head_groups + tail_groups >= IPV6_GROUPS || bytes_find(head, '.') < head.size
                : head_groups != IPV6_GROUPS) {
        return STATUS_INVALID;
    }
    memcpy(out + 16 - tail_groups * 2, tail, tail_groups * 2);
    return STATUS_OK;
}

static bool bits_after_prefix(const struct cidr *cidr)
{
    for (size_t bit = cidr->prefix_bits; bit < 128; bit++) {
        if ((cidr->address[bit / 8] >> (7 - bit % 8)) & 1) {
            return true;
        }
    }
    return false;
}

enum status cidr_read(struct bytes text, struct cidr *cidr)
{
    size_t slash = bytes_find(text, '/');
    struct bytes address = bytes_slice(text, 0, slash);
    bool is_ipv4 = bytes_find(address, ':') == address.size;
    uint8_t prefix_bits = is_ipv4 ? 32 : 128;
    if (slash < text.size &&
        read_number(bytes_slice(text, slash + 1, text.size), prefix_bits, &prefix_bits) != STATUS_OK) {
        return STATUS_INVALID;
    }
    memcpy(cidr->address, mapped_prefix, sizeof(mapped_prefix));
    enum status status =
        is_ipv4 ? read_ipv4(address, cidr->address + IPV4_OFFSET_BYTES) : read_ipv6(address, cidr->address);
    cidr->prefix_bits = (uint8_t)(prefix_bits + (is_ipv4 ? 96 : 0));
    if (status != STATUS_OK || bits_after_prefix(cidr)) {
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* ---- writing ---- */

static void write_group(struct buffer *out, unsigned value)
{
    static const char digits[] = "0123456789abcdef";
    bool begun = false;
    for (unsigned shift = 16; shift > 0; shift -= 4) {
        unsigned digit = (value >> (shift - 4)) & 15;
        begun = begun || digit != 0 || shift == 4;
        if (begun) {
            buffer_append_byte(out, (uint8_t)digits[digit]);
        }
    }
}

static unsigned group_at(const uint8_t address[16], size_t index)
{
    return (unsigned)address[index * 2] << 8 | address[index * 2 + 1];
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952 section 4.2); length 0 when none. */
static size_t longest_zero_run(const uint8_t address[16], size_t *start)
{
    size_t best = 0;
    for (size_t i = 0; i < IPV6_GROUPS; i++) {
        size_t run = 0;
        while (i + run < IPV6_GROUPS && group_at(address, i + run) == 0) {
            run++;
        }
        if (run > best && run >= 2) {
            best = run;
            *start = i;
        }
    }
    return best;
}

static void write_ipv6(struct buffer *out, const uint8_t address[16])
{
    size_t run_start = 0;
    size_t run = longest_zero_run(address, &run_start);
    for (size_t i = 0; i < IPV6_GROUPS; i++) {
        if (run > 0 && i == run_start) {
            buffer_append_string(out, "::");
            i += run - 1;
            continue;
        }
        if (i > 0 && !(run > 0 && i == run_start + run)) {
            buffer_append_byte(out, ':');
        }
        write_group(out, group_at(address, i));
    }
}

static void write_ipv4(struct buffer *out, const uint8_t *address)
{
    for (size_t part = 0; part < 4; part++) {
        if (part > 0) {
            buffer_append_byte(out, '.');
        }
        buffer_append_u64(out, address[part]);
    }
}

void cidr_write(struct buffer *out, const struct cidr *cidr)
{
    bool is_ipv4 =
        cidr->prefix_bits >= 96 && memcmp(cidr->address, mapped_prefix, sizeof(mapped_prefix)) == 0;
    if (is_ipv4) {
        write_ipv4(out, cidr->address + IPV4_OFFSET_BYTES);
    } else {
        write_ipv6(out, cidr->address);
    }
    buffer_append_byte(out, '/');
    buffer_append_u64(out, (uint64_t)(cidr->prefix_bits - (is_ipv4 ? 96 : 0)));
}
