/*
 * Stands in for platform/x86_64/cpu.h where a driver runs in a Linux process: every register access goes to a model of
 * the device, and halting does nothing.
 */
#ifndef JETON_X86_64_CPU_H
#define JETON_X86_64_CPU_H

#include <stdint.h>

uint32_t model_read(uintptr_t address);
void model_write(uintptr_t address, uint32_t value);
uint16_t model_port_read(uint16_t port);
void model_port_write(uint16_t port, uint16_t value);

static inline uint16_t port_read16(uint16_t port)
{
    return model_port_read(port);
}

static inline void port_write16(uint16_t port, uint16_t value)
{
    model_port_write(port, value);
}

static inline void port_write8(uint16_t port, uint8_t value)
{
    model_port_write(port, value);
}

static inline void mmio_write8(uintptr_t address, uint8_t value)
{
    model_write(address, value);
}

static inline uint32_t mmio_read32(uintptr_t address)
{
    return model_read(address);
}

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
    model_write(address, value);
}

static inline void mmio_write64(uintptr_t address, uint64_t value)
{
    model_write(address, (uint32_t)value);
    model_write(address + 4, (uint32_t)(value >> 32));
}

static inline void cpu_relax(void)
{
}

static inline void cpu_halt_until_interrupt(void)
{
}

#endif
