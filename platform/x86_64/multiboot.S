/*
 * The entry for GRUB on legacy BIOS machines (Multiboot2 specification 2.0): make struct pvh_start_info of the tags that
 * GRUB left, then go the one way, pvh_start. The first module is the text file of options (options.h). link.ld holds the
 * header. Machine state (3.3): 32-bit protected mode, paging off, EAX = magic, EBX = tags, no stack.
 *
 * Everything is copied into the image, as nobody knows where GRUB put it; the RSDP is looked for where the BIOS has it.
 */
#define MULTIBOOT_MAGIC 0x36d76289
#define TAG_END 0
#define TAG_COMMAND_LINE 1
#define TAG_MODULE 3
#define TAG_MEMORY_MAP 6
#define TAG_ACPI_OLD 14
#define TAG_ACPI_NEW 15
#define TAG_HEADER_BYTES 8
#define MEMORY_ENTRY_BYTES 24 /* its layout and types are PVH's too */
#define MEMORY_ENTRIES_MAX 256
#define COMMAND_LINE_MAX 4096
#define MODULE_BYTES_MAX 8192 /* twice what options.c takes: it says so of a longer one */
#define BIOS_START 0xe0000
#define BIOS_END 0x100000
#define RSDP_WORDS 5
#define PVH_MAGIC 0x336ec578
#define PVH_VERSION 1
#define AT(symbol) (symbol - from)(%ebp)

    .section .text.boot, "ax"
    .code32
    .globl multiboot_start
multiboot_start:
    cli
    cld
    cmpl $MULTIBOOT_MAGIC, %eax
    jne stop
    /* Where are we? The call's word of stack is the reserved one behind the size. */
    movl (%ebx), %edx
    leal TAG_HEADER_BYTES(%ebx), %esp
    call from
from:
    popl %ebp
    addl %ebx, %edx
    addl $TAG_HEADER_BYTES, %ebx

    /* EBX = tag, EDX = end of tags. */
tag:
    cmpl %edx, %ebx
    jae all_seen
    movl (%ebx), %eax
    movl 4(%ebx), %ecx
    subl $TAG_HEADER_BYTES, %ecx
    jb all_seen
    leal TAG_HEADER_BYTES(%ebx), %esi
    cmpl $TAG_END, %eax
    je all_seen
    cmpl $TAG_COMMAND_LINE, %eax
    je take_command_line
    cmpl $TAG_MODULE, %eax
    je take_module
    cmpl $TAG_MEMORY_MAP, %eax
    je take_memory_map
    cmpl $TAG_ACPI_OLD, %eax
    je take_rsdp
    cmpl $TAG_ACPI_NEW, %eax
    je take_rsdp
next_tag:
    movl 4(%ebx), %eax
    addl $7, %eax
    andl $-8, %eax
    addl %eax, %ebx
    jmp tag

take_command_line:
    cmpl $(COMMAND_LINE_MAX - 1), %ecx
    jbe 1f
    movl $(COMMAND_LINE_MAX - 1), %ecx
1:  leal AT(command_line), %edi
    rep movsb
    jmp next_tag

take_module:
    movl 4(%esi), %ecx
    movl (%esi), %esi
    subl %esi, %ecx
    cmpl $MODULE_BYTES_MAX, %ecx
    jbe 1f
    movl $MODULE_BYTES_MAX, %ecx
1:  cmpl $0, AT(module_count)
    jne next_tag
    incl AT(module_count)
    movl %ecx, AT(module_size)
    leal AT(module), %edi
    rep movsb
    jmp next_tag

take_memory_map:
    cmpl $MEMORY_ENTRY_BYTES, (%esi)
    jne next_tag
    addl $8, %esi
    subl $8, %ecx
    leal AT(memory_map), %edi
2:  subl $MEMORY_ENTRY_BYTES, %ecx
    jb next_tag
    cmpl $MEMORY_ENTRIES_MAX, AT(memory_map_count)
    jae next_tag
    incl AT(memory_map_count)
    movl %ecx, %eax
    movl $MEMORY_ENTRY_BYTES, %ecx
    rep movsb
    movl %eax, %ecx
    jmp 2b

    /* The tag has a copy; what counts is where the original is. */
take_rsdp:
    movl %esi, %eax
    movl $BIOS_START, %esp
3:  movl %eax, %esi
    movl %esp, %edi
    movl $RSDP_WORDS, %ecx
    repe cmpsl
    je 4f
    addl $16, %esp
    cmpl $BIOS_END, %esp
    jb 3b
    jmp next_tag
4:  movl %esp, AT(acpi_rsdp)
    jmp next_tag

all_seen:
    leal AT(memory_map), %eax
    movl %eax, AT(memory_map_address)
    leal AT(command_line), %eax
    movl %eax, AT(command_line_address)
    leal AT(module), %eax
    movl %eax, AT(module_start)
    leal AT(module_entry), %eax
    movl %eax, AT(modules_address)
    leal AT(start_info), %ebx
    jmp pvh_start

stop:
    hlt
    jmp stop

    .section .data.boot, "aw"
    .balign 8
start_info: /* struct pvh_start_info */
    .long PVH_MAGIC, PVH_VERSION, 0
module_count:
    .long 0
modules_address:
    .quad 0
command_line_address:
    .quad 0
acpi_rsdp:
    .quad 0
memory_map_address:
    .quad 0
memory_map_count:
    .long 0, 0
module_entry: /* struct pvh_module_entry */
module_start:
    .quad 0
module_size:
    .quad 0, 0, 0

    .section .bss.boot, "aw", @nobits
    .balign 16
memory_map:   .skip MEMORY_ENTRIES_MAX * MEMORY_ENTRY_BYTES
command_line: .skip COMMAND_LINE_MAX
module:       .skip MODULE_BYTES_MAX

    .section .note.GNU-stack, "", @progbits
