/*
 * Views and buffers: compare, append, slice.
 *
 * Ownership: nothing here allocates; buffers are the caller's. Blocking: none.
 * Failure: an append that does not fit leaves the buffer's bytes unchanged and makes the buffer refuse everything
 *   after it, so that a writer may append many times and look once at the end: buffer_failed().
 * Limits: sizes below 2^31.
 */
#ifndef JETON_BASE_BYTES_H
#define JETON_BASE_BYTES_H

#include <assert.h>

#include "platform/types.h"

/* A view of a string literal, without its NUL. */
#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)("" text), sizeof(text) - 1})

/* A view of a NUL-terminated string; of a literal its length is known when this is compiled. */
static inline struct bytes bytes_of_string(const char *text)
{
    return (struct bytes){(const uint8_t *)text, __builtin_strlen(text)};
}

/* A view of memory. */
static inline struct bytes bytes_of(const void *data, size_t size)
{
    assert(data != NULL || size == 0);
    return (struct bytes){(const uint8_t *)data, size};
}

/* Equality; not for secrets. */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_string(struct bytes a, const char *text);

/* Equality without regard to ASCII case (HTTP tokens). */
bool bytes_equal_ignoring_case(struct bytes a, struct bytes b);

/* Equality in time that depends on `size` only. For secrets and MACs. */
bool bytes_equal_constant_time(const void *a, const void *b, size_t size);

/* True if `a` begins with `prefix`. */
bool bytes_starts_with(struct bytes a, struct bytes prefix);

/* The part of `a` from `offset`, `size` bytes, both cut to what there is. */
static inline struct bytes bytes_slice(struct bytes a, size_t offset, size_t size)
{
    offset = offset < a.size ? offset : a.size;
    size = size < a.size - offset ? size : a.size - offset;
    /* NULL + 0 is not defined in C; a view of nothing stays where it is. */
    return (struct bytes){offset > 0 ? a.data + offset : a.data, size};
}

/* Eight bytes in one word, to step over what needs no look: not 0 if one of them is below `limit` (at most 0x80), or is
 * `byte`. */
#define EIGHT_ONES UINT64_C(0x0101010101010101)
#define EIGHT_HIGH UINT64_C(0x8080808080808080)
static inline uint64_t eight_at(const uint8_t *data)
{
    uint64_t eight;
    __builtin_memcpy(&eight, data, sizeof(eight));
    return eight;
}

static inline uint64_t eight_below(uint64_t eight, uint8_t limit)
{
    return (eight - EIGHT_ONES * limit) & ~eight & EIGHT_HIGH;
}

static inline uint64_t eight_with(uint64_t eight, uint8_t byte)
{
    return eight_below(eight ^ EIGHT_ONES * byte, 1);
}

/* Index of the first `byte` in `a`, or a.size. */
size_t bytes_find(struct bytes a, uint8_t byte);

/* Without leading and trailing spaces and tabs (RFC 9110 OWS). */
struct bytes bytes_trim(struct bytes a);

/* Decimal digits only, no sign, no overflow: STATUS_INVALID otherwise (also for empty). */
enum status bytes_to_u64(struct bytes text, uint64_t *value) MUST_USE;

/* Overwrite memory in a way that the compiler keeps. For secrets. */
void bytes_wipe(void *data, size_t size);

/* A buffer over `capacity` bytes at `data`, empty. To use a failed buffer again, take it over anew. */
struct buffer buffer_over(void *data, size_t capacity);

/* What the buffer holds. */
static inline struct bytes buffer_view(const struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->size};
}

/* Append; after the first append that did not fit nothing more is appended and buffer_failed() is true
 * (`capacity` is then 0 and `size` stays: the state of failure). A buffer over no memory has failed from the start.
 * The bytes must not overlap the buffer's own memory. */
void buffer_append(struct buffer *buffer, struct bytes bytes);
static inline void buffer_append_string(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, bytes_of_string(text));
}
void buffer_append_byte(struct buffer *buffer, uint8_t byte);
void buffer_append_u64(struct buffer *buffer, uint64_t value);
static inline bool buffer_failed(const struct buffer *buffer)
{
    return buffer->capacity == 0;
}

/* `size` bytes more that the caller writes, all of them, at the place returned; NULL, as a failed append, when they
 * don't fit. */
uint8_t *buffer_extend(struct buffer *buffer, size_t size);

#endif
