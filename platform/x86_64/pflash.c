/*
 * CFI parallel flash below 4 GiB (JEDEC JESD68.01, Intel command set 0x0001), as QEMU maps it: unit 0 (firmware) ends
 * at 4 GiB, unit 1 ends where unit 0 begins and is ours.
 *
 * The chip answers either with its contents or, while it takes commands, with its status. The change back to
 * contents is slow under an emulator, so it is made by the next read only. What was programmed is known here, so a
 * program over bytes that are not erased is caught without reading.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/handover.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/paging.h"

#define TOP_OF_FLASH     0x100000000ULL
#define CHIP_BYTES_MAX   (64ULL << 20)
#define PROGRAM_BYTES    16U
#define BLOCK_BYTES_MIN  4096U
#define BLOCK_BYTES_MAX  32768U
#define BLOCKS_MIN       16U
#define WRITE_BUFFER_MAX 256U
#define POLLS_MAX        4000000U /* seconds; a real chip erases within one */

#define COMMAND_READ    0xffU
#define COMMAND_QUERY   0x98U
#define COMMAND_CLEAR   0x50U
#define COMMAND_ERASE   0x20U
#define COMMAND_BUFFER  0xe8U
#define COMMAND_CONFIRM 0xd0U
#define STATUS_READY    0x80U
#define STATUS_ERRORS   0x3aU /* erase, program, voltage, protection */

#define QUERY_SIGNATURE     0x10U
#define QUERY_COMMAND_SET   0x13U
#define QUERY_BUFFER_LOG2   0x2aU
#define QUERY_REGIONS       0x2cU
#define QUERY_REGION_BLOCKS 0x2dU
#define QUERY_REGION_BYTES  0x2fU
#define COMMAND_SET_INTEL   0x0001U
#define MARK_UNKNOWN        UINT16_MAX

struct chip {
    uint32_t block_bytes, block_count, buffer_bytes;
};

static uintptr_t base;
static struct chip chip;
static bool shows_contents;
static uint16_t *marks; /* for each block: where its erased rest begins, or MARK_UNKNOWN */

static uint32_t query16(uintptr_t address, uint32_t offset)
{
    return mmio_read8(address + offset) | (uint32_t)mmio_read8(address + offset + 1) << 8;
}

/* Ask for the CFI table in the page right below `top`. */
static enum status probe(uint64_t top, struct chip *c)
{
    uintptr_t page = paging_map_device(top - BLOCK_BYTES_MIN, BLOCK_BYTES_MIN);
    if (page == 0) {
        return STATUS_NOT_FOUND;
    }
    mmio_write8(page, COMMAND_QUERY);
    bool found = mmio_read8(page + QUERY_SIGNATURE) == 'Q' && mmio_read8(page + QUERY_SIGNATURE + 1) == 'R' &&
                 mmio_read8(page + QUERY_SIGNATURE + 2) == 'Y' &&
                 query16(page, QUERY_COMMAND_SET) == COMMAND_SET_INTEL &&
                 mmio_read8(page + QUERY_REGIONS) == 1;
    if (found) {
        uint32_t buffer_log2 = mmio_read8(page + QUERY_BUFFER_LOG2);
        *c = (struct chip){.block_count = query16(page, QUERY_REGION_BLOCKS) + 1,
                           .block_bytes = query16(page, QUERY_REGION_BYTES) * 256,
                           .buffer_bytes = buffer_log2 <= 8 ? 1U << buffer_log2 : WRITE_BUFFER_MAX};
    }
    mmio_write8(page, COMMAND_READ);
    bool sound = found && c->block_bytes >= BLOCK_BYTES_MIN && c->block_bytes <= BLOCK_BYTES_MAX &&
                 (c->block_bytes & (c->block_bytes - 1)) == 0 &&
                 (uint64_t)c->block_bytes * c->block_count <= CHIP_BYTES_MAX;
    return sound ? STATUS_OK : STATUS_NOT_FOUND;
}

static uint64_t chip_bytes(const struct chip *c)
{
    return (uint64_t)c->block_bytes * c->block_count;
}

