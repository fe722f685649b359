/*
 * Where this boot lies in the address space. Nothing is mapped to its own physical address: image, RAM and device
 * registers each lie at a distance of their own, which early.c draws anew at each boot.
 *
 * Read-only from paging_init() on, like the stack canary beside it.
 */
#ifndef JETON_X86_64_LAYOUT_H
#define JETON_X86_64_LAYOUT_H

#include <stdint.h>

struct layout {
    uint64_t image_physical; /* where the loader put image_start */
    uint64_t image_slide;    /* virtual minus physical address of the image, */
    uint64_t ram_slide;      /* of RAM outside of it, */
    uint64_t device_slide;   /* of device registers and firmware tables */
    uint64_t link_slide;     /* virtual address of the image minus the one that link.ld gave */
};

extern struct layout layout;

/* Physical addresses of RAM and of devices end below these. */
#define LAYOUT_RAM_END    (1ULL << 44)
#define LAYOUT_DEVICE_END (1ULL << 46)

#endif
