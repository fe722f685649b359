/*
 * NVM Express base specification 1.4: controller start (7.6.1), Identify (5.15), I/O queues (5.3, 5.4), and the
 * commands Read, Write, Flush and Write Zeroes (6). One queue pair for administration, one for the disk.
 */
#include "platform/x86_64/nvme.h"
#include "platform/platform.h"
#include "platform/x86_64/block.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/nvme_queue.h"
#include "platform/x86_64/pci.h"
#include "platform/x86_64/wait.h"

#define REG_CAPABILITIES      0x00U
#define REG_CAPABILITIES_HIGH 0x04U
#define REG_CONFIGURATION     0x14U
#define REG_STATUS            0x1cU
#define REG_ADMIN_SIZES       0x24U
#define REG_ADMIN_COMMANDS    0x28U
#define REG_ADMIN_ENDED       0x30U
#define REG_DOORBELLS         0x1000U
#define REGISTER_BYTES        0x1000U

#define CONFIGURATION_ENABLE    1U
#define CONFIGURATION_SIZES     (4U << 20 | 6U << 16) /* completions of 2^4 bytes, commands of 2^6 */
#define CONFIGURATION_SHUTDOWN  (1U << 14)
#define STATUS_READY            1U
#define STATUS_FATAL            2U
#define STATUS_SHUTDOWN         0x0cU
#define STATUS_SHUTDOWN_DONE    0x08U
#define HIGH_STRIDE(high)       ((high)&15U)
#define HIGH_PAGE_MIN(high)     ((high) >> 16 & 15U)
#define CAPABILITY_ENTRIES(low) (((low)&0xffffU) + 1U)
#define CAPABILITY_TIMEOUT(low) (((low) >> 24) * 500U)

#define ADMIN_CREATE_COMMANDS 0x01U
#define ADMIN_CREATE_ENDED    0x05U
#define ADMIN_IDENTIFY        0x06U
#define ADMIN_SET_FEATURES    0x09U
#define FEATURE_QUEUE_COUNT   0x07U
#define IDENTIFY_NAMESPACE    0U
#define IDENTIFY_CONTROLLER   1U
#define QUEUE_CONTIGUOUS      1U
#define QUEUE_INTERRUPTS      2U

#define COMMAND_FLUSH       0x00U
#define COMMAND_WRITE       0x01U
#define COMMAND_READ        0x02U
#define COMMAND_WRITE_ZEROS 0x08U
#define ZEROS_DEALLOCATE    (1U << 25)

#define CONTROLLER_TRANSFER_MAX 77U /* offsets in what Identify tells of a controller */
#define CONTROLLER_COMMANDS     520U
#define CONTROLLER_WRITE_CACHE  525U
#define CONTROLLER_HAS_ZEROS    8U
#define NAMESPACE_SIZE          0U /* and of a namespace */
#define NAMESPACE_FORMAT        26U
#define NAMESPACE_FORMATS       128U

#define PAGE_BYTES      4096U
#define BUFFER_PAGES    (BLOCK_BUFFER_BYTES / PAGE_BYTES)
#define MEMORY_PAGES    6U /* two pairs of queues, a page for Identify, one for lists of pages */
#define NAMESPACE_ID    1U
#define DISK_QUEUE      1U
#define CONTROLLERS_MAX 4U
#define READY_MS_MAX    10000U
#define ADMIN_MS        5000U
#define SHUTDOWN_MS     2000U

_Static_assert(BLOCK_SLOTS < NVME_QUEUE_SIZE, "every slot has its command");
_Static_assert(BLOCK_SLOTS *BUFFER_PAGES * sizeof(uint64_t) <= PAGE_BYTES, "the lists fit into one page");

struct controller {
    struct block_device block;
    struct pci_device pci;
    uintptr_t registers;
    struct nvme_queue admin, disk;
    uint8_t *identity;                    /* a page that Identify fills */
    uint64_t (*page_lists)[BUFFER_PAGES]; /* of each slot's buffer, from its second page on */
    uint32_t sector_bits;
    bool has_interrupt;
};

