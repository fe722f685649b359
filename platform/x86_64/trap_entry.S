/*
 * The 64 interrupt entries. Exceptions (0 to 31) save every register as struct trap_frame and resume only when
 * trap_handle() returns (first touch of memory); device interrupts (32 to 63) save what C may change, call
 * interrupt_handle(vector) and resume. C code behind them is
 * built without SSE, so vector registers need no saving.
 */
    .text
    .macro ENTRY_POINT vector has_error
    .balign 16
entry_\vector:
    endbr64
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\vector
    .if \vector < 32
    jmp exception_common
    .else
    jmp interrupt_common
    .endif
    .endm

    .altmacro
    .macro ENTRY_POINT_VALUE vector
    .if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21)
    ENTRY_POINT \vector 1
    .elseif (\vector == 29) || (\vector == 30)
    ENTRY_POINT \vector 1
    .else
    ENTRY_POINT \vector 0
    .endif
    .endm

    .set vector_index, 0
    .rept 64
    ENTRY_POINT_VALUE %vector_index
    .set vector_index, vector_index + 1
    .endr

exception_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call trap_handle
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

interrupt_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    cld
    movq 72(%rsp), %rdi
    call interrupt_handle
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .section .data.rel.ro.entries, "aw"
    .balign 8
    .globl trap_entries
trap_entries:
    .macro ENTRY_ADDRESS vector
    .quad entry_\vector
    .endm
    .set vector_index, 0
    .rept 64
    ENTRY_ADDRESS %vector_index
    .set vector_index, vector_index + 1
    .endr

    .section .note.GNU-stack, "", @progbits
