/*
 * Serial ATA AHCI 1.3.1: ports (3.3), command lists (4.2), starting and stopping (10.1, 10.3), errors (6.2). ATA commands
 * after ACS-3: IDENTIFY DEVICE, READ and WRITE DMA EXT, FLUSH CACHE EXT. Slot n of block.h is command slot n of the port.
 */
#include <string.h>

#include "platform/x86_64/ahci.h"
#include "platform/x86_64/block.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/pci.h"
#include "platform/x86_64/wait.h"

#define HBA_CAPABILITIES               0x00U
#define HBA_CONTROL                    0x04U
#define HBA_INTERRUPTS                 0x08U
#define HBA_PORTS                      0x0cU
#define HBA_PORT_FIRST                 0x100U
#define HBA_PORT_BYTES                 0x80U
#define HBA_PORT_COUNT                 32U
#define HBA_BYTES                      (HBA_PORT_FIRST + HBA_PORT_COUNT * HBA_PORT_BYTES)
#define CONTROL_AHCI                   0x80000000U
#define CONTROL_INTERRUPT              2U
#define CAPABILITY_WIDE                0x80000000U
#define CAPABILITY_SLOTS(capabilities) (((capabilities) >> 8 & 31U) + 1U)
#define REGISTERS_BAR                  5U

#define PORT_LIST             0x00U
#define PORT_RECEIVED         0x08U
#define PORT_INTERRUPTS       0x10U
#define PORT_INTERRUPT_ENABLE 0x14U
#define PORT_COMMAND          0x18U
#define PORT_TASK_FILE        0x20U
#define PORT_SIGNATURE        0x24U
#define PORT_LINK             0x28U
#define PORT_LINK_CONTROL     0x2cU
#define PORT_LINK_ERRORS      0x30U
#define PORT_ISSUED           0x38U

#define COMMAND_START       0x0001U
#define COMMAND_SPIN_UP     0x0006U /* and power on */
#define COMMAND_RECEIVE     0x0010U
#define COMMAND_RECEIVING   0x4000U
#define COMMAND_RUNNING     0x8000U
#define TASK_FILE_BUSY      0x88U /* BSY, DRQ */
#define SIGNATURE_DISK      0x00000101U
#define LINK_MASK           0xfU
#define LINK_UP             3U
#define LINK_RESET          1U
#define LINK_NO_SLEEP       0x300U
#define INTERRUPT_ERRORS    0x79000000U /* task file, host bus, interface, overflow */
#define INTERRUPT_UNPLUGGED 0x00400040U /* the link was lost, another device came */

#define HEADER_FIS_WORDS 5U
#define HEADER_WRITE     0x40U
#define HEADER_ONE_PART  0x10000U
#define FIS_TO_DEVICE    0x8027U
#define FIS_LBA_MODE     0x40000000U
#define ATA_READ         0x25U
#define ATA_WRITE        0x35U
#define ATA_FLUSH        0xeaU
#define ATA_IDENTIFY     0xecU

#define IDENTITY_BYTES        512U
#define IDENTITY_COMMANDS     83U /* words of IDENTIFY DEVICE */
#define IDENTITY_ENABLED      85U
#define IDENTITY_SECTORS      100U
#define IDENTITY_SECTOR_SHAPE 106U
#define IDENTITY_SECTOR_WORDS 117U
#define COMMANDS_VALID        0xc000U /* of which 01 means so */
#define COMMANDS_FLUSH_AND_48 0x2400U
#define ENABLED_WRITE_CACHE   0x0020U
#define SECTOR_SHAPE_LARGE    0x1000U

#define STOP_MS        500U
#define LINK_MS        1000U
#define SPIN_UP_MS     50U
#define DISK_BUSY_MS   5000U
#define RESET_HOLD_MS  2U
#define DISKS_MAX      BLOCK_DEVICES_MAX
#define ADDRESS_NARROW (1ULL << 32)

/* Shared with the controller. */
struct header {
    uint32_t flags;
    volatile uint32_t transferred_bytes;
    uint64_t table;
    uint32_t reserved[4];
};

struct table {
    uint32_t fis[16];
    uint8_t packet[16], reserved[48];
    struct {
        uint64_t address;
        uint32_t reserved, last_byte;
    } part;
    uint8_t to_alignment[112];
};

struct port_memory {
    struct header list[32];
    uint8_t received[256];
    struct table tables[BLOCK_SLOTS];
};
_Static_assert(sizeof(struct header) == 32 && sizeof(struct table) == 256, "as the controller sees them");

