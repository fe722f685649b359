/*
 * What flash.c needs of a device that can serve as flash; the functions are those of platform/flash.h, with
 * arguments already checked.
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
    enum status (*sync)(void);
};

extern const struct flash_backend flash_pflash; /* pflash.c */
extern const struct flash_backend flash_disk;   /* flash_disk.c, over the disks of block.h */

#endif
