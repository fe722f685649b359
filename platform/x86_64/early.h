/*
 * The step between entry.S and boot.c: choose where this boot lies, and make the image fit to run there.
 */
#ifndef JETON_X86_64_EARLY_H
#define JETON_X86_64_EARLY_H

#include <stdint.h>

/* Draw the layout and the stack canary, relocate the image, map it into the tables of `root` as well. Returns what to
 * add to an address of the image to find it at its new place. Called once, at the address that the image was loaded
 * to, with paging one to one. */
uint64_t early_init(uint64_t *root);

#endif
