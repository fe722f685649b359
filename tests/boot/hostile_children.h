/*
 * A process for each device that lies, for the programs that make such devices.
 *
 * Blocking: until all have ended. Failure: counted, and the program's exit code.
 */
#ifndef JETON_HOSTILE_CHILDREN_H
#define JETON_HOSTILE_CHILDREN_H

#include <stdint.h>

/* The arguments are SEED and COUNT (1 and 100): run `device` in COUNT processes, and say how many did not return 0. */
int hostile_children(int argc, char **argv, int (*device)(uint32_t number, uint32_t first_seed));

#endif
