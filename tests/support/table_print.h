/*
 * What the tables hold, as a few numbers that two runs of one workload have in common: no ids, no secrets, no order.
 *
 * Ownership: the caller's struct. Failure: none. Reads the private state of app/service.
 */
#ifndef JETON_TESTS_SUPPORT_TABLE_PRINT_H
#define JETON_TESTS_SUPPORT_TABLE_PRINT_H

#include <stdbool.h>
#include <stdint.h>

struct table_print {
    /* What no failing take may change. */
    uint64_t entities; /* hash over tokens, tenants and users: families, states, times, names, owners */
    uint64_t token_count;
    uint64_t counts[3][4];
    uint32_t tenant_count;
    uint32_t user_count;
    /* What a full pool may lose: reasons, remembered keys. */
    uint64_t texts; /* hash over the sizes of all fields */
    uint64_t text_bytes;
    uint64_t memo_count;
};

void table_print(struct table_print *print);

/* Are both the same? Unless `whole`, but for what a full pool may lose. */
bool table_prints_equal(const struct table_print *a, const struct table_print *b, bool whole);

#endif
