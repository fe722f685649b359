/*
 * The UEFI entry: jeton.efi is a PE image that contains the ELF of the image proper. This part takes what the firmware
 * knows (command line, memory map, ACPI, framebuffer), lays the ELF out below 4 GiB, ends the firmware's services, and
 * enters the ELF as a PVH loader does.
 */
#include <string.h>

#include "platform/x86_64/efi/stub.h"

#define LOW_LIMIT 0xffffffffULL

static const struct efi_guid acpi_2 = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
static const struct efi_guid acpi_1 = {
    0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
static const struct efi_guid graphics_output = {
    0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}};

efi_status EFI_CALL efi_main(efi_handle self, struct efi_system_table *system);

static void print(const struct stub *stub, const char *text)
{
    uint16_t line[128];
    size_t size = 0;
    while (*text != 0 && size < sizeof line / sizeof line[0] - 1) {
        line[size++] = (uint8_t)*text++;
    }
    line[size] = 0;
    if (stub->system->console_out != NULL) {
        stub->system->console_out->output_string(stub->system->console_out, line);
    }
}

efi_status stub_fail(const struct stub *stub, const char *sentence, efi_status status)
{
    print(stub, "jeton.efi: ");
    print(stub, sentence);
    print(stub, "\r\n");
    return status;
}

/* The block of facts, and a page that may hold code: both below 4 GiB. */
static efi_status take_memory(struct stub *stub)
{
    struct efi_boot_services *services = stub->system->boot_services;
    uint64_t facts = LOW_LIMIT;
    stub->code = LOW_LIMIT;
    size_t pages = (sizeof *stub->facts + EFI_PAGE_BYTES - 1) / EFI_PAGE_BYTES;
    efi_status status =
        services->allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, EFI_RESERVED_MEMORY, pages, &facts);
    if (status == EFI_SUCCESS) {
        status = services->allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, EFI_LOADER_CODE, 1, &stub->code);
    }
    if (status != EFI_SUCCESS) {
        return stub_fail(stub, "no memory below 4 GiB", status);
    }
    stub->facts = (struct stub_facts *)(uintptr_t)facts;
    memset(stub->facts, 0, sizeof *stub->facts);
    return EFI_SUCCESS;
}

static const void *find_table(const struct efi_system_table *system, const struct efi_guid *vendor)
{
    for (size_t i = 0; i < system->table_count; i++) {
        if (memcmp(&system->tables[i].vendor, vendor, sizeof *vendor) == 0) {
            return system->tables[i].table;
        }
    }
    return NULL;
}

static void take_framebuffer(const struct stub *stub, struct handover_framebuffer *framebuffer)
{
    void *found = NULL;
    if (stub->system->boot_services->locate_protocol(&graphics_output, NULL, &found) != EFI_SUCCESS) {
        return;
    }
    const struct efi_graphics_mode *mode = ((const struct efi_graphics_output *)found)->mode;
    const struct efi_graphics_information *shape = mode != NULL ? mode->information : NULL;
    if (shape == NULL || shape->pixel_format > EFI_PIXEL_BLUE_FIRST) {
        return;
    }
    *framebuffer = (struct handover_framebuffer){.address = mode->framebuffer_address,
                                                 .size_bytes = mode->framebuffer_bytes,
                                                 .width = shape->width,
                                                 .height = shape->height,
                                                 .pixels_per_line = shape->pixels_per_line,
                                                 .red_first = shape->pixel_format == EFI_PIXEL_RED_FIRST};
}

/* All but the memory map and the modules' sizes. */
static void fill_facts(const struct stub *stub)
{
    struct stub_facts *facts = stub->facts;
    const void *acpi = find_table(stub->system, &acpi_2);
    if (acpi == NULL) {
        acpi = find_table(stub->system, &acpi_1);
    }
    facts->handover = (struct handover){
        .magic = HANDOVER_MAGIC, .size_bytes = sizeof facts->handover, .flags = HANDOVER_UEFI};
    take_framebuffer(stub, &facts->handover.framebuffer);
    facts->modules[0].start = (uintptr_t)&facts->handover;
    facts->modules[0].size = sizeof facts->handover;
    facts->modules[1].start = (uintptr_t)facts->options;
    facts->start = (struct pvh_start_info){.magic = PVH_MAGIC,
                                           .version = PVH_VERSION,
                                           .module_count = 2,
                                           .modules = (uintptr_t)facts->modules,
                                           .command_line = (uintptr_t)facts->command_line,
                                           .acpi_rsdp = (uintptr_t)acpi,
                                           .memory_map = (uintptr_t)facts->memory};
}

/* Boot services are over: there is no way back. */
static void enter(const struct stub *stub)
{
    uint64_t entry = stub->image.entry - stub->image.linked + stub->image.place;
    ((stub_enter)(uintptr_t)stub->code)((uint32_t)entry, (uint32_t)(uintptr_t)&stub->facts->start);
}

efi_status EFI_CALL efi_main(efi_handle self, struct efi_system_table *system)
{
    struct stub stub = {.self = self, .system = system};
    print(&stub, "jeton.efi: starting\r\n");
    efi_status status = take_memory(&stub);
    if (status == EFI_SUCCESS) {
        fill_facts(&stub);
        memcpy((void *)(uintptr_t)stub.code, stub_enter_code, stub_enter_code_size);
        status = stub_lay_out_image(&stub);
    }
    if (status == EFI_SUCCESS) {
        status = stub_take_options(&stub);
    }
    if (status == EFI_SUCCESS) {
        status = stub_exit_boot_services(&stub);
    }
    if (status == EFI_SUCCESS) {
        enter(&stub);
    }
    return status;
}
