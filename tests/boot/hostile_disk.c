/*
 * Disks that lie: an NVMe controller and an AHCI controller with one disk, below the real drivers, block.c and
 * flash_disk.c. The models touch exactly the memory that the driver's commands name, so AddressSanitizer sees a wrong
 * address or length; a command beyond the end of the medium aborts.
 */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "platform/x86_64/ahci.h"
#include "platform/x86_64/block.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/nvme.h"
#include "platform/x86_64/nvme_queue.h"
#include "platform/x86_64/pci.h"

#define MEDIUM_BYTES (1U << 20)
#define SECTOR       512U
#define PAGE         4096U

const uint32_t device_kinds = 2;
static uint32_t kind;
static uint8_t medium[MEDIUM_BYTES];

static void move(uint8_t *memory, uint64_t offset, size_t size, bool to_medium)
{
    if (offset > MEDIUM_BYTES || size > MEDIUM_BYTES - offset) {
        abort();
    }
    if (to_medium) {
        memcpy(medium + offset, memory, size);
    } else {
        memcpy(memory, medium + offset, size);
    }
}

static void scribble(uint8_t *memory, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        memory[i] = (uint8_t)chance(256);
    }
}

/* ---- NVMe ---- */

static struct {
    uint32_t configuration;
    uint64_t commands[2], ended[2]; /* addresses of both queues of each pair */
    uint32_t head[2], tail[2], put[2], phase[2];
} nvme;

static void nvme_reset(void)
{
    memset(nvme.head, 0, sizeof nvme.head);
    memset(nvme.tail, 0, sizeof nvme.tail);
    memset(nvme.put, 0, sizeof nvme.put);
    nvme.phase[0] = nvme.phase[1] = 1;
    nvme.commands[1] = nvme.ended[1] = 0;
}

static uint32_t nvme_read(uint32_t reg)
{
    switch (reg) {
    case 0x00:
        return lies(20) ? chance(1U << 24) : 0x0200003f; /* 64 entries, ready within 1 s */
    case 0x04:
        return lies(20) ? chance(1U << 24) : 0x20;
    case 0x14:
        return nvme.configuration;
    case 0x1c:
        return lies(50) ? chance(16) : (nvme.configuration & 1) | (nvme.configuration & 0x4000 ? 8 : 0);
    default:
        return 0;
    }
}

static void nvme_transfer(const struct nvme_command *c, uint64_t offset, size_t size, bool to_medium)
{
    const uint64_t *list = (const uint64_t *)(uintptr_t)c->data[1];
    size_t done = size < PAGE ? size : PAGE;
    move((uint8_t *)(uintptr_t)c->data[0], offset, done, to_medium);
    for (size_t page = 0; done < size; page++) {
        size_t part = size - done < PAGE ? size - done : PAGE;
        uint64_t address = size <= (size_t)2 * PAGE ? c->data[1] : list[page];
        move((uint8_t *)(uintptr_t)address, offset + done, part, to_medium);
        done += part;
    }
}

static void nvme_identify(const struct nvme_command *c)
{
    uint8_t *page = (uint8_t *)(uintptr_t)c->data[0];
    memset(page, 0, PAGE);
    if (lies(10)) {
        scribble(page, PAGE);
    } else if (c->words[0] == 1) {
        page[77] = 5;
        page[520] = 8;
        page[525] = 1;
    } else {
        page[1] = MEDIUM_BYTES / SECTOR >> 8;
        page[130] = 9;
    }
}

static void nvme_execute(uint32_t pair, const struct nvme_command *c)
{
    uint64_t offset = (c->words[0] | (uint64_t)c->words[1] << 32) * SECTOR;
    size_t size = ((c->words[2] & 0xffff) + 1) * SECTOR;
    uint32_t operation = c->operation & 0xff;
    if (pair == 1 && operation == 8) {
        static uint8_t zeros[65536];
        move(zeros, offset, size, true);
    } else if (pair == 1 && operation != 0) {
        nvme_transfer(c, offset, size, operation == 1);
    } else if (operation == 6) {
        nvme_identify(c);
    } else if (operation == 5) {
        nvme.ended[1] = c->data[0];
    } else if (operation == 1) {
        nvme.commands[1] = c->data[0];
    }
}

