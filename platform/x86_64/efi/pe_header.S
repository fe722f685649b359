/*
 * The headers of the PE image (Microsoft PE format, revision 11; UEFI 2.10, 2.1.1). File and memory have one layout, laid
 * out by link.ld. Nothing in it needs relocation, so there is no table of them; the firmware may load it anywhere. The
 * sixteen data directories are empty: signing fills one.
 */
#define MACHINE_X86_64 0x8664
#define EXECUTABLE_LARGE_ADDRESS_AWARE 0x0022
#define MAGIC_PE32_PLUS 0x020b
#define SUBSYSTEM_EFI_APPLICATION 10
#define NX_COMPATIBLE 0x0100
#define CODE_EXECUTE_READ 0x60000020
#define DATA_READ 0x40000040
#define DATA_READ_WRITE 0xc0000040
#define PAGE_BYTES 4096

    .section .pe_header, "a"
    .globl pe_header
pe_header:
    .ascii "MZ"
    .skip 58
    .long pe_signature - pe_header
pe_signature:
    .ascii "PE\0\0"
    .short MACHINE_X86_64
    .short 3 /* sections */
    .long 0, 0, 0 /* no time, no symbols: the same bytes from every build */
    .short pe_sections - pe_optional
    .short EXECUTABLE_LARGE_ADDRESS_AWARE
pe_optional:
    .short MAGIC_PE32_PLUS
    .byte 1, 0
    .long pe_text_bytes - pe_header, pe_data_bytes - pe_header, 0
    .long efi_main - pe_header, pe_text - pe_header
    .quad 0 /* wished for address */
    .long PAGE_BYTES, PAGE_BYTES /* alignment in memory, in the file */
    .short 0, 0, 0, 0, 0, 0 /* versions */
    .long 0
    .long pe_image_bytes - pe_header, pe_text - pe_header
    .long 0
    .short SUBSYSTEM_EFI_APPLICATION, NX_COMPATIBLE
    .quad 0, 0, 0, 0 /* stack and heap are the firmware's */
    .long 0, 16
    .skip 16 * 8
pe_sections:
    .ascii ".text\0\0\0"
    .long pe_text_bytes - pe_header, pe_text - pe_header, pe_text_bytes - pe_header, pe_text - pe_header, 0, 0, 0, CODE_EXECUTE_READ
    .ascii ".rdata\0\0"
    .long pe_rodata_bytes - pe_header, pe_rodata - pe_header, pe_rodata_bytes - pe_header, pe_rodata - pe_header, 0, 0, 0, DATA_READ
    .ascii ".data\0\0\0"
    .long pe_data_bytes - pe_header, pe_data - pe_header, pe_data_bytes - pe_header, pe_data - pe_header, 0, 0, 0, DATA_READ_WRITE

    .section .note.GNU-stack, "", @progbits
