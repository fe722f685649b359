/*
 * The battery-backed bytes of the PC's clock chip (MC146818): its registers up to 0x0d, the firmware's settings above
 * them, and the last sixteen, which neither SeaBIOS, OVMF nor QEMU use and where crash.c keeps its count.
 */
#ifndef JETON_X86_64_CMOS_H
#define JETON_X86_64_CMOS_H

#include "platform/x86_64/cpu.h"

#define CMOS_INDEX      0x70U /* bit 7 would shut out NMIs */
#define CMOS_DATA       0x71U
#define CMOS_OURS       0x70U
#define CMOS_OURS_BYTES 16U

static inline uint8_t cmos_read(uint8_t index)
{
    port_write8(CMOS_INDEX, index);
    return port_read8(CMOS_DATA);
}

static inline void cmos_write(uint8_t index, uint8_t value)
{
    port_write8(CMOS_INDEX, index);
    port_write8(CMOS_DATA, value);
}

#endif
