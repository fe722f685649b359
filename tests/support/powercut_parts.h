/*
 * What the engine of the power-cut runners (powercut.c) and its processes (powercut_tasks.c) share.
 */
#ifndef JETON_TESTS_SUPPORT_POWERCUT_PARTS_H
#define JETON_TESTS_SUPPORT_POWERCUT_PARTS_H

#include "tests/support/powercut.h"

struct cut_tally {
    uint64_t cuts[CUT_SEARCHES_MAX][CUT_DEPTH_MAX + 1];
    uint64_t lost;
    uint64_t resurrected;
    uint64_t consumed_twice;
    uint64_t refused; /* boots */
    uint64_t misuse;  /* rules of the flash broken */
};
extern struct cut_tally cut_tally;

/* What this process is to do. */
struct cut_self {
    uint32_t share; /* of the operations at depth 1 */
    size_t search;  /* index in the list */
    bool is_long;
};
extern struct cut_self cut_self;

#endif
