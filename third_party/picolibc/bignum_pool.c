/*
 * Memory for the big numbers of picolibc's strtod(): one static pool, empty again whenever the conversion ends.
 *
 * The caller's bound on the digits of a number bounds what a conversion takes: about 5 bytes a digit and 300 more for
 * the widest power of ten, a few times over, and nothing is reused within one conversion. Where the pool is full,
 * bignum_calloc() gives NULL and strtod() reports a range error.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define POOL_BYTES ((size_t)64 * 1024)

void *bignum_calloc(size_t count, size_t size);
void bignum_free(void *memory);

static _Alignas(16) uint8_t pool[POOL_BYTES];
static size_t used_bytes;
static size_t live_count;

void *bignum_calloc(size_t count, size_t size)
{
    size_t rounded = (count * size + 15) & ~(size_t)15; /* count is 1, size a few KiB at most */
    void *memory = &pool[used_bytes];
    if (rounded > POOL_BYTES - used_bytes) {
        return NULL;
    }
    used_bytes += rounded;
    live_count++;
    return memset(memory, 0, rounded);
}

void bignum_free(void *memory)
{
    if (memory != NULL && --live_count == 0) {
        used_bytes = 0;
    }
}
