/*
 * The part of the UEFI interface that we use (UEFI specification 2.10; the section stands beside each). Names of members
 * follow the specification's, in our spelling.
 */
#ifndef JETON_X86_64_EFI_EFI_H
#define JETON_X86_64_EFI_EFI_H

#include "platform/types.h"

#define EFI_CALL __attribute__((ms_abi)) /* 2.3.4 */

typedef uint64_t efi_status; /* appendix D */
typedef void *efi_handle;

#define EFI_SUCCESS           0ULL
#define EFI_ERROR_BIT         (1ULL << 63)
#define EFI_LOAD_ERROR        (EFI_ERROR_BIT | 1)
#define EFI_INVALID_PARAMETER (EFI_ERROR_BIT | 2)

struct efi_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

struct efi_text_output { /* 12.4 */
    void *reset;
    efi_status(EFI_CALL *output_string)(struct efi_text_output *self, const uint16_t *text);
};

/* 7.2: memory */
enum efi_allocate_type {
    EFI_ALLOCATE_ANY_PAGES,
    EFI_ALLOCATE_MAX_ADDRESS,
    EFI_ALLOCATE_ADDRESS
};

enum efi_memory_type {
    EFI_RESERVED_MEMORY,
    EFI_LOADER_CODE,
    EFI_LOADER_DATA,
    EFI_BOOT_SERVICES_CODE,
    EFI_BOOT_SERVICES_DATA,
    EFI_RUNTIME_SERVICES_CODE,
    EFI_RUNTIME_SERVICES_DATA,
    EFI_CONVENTIONAL_MEMORY,
    EFI_UNUSABLE_MEMORY,
    EFI_ACPI_RECLAIM_MEMORY,
    EFI_ACPI_NVS_MEMORY
};

struct efi_memory_descriptor {
    uint32_t type, padding;
    uint64_t physical_start, virtual_start, page_count, attributes;
};

#define EFI_PAGE_BYTES 4096ULL

struct efi_table_header { /* 4.2 */
    uint64_t signature;
    uint32_t revision, header_size, crc32, reserved;
};

struct efi_boot_services { /* 4.4 */
    struct efi_table_header header;
    void *task_priority[2];
    efi_status(EFI_CALL *allocate_pages)(enum efi_allocate_type how, enum efi_memory_type type,
                                         size_t page_count, uint64_t *address);
    void *free_pages;
    efi_status(EFI_CALL *get_memory_map)(size_t *size_bytes, void *map, size_t *key, size_t *descriptor_bytes,
                                         uint32_t *descriptor_version);
    void *pools_events_and_protocols[11];
    efi_status(EFI_CALL *handle_protocol)(efi_handle handle, const struct efi_guid *protocol,
                                          void **interface);
    void *handles_and_images[9];
    efi_status(EFI_CALL *exit_boot_services)(efi_handle image, size_t map_key);
    void *times_and_drivers[10];
    efi_status(EFI_CALL *locate_protocol)(const struct efi_guid *protocol, void *registration,
                                          void **interface);
};

struct efi_configuration_table { /* 4.6 */
    struct efi_guid vendor;
    const void *table;
};

struct efi_system_table { /* 4.3 */
    struct efi_table_header header;
    void *firmware_vendor;
    uint64_t firmware_revision;
    void *console_in_handle, *console_in, *console_out_handle;
    struct efi_text_output *console_out;
    void *standard_error_handle, *standard_error, *runtime_services;
    struct efi_boot_services *boot_services;
    size_t table_count;
    const struct efi_configuration_table *tables;
};

struct efi_loaded_image { /* 9.1 */
    uint32_t revision;
    efi_handle parent;
    struct efi_system_table *system_table;
    efi_handle device;
    void *file_path, *reserved;
    uint32_t load_options_size;
    const void *load_options;
};

struct efi_file { /* 13.5 */
    uint64_t revision;
    efi_status(EFI_CALL *open)(struct efi_file *self, struct efi_file **file, const uint16_t *name,
                               uint64_t mode, uint64_t attributes);
    efi_status(EFI_CALL *close)(struct efi_file *self);
    void *remove;
    efi_status(EFI_CALL *read)(struct efi_file *self, size_t *size_bytes, void *buffer);
};

#define EFI_FILE_MODE_READ 1ULL

struct efi_file_system { /* 13.4 */
    uint64_t revision;
    efi_status(EFI_CALL *open_volume)(struct efi_file_system *self, struct efi_file **root);
};

struct efi_graphics_information { /* 12.9 */
    uint32_t version, width, height, pixel_format, masks[4], pixels_per_line;
};

#define EFI_PIXEL_RED_FIRST  0U
#define EFI_PIXEL_BLUE_FIRST 1U

struct efi_graphics_mode {
    uint32_t mode_count, mode;
    const struct efi_graphics_information *information;
    size_t information_bytes;
    uint64_t framebuffer_address;
    size_t framebuffer_bytes;
};

struct efi_graphics_output {
    void *query_mode, *set_mode, *block_transfer;
    const struct efi_graphics_mode *mode;
};

_Static_assert(offsetof(struct efi_boot_services, handle_protocol) == 24 + 16 * 8, "4.4");
_Static_assert(offsetof(struct efi_boot_services, exit_boot_services) == 24 + 26 * 8, "4.4");
_Static_assert(offsetof(struct efi_boot_services, locate_protocol) == 24 + 37 * 8, "4.4");
_Static_assert(offsetof(struct efi_system_table, boot_services) == 96, "4.3");
_Static_assert(offsetof(struct efi_loaded_image, load_options) == 56, "9.1");

#endif
