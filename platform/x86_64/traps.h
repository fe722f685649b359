/*
 * Descriptor tables and exceptions. Every exception but the first touch of handed-out memory is fatal: it prints the
 * processor's state and stops the machine with the panic exit code, on a stack of its own, so that a stack overflow
 * is reported too.
 */
#ifndef JETON_X86_64_TRAPS_H
#define JETON_X86_64_TRAPS_H

#include "platform/types.h"

/* What trap_entry.S leaves on the stack, lowest address first. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Load GDT, TSS and IDT. */
void traps_init(void);

/* Called by trap_entry.S; returns when the instruction can be tried again. */
void trap_handle(const struct trap_frame *frame);

/* Print the return addresses of the frames from `frame_pointer` up; stops at the first that is not plausible. */
void trap_backtrace(uint64_t rip, uint64_t frame_pointer);

#endif
