/*
 * The three types that every layer shares: a status, a view of bytes, a writable buffer.
 *
 * Ownership: a view owns nothing; it is valid as long as the memory that it points into.
 * Limits: none of its own.
 */
#ifndef JETON_PLATFORM_TYPES_H
#define JETON_PLATFORM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))

/* What can happen in operation. Misuse is an assert; a broken machine is platform_panic(). */
enum status {
    STATUS_OK = 0,
    STATUS_AGAIN,     /* nothing to do or no room right now; the same call may succeed later */
    STATUS_INVALID,   /* the caller's data breaks a rule */
    STATUS_NOT_FOUND, /* no such thing, or not one that the caller may know of */
    STATUS_CONFLICT,  /* the state of the thing forbids it */
    STATUS_DENIED,    /* known caller, missing right */
    STATUS_FULL,      /* a bound of limits.h is reached */
    STATUS_TOO_LARGE, /* more bytes than the destination or the rule takes */
    STATUS_IO,        /* a device failed */
    STATUS_DAMAGED,   /* stored bytes contradict themselves */
    STATUS_FOREIGN,   /* stored bytes are not ours, or need another key */
    STATUS_READ_ONLY, /* the store takes no more writes */
    STATUS_CLOSED,    /* the other side is gone */
    STATUS_NO_CLOCK   /* time is not known yet */
};

/* A read-only view. `data` may be NULL only where `size` is 0. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* A writable buffer: `size` bytes of `capacity` are filled. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