struct disk {
    struct block_device block;
    struct pci_device pci;
    uintptr_t hba, port;
    uint32_t port_bit;
    uint32_t begun;  /* slots that the controller has not been told of */
    uint32_t issued; /* slots that it has */
    uint32_t sector_bytes;
    uint32_t read_bytes[BLOCK_SLOTS]; /* what each slot's read has to transfer; 0: no read */
    struct port_memory *memory;
};

static struct disk disks[DISKS_MAX];
static size_t disk_count;

static struct disk *disk_of(struct block_device *block)
{
    return (struct disk *)block;
}

static uint32_t port_read(const struct disk *d, uint32_t reg)
{
    return mmio_read32(d->port + reg);
}

static void port_write(const struct disk *d, uint32_t reg, uint32_t value)
{
    mmio_write32(d->port + reg, value);
}

/* ---- the port's engine ---- */

static bool stop_engine(const struct disk *d)
{
    port_write(d, PORT_COMMAND, port_read(d, PORT_COMMAND) & ~COMMAND_START);
    if (!wait_register(d->port + PORT_COMMAND, COMMAND_RUNNING, 0, STOP_MS)) {
        return false;
    }
    port_write(d, PORT_COMMAND, port_read(d, PORT_COMMAND) & ~COMMAND_RECEIVE);
    return wait_register(d->port + PORT_COMMAND, COMMAND_RECEIVING, 0, STOP_MS);
}

/* Reset the link and wait for it (10.4.2). */
static bool reset_link(const struct disk *d)
{
    port_write(d, PORT_LINK_CONTROL, LINK_NO_SLEEP | LINK_RESET);
    wait_ms(RESET_HOLD_MS);
    port_write(d, PORT_LINK_CONTROL, LINK_NO_SLEEP);
    return wait_register(d->port + PORT_LINK, LINK_MASK, LINK_UP, LINK_MS);
}

/* With the engine stopped: a disk that is not busy, no old errors, and go. */
static bool start_engine(const struct disk *d)
{
    port_write(d, PORT_LINK_ERRORS, UINT32_MAX);
    port_write(d, PORT_COMMAND, port_read(d, PORT_COMMAND) | COMMAND_RECEIVE);
    if (!wait_register(d->port + PORT_TASK_FILE, TASK_FILE_BUSY, 0, DISK_BUSY_MS)) {
        return false;
    }
    port_write(d, PORT_LINK_ERRORS, UINT32_MAX);
    port_write(d, PORT_INTERRUPTS, UINT32_MAX);
    port_write(d, PORT_COMMAND, port_read(d, PORT_COMMAND) | COMMAND_START);
    return true;
}

/* After an error nothing is under way any more (6.2.2.1). */
static bool recover(const struct disk *d)
{
    bool stopped = stop_engine(d);
    bool busy = (port_read(d, PORT_TASK_FILE) & TASK_FILE_BUSY) != 0;
    if ((!stopped || busy) && !reset_link(d)) {
        return false;
    }
    return start_engine(d);
}

/* ---- the driver of a disk ---- */

/* Describe the command of a slot: its registers, and `size` bytes of the slot's buffer. */
static void describe(struct disk *d, uint32_t slot, uint8_t command, uint64_t sector, size_t size)
{
    struct table *table = &d->memory->tables[slot];
    struct header *header = &d->memory->list[slot];
    table->fis[0] = FIS_TO_DEVICE | (uint32_t)command << 16;
    table->fis[1] = (uint32_t)(sector & 0xffffff) | FIS_LBA_MODE;
    table->fis[2] = (uint32_t)(sector >> 24 & 0xffffff);
    table->fis[3] = command == ATA_IDENTIFY ? 0 : (uint32_t)(size / d->sector_bytes);
    table->part.address = memory_physical(block_buffer(slot));
    table->part.last_byte = size > 0 ? (uint32_t)size - 1 : 0;
    header->flags =
        HEADER_FIS_WORDS | (command == ATA_WRITE ? HEADER_WRITE : 0) | (size > 0 ? HEADER_ONE_PART : 0);
    header->transferred_bytes = 0;
    header->table = memory_physical(table);
    d->read_bytes[slot] = command == ATA_READ || command == ATA_IDENTIFY ? (uint32_t)size : 0;
    d->begun |= 1U << slot;
}

static void begin(struct block_device *block, uint32_t slot, enum block_operation operation, uint64_t offset,
                  size_t size)
{
    struct disk *d = disk_of(block);
    uint8_t command = operation == BLOCK_READ ? ATA_READ : operation == BLOCK_WRITE ? ATA_WRITE : ATA_FLUSH;
    describe(d, slot, command, offset / d->sector_bytes, size);
}