static struct controller controllers[CONTROLLERS_MAX];
static size_t controller_count;

static struct controller *controller_of(struct block_device *block)
{
    return (struct controller *)block;
}

static uint32_t reg_read(const struct controller *c, uint32_t reg)
{
    return mmio_read32(c->registers + reg);
}

/* ---- the driver of a disk ---- */

static void begin(struct block_device *block, uint32_t slot, enum block_operation operation, uint64_t offset,
                  size_t size)
{
    static const uint8_t commands[] = {COMMAND_READ, COMMAND_WRITE, COMMAND_FLUSH, COMMAND_WRITE_ZEROS};
    struct controller *c = controller_of(block);
    struct nvme_command command = {.operation = commands[operation], .namespace_id = NAMESPACE_ID};
    if (operation != BLOCK_FLUSH) {
        uint64_t sector = offset >> c->sector_bits;
        command.words[0] = (uint32_t)sector;
        command.words[1] = (uint32_t)(sector >> 32);
        command.words[2] = (uint32_t)(size >> c->sector_bits) - 1;
    }
    if (operation == BLOCK_ZERO) {
        command.words[2] |= ZEROS_DEALLOCATE;
    } else if (operation != BLOCK_FLUSH) {
        command.data[0] = memory_physical(block_buffer(slot));
        command.data[1] = size <= PAGE_BYTES       ? 0
                          : size <= 2 * PAGE_BYTES ? c->page_lists[slot][0]
                                                   : memory_physical(c->page_lists[slot]);
    }
    nvme_queue_add(&c->disk, &command, (uint16_t)slot);
}

static void submit(struct block_device *block)
{
    if (!block->broken) {
        nvme_queue_submit(&controller_of(block)->disk);
    }
}

static void collect(struct block_device *block)
{
    uint16_t id;
    uint16_t status;
    while (!block->broken && nvme_queue_take(&controller_of(block)->disk, &id, &status)) {
        block_ended(block, id, status == 0);
    }
}

/* Its interrupt is never off: one that comes while nobody sleeps ends the next sleep early, once. */
static bool arm(struct block_device *block)
{
    struct controller *c = controller_of(block);
    if (reg_read(c, REG_STATUS) & STATUS_FATAL) {
        block_give_up(block, "has stopped with a fatal error");
        return false;
    }
    return !nvme_queue_has_ended(&c->disk);
}

static void disarm(struct block_device *block)
{
    (void)block;
}

/* An orderly end (7.6.2), so that the disk need not recover at its next start; then it is off. */
static void stop(struct block_device *block)
{
    struct controller *c = controller_of(block);
    uintptr_t configuration = c->registers + REG_CONFIGURATION;
    bool alive = (reg_read(c, REG_STATUS) & (STATUS_READY | STATUS_FATAL)) == STATUS_READY;
    if (alive) {
        mmio_write32(configuration, mmio_read32(configuration) | CONFIGURATION_SHUTDOWN);
        alive = wait_register(c->registers + REG_STATUS, STATUS_SHUTDOWN, STATUS_SHUTDOWN_DONE, SHUTDOWN_MS);
    }
    mmio_write32(configuration, mmio_read32(configuration) & ~CONFIGURATION_ENABLE);
    if (!alive || !wait_register(c->registers + REG_STATUS, STATUS_READY, 0, SHUTDOWN_MS)) {
        pci_disable(&c->pci);
    }
}

static const struct block_driver driver = {"nvme", "nvme", begin, submit, collect, arm, disarm, stop};

/* ---- administration ---- */

/* Run one command of administration. False when it fails or takes too long. */
static bool administer(struct controller *c, const struct nvme_command *command)
{
    uint16_t id;
    uint16_t status;
    nvme_queue_add(&c->admin, command, 0);
    nvme_queue_submit(&c->admin);
    uint64_t start_ns = platform_monotonic_ns();
    while (!nvme_queue_take(&c->admin, &id, &status)) {
        if (!wait_step(start_ns, ADMIN_MS)) {
            return false;
        }
    }
    return id == 0 && status == 0;
}