static void nvme_serve(uint32_t pair)
{
    if (nvme.commands[pair] == 0 || nvme.ended[pair] == 0 || nvme.head[pair] == nvme.tail[pair]) {
        return;
    }
    const struct nvme_command *c =
        (const struct nvme_command *)(uintptr_t)nvme.commands[pair] + nvme.head[pair];
    struct nvme_completion *end = (struct nvme_completion *)(uintptr_t)nvme.ended[pair] + nvme.put[pair];
    nvme.head[pair] = (nvme.head[pair] + 1) % NVME_QUEUE_SIZE;
    note_progress();
    if (lies(100)) {
        return;
    }
    bool failed = lies(20);
    if (!failed) {
        nvme_execute(pair, c);
    }
    end->id = lies(100)   ? (uint16_t)chance(65536)
              : lies(100) ? (uint16_t)chance(12)
                          : (uint16_t)(c->operation >> 16);
    end->status = (uint16_t)(nvme.phase[pair] | (failed ? chance(2048) << 1 : 0));
    nvme.put[pair] = (nvme.put[pair] + 1) % NVME_QUEUE_SIZE;
    nvme.phase[pair] ^= nvme.put[pair] == 0;
    if (lies(200)) {
        scribble((uint8_t *)(uintptr_t)nvme.ended[pair], NVME_QUEUE_SIZE * sizeof *end);
    }
}

static void nvme_write(uint32_t reg, uint32_t value)
{
    if (reg == 0x14) {
        nvme.configuration = value;
        if ((value & 1) == 0) {
            nvme_reset();
        }
    } else if (reg == 0x28 || reg == 0x2c) {
        nvme.commands[0] |= (uint64_t)value << (reg == 0x2c ? 32 : 0);
    } else if (reg == 0x30 || reg == 0x34) {
        nvme.ended[0] |= (uint64_t)value << (reg == 0x34 ? 32 : 0);
    } else if (reg == 0x1000 || reg == 0x1008) {
        nvme.tail[reg >> 3 & 1] = value % NVME_QUEUE_SIZE;
    }
}

/* ---- AHCI ---- */

#define AHCI_PORT 0x100U

static struct {
    uint32_t port[32];
    uint32_t global[16];
} ahci;

static uint32_t *ahci_register(uint32_t reg)
{
    static uint32_t nothing;
    return reg < 0x40                                   ? &ahci.global[reg / 4]
           : reg >= AHCI_PORT && reg < AHCI_PORT + 0x80 ? &ahci.port[(reg - AHCI_PORT) / 4]
                                                        : &nothing;
}

static void ahci_start(void)
{
    *ahci_register(0x00) = 0x80000000U | 31U << 8;
    *ahci_register(0x0c) = lies(3) ? chance(65536) : 1;
    *ahci_register(AHCI_PORT + 0x24) = 0x101;
    *ahci_register(AHCI_PORT + 0x28) = lies(30) ? chance(4) : 0x113;
}

static uint32_t ahci_read(uint32_t reg)
{
    if (lies(300)) {
        return lies(3) ? UINT32_MAX : chance(1U << 24);
    }
    return *ahci_register(reg);
}

static void ahci_identify(uint8_t *memory)
{
    uint16_t words[256] = {0};
    words[83] = 0x4000 | 0x2400;
    words[85] = 0x20;
    words[100] = MEDIUM_BYTES / SECTOR;
    memcpy(memory, words, sizeof words);
    if (lies(5)) {
        scribble(memory, sizeof words);
    }
}

static void ahci_execute(uint32_t *header)
{
    const uint32_t *table = (const uint32_t *)(uintptr_t)(header[2] | (uint64_t)header[3] << 32);
    uint8_t *memory = (uint8_t *)(uintptr_t)(table[32] | (uint64_t)table[33] << 32);
    size_t size = header[0] >> 16 ? (size_t)table[35] + 1 : 0;
    uint32_t command = table[0] >> 16 & 0xff;
    uint64_t sector = (table[1] & 0xffffff) | (uint64_t)(table[2] & 0xffffff) << 24;
    if (command == 0xec) {
        ahci_identify(memory);
    } else if (command == 0x25 || command == 0x35) {
        if (size != (size_t)table[3] * SECTOR) {
            abort();
        }
        move(memory, sector * SECTOR, size, command == 0x35);
    }
    header[1] = lies(50) ? chance(100000) : (uint32_t)size;
}

