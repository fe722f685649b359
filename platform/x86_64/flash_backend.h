/*
 * What flash.c needs of a device that can serve as flash; the functions are those of platform/flash.h, with
 * arguments already checked. And what it offers to who lets the machine sleep.
 */
#ifndef JETON_X86_64_FLASH_BACKEND_H
#define JETON_X86_64_FLASH_BACKEND_H

#include "platform/flash.h"

struct flash_backend {
    /* `option`: the value of boot option `disk`; empty: any. STATUS_NOT_FOUND when there is none of that kind. */
    enum status (*open)(struct bytes option, struct flash_geometry *geometry);
    enum status (*read)(uint64_t offset, void *out, size_t size);
    enum status (*program)(uint64_t offset, const void *data, size_t size);
    enum status (*erase)(uint32_t block_index);
    void (*sync_begin)(void);
    enum status (*sync_end)(bool wait); /* STATUS_AGAIN: under way, and it may not be waited for */
    /* While a sync is under way: let its end interrupt, false when it has ended already; and no more. */
    bool (*sleep_begin)(void);
    void (*sleep_end)(void);
};

extern const struct flash_backend flash_pflash; /* pflash.c */
extern const struct flash_backend flash_disk;   /* flash_disk.c, over the disks of block.h */

/* For idle.c. Around a sleep, with interrupts shut: false when a sync has ended and nobody was told. */
bool flash_sleep_begin(void);
void flash_sleep_end(void);

/* A sync is under way: its end may not interrupt where the disk has no line. */
bool flash_needs_polling(void);

#endif
