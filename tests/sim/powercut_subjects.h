/*
 * What the power-cut runner cuts: each runs its workload from a state of its own making and searches all of its cuts.
 *
 * Failure: false when the workload itself failed; what the cuts found is counted by tests/support/powercut.h.
 */
#ifndef JETON_TESTS_SIM_POWERCUT_SUBJECTS_H
#define JETON_TESTS_SIM_POWERCUT_SUBJECTS_H

#include "tests/support/powercut.h"

/* A blank flash is formatted and first used (the dictionary owns the store). */
bool powercut_first_boot(const struct cut_search *search);

/* A store that has been in use for some turns of its log (the dictionary owns it). */
bool powercut_store(const struct cut_search *search);

/* The real service: verbs of all families. */
bool powercut_service(const struct cut_search *search);

#endif
