/*
 * Virtio over MMIO (virtio 1.1, 4.2), as QEMU's microvm has it. Devices come from the words that microvm adds to the
 * command line, `virtio_mmio.device=512@0xfeb00e00:12`; where there are none and no PCI either, microvm's fixed
 * windows are probed, without interrupts.
 */
#include <string.h>

#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/options.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/virtio.h"

#define REG_MAGIC            0x000U
#define REG_VERSION          0x004U
#define REG_DEVICE           0x008U
#define REG_FEATURES         0x010U
#define REG_FEATURES_SELECT  0x014U
#define REG_DRIVER_FEATURES  0x020U
#define REG_DRIVER_SELECT    0x024U
#define REG_QUEUE_SELECT     0x030U
#define REG_QUEUE_SIZE_MAX   0x034U
#define REG_QUEUE_SIZE       0x038U
#define REG_QUEUE_READY      0x044U
#define REG_QUEUE_NOTIFY     0x050U
#define REG_INTERRUPT_STATUS 0x060U
#define REG_INTERRUPT_ACK    0x064U
#define REG_STATUS           0x070U
#define REG_QUEUE_DESC       0x080U
#define REG_QUEUE_DRIVER     0x090U
#define REG_QUEUE_DEVICE     0x0a0U
#define REG_GENERATION       0x0fcU
#define REG_CONFIG           0x100U
#define MAGIC_VIRT           0x74726976U
#define WINDOW_BYTES         512U
#define WINDOW_FIRST         0xfeb00000U
#define WINDOW_COUNT         24U
#define LINE_NONE            UINT32_MAX

static uint8_t get_status(struct virtio_device *d)
{
    return (uint8_t)mmio_read32(d->registers + REG_STATUS);
}

static void set_status(struct virtio_device *d, uint8_t status)
{
    mmio_write32(d->registers + REG_STATUS, status);
}

static uint64_t get_features(struct virtio_device *d)
{
    mmio_write32(d->registers + REG_FEATURES_SELECT, 0);
    uint64_t low = mmio_read32(d->registers + REG_FEATURES);
    mmio_write32(d->registers + REG_FEATURES_SELECT, 1);
    return low | (uint64_t)mmio_read32(d->registers + REG_FEATURES) << 32;
}