static enum status pflash_open(struct bytes option, struct flash_geometry *geometry)
{
    bool other = option.size > 0 &&
                 (option.size != strlen("pflash") || memcmp(option.data, "pflash", option.size) != 0);
    if (other || (handover()->flags & HANDOVER_UEFI)) {
        return STATUS_NOT_FOUND; /* under UEFI it holds the firmware's variables */
    }
    struct chip firmware;
    enum status status = probe(TOP_OF_FLASH, &firmware);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t top = TOP_OF_FLASH - chip_bytes(&firmware);
    status = probe(top, &chip);
    if (status != STATUS_OK) {
        return status;
    }
    if (chip.block_count < BLOCKS_MIN || chip.buffer_bytes < PROGRAM_BYTES) {
        console_print("the pflash has less than 16 blocks; it cannot hold the state\n");
        return STATUS_NOT_FOUND;
    }
    base = paging_map_device(top - chip_bytes(&chip), chip_bytes(&chip));
    marks = memory_take_for_device(chip.block_count * sizeof *marks);
    if (base == 0 || marks == NULL) {
        return STATUS_NOT_FOUND;
    }
    memset(marks, 0xff, chip.block_count * sizeof *marks);
    shows_contents = true;
    *geometry = (struct flash_geometry){.block_bytes = chip.block_bytes,
                                        .block_count = chip.block_count,
                                        .program_bytes = PROGRAM_BYTES,
                                        .name = "pflash"};
    return STATUS_OK;
}

static void show_contents(void)
{
    if (!shows_contents) {
        mmio_write8(base, COMMAND_READ);
        shows_contents = true;
    }
}

static enum status pflash_read(uint64_t offset, void *out, size_t size)
{
    show_contents();
    memcpy(out, (const uint8_t *)(base + offset), size);
    return STATUS_OK;
}

/* Where the erased rest of the block begins. */
static uint32_t mark_of(uint32_t block)
{
    if (marks[block] == MARK_UNKNOWN) {
        show_contents();
        const uint8_t *bytes = (const uint8_t *)(base + (uintptr_t)block * chip.block_bytes);
        uint32_t end = chip.block_bytes;
        while (end > 0 && bytes[end - 1] == 0xff) {
            end--;
        }
        marks[block] = (uint16_t)((end + PROGRAM_BYTES - 1) / PROGRAM_BYTES * PROGRAM_BYTES);
    }
    return marks[block];
}

/* Wait until the chip is ready; STATUS_IO when it says that something went wrong. */
static enum status finish(uintptr_t address)
{
    uint8_t state = mmio_read8(address);
    for (uint32_t polls = 0; (state & STATUS_READY) == 0; polls++) {
        if (polls == POLLS_MAX) {
            return STATUS_IO;
        }
        cpu_relax();
        state = mmio_read8(address);
    }
    if (state & STATUS_ERRORS) {
        mmio_write8(address, COMMAND_CLEAR);
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* Program up to one write buffer, within one aligned buffer's range. */
static enum status program_buffer(uintptr_t address, const uint8_t *data, size_t size)
{
    mmio_write8(address, COMMAND_BUFFER);
    shows_contents = false;
    enum status status = finish(address);
    if (status != STATUS_OK) {
        return status;
    }
    mmio_write8(address, (uint8_t)(size - 1));
    for (size_t i = 0; i < size; i++) {
        mmio_write8(address + i, data[i]);
    }
    mmio_write8(address, COMMAND_CONFIRM);
    return finish(address);
}

static enum status pflash_program(uint64_t offset, const void *data, size_t size)
{
    uint32_t block = (uint32_t)(offset / chip.block_bytes);
    uint32_t in_block = (uint32_t)(offset % chip.block_bytes);
    if (in_block < mark_of(block)) {
        platform_panic("pflash: a program over bytes that are not erased");
    }
    marks[block] = (uint16_t)(in_block + size);
    const uint8_t *from = data;
    while (size > 0) {
        size_t room = chip.buffer_bytes - (size_t)(offset % chip.buffer_bytes);
        size_t part = size < room ? size : room;
        enum status status = program_buffer(base + offset, from, part);
        if (status != STATUS_OK) {
            return status;
        }
        from += part;
        offset += part;
        size -= part;
    }
    return STATUS_OK;
}

static enum status pflash_erase(uint32_t block_index)
{
    uintptr_t address = base + (uintptr_t)block_index * chip.block_bytes;
    marks[block_index] = MARK_UNKNOWN;
    mmio_write8(address, COMMAND_ERASE);
    mmio_write8(address, COMMAND_CONFIRM);
    shows_contents = false;
    enum status status = finish(address);
    if (status == STATUS_OK) {
        marks[block_index] = 0;
    }
    return status;
}

/* What the chip has reported as done is done: a sync has ended when it begins. */
static void pflash_sync_begin(void)
{
}

static enum status pflash_sync_end(bool wait)
{
    (void)wait;
    return STATUS_OK;
}

static bool pflash_sleep_begin(void)
{
    return false;
}

static void pflash_sleep_end(void)
{
}

const struct flash_backend flash_pflash = {pflash_open,        pflash_read,       pflash_program,
                                           pflash_erase,       pflash_sync_begin, pflash_sync_end,
                                           pflash_sleep_begin, pflash_sleep_end};
