/*
 * memcpy() and memset(), which everything calls all the time and the C library has byte by byte: sixteen bytes at once, the
 * last ones over what was done before, so that no size has a loop of single bytes. Not for handlers of traps: they may not
 * touch vector registers.
 */
#include <stdint.h>
#include <string.h>

typedef uint8_t sixteen __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));

static void copy_short(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size >= 8) {
        eight first = *(const eight *)from, last = *(const eight *)(from + size - 8);
        *(eight *)to = first;
        *(eight *)(to + size - 8) = last;
    } else if (size >= 4) {
        four first = *(const four *)from, last = *(const four *)(from + size - 4);
        *(four *)to = first;
        *(four *)(to + size - 4) = last;
    } else if (size > 0) {
        uint8_t first = from[0], middle = from[size / 2], last = from[size - 1];
        to[0] = first;
        to[size / 2] = middle;
        to[size - 1] = last;
    }
}

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
    uint8_t *out = dest;
    const uint8_t *in = src;
    if (n < sizeof(sixteen)) {
        copy_short(out, in, n);
        return dest;
    }
    const sixteen last = *(const sixteen *)(in + n - sizeof last);
    uint8_t *end = out + n - sizeof last;
    for (; end - out >= 64; out += 64, in += 64) {
        const sixteen a = ((const sixteen *)in)[0], b = ((const sixteen *)in)[1];
        const sixteen c = ((const sixteen *)in)[2], d = ((const sixteen *)in)[3];
        ((sixteen *)out)[0] = a;
        ((sixteen *)out)[1] = b;
        ((sixteen *)out)[2] = c;
        ((sixteen *)out)[3] = d;
    }
    for (; out < end; out += sizeof last, in += sizeof last)
        *(sixteen *)out = *(const sixteen *)in;
    *(sixteen *)end = last;
    return dest;
}

static void set_short(uint8_t *to, uint64_t value, size_t size)
{
    if (size >= 8) {
        *(eight *)to = value;
        *(eight *)(to + size - 8) = value;
    } else if (size >= 4) {
        *(four *)to = (uint32_t)value;
        *(four *)(to + size - 4) = (uint32_t)value;
    } else if (size > 0) {
        to[0] = (uint8_t)value;
        to[size / 2] = (uint8_t)value;
        to[size - 1] = (uint8_t)value;
    }
}

void *memset(void *s, int c, size_t n)
{
    uint64_t word = (uint8_t)c * 0x0101010101010101ULL;
    uint8_t *out = s;
    if (n < sizeof(sixteen)) {
        set_short(out, word, n);
        return s;
    }
    const sixteen all = (sixteen)(__attribute__((vector_size(16))) uint64_t){word, word};
    uint8_t *end = out + n - sizeof all;
    for (; end - out >= 64; out += 64) {
        ((sixteen *)out)[0] = all;
        ((sixteen *)out)[1] = all;
        ((sixteen *)out)[2] = all;
        ((sixteen *)out)[3] = all;
    }
    for (; out < end; out += sizeof all)
        *(sixteen *)out = all;
    *(sixteen *)end = all;
    return s;
}