static void submit(struct block_device *block)
{
    struct disk *d = disk_of(block);
    if (d->begun != 0 && !block->broken) {
        __atomic_thread_fence(__ATOMIC_RELEASE);
        d->issued |= d->begun;
        port_write(d, PORT_ISSUED, d->begun);
        d->begun = 0;
    }
}

/* End the slots of `ended`; a read that brought less than it should has failed. */
static void end_slots(struct disk *d, uint32_t ended, bool well)
{
    d->issued &= ~ended;
    for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
        if (ended & 1U << slot) {
            bool whole =
                d->read_bytes[slot] == 0 || d->memory->list[slot].transferred_bytes == d->read_bytes[slot];
            block_ended(&d->block, slot, well && whole);
        }
    }
}

/* The issued slots are read before the errors: a slot that an error ended is never taken for one that went well. */
static void collect(struct block_device *block)
{
    struct disk *d = disk_of(block);
    uint32_t ended = d->issued & ~port_read(d, PORT_ISSUED);
    uint32_t causes = port_read(d, PORT_INTERRUPTS);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (causes & INTERRUPT_UNPLUGGED) {
        block_give_up(block, "was unplugged");
        return;
    }
    port_write(d, PORT_INTERRUPTS, causes);
    mmio_write32(d->hba + HBA_INTERRUPTS, d->port_bit);
    if ((causes & INTERRUPT_ERRORS) == 0) {
        end_slots(d, ended, true);
        return;
    }
    end_slots(d, d->issued, false);
    if (!recover(d)) {
        block_give_up(block, "does not recover from an error");
    }
}

static bool arm(struct block_device *block)
{
    struct disk *d = disk_of(block);
    port_write(d, PORT_INTERRUPT_ENABLE, UINT32_MAX);
    bool failed = (port_read(d, PORT_INTERRUPTS) & (INTERRUPT_ERRORS | INTERRUPT_UNPLUGGED)) != 0;
    return !failed && (d->issued & ~port_read(d, PORT_ISSUED)) == 0;
}

static void disarm(struct block_device *block)
{
    port_write(disk_of(block), PORT_INTERRUPT_ENABLE, 0);
}

static void stop(struct block_device *block)
{
    const struct disk *d = disk_of(block);
    port_write(d, PORT_INTERRUPT_ENABLE, 0);
    if (!stop_engine(d)) {
        pci_disable(&d->pci);
    }
}

static const struct block_driver driver = {"ahci", "ahci", begin, submit, collect, arm, disarm, stop};

/* ---- the start ---- */

static uint32_t identity32(const uint16_t *words, uint32_t index)
{
    return words[index] | (uint32_t)words[index + 1] << 16;
}

/* The largest sector that holds: the logical one, of 512 bytes unless word 106 says otherwise. */
static uint32_t sector_bytes_of(const uint16_t *words)
{
    uint16_t shape = words[IDENTITY_SECTOR_SHAPE];
    bool is_large = (shape & COMMANDS_VALID) == 0x4000 && (shape & SECTOR_SHAPE_LARGE) != 0;
    uint32_t words_each = identity32(words, IDENTITY_SECTOR_WORDS);
    return !is_large ? BLOCK_SECTOR_BYTES : words_each <= BLOCK_GRAIN_MAX / 2 ? words_each * 2 : 0;
}

/* Ask the disk what it is. A sentence where it cannot be used, else NULL. */
static const char *read_identity(struct disk *d)
{
    uint16_t words[IDENTITY_BYTES / 2];
    d->block.busy[0] = true;
    describe(d, 0, ATA_IDENTIFY, 0, IDENTITY_BYTES);
    if (block_finish(&d->block, 0) != STATUS_OK) {
        return "does not say what it is";
    }
    memcpy(words, block_buffer(0), sizeof words);
    uint16_t commands = words[IDENTITY_COMMANDS];
    if ((commands & COMMANDS_VALID) != 0x4000 ||
        (commands & COMMANDS_FLUSH_AND_48) != COMMANDS_FLUSH_AND_48) {
        return "is too old: it has no 48-bit commands";
    }
    uint64_t sectors = identity32(words, IDENTITY_SECTORS) | (uint64_t)identity32(words, IDENTITY_SECTORS + 2)
                                                                 << 32;
    d->sector_bytes = sector_bytes_of(words);
    if (d->sector_bytes == 0) {
        return "has sectors of a size that nobody makes";
    }
    uint64_t most = BLOCK_DISK_BYTES_MAX / d->sector_bytes;
    d->block.geometry.size_bytes = (sectors < most ? sectors : most) * d->sector_bytes;
    d->block.geometry.grain_bytes = d->sector_bytes;
    d->block.geometry.caches = (words[IDENTITY_ENABLED] & ENABLED_WRITE_CACHE) != 0;
    d->block.geometry.fails_together = true;
    return NULL;
}