static bool identify(struct controller *c, uint32_t namespace_id, uint32_t what)
{
    struct nvme_command command = {.operation = ADMIN_IDENTIFY,
                                   .namespace_id = namespace_id,
                                   .data = {memory_physical(c->identity), 0},
                                   .words = {what}};
    return administer(c, &command);
}

static uint32_t identity32(const struct controller *c, uint32_t offset)
{
    const volatile uint8_t *at = c->identity + offset;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* What the disk is, of both answers of Identify. A sentence where it cannot be used, else NULL. */
static const char *read_identity(struct controller *c)
{
    struct block_geometry *g = &c->block.geometry;
    if (!identify(c, 0, IDENTIFY_CONTROLLER)) {
        return "does not say what it is";
    }
    uint32_t transfer_pages = identity32(c, CONTROLLER_TRANSFER_MAX) & 0xff; /* as a power of two; 0: any */
    bool has_zeros = (identity32(c, CONTROLLER_COMMANDS) & CONTROLLER_HAS_ZEROS) != 0;
    g->caches = (identity32(c, CONTROLLER_WRITE_CACHE) & 1) != 0;
    if (transfer_pages != 0 && transfer_pages < 16 && (1U << transfer_pages) < BUFFER_PAGES) {
        return "takes less than 64 KiB at once";
    }
    if (!identify(c, NAMESPACE_ID, IDENTIFY_NAMESPACE)) {
        return "has no first namespace";
    }
    uint64_t sectors = identity32(c, NAMESPACE_SIZE) | (uint64_t)identity32(c, NAMESPACE_SIZE + 4) << 32;
    uint32_t format = identity32(c, NAMESPACE_FORMATS + 4 * (identity32(c, NAMESPACE_FORMAT) & 15));
    uint32_t bits = format >> 16 & 0xff;
    if ((format & 0xffff) != 0 || bits < 9 || bits > 12) {
        return "has sectors of a size that nobody makes";
    }
    c->sector_bits = bits;
    uint64_t most = BLOCK_DISK_BYTES_MAX >> bits;
    g->size_bytes = (sectors < most ? sectors : most) << bits;
    g->grain_bytes = 1U << bits;
    g->depth = BLOCK_SLOTS;
    g->zero_bytes_max = has_zeros ? BLOCK_BUFFER_BYTES : 0;
    return NULL;
}

static bool create_queues(struct controller *c)
{
    uint32_t shape = DISK_QUEUE | (NVME_QUEUE_SIZE - 1) << 16;
    uint32_t interrupts = c->has_interrupt ? QUEUE_INTERRUPTS : 0; /* message 0 */
    const struct nvme_command count = {.operation = ADMIN_SET_FEATURES, .words = {FEATURE_QUEUE_COUNT, 0}};
    const struct nvme_command ended = {.operation = ADMIN_CREATE_ENDED,
                                       .data = {memory_physical(c->disk.ended), 0},
                                       .words = {shape, QUEUE_CONTIGUOUS | interrupts}};
    const struct nvme_command commands = {.operation = ADMIN_CREATE_COMMANDS,
                                          .data = {memory_physical(c->disk.commands), 0},
                                          .words = {shape, QUEUE_CONTIGUOUS | DISK_QUEUE << 16}};
    return administer(c, &count) && administer(c, &ended) && administer(c, &commands);
}

/* ---- the start ---- */

static void set_queue(struct controller *c, struct nvme_queue *queue, uint8_t *memory, uint32_t number)
{
    uint32_t stride = 4U << HIGH_STRIDE(reg_read(c, REG_CAPABILITIES_HIGH));
    *queue =
        (struct nvme_queue){.commands = (struct nvme_command *)memory,
                            .ended = (const struct nvme_completion *)(memory + PAGE_BYTES),
                            .command_bell = c->registers + REG_DOORBELLS + (uintptr_t)2 * number * stride,
                            .ended_bell = c->registers + REG_DOORBELLS + (2 * number + 1) * (uintptr_t)stride,
                            .phase = 1};
}

static bool take_memory(struct controller *c)
{
    uint8_t *memory = memory_take_for_device((size_t)MEMORY_PAGES * PAGE_BYTES);
    if (memory == NULL || block_prepare() != STATUS_OK) {
        return false;
    }
    set_queue(c, &c->admin, memory, 0);
    set_queue(c, &c->disk, memory + (size_t)2 * PAGE_BYTES, DISK_QUEUE);
    c->identity = memory + (size_t)4 * PAGE_BYTES;
    c->page_lists = (uint64_t(*)[BUFFER_PAGES])(memory + (size_t)5 * PAGE_BYTES);
    for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
        for (uint32_t page = 1; page < BUFFER_PAGES; page++) {
            c->page_lists[slot][page - 1] = memory_physical(block_buffer(slot) + (size_t)page * PAGE_BYTES);
        }
    }
    return true;
}

