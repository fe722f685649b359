/*
 * The first instructions. A PVH loader enters pvh_start in 32-bit protected mode, paging off, EBX = physical address
 * of struct hvm_start_info (Xen docs/misc/pvh.pandoc). Here: map the first 4 GiB one to one with 2 MiB pages, switch
 * to long mode with SSE on, and call boot_main(start_info) in C, which builds the final page tables.
 */
#define PAGE_PRESENT_WRITE 0x3
#define PAGE_PRESENT_WRITE_LARGE 0x83
#define CR0_PG_WP_NE_MP_PE 0x80010023
#define CR4_PAE_OSFXSR_OSXMMEXCPT 0x620
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    movl $main_stack_end, %esp
    movl %ebx, %ebp

    /* Directory entries: 2048 pages of 2 MiB. */
    movl $boot_directories, %edi
    movl $PAGE_PRESENT_WRITE_LARGE, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    movl $(boot_directories + PAGE_PRESENT_WRITE), boot_pointers
    movl $(boot_directories + 0x1000 + PAGE_PRESENT_WRITE), boot_pointers + 8
    movl $(boot_directories + 0x2000 + PAGE_PRESENT_WRITE), boot_pointers + 16
    movl $(boot_directories + 0x3000 + PAGE_PRESENT_WRITE), boot_pointers + 24
    movl $(boot_pointers + PAGE_PRESENT_WRITE), boot_root

    movl $CR4_PAE_OSFXSR_OSXMMEXCPT, %eax
    movl %eax, %cr4
    movl $boot_root, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME_NXE, %eax
    wrmsr
    movl $CR0_PG_WP_NE_MP_PE, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $long_mode

    .code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl $main_stack_end, %esp
    movl %ebp, %edi
    xorl %ebp, %ebp
    call boot_main
2:  cli
    hlt
    jmp 2b

    .section .rodata.boot, "a"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_root:        .skip 4096
boot_pointers:    .skip 4096
boot_directories: .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
