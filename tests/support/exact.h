/*
 * Memory of exactly the wanted size for inputs and outputs, so that AddressSanitizer sees one byte too many.
 *
 * Ownership: the caller frees.
 */
#ifndef JETON_TESTS_SUPPORT_EXACT_H
#define JETON_TESTS_SUPPORT_EXACT_H

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

static inline uint8_t *exact_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

#endif
