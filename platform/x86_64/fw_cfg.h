/*
 * QEMU's firmware configuration device (QEMU docs/specs/fw_cfg.rst) at its x86 ports.
 */
#ifndef JETON_X86_64_FW_CFG_H
#define JETON_X86_64_FW_CFG_H

#include "platform/types.h"

#define FW_CFG_NAME_BYTES 56

struct fw_cfg_file {
    uint32_t size;
    uint16_t selector;
    char name[FW_CFG_NAME_BYTES + 1]; /* ends with 0 */
};

/* Call `visit` for every named file; none where there is no such device. `visit` may call fw_cfg_read(). */
void fw_cfg_each_file(void (*visit)(const struct fw_cfg_file *file));

/* Read the first `size` bytes of the item; bytes after its end read as 0. */
void fw_cfg_read(uint16_t selector, void *out, size_t size);

#endif
