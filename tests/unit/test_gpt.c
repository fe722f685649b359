/*
 * The partition table's reader against tables that a test makes: good ones, each field spoilt, each byte spoilt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "platform/x86_64/gpt.h"

#define SECTORS          4096U
#define ENTRY_COUNT      128U
#define ENTRY_BYTES      128U
#define FIRST            40U
#define LAST             80U
#define HEADER_CRC       16U
#define HEADER_FIRST     40U
#define HEADER_LAST      48U
#define HEADER_TABLE     72U
#define HEADER_COUNT     80U
#define HEADER_ENTRY     84U
#define HEADER_TABLE_CRC 88U

static const uint8_t type_linux[GPT_GUID_BYTES] = {0xaf, 0x3d, 0xc6, 0x0f, 1, 2, 3};

static uint8_t bytes[SECTORS * 4096U];
static size_t unreadable; /* a read of this offset fails; 0: none */
static struct gpt_disk disk;

static enum status read_bytes(const struct gpt_disk *from, uint64_t offset, void *out, size_t size)
{
    assert_true(offset % from->sector_bytes == 0 && size % from->sector_bytes == 0);
    assert_true(size <= from->size_bytes && offset <= from->size_bytes - size);
    if (unreadable != 0 && offset == unreadable) {
        return STATUS_IO;
    }
    memcpy(out, bytes + offset, size);
    return STATUS_OK;
}

static uint32_t crc32_of(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
        }
    }
    return ~crc;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static uint8_t *at_sector(uint64_t index)
{
    return bytes + index * disk.sector_bytes;
}

/* Make both check sums of the header at `own` true again. */
static void seal(uint64_t own)
{
    uint8_t *h = at_sector(own);
    uint64_t table;
    uint32_t count, entry;
    memcpy(&table, h + HEADER_TABLE, sizeof table);
    memcpy(&count, h + HEADER_COUNT, sizeof count);
    memcpy(&entry, h + HEADER_ENTRY, sizeof entry);
    uint64_t size = (uint64_t)count * entry;
    if (size <= GPT_TABLE_BYTES_MAX && table < SECTORS && table + size / disk.sector_bytes <= SECTORS) {
        put32(h + HEADER_TABLE_CRC, crc32_of(at_sector(table), size));
    }
    put32(h + HEADER_CRC, 0);
    put32(h + HEADER_CRC, crc32_of(h, 92));
}

static void put_header(uint64_t own, uint64_t other, uint64_t table)
{
    uint8_t *h = at_sector(own);
    memset(h, 0, disk.sector_bytes);
    memcpy(h, "EFI PART", 8);
    put32(h + 8, 0x00010000);
    put32(h + 12, 92);
    put64(h + 24, own);
    put64(h + 32, other);
    put64(h + HEADER_FIRST, 34);
    put64(h + HEADER_LAST, SECTORS - 34);
    put64(h + HEADER_TABLE, table);
    put32(h + HEADER_COUNT, ENTRY_COUNT);
    put32(h + HEADER_ENTRY, ENTRY_BYTES);
    seal(own);
}

static void put_entry(uint32_t index, const uint8_t *type, uint64_t first, uint64_t last)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *entry = at_sector(copy == 0 ? 2 : SECTORS - 33) + (size_t)index * ENTRY_BYTES;
        memcpy(entry, type, GPT_GUID_BYTES);
        put64(entry + 32, first);
        put64(entry + 40, last);
    }
}

static void seal_both(void)
{
    put_header(1, SECTORS - 1, 2);
    put_header(SECTORS - 1, 1, SECTORS - 33);
}

/* Another system's partition, ours, and the rest unused; `sector_bytes` a sector. */
static int make_disk(uint32_t sector_bytes)
{
    memset(bytes, 0, sizeof bytes);
    unreadable = 0;
    disk = (struct gpt_disk){read_bytes, NULL, (uint64_t)SECTORS * sector_bytes, sector_bytes};
    put_entry(0, type_linux, 34, FIRST - 1);
    put_entry(5, gpt_type_state, FIRST, LAST);
    seal_both();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return make_disk(512);
}

static enum status find(struct gpt_span *span)
{
    return gpt_find(&disk, gpt_type_state, span);
}

static void expect(enum status wanted)
{
    struct gpt_span span;
    assert_int_equal(find(&span), wanted);
    if (wanted == STATUS_OK) {
        assert_int_equal(span.offset_bytes, (uint64_t)FIRST * disk.sector_bytes);
        assert_int_equal(span.size_bytes, (uint64_t)(LAST - FIRST + 1) * disk.sector_bytes);
    }
}

static void test_found(void **state)
{
    (void)state;
    expect(STATUS_OK);
    make_disk(4096);
    expect(STATUS_OK);
}

static void test_copies(void **state)
{
    (void)state;
    at_sector(1)[20] ^= 1;
    expect(STATUS_OK); /* by the second */
    at_sector(SECTORS - 1)[20] ^= 1;
    expect(STATUS_DAMAGED);
    at_sector(1)[20] ^= 1;
    expect(STATUS_OK);
    memset(at_sector(1), 0, 512);
    expect(STATUS_DAMAGED);
    memset(at_sector(SECTORS - 1), 0, 512);
    expect(STATUS_NOT_FOUND);
}