static const char *start_port(struct disk *d, uint32_t capabilities)
{
    d->memory = memory_take_for_device(sizeof *d->memory);
    if (d->memory == NULL || block_prepare() != STATUS_OK) {
        return "finds no memory";
    }
    uint64_t highest = memory_physical(block_buffer(BLOCK_SLOTS - 1)) + BLOCK_BUFFER_BYTES;
    if ((capabilities & CAPABILITY_WIDE) == 0 &&
        (highest > ADDRESS_NARROW || memory_physical(d->memory) >= ADDRESS_NARROW)) {
        return "reaches no memory above 4 GiB";
    }
    port_write(d, PORT_INTERRUPT_ENABLE, 0);
    if (!stop_engine(d)) {
        return "does not stop";
    }
    mmio_write64(d->port + PORT_LIST, memory_physical(d->memory->list));
    mmio_write64(d->port + PORT_RECEIVED, memory_physical(d->memory->received));
    if (!start_engine(d)) {
        return "stays busy";
    }
    d->block.geometry.depth = CAPABILITY_SLOTS(capabilities);
    return read_identity(d);
}

/* Is there a disk? Ports that the firmware left asleep are woken first. */
static bool has_disk(uintptr_t port)
{
    uint32_t command = mmio_read32(port + PORT_COMMAND);
    bool asleep = (command & COMMAND_SPIN_UP) != COMMAND_SPIN_UP;
    if (asleep) {
        mmio_write32(port + PORT_COMMAND, command | COMMAND_SPIN_UP);
    }
    uint32_t link = mmio_read32(port + PORT_LINK) & LINK_MASK;
    uint32_t patience_ms = link != 0 ? LINK_MS : asleep ? SPIN_UP_MS : 0;
    if (patience_ms == 0 || !wait_register(port + PORT_LINK, LINK_MASK, LINK_UP, patience_ms)) {
        return false;
    }
    uint32_t signature = mmio_read32(port + PORT_SIGNATURE);
    return signature == SIGNATURE_DISK || signature == UINT32_MAX; /* all ones: not told yet */
}

static void start_disk(const struct pci_device *pci, uintptr_t hba, uint32_t number)
{
    uintptr_t port = hba + HBA_PORT_FIRST + (uintptr_t)number * HBA_PORT_BYTES;
    if (disk_count == DISKS_MAX || !has_disk(port)) {
        return;
    }
    struct disk *d = &disks[disk_count++];
    *d = (struct disk){.block.driver = &driver,
                       .pci = *pci,
                       .hba = hba,
                       .port = port,
                       .port_bit = 1U << number,
                       .sector_bytes = BLOCK_SECTOR_BYTES};
    const char *fault = start_port(d, mmio_read32(hba + HBA_CAPABILITIES));
    if (fault != NULL) {
        block_give_up(&d->block, fault);
        return;
    }
    block_register(&d->block);
}

static void visit(const struct pci_device *pci)
{
    if (pci->class_code != PCI_CLASS_AHCI) {
        return;
    }
    struct pci_device device = *pci;
    uintptr_t hba = pci_map(&device, REGISTERS_BAR, 0, HBA_BYTES);
    if (hba == 0) {
        console_print("ahci has no registers; it is not used\n");
        return;
    }
    pci_enable(&device);
    mmio_write32(hba + HBA_CONTROL, mmio_read32(hba + HBA_CONTROL) | CONTROL_AHCI);
    if (pci_message_enable(&device, interrupt_vector_new()) == STATUS_OK) {
        mmio_write32(hba + HBA_CONTROL, mmio_read32(hba + HBA_CONTROL) | CONTROL_INTERRUPT);
    }
    uint32_t ports = mmio_read32(hba + HBA_PORTS);
    for (uint32_t number = 0; number < HBA_PORT_COUNT; number++) {
        if (ports & 1U << number) {
            start_disk(&device, hba, number);
        }
    }
}

void ahci_probe(void)
{
    pci_each_device(visit);
}
