/*
 * Reading JSON in tests.
 */
#include "tests/support/json_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/exact.h"

enum status read_exact(struct bytes text, enum json_duplicates duplicates, const struct json **root,
                       struct json_error *error)
{
    uint8_t *copy = exact_copy(text.data, text.size);
    enum status status = json_read(bytes_of(copy, text.size), duplicates, root, error);
    free(copy);
    return status;
}

void assert_error(struct bytes text, enum json_error_kind kind, const char *message, size_t position)
{
    const struct json *root = NULL;
    struct json_error error = {JSON_ERROR_NONE, "", 9999};
    if (read_exact(text, JSON_DUPLICATES_LAST, &root, &error) != STATUS_INVALID) {
        fail_msg("accepted: %.*s", (int)text.size, (const char *)text.data);
    }
    if (error.kind != kind || strcmp(error.message, message) != 0 || error.position != position) {
        fail_msg("wanted %d '%s' at %zu, got %d '%s' at %zu, for: %.*s", (int)kind, message, position,
                 (int)error.kind, error.message, error.position, (int)text.size, (const char *)text.data);
    }
    assert_null(root);
    uint8_t *copy = exact_copy(text.data, text.size);
    assert_int_equal(json_read(bytes_of(copy, text.size), JSON_DUPLICATES_LAST, &root, NULL), STATUS_INVALID);
    free(copy);
}
