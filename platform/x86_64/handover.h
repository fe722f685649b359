/*
 * What the firmware tells beyond struct pvh_start_info: one structure of our own, handed over as a module of it. The
 * UEFI entry (efi/) makes it; by another way of booting there is none, and every member is zero.
 */
#ifndef JETON_X86_64_HANDOVER_H
#define JETON_X86_64_HANDOVER_H

#include "platform/types.h"

#define HANDOVER_MAGIC 0x4f482d4e4f54454aULL /* "JETON-HO" */
#define HANDOVER_UEFI  1U /* of `flags`: UEFI firmware started us, and its pflash is not ours */

/* UEFI specification 2.10, 12.9: a linear framebuffer of 32-bit pixels. */
struct handover_framebuffer {
    uint64_t address; /* physical; 0: none */
    uint64_t size_bytes;
    uint32_t width, height;   /* pixels */
    uint32_t pixels_per_line; /* from one line to the next */
    uint32_t red_first;       /* 1: bytes are red, green, blue, unused; 0: blue, green, red, unused */
};

struct handover {
    uint64_t magic;
    uint32_t size_bytes; /* of this structure */
    uint32_t flags;
    struct handover_framebuffer framebuffer;
};

/* Copy the structure out of the modules of the struct pvh_start_info at `start_info`; call before memory is handed
 * out. A module that is not well formed is not it. */
void handover_init(uintptr_t start_info);

/* What was handed over; valid for ever. */
const struct handover *handover(void);

#endif
