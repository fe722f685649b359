/*
 * Reading JSON in tests: from memory of exactly the text's size, and with the whole of an error compared.
 */
#ifndef JETON_TESTS_SUPPORT_JSON_READ_H
#define JETON_TESTS_SUPPORT_JSON_READ_H

#include "json/json.h"

/* json_read from memory of exactly that size. The tree stays valid: it does not point into the text. */
enum status read_exact(struct bytes text, enum json_duplicates duplicates, const struct json **root,
                       struct json_error *error);

/* The text is refused so; the test fails otherwise. */
void assert_error(struct bytes text, enum json_error_kind kind, const char *message, size_t position);

#endif
