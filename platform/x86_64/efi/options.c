/*
 * Boot options under UEFI: the load options of the boot entry (words, UTF-16), then the file \jeton\options.txt on the
 * partition that we were started from. The file is handed on as it is: platform/x86_64/options.c reads it.
 */
#include "platform/x86_64/efi/stub.h"

static const struct efi_guid loaded_image = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid file_system = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const uint16_t file_name[] = u"\\jeton\\options.txt";

/* Firmware puts bytes of its own there as well (EDK II: a GUID): what is not all printable is none. */
size_t stub_text_of_load_options(char *out, size_t out_size, const void *options, size_t size_bytes)
{
    const uint8_t *from = options;
    size_t size = 0;
    for (size_t i = 0; i + 1 < size_bytes; i += 2) {
        unsigned c = from[i] | (unsigned)from[i + 1] << 8;
        if (c == 0) {
            break;
        }
        if (c < ' ' || c > '~' || size + 1 >= out_size) {
            size = 0;
            break;
        }
        out[size++] = (char)c;
    }
    out[size] = 0;
    return size;
}

/* The file's size, 0 where there is none; false when it does not fit. */
static bool read_file(struct efi_file_system *volume, uint8_t *out, size_t *size)
{
    struct efi_file *root = NULL;
    struct efi_file *file = NULL;
    *size = 0;
    if (volume->open_volume(volume, &root) != EFI_SUCCESS) {
        return true;
    }
    bool fits = true;
    if (root->open(root, &file, file_name, EFI_FILE_MODE_READ, 0) == EFI_SUCCESS) {
        size_t got = STUB_TEXT_BYTES;
        efi_status status = file->read(file, &got, out);
        fits = status == EFI_SUCCESS && got < STUB_TEXT_BYTES;
        *size = fits ? got : 0;
        file->close(file);
    }
    root->close(root);
    return fits;
}

efi_status stub_take_options(struct stub *stub)
{
    struct efi_boot_services *services = stub->system->boot_services;
    void *found = NULL;
    efi_status status = services->handle_protocol(stub->self, &loaded_image, &found);
    if (status != EFI_SUCCESS) {
        return stub_fail(stub, "the firmware does not say from where it loaded us", status);
    }
    const struct efi_loaded_image *image = found;
    if (image->load_options != NULL) {
        stub_text_of_load_options(stub->facts->command_line, STUB_TEXT_BYTES, image->load_options,
                                  image->load_options_size);
    }
    size_t size = 0;
    if (image->device != NULL &&
        services->handle_protocol(image->device, &file_system, &found) == EFI_SUCCESS &&
        !read_file(found, stub->facts->options, &size)) {
        return stub_fail(stub, "jeton/options.txt is unreadable or 4 KiB or longer", EFI_LOAD_ERROR);
    }
    stub->facts->modules[1].size = size;
    return EFI_SUCCESS;
}
