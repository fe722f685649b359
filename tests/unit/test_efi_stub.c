/*
 * What the UEFI entry makes of the firmware's load options and memory map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "platform/x86_64/efi/stub.h"

efi_status stub_fail(const struct stub *stub, const char *sentence, efi_status status)
{
    (void)stub;
    (void)sentence;
    return status;
}

static void expect_text(const void *options, size_t size_bytes, const char *wanted)
{
    char out[16];
    memset(out, 'x', sizeof out);
    assert_int_equal(stub_text_of_load_options(out, sizeof out, options, size_bytes), strlen(wanted));
    assert_string_equal(out, wanted);
}

static void test_load_options(void **state)
{
    (void)state;
    static const uint16_t text[] = u"ip=1.2.3.4 a=b";
    static const uint16_t fits[] = u"0123456789abcde";
    static const uint16_t too_long[] = u"0123456789abcdef";
    static const uint16_t foreign[] = {'a', 0x4e2d, 'b', 0};
    static const uint8_t guid[16] = {0x4e, 0xac, 0x08, 0x81, 0x11, 0x9f, 0x59, 0x4d};
    expect_text(text, sizeof text, "ip=1.2.3.4 a=b");
    expect_text(text, sizeof text - 2, "ip=1.2.3.4 a=b"); /* no terminator */
    expect_text(text, 7, "ip=");                          /* half a character */
    expect_text(fits, sizeof fits, "0123456789abcde");
    expect_text(too_long, sizeof too_long, "");
    expect_text(foreign, sizeof foreign, "");
    expect_text(guid, sizeof guid, "");
    expect_text(text, 0, "");
}

#define STRIDE 56U /* firmware's descriptors may grow */

static uint8_t map[64 * STRIDE];
static size_t map_size;

static void add(uint32_t type, uint64_t start, uint64_t pages)
{
    struct efi_memory_descriptor d = {.type = type, .physical_start = start, .page_count = pages};
    memcpy(map + map_size, &d, sizeof d);
    map_size += STRIDE;
}

static void test_memory_map(void **state)
{
    (void)state;
    struct pvh_memory_entry out[8];
    map_size = 0;
    add(EFI_CONVENTIONAL_MEMORY, 0x200000, 256);
    add(EFI_BOOT_SERVICES_DATA, 0x100000, 256); /* out of order, and a neighbour */
    add(EFI_RUNTIME_SERVICES_DATA, 0x300000, 1);
    add(EFI_RESERVED_MEMORY, 0x301000, 1);
    add(EFI_ACPI_RECLAIM_MEMORY, 0x302000, 2);
    add(EFI_ACPI_NVS_MEMORY, 0x304000, 1);
    add(EFI_UNUSABLE_MEMORY, 0x305000, 1);
    add(EFI_LOADER_CODE, 0x400000, 1);
    add(77, 0x500000, 1); /* of a later specification: not for us */
    assert_int_equal(stub_convert_map(out, 8, map, map_size, STRIDE), 7);
    static const struct pvh_memory_entry wanted[] = {
        {0x100000, 0x200000, PVH_TYPE_RAM, 0},    {0x300000, 0x2000, PVH_TYPE_RESERVED, 0},
        {0x302000, 0x2000, PVH_TYPE_ACPI, 0},     {0x304000, 0x1000, PVH_TYPE_ACPI_NVS, 0},
        {0x305000, 0x1000, PVH_TYPE_UNUSABLE, 0}, {0x400000, 0x1000, PVH_TYPE_RAM, 0},
        {0x500000, 0x1000, PVH_TYPE_RESERVED, 0}};
    assert_memory_equal(out, wanted, sizeof wanted);
}

static void test_crowded_map(void **state)
{
    (void)state;
    struct pvh_memory_entry out[4];
    map_size = 0;
    for (uint32_t i = 0; i < 10; i++) {
        add(EFI_CONVENTIONAL_MEMORY, 0x100000 + i * 0x1000ULL, 1); /* joined as they come */
    }
    for (uint32_t i = 0; i < 10; i++) {
        add(EFI_CONVENTIONAL_MEMORY, 0x200000 + i * 0x2000ULL,
            1); /* no neighbours: what does not fit is left out */
    }
    size_t count = stub_convert_map(out, 4, map, map_size, STRIDE);
    assert_int_equal(count, 4);
    assert_int_equal(out[0].size, 0xa000);
    assert_int_equal(stub_convert_map(out, 4, map, map_size, 24), 0);
    assert_int_equal(stub_convert_map(out, 4, map, STRIDE - 1, STRIDE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_options),
        cmocka_unit_test(test_memory_map),
        cmocka_unit_test(test_crowded_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
