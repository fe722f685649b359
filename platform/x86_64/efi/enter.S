/*
 * From the firmware's long mode to the state that a PVH entry expects: 32-bit, flat segments, paging off, EBX = start
 * information. Called with EDI = entry, ESI = start information; both, and this code, lie below 4 GiB. It is copied to
 * where code may run, and is position-independent.
 */
#define CODE_32 8
#define DATA_32 16
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG 0x80000000
#define CR0_PE_ET 0x11

    .section .text, "ax"
    .balign 16
    .globl stub_enter_code, stub_enter_code_size
stub_enter_code:
    cli
    leaq gdt(%rip), %rax
    movq %rax, gdt_pointer + 2(%rip)
    lgdt gdt_pointer(%rip)
    leaq without_paging(%rip), %rax
    pushq $CODE_32
    pushq %rax
    lretq

    .code32
without_paging:
    movl $DATA_32, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl %cr0, %eax
    andl $~CR0_PG, %eax
    movl %eax, %cr0
    movl $MSR_EFER, %ecx
    rdmsr
    andl $~EFER_LME, %eax
    wrmsr
    movl $CR0_PE_ET, %eax
    movl %eax, %cr0
    xorl %eax, %eax
    movl %eax, %cr4
    movl %esi, %ebx
    jmp *%edi

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .quad 0
code_end:

    .section .rodata, "a"
    .balign 4
stub_enter_code_size:
    .long code_end - stub_enter_code

    .section .note.GNU-stack, "", @progbits
