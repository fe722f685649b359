/*
 * Local APIC and I/O APICs. Interrupts are let in only while the processor halts in platform_sleep_until(), so a
 * handler never runs in the middle of the app: all that it does is to count and to end the interrupt.
 */
#ifndef JETON_X86_64_INTERRUPT_H
#define JETON_X86_64_INTERRUPT_H

#include "platform/types.h"

#define INTERRUPT_VECTOR_TIMER    32U
#define INTERRUPT_VECTOR_FIRST    33U
#define INTERRUPT_VECTOR_LAST     62U
#define INTERRUPT_VECTOR_SPURIOUS 63U

/* Silence the old PIC and switch on the local APIC. */
void interrupt_init(void);

/* A vector of one's own; the last one is shared when they run out. */
uint8_t interrupt_vector_new(void);

/* How many interrupts came on `vector` so far. */
uint32_t interrupt_count(uint8_t vector);

/* Where a device's MSI or MSI-X entry has to write, and what. */
uint64_t interrupt_message_address(void);
uint32_t interrupt_message_data(uint8_t vector);

/* Route global interrupt `line` (edge, active high) to `vector`. STATUS_NOT_FOUND when no I/O APIC has it. */
enum status interrupt_route_line(uint32_t line, uint8_t vector) MUST_USE;

/* One-shot timer of the local APIC: count down `ticks`, then interrupt. 0 stops it. */
void interrupt_timer_start(uint32_t ticks);
uint32_t interrupt_timer_remaining(void);

/* Called by trap_entry.S. */
void interrupt_handle(uint64_t vector);

#endif
