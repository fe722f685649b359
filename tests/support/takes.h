/*
 * Takes of the app's bounded pools, made to fail one by one: the linker sends the calls that cross a file through here
 * (--wrap, see the Makefile), so that app/ has no hook for it.
 *
 * Counted are the questions for room (pool_has_room, principals_have_room, store_has_room, notes_next) and the takes
 * (tokens_take, pool_put_text, principals_add, principals_await, store_append, pieces of the JSON arena, chunks of one heap).
 * A yes is a promise: what it covers is not counted when it is taken, as the pool cannot fail then.
 *
 * Ownership: one static counter. Failure: none. Limits: promises end with the step.
 */
#ifndef JETON_TESTS_SUPPORT_TAKES_H
#define JETON_TESTS_SUPPORT_TAKES_H

#include "base/heap.h"

enum take {
    TAKE_TEXT,
    TAKE_SLOT,
    TAKE_PRINCIPAL,
    TAKE_LOG,
    TAKE_NOTE,
    TAKE_JSON,
    TAKE_HEAP,
    TAKE_KINDS
};

struct takes {
    uint64_t count;             /* since takes_fail */
    uint64_t failed;            /* of them */
    enum take last;             /* the kind that failed last */
    struct heap *heap;          /* whose chunks alone are counted; NULL: all but chunks */
    uint64_t kinds[TAKE_KINDS]; /* failed, by kind, in this process */
};
extern struct takes takes;

/* Count from 0; `number` takes fail, the `first`-th (from 1; 0: none) and those behind it, until takes_give. */
#define TAKES_ALL UINT64_MAX
void takes_fail(uint64_t first, uint64_t number);

/* A step begins: promises of the one before are void. Between takes_end and the next begin nothing is counted. */
void takes_begin(void);
void takes_end(void);

/* The pools give again. */
void takes_give(void);

#endif
