/*
 * Flash as platform/flash.h promises it: erase to ones, program, read at any alignment, keep over a reboot.
 */
#include <string.h>

#include "platform/flash.h"
#include "platform/platform.h"
#include "selftest.h"

#define LARGEST 65536U

static struct flash_geometry geometry;
static uint8_t out[LARGEST];
static uint8_t in[LARGEST];

static void open_flash(void)
{
    selftest_expect(flash_open(&geometry) == STATUS_OK, "flash: open");
    selftest_expect(geometry.block_bytes >= 4096 && geometry.block_bytes <= LARGEST, "flash: block size");
    selftest_expect(geometry.block_count >= 16, "flash: block count");
    selftest_say("flash ");
    selftest_say(geometry.name);
    selftest_say_number("block_bytes", geometry.block_bytes);
    selftest_say_number("block_count", geometry.block_count);
    selftest_say_number("program_bytes", geometry.program_bytes);
    selftest_say("\n");
}

static uint64_t at(uint32_t block)
{
    return (uint64_t)block * geometry.block_bytes;
}

static void fill(uint32_t seed)
{
    for (uint32_t i = 0; i < geometry.block_bytes; i++) {
        seed = seed * 1664525U + 1013904223U;
        out[i] = (uint8_t)(seed >> 24);
    }
}

static void expect_block(uint32_t block, const char *what)
{
    memset(in, 0x55, sizeof in);
    selftest_expect(flash_read(at(block), in, geometry.block_bytes) == STATUS_OK, "flash: read");
    selftest_expect(memcmp(in, out, geometry.block_bytes) == 0, what);
}

static void expect_erased(uint32_t block)
{
    memset(out, 0xff, sizeof out);
    expect_block(block, "flash: erased to ones");
}

static void write_block(uint32_t block, uint32_t seed)
{
    selftest_expect(flash_erase(block) == STATUS_OK, "flash: erase");
    expect_erased(block);
    fill(seed);
    uint32_t half = geometry.block_bytes / 2;
    selftest_expect(flash_program(at(block), out, geometry.program_bytes) == STATUS_OK, "flash: unit");
    selftest_expect(flash_program(at(block) + geometry.program_bytes, out + geometry.program_bytes,
                                  half - geometry.program_bytes) == STATUS_OK,
                    "flash: odd part");
    selftest_expect(flash_program(at(block) + half, out + half, half) == STATUS_OK, "flash: half a block");
}

static void expect_unaligned_reads(uint32_t block)
{
    static const struct {
        uint32_t offset, size;
    } cuts[] = {{0, 1}, {1, 1}, {511, 2}, {3, 1021}, {513, 3000}, {4095, 1}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        memset(in, 0x55, sizeof in);
        selftest_expect(flash_read(at(block) + cuts[i].offset, in, cuts[i].size) == STATUS_OK, "flash: read");
        selftest_expect(memcmp(in, out + cuts[i].offset, cuts[i].size) == 0, "flash: unaligned read");
        selftest_expect(in[cuts[i].size] == 0x55, "flash: read past the end");
    }
}

void selftest_flash(void)
{
    open_flash();
    uint32_t blocks[] = {0, 1, geometry.block_count / 2, geometry.block_count - 1};
    for (uint32_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        write_block(blocks[i], 7 + i);
        expect_block(blocks[i], "flash: what was programmed");
        expect_unaligned_reads(blocks[i]);
    }
    for (uint32_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        fill(7 + i);
        expect_block(blocks[i], "flash: neighbours are untouched");
    }
    selftest_expect(flash_erase(1) == STATUS_OK, "flash: erase again");
    expect_erased(1);
    fill(7);
    expect_block(0, "flash: an erase leaves its neighbour");
    selftest_expect(flash_sync() == STATUS_OK, "flash: sync");
}

void selftest_flash_write(void)
{
    open_flash();
    write_block(2, 99);
    selftest_expect(flash_sync() == STATUS_OK, "flash: sync");
}

void selftest_flash_reread(void)
{
    open_flash();
    fill(99);
    expect_block(2, "flash: kept over a reboot");
}

static uint64_t us_since(uint64_t start_ns)
{
    return (platform_monotonic_ns() - start_ns) / 1000;
}

void selftest_flash_speed(void)
{
    open_flash();
    fill(1);
    uint32_t count = 16;
    uint64_t start_ns = platform_monotonic_ns();
    for (uint32_t i = 0; i < 2 * count; i++) {
        selftest_expect(flash_erase(i) == STATUS_OK, "flash: erase");
    }
    uint64_t erase_us = us_since(start_ns) / (2 * count);
    start_ns = platform_monotonic_ns();
    for (uint32_t i = 0; i < count; i++) {
        selftest_expect(flash_program(at(i), out, 4096) == STATUS_OK, "flash: program");
    }
    uint64_t program_us = us_since(start_ns) / count;
    start_ns = platform_monotonic_ns();
    for (uint32_t i = count; i < 2 * count; i++) {
        selftest_expect(flash_program(at(i), out, 4096) == STATUS_OK, "flash: program");
        selftest_expect(flash_sync() == STATUS_OK, "flash: sync");
    }
    uint64_t program_sync_us = us_since(start_ns) / count;
    start_ns = platform_monotonic_ns();
    for (uint64_t done = 0; done < (4U << 20); done += LARGEST) {
        selftest_expect(flash_read(done % (1U << 20), in, LARGEST) == STATUS_OK, "flash: read");
    }
    selftest_say("speed");
    selftest_say_number("erase_us", erase_us);
    selftest_say_number("program_4096_us", program_us);
    selftest_say_number("program_4096_sync_us", program_sync_us);
    selftest_say_number("read_mib_us", us_since(start_ns) / 4);
    selftest_say("\n");
}
