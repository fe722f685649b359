/*
 * Views and buffers: compare, slice, append.
 */
#include "base/bytes.h"

#include <assert.h>
#include <string.h>

/* ASCII only: header names and tokens are ASCII, and a locale must not matter. */
static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    if (a.size != b.size || a.size == 0) {
        return a.size == b.size;
    }
    assert(a.data != NULL && b.data != NULL);
    return memcmp(a.data, b.data, a.size) == 0;
}

bool bytes_equal_string(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_string(text));
}

bool bytes_equal_ignoring_case(struct bytes a, struct bytes b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (a.data[i] != b.data[i] && lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool bytes_equal_constant_time(const void *a, const void *b, size_t size)
{
    /* Volatile reads and an accumulator: no early way out for the compiler to find. */
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;
    uint32_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= (uint32_t)(left[i] ^ right[i]);
    }
    return difference == 0;
}

bool bytes_starts_with(struct bytes a, struct bytes prefix)
{
    return a.size >= prefix.size && bytes_equal(bytes_slice(a, 0, prefix.size), prefix);
}

size_t bytes_find(struct bytes a, uint8_t byte)
{
    const uint8_t *found = a.size == 0 ? NULL : memchr(a.data, byte, a.size);
    return found == NULL ? a.size : (size_t)(found - a.data);
}

struct bytes bytes_trim(struct bytes a)
{
    while (a.size > 0 && (a.data[0] == ' ' || a.data[0] == '\t')) {
        a = bytes_slice(a, 1, a.size);
    }
    while (a.size > 0 && (a.data[a.size - 1] == ' ' || a.data[a.size - 1] == '\t')) {
        a.size--;
    }
    return a;
}

enum status bytes_to_u64(struct bytes text, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return STATUS_INVALID;
        }
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10) {
            return STATUS_INVALID;
        }
        sum = sum * 10 + digit;
    }
    if (text.size == 0) {
        return STATUS_INVALID;
    }
    *value = sum;
    return STATUS_OK;
}

void bytes_wipe(void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    memset(data, 0, size);
    /* The compiler must assume that this reads the memory, so the memset cannot be dropped as dead. */
    __asm__ volatile("" : : "r"(data) : "memory");
}

struct buffer buffer_over(void *data, size_t capacity)
{
    assert(data != NULL || capacity == 0);
    return (struct buffer){data, 0, capacity};
}

uint8_t *buffer_extend(struct buffer *buffer, size_t size)
{
    if (buffer_failed(buffer) || size > buffer->capacity - buffer->size) {
        buffer->capacity = 0;
        return NULL;
    }
    uint8_t *place = buffer->data + buffer->size;
    buffer->size += size;
    return place;
}

void buffer_append(struct buffer *buffer, struct bytes bytes)
{
    uint8_t *place = buffer_extend(buffer, bytes.size);
    if (place != NULL && bytes.size > 0) {
        memcpy(place, bytes.data, bytes.size);
    }
}

void buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    uint8_t *place = buffer_extend(buffer, 1);
    if (place != NULL) {
        *place = byte;
    }
}

void buffer_append_u64(struct buffer *buffer, uint64_t value)
{
    uint8_t digits[20]; /* of UINT64_MAX */
    size_t start = sizeof(digits);
    do {
        digits[--start] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buffer_append(buffer, bytes_of(digits + start, sizeof(digits) - start));
}