static void test_other_disks(void **state)
{
    (void)state;
    memset(at_sector(2), 0, (size_t)ENTRY_COUNT * ENTRY_BYTES);
    seal_both();
    expect(STATUS_FOREIGN);
    memset(bytes, 0, sizeof bytes);
    expect(STATUS_NOT_FOUND);
    bytes[510] = 0x55;
    bytes[511] = 0xaa;
    expect(STATUS_NOT_FOUND); /* no partition in it */
    bytes[446 + 4] = 0x83;
    expect(STATUS_FOREIGN);
    bytes[446 + 16] = 0x12; /* no status of a partition: not an MBR but somebody's bytes */
    expect(STATUS_NOT_FOUND);
    bytes[446 + 16] = 0;
    bytes[446 + 4] = 0xee;
    expect(STATUS_DAMAGED);
}

static void test_entries(void **state)
{
    (void)state;
    put_entry(6, gpt_type_state, LAST + 1, LAST + 2);
    seal_both();
    expect(STATUS_CONFLICT);
    put_entry(6, type_linux, LAST, LAST + 2);
    seal_both();
    expect(STATUS_CONFLICT);
    put_entry(6, type_linux, LAST + 1, LAST + 2);
    seal_both();
    expect(STATUS_OK);
    static const uint64_t bad[][2] = {{33, 50},         {50, SECTORS - 33}, {60, 59},
                                      {50, UINT64_MAX}, {UINT64_MAX, 50},   {0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make_disk(512);
        put_entry(5, gpt_type_state, bad[i][0], bad[i][1]);
        seal_both();
        expect(STATUS_DAMAGED);
    }
}

/* Fields whose check sum is true and which lie all the same. */
static void test_lying_header(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint64_t value;
        size_t size;
    } lies[] = {{12, 91, 4},
                {12, 513, 4},
                {12, UINT32_MAX, 4},
                {24, 2, 8},
                {HEADER_FIRST, SECTORS, 8},
                {HEADER_LAST, SECTORS, 8},
                {HEADER_LAST, UINT64_MAX, 8},
                {HEADER_TABLE, 0, 8},
                {HEADER_TABLE, 1, 8},
                {HEADER_TABLE, 3, 8},
                {HEADER_TABLE, SECTORS - 1, 8},
                {HEADER_TABLE, UINT64_MAX, 8},
                {HEADER_COUNT, 0, 4},
                {HEADER_COUNT, 257, 4},
                {HEADER_COUNT, UINT32_MAX, 4},
                {HEADER_ENTRY, 0, 4},
                {HEADER_ENTRY, 64, 4},
                {HEADER_ENTRY, 129, 4},
                {HEADER_ENTRY, UINT32_MAX, 4},
                {HEADER_ENTRY, 0x80000000U, 4}};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        make_disk(512);
        memset(at_sector(SECTORS - 1), 0, 512);
        memcpy(at_sector(1) + lies[i].offset, &lies[i].value, lies[i].size);
        if (lies[i].offset == 12) {
            put32(at_sector(1) + HEADER_CRC, 0);
            put32(at_sector(1) + HEADER_CRC,
                  crc32_of(at_sector(1), lies[i].value <= 513 ? lies[i].value : 92));
        } else {
            seal(1);
        }
        expect(STATUS_DAMAGED);
    }
}

/* Tables that would not fit into the reader's buffer, though there is room for them on the disk. */
static void test_large_tables(void **state)
{
    (void)state;
    static const uint32_t shapes[][2] = {{257, 128}, {129, 256}, {2, 16512}, {1, 32896}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        make_disk(512);
        memset(at_sector(SECTORS - 1), 0, 512);
        put64(at_sector(1) + HEADER_FIRST, 1000);
        put32(at_sector(1) + HEADER_COUNT, shapes[i][0]);
        put32(at_sector(1) + HEADER_ENTRY, shapes[i][1]);
        put32(at_sector(1) + HEADER_CRC, 0);
        put32(at_sector(1) + HEADER_CRC, crc32_of(at_sector(1), 92));
        expect(STATUS_DAMAGED);
    }
}

/* Any one byte of the first copy spoilt: the second is used, or the byte did not matter; never another span. */
static void test_each_byte(void **state)
{
    (void)state;
    for (size_t at = 512; at < 512 + 92 + 512; at++) {
        bytes[at] ^= 0x41;
        expect(STATUS_OK);
        bytes[at] ^= 0x41;
    }
}

static void test_unreadable(void **state)
{
    (void)state;
    static const size_t where[] = {512, 1024};
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
        unreadable = where[i];
        expect(STATUS_IO);
    }
}

static void test_small_and_odd_disks(void **state)
{
    (void)state;
    for (uint64_t sectors = 0; sectors < 40; sectors++) {
        disk.size_bytes = sectors * 512;
        struct gpt_span span;
        assert_true(find(&span) != STATUS_OK);
    }
    make_disk(512);
    disk.sector_bytes = 0;
    struct gpt_span span;
    assert_int_equal(find(&span), STATUS_NOT_FOUND);
    disk.sector_bytes = 8192;
    assert_int_equal(find(&span), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_found, setup),
        cmocka_unit_test_setup(test_copies, setup),
        cmocka_unit_test_setup(test_other_disks, setup),
        cmocka_unit_test_setup(test_entries, setup),
        cmocka_unit_test_setup(test_lying_header, setup),
        cmocka_unit_test_setup(test_each_byte, setup),
        cmocka_unit_test_setup(test_unreadable, setup),
        cmocka_unit_test_setup(test_small_and_odd_disks, setup),
        cmocka_unit_test_setup(test_large_tables, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