static void set_features(struct virtio_device *d, uint64_t features)
{
    mmio_write32(d->registers + REG_DRIVER_SELECT, 0);
    mmio_write32(d->registers + REG_DRIVER_FEATURES, (uint32_t)features);
    mmio_write32(d->registers + REG_DRIVER_SELECT, 1);
    mmio_write32(d->registers + REG_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static uint16_t queue_size_max(struct virtio_device *d, uint16_t index)
{
    mmio_write32(d->registers + REG_QUEUE_SELECT, index);
    uint32_t size = mmio_read32(d->registers + REG_QUEUE_SIZE_MAX);
    return size > UINT16_MAX ? UINT16_MAX : (uint16_t)size;
}

static enum status queue_enable(struct virtio_device *d, struct virtq *q)
{
    mmio_write32(d->registers + REG_QUEUE_SELECT, q->index);
    mmio_write32(d->registers + REG_QUEUE_SIZE, q->size);
    mmio_write64(d->registers + REG_QUEUE_DESC, memory_physical(q->descriptors));
    mmio_write64(d->registers + REG_QUEUE_DRIVER, memory_physical(q->available));
    mmio_write64(d->registers + REG_QUEUE_DEVICE, memory_physical(q->used));
    mmio_write32(d->registers + REG_QUEUE_READY, 1);
    return STATUS_OK;
}

static void notify(struct virtio_device *d, const struct virtq *q)
{
    mmio_write32(d->registers + REG_QUEUE_NOTIFY, q->index);
}

static uint32_t config_read(struct virtio_device *d, uint32_t offset, uint32_t size)
{
    if (offset > WINDOW_BYTES - REG_CONFIG || size > WINDOW_BYTES - REG_CONFIG - offset) {
        return 0;
    }
    uintptr_t address = d->registers + REG_CONFIG + offset;
    return size == 1 ? mmio_read8(address) : size == 2 ? mmio_read16(address) : mmio_read32(address);
}

static uint32_t config_generation(struct virtio_device *d)
{
    return mmio_read32(d->registers + REG_GENERATION);
}

static void interrupt_acknowledge(struct virtio_device *d)
{
    uint32_t pending = mmio_read32(d->registers + REG_INTERRUPT_STATUS);
    if (pending != 0) {
        mmio_write32(d->registers + REG_INTERRUPT_ACK, pending);
    }
}

static const struct virtio_transport mmio_transport = {
    get_status,   set_status, get_features, set_features,      queue_size_max,
    queue_enable, notify,     config_read,  config_generation, interrupt_acknowledge};

static const char *name_of(uint32_t type)
{
    return type == VIRTIO_TYPE_NET     ? "virtio-net-mmio"
           : type == VIRTIO_TYPE_BLOCK ? "virtio-blk-mmio"
           : type == VIRTIO_TYPE_RNG   ? "virtio-rng-mmio"
                                       : "virtio-mmio";
}

static void probe_window(uint64_t address, uint32_t line)
{
    uintptr_t registers = paging_map_device(address, WINDOW_BYTES);
    if (registers == 0 || address % 4 != 0 || mmio_read32(registers + REG_MAGIC) != MAGIC_VIRT) {
        return;
    }
    uint32_t type = mmio_read32(registers + REG_DEVICE);
    if (type == 0) {
        return; /* an empty place */
    }
    if (mmio_read32(registers + REG_VERSION) != 2) {
        console_print("a virtio-mmio device is of the legacy kind; start QEMU with "
                      "-global virtio-mmio.force-legacy=false\n");
        return;
    }
    struct virtio_device *d = virtio_device_new();
    if (d == NULL) {
        return;
    }
    *d = (struct virtio_device){
        .transport = &mmio_transport, .name = name_of(type), .type = type, .registers = registers};
    d->vector = interrupt_vector_new();
    d->config_vector = d->vector;
    d->has_interrupt = line != LINE_NONE && interrupt_route_line(line, d->vector) == STATUS_OK;
    virtio_attach(d);
}

/* Read a decimal or 0x number at `*position`. False when there is none or it does not fit. */
static bool take_number(struct bytes text, size_t *position, uint64_t *value)
{
    uint64_t base = 10;
    if (text.size - *position > 2 && memcmp(text.data + *position, "0x", 2) == 0) {
        base = 16;
        *position += 2;
    }
    size_t start = *position;
    *value = 0;
    for (; *position < text.size && *position - start < 16; (*position)++) {
        uint8_t c = text.data[*position];
        uint64_t digit = c >= '0' && c <= '9'   ? (uint64_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
                                                : 16U;
        if (digit >= base) {
            break;
        }
        *value = *value * base + digit;
    }
    return *position > start;
}

/* One word's value: <size>@<address>:<interrupt>. */
static void probe_word(struct bytes word)
{
    size_t position = 0;
    uint64_t size;
    uint64_t address;
    uint64_t line;
    if (!take_number(word, &position, &size) || position == word.size || word.data[position++] != '@' ||
        !take_number(word, &position, &address) || position == word.size || word.data[position++] != ':' ||
        !take_number(word, &position, &line)) {
        return;
    }
    probe_window(address, line < LINE_NONE ? (uint32_t)line : LINE_NONE);
}

static bool has_pci(void)
{
    struct pci_device host = {.bus = 0};
    return pci_read32(&host, 0) != UINT32_MAX;
}

void virtio_mmio_probe(void)
{
    struct bytes word;
    size_t count = 0;
    while ((word = options_word("virtio_mmio.device", count)).data != NULL) {
        probe_word(word);
        count++;
    }
    if (count == 0 && !has_pci()) {
        for (uint32_t i = 0; i < WINDOW_COUNT; i++) {
            probe_window(WINDOW_FIRST + i * WINDOW_BYTES, LINE_NONE);
        }
    }
}
