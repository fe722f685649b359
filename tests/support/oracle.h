/*
 * Other people's programs as oracles: run one over a file and read what it prints.
 */
#ifndef JETON_TESTS_SUPPORT_ORACLE_H
#define JETON_TESTS_SUPPORT_ORACLE_H

#include "base/bytes.h"

/* True when `program` is on the machine. */
bool oracle_present(const char *program);

/* Standard output of `command` (a shell command, with the input as its standard input); malloc'd, NUL after it.
 * Aborts the test program when the command fails. */
struct buffer oracle_run(const char *command, struct bytes input);

#endif
