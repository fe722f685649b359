/*
 * The engine of the power-cut runners. A workload is run once on the simulated flash and its operations are recorded; then, for
 * every operation and every way a cut can leave it, the flash is put into that state, the subject boots, and its checker,
 * which knows only what was asked for and what was acknowledged, compares. From chosen states the run goes on for a few
 * turns and is cut again (depth 2), and again (depth 3).
 *
 * What counts as one cut: a place in the run (with the cuts before it) and what the cut left on the flash. Ways to cut at
 * the same operation that leave the same bytes count once.
 *
 * Ownership: a subject is static functions over static state. Failure: counted and printed with what repeats it.
 */
#ifndef JETON_TESTS_SUPPORT_POWERCUT_H
#define JETON_TESTS_SUPPORT_POWERCUT_H

#include "platform/sim/sim_flash.h"
#include "platform/types.h"

#define CUT_WORKERS      2 /* processes at a time */
#define CUT_SHARES       4 /* processes that a search is divided among */
#define CUT_DEPTH_MAX    3
#define CUT_SEARCHES_MAX 8

/* How far a history had come. */
struct checker_mark {
    size_t noted;
    size_t acknowledged;
};

struct cut_subject {
    enum status (*boot)(void); /* as after power on */
    bool (*turn)(void);        /* one turn of the loop, with a flush; false: the store refused */
    void (*start)(void);       /* a new history: what is in RAM now is true and acknowledged */
    struct checker_mark (*here)(void);
    /* Booted in a state of the time of `mark`: acknowledged, plus a first part of what was not? If not, `why` begins
     * with "lost", "resurrected" or "consumed twice". */
    bool (*agrees)(struct checker_mark mark, char *why, size_t why_bytes);
    void *(*put_aside)(void); /* the history; and back */
    void (*take_back)(void *kept);
};

/* One workload, cut everywhere. The arrays are indexed by depth, from 1. */
struct cut_search {
    const char *name;
    bool (*run)(
        const struct cut_search *search); /* makes the flash and the history, then calls cut_search() */
    enum sim_flash_model model;
    uint64_t stride[CUT_DEPTH_MAX + 1]; /* torn grains: every so many */
    uint32_t deeper[CUT_DEPTH_MAX + 1]; /* one of so many states is cut again; 1: all, 0: none */
    uint32_t turns[CUT_DEPTH_MAX + 1];  /* of the workload at that depth */
};

struct cut_list {
    const struct cut_search *searches;
    size_t count;
    uint64_t cuts_min; /* fewer are a failure: something was left out */
};

extern uint64_t cut_seed;
extern uint64_t cut_random_state;
uint32_t cut_draw(uint32_t bound);

/* From the state that flash and history are in now. False: the workload itself failed. */
bool cut_search(const struct cut_search *search, const struct cut_subject *subject);

/* The options of tests/sim/powercut.c: lists[0], or lists[1] with --long; each share of a search in a process of its own,
 * CUT_WORKERS at a time. Prints the counts. The exit code. */
int cut_main(int argc, char **argv, const struct cut_list lists[2]);

#endif
