/*
 * What the libFuzzer harnesses share: an input that is taken apart from its front, and the check that ends a run.
 *
 * Ownership: the input's bytes are libFuzzer's. Failure: a broken promise is printed and aborts, which libFuzzer reports
 * with the input that did it.
 */
#ifndef JETON_TESTS_FUZZ_H
#define JETON_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static inline void require(bool is_right, const char *what)
{
    if (!is_right) {
        (void)fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* The next byte, 0 at the end. */
static inline uint8_t input_byte(struct bytes *input)
{
    if (input->size == 0) {
        return 0;
    }
    uint8_t value = input->data[0];
    *input = bytes_slice(*input, 1, input->size);
    return value;
}

static inline uint16_t input_u16(struct bytes *input)
{
    uint16_t high = input_byte(input);
    return (uint16_t)(high << 8 | input_byte(input));
}

/* The next `size` bytes, or what is left. */
static inline struct bytes input_part(struct bytes *input, size_t size)
{
    struct bytes part = bytes_slice(*input, 0, size);
    *input = bytes_slice(*input, part.size, input->size);
    return part;
}

/* The next bytes up to `end`, which is taken off as well. */
static inline struct bytes input_line(struct bytes *input, uint8_t end)
{
    size_t size = 0;
    while (size < input->size && input->data[size] != end) {
        size++;
    }
    struct bytes line = input_part(input, size);
    (void)input_byte(input);
    return line;
}

#endif
