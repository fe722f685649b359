/*
 * The UEFI entry: the steps of efi_main(), each in a file of its own. All of it runs once, on the firmware's stack and page
 * tables, before the image proper.
 *
 * Memory: the handed-over facts lie in one block below 4 GiB that the memory map calls reserved, so that the
 * first use of memory cannot touch them.
 * Failure: a status of UEFI after a sentence on the firmware's console; the firmware then goes on with its next choice.
 */
#ifndef JETON_X86_64_EFI_STUB_H
#define JETON_X86_64_EFI_STUB_H

#include "platform/x86_64/efi/efi.h"
#include "platform/x86_64/handover.h"
#include "platform/x86_64/pvh.h"

#define STUB_TEXT_BYTES       4096U
#define STUB_MEMORY_ENTRIES   256U
#define STUB_FIRMWARE_ENTRIES 1024U
#define STUB_CODE_BYTES       4096U /* for enter.S */

/* The facts for the image: pvh.h, and what it points to. */
struct stub_facts {
    struct pvh_start_info start;
    struct pvh_module_entry modules[2];
    struct handover handover;
    char command_line[STUB_TEXT_BYTES];
    uint8_t options[STUB_TEXT_BYTES]; /* the file jeton/options.txt */
    struct pvh_memory_entry memory[STUB_MEMORY_ENTRIES];
    struct efi_memory_descriptor firmware_map[STUB_FIRMWARE_ENTRIES];
};

/* The image in memory, at any page below 4 GiB. */
struct stub_image {
    uint64_t place;
    uint64_t size_bytes;
    uint64_t linked; /* the address that link.ld gave its start */
    uint32_t entry;  /* of PVH, as linked */
};

struct stub {
    efi_handle self;
    struct efi_system_table *system;
    struct stub_facts *facts;
    struct stub_image image;
    uint64_t code; /* of enter.S, copied to where it may run */
};

/* main.c: a line on the firmware's console, then the status back. */
efi_status stub_fail(const struct stub *stub, const char *sentence, efi_status status);

/* image.c: lay the image that this program contains out at image.place. */
efi_status stub_lay_out_image(struct stub *stub) MUST_USE;

/* options.c: the command line from the load options, the text from the file. */
efi_status stub_take_options(struct stub *stub) MUST_USE;
size_t stub_text_of_load_options(char *out, size_t out_size, const void *options, size_t size_bytes);

/* memory_map.c: leave boot services behind, with the final map in facts->memory. No service may be called after. */
efi_status stub_exit_boot_services(struct stub *stub) MUST_USE;
size_t stub_convert_map(struct pvh_memory_entry *out, size_t out_count, const uint8_t *map, size_t size_bytes,
                        size_t descriptor_bytes);

/* enter.S: position-independent code that is called below 4 GiB and goes to `entry` as a PVH loader does. */
typedef void (*stub_enter)(uint32_t entry, uint32_t start_info);
extern const uint8_t stub_enter_code[];
extern const uint32_t stub_enter_code_size;

/* payload.S: build/jeton.elf. */
extern const uint8_t stub_payload[];
extern const uint32_t stub_payload_size;

#endif
