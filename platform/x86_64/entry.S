/*
 * The first instructions. A PVH loader enters pvh_start in 32-bit protected mode, paging off, EBX = physical address
 * of struct hvm_start_info (Xen docs/misc/pvh.pandoc). Here: map the first 4 GiB one to one with 2 MiB pages, switch
 * to long mode with SSE on, let early_init() choose the image's place and map it there, go there, and call
 * boot_main(start_info) in C, which builds the final page tables.
 *
 * Nothing here depends on where below 4 GiB the image was loaded. In 32-bit code EBP is the address of the label
 * `here`, and AT(symbol) is a symbol's place from it; link.ld writes the entry's address into the PVH note.
 */
#define PAGE_PRESENT_WRITE 0x3
#define PAGE_PRESENT_WRITE_LARGE 0x83
#define CR0_PG_WP_NE_MP_PE 0x80010023
#define CR4_PAE_OSFXSR_OSXMMEXCPT 0x620
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define CODE_SELECTOR 8
#define START_INFO_VERSION 4
#define AT(symbol) (symbol - here)(%ebp)

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    /* Where are we? The call needs a word of stack: the loader's block lends its version field. */
    movl START_INFO_VERSION(%ebx), %edx
    leal START_INFO_VERSION + 4(%ebx), %esp
    call here
here:
    popl %ebp
    movl %edx, START_INFO_VERSION(%ebx)
    leal AT(main_stack_end), %esp

    /* Directory entries: 2048 pages of 2 MiB. */
    leal AT(boot_directories), %edi
    movl $PAGE_PRESENT_WRITE_LARGE, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    leal (boot_directories - here + PAGE_PRESENT_WRITE)(%ebp), %eax
    leal AT(boot_pointers), %edi
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 2b
    leal (boot_pointers - here + PAGE_PRESENT_WRITE)(%ebp), %eax
    movl %eax, AT(boot_root)

    movl $CR4_PAE_OSFXSR_OSXMMEXCPT, %eax
    movl %eax, %cr4
    leal AT(boot_root), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME_NXE, %eax
    wrmsr
    movl $CR0_PG_WP_NE_MP_PE, %eax
    movl %eax, %cr0
    leal AT(boot_gdt), %eax
    movl %eax, (boot_gdt_pointer - here + 2)(%ebp)
    lgdt AT(boot_gdt_pointer)
    leal AT(long_mode), %eax
    pushl $CODE_SELECTOR
    pushl %eax
    lretl

    .code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    leaq main_stack_end(%rip), %rsp
    movl %ebx, %ebx
    xorl %ebp, %ebp
    leaq boot_root(%rip), %rdi
    call early_init
    movq %cr3, %rcx
    movq %rcx, %cr3
    addq %rax, %rsp
    leaq at_new_place(%rip), %rcx
    addq %rcx, %rax
    jmp *%rax
at_new_place:
    endbr64
    movl %ebx, %edi
    call boot_main
3:  cli
    hlt
    jmp 3b

    .section .data.boot, "aw"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .quad 0

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_root:        .skip 4096
boot_pointers:    .skip 4096
boot_directories: .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
