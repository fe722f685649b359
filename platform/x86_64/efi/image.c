/*
 * Lays out the ELF that this program contains. It is our own, and signed with us where anything is: what is checked here
 * is that the build put together what belongs together.
 */
#include <string.h>

#include "platform/x86_64/efi/stub.h"

#define LOW_LIMIT                0xffffffffULL
#define ELF_MAGIC                0x464c457fU
#define SEGMENT_LOAD             1U
#define SEGMENT_NOTE             4U
#define XEN_ELFNOTE_PHYS32_ENTRY 18U
#define IMAGE_BYTES_MAX          (64ULL << 20)

struct elf_header { /* System V ABI, ELF-64 */
    uint32_t magic;
    uint8_t identity[12];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments, sections;
    uint32_t flags;
    uint16_t header_size, segment_size, segment_count, section_size, section_count, section_names;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, virtual_address, physical_address, file_size, memory_size, alignment;
};

struct elf_note { /* with the name "Xen" and a value of 4 bytes */
    uint32_t name_size, value_size, type, name, value;
};

static bool inside(uint64_t offset, uint64_t size, uint64_t whole)
{
    return offset <= whole && size <= whole - offset;
}

/* Where the image begins and how far it reaches, and its PVH entry. */
static bool measure(struct stub_image *image, const struct elf_segment *segments, size_t count)
{
    uint64_t start = UINT64_MAX;
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const struct elf_segment *s = &segments[i];
        if (!inside(s->offset, s->file_size, stub_payload_size) || s->physical_address > LOW_LIMIT ||
            s->memory_size > IMAGE_BYTES_MAX || s->file_size > s->memory_size) {
            return false;
        }
        if (s->type == SEGMENT_NOTE && s->file_size >= sizeof(struct elf_note)) {
            struct elf_note note;
            memcpy(&note, stub_payload + s->offset, sizeof note);
            image->entry = note.type == XEN_ELFNOTE_PHYS32_ENTRY ? note.value : image->entry;
        }
        if (s->type == SEGMENT_LOAD) {
            uint64_t segment_end = s->physical_address + s->memory_size;
            start = s->physical_address < start ? s->physical_address : start;
            end = segment_end > end ? segment_end : end;
        }
    }
    image->linked = start & ~(EFI_PAGE_BYTES - 1);
    image->size_bytes = (end - image->linked + EFI_PAGE_BYTES - 1) & ~(EFI_PAGE_BYTES - 1);
    return image->entry != 0 && start < end && image->size_bytes <= IMAGE_BYTES_MAX;
}

efi_status stub_lay_out_image(struct stub *stub)
{
    const struct elf_header *header = (const struct elf_header *)(const void *)stub_payload;
    const struct elf_segment *segments =
        (const struct elf_segment *)(const void *)(stub_payload + header->segments);
    if (header->magic != ELF_MAGIC || header->segment_size != sizeof *segments ||
        !measure(&stub->image, segments, header->segment_count)) {
        return stub_fail(stub, "the image inside is not whole", EFI_LOAD_ERROR);
    }
    stub->image.place = LOW_LIMIT;
    efi_status status = stub->system->boot_services->allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, EFI_LOADER_DATA,
                                                                    stub->image.size_bytes / EFI_PAGE_BYTES,
                                                                    &stub->image.place);
    if (status != EFI_SUCCESS) {
        return stub_fail(stub, "no memory for the image below 4 GiB", status);
    }
    uint8_t *place = (uint8_t *)(uintptr_t)stub->image.place;
    memset(place, 0, stub->image.size_bytes);
    for (size_t i = 0; i < header->segment_count; i++) {
        const struct elf_segment *s = &segments[i];
        if (s->type == SEGMENT_LOAD) {
            memcpy(place + (s->physical_address - stub->image.linked), stub_payload + s->offset,
                   s->file_size);
        }
    }
    return EFI_SUCCESS;
}