static void ahci_serve(void)
{
    uint32_t *issued = ahci_register(AHCI_PORT + 0x38);
    uint32_t *causes = ahci_register(AHCI_PORT + 0x10);
    uint32_t slot = chance(32);
    if ((*ahci_register(AHCI_PORT + 0x18) & 1) == 0 || (*issued & 1U << slot) == 0) {
        return;
    }
    note_progress();
    uint64_t list = *ahci_register(AHCI_PORT) | (uint64_t)*ahci_register(AHCI_PORT + 4) << 32;
    if (lies(30)) {
        *causes |= 1U << (20 + chance(12));
    } else {
        ahci_execute((uint32_t *)(uintptr_t)list + (size_t)slot * 8);
        *causes |= 1;
    }
    *issued &= lies(100) ? chance(512) : ~(1U << slot);
}

static void ahci_write(uint32_t reg, uint32_t value)
{
    uint32_t *place = ahci_register(reg);
    switch (reg) {
    case AHCI_PORT + 0x10:
    case AHCI_PORT + 0x30:
    case 0x08:
        *place &= ~value;
        break;
    case AHCI_PORT + 0x18:
        *place = (value & 0xffff3fffU) | (value & 0x10) << 10 | (value & 1) << 15;
        if (lies(50)) {
            *place |= 0xc000;
        }
        if ((value & 1) == 0) {
            *ahci_register(AHCI_PORT + 0x38) = 0;
        }
        break;
    case AHCI_PORT + 0x38:
        *place |= value;
        break;
    default:
        *place = value;
        break;
    }
}

/* ---- both ---- */

uint32_t model_read(uintptr_t address)
{
    uint32_t reg = (uint32_t)(address - REGISTERS);
    return kind == 0 ? nvme_read(reg) : ahci_read(reg);
}

void model_write(uintptr_t address, uint32_t value)
{
    uint32_t reg = (uint32_t)(address - REGISTERS);
    if (kind == 0) {
        nvme_write(reg, value);
    } else {
        ahci_write(reg, value);
    }
}

void device_runs(void)
{
    for (uint32_t i = 0; i < (honest ? 40 : chance(40)); i++) {
        if (kind == 0) {
            nvme_serve(i % 2);
        } else {
            ahci_serve();
        }
    }
}

void pci_each_device(void (*visit)(const struct pci_device *device))
{
    const struct pci_device device = {.class_code = kind == 0 ? PCI_CLASS_NVME : PCI_CLASS_AHCI};
    visit(&device);
}

void device_attach(uint32_t which)
{
    kind = which;
    nvme_reset();
    ahci_start();
    block_probe();
}

static enum status sync_disk(void)
{
    flash_disk.sync_begin();
    while (chance(3) != 0)
        if (flash_disk.sync_end(false) != STATUS_AGAIN)
            break;
    return flash_disk.sync_end(true);
}

/* Write a piece and read it back, where the block is erased. */
static bool program_and_compare(const struct flash_geometry *geometry)
{
    static uint8_t wrote[20480];
    static uint8_t read[sizeof wrote];
    uint32_t block = chance(geometry->block_count);
    uint64_t offset = (uint64_t)block * geometry->block_bytes;
    size_t size = (size_t)geometry->program_bytes * (1 + chance(4));
    scribble(wrote, sizeof wrote);
    return flash_disk.erase(block) == STATUS_OK && flash_disk.program(offset, wrote, size) == STATUS_OK &&
           sync_disk() == STATUS_OK && flash_disk.read(offset + 3, read, size - 3) == STATUS_OK &&
           (!honest || memcmp(wrote + 3, read, size - 3) == 0);
}

bool device_use(void)
{
    static struct flash_geometry geometry;
    static uint8_t out[200000];
    static uint64_t walk;
    if (geometry.block_bytes == 0 && flash_disk.open((struct bytes){0}, &geometry) != STATUS_OK) {
        return false;
    }
    uint64_t limit = (uint64_t)geometry.block_bytes * geometry.block_count;
    switch (chance(6)) {
    case 0:
        return program_and_compare(&geometry);
    case 1:
        return flash_disk.read(chance(1000), out, chance(60000)) == STATUS_OK;
    default:
        walk = (walk + geometry.block_bytes) % limit;
        return flash_disk.read(walk, out, 512) == STATUS_OK;
    }
}