/* Off, told where its queues are, and on again. A sentence where that fails, else NULL. */
static const char *restart(struct controller *c)
{
    uint32_t low = reg_read(c, REG_CAPABILITIES);
    uint32_t ready_ms = CAPABILITY_TIMEOUT(low) < READY_MS_MAX ? CAPABILITY_TIMEOUT(low) : READY_MS_MAX;
    if (CAPABILITY_ENTRIES(low) < NVME_QUEUE_SIZE || HIGH_PAGE_MIN(reg_read(c, REG_CAPABILITIES_HIGH)) != 0) {
        return "has too small queues or too large pages";
    }
    uint32_t configuration = reg_read(c, REG_CONFIGURATION) & ~CONFIGURATION_ENABLE;
    mmio_write32(c->registers + REG_CONFIGURATION, configuration);
    if (!wait_register(c->registers + REG_STATUS, STATUS_READY, 0, ready_ms)) {
        return "does not stop";
    }
    if (!take_memory(c)) {
        return "finds no memory";
    }
    mmio_write32(c->registers + REG_ADMIN_SIZES, (NVME_QUEUE_SIZE - 1) << 16 | (NVME_QUEUE_SIZE - 1));
    mmio_write64(c->registers + REG_ADMIN_COMMANDS, memory_physical(c->admin.commands));
    mmio_write64(c->registers + REG_ADMIN_ENDED, memory_physical(c->admin.ended));
    mmio_write32(c->registers + REG_CONFIGURATION, CONFIGURATION_SIZES | CONFIGURATION_ENABLE);
    bool ready =
        wait_register(c->registers + REG_STATUS, STATUS_READY | STATUS_FATAL, STATUS_READY, ready_ms);
    return ready ? NULL : "does not get ready";
}

static bool map_registers(struct controller *c)
{
    c->registers = pci_map(&c->pci, 0, 0, REGISTER_BYTES);
    if (c->registers == 0) {
        return false;
    }
    uint32_t stride = 4U << HIGH_STRIDE(reg_read(c, REG_CAPABILITIES_HIGH));
    c->registers = pci_map(&c->pci, 0, 0, REG_DOORBELLS + 2 * (DISK_QUEUE + 1) * stride);
    return c->registers != 0;
}

static void visit(const struct pci_device *pci)
{
    if (pci->class_code != PCI_CLASS_NVME || controller_count == CONTROLLERS_MAX) {
        return;
    }
    struct controller *c = &controllers[controller_count++];
    *c = (struct controller){.block.driver = &driver, .pci = *pci};
    pci_enable(&c->pci);
    if (!map_registers(c)) {
        pci_disable(&c->pci);
        console_print("nvme has no registers; it is not used\n");
        return;
    }
    c->has_interrupt = pci_message_enable(&c->pci, interrupt_vector_new()) == STATUS_OK;
    const char *fault = restart(c);
    fault = fault == NULL ? read_identity(c) : fault;
    fault = fault == NULL && !create_queues(c) ? "makes no queue" : fault;
    if (fault != NULL) {
        block_give_up(&c->block, fault);
        return;
    }
    block_register(&c->block);
}

void nvme_probe(void)
{
    pci_each_device(visit);
}
