/*
 * Virtio over PCI (virtio 1.1, 4.1): structures found through vendor capabilities, MSI-X interrupts.
 */
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/virtio.h"

#define VENDOR_VIRTIO       0x1af4U
#define DEVICE_TRANSITIONAL 0x1000U
#define DEVICE_MODERN       0x1040U
#define DEVICE_LAST         0x107fU

#define STRUCTURE_COMMON 1U
#define STRUCTURE_NOTIFY 2U
#define STRUCTURE_DEVICE 4U

#define COMMON_BYTES           56U
#define COMMON_FEATURES_SELECT 0x00U
#define COMMON_FEATURES        0x04U
#define COMMON_DRIVER_SELECT   0x08U
#define COMMON_DRIVER_FEATURES 0x0cU
#define COMMON_CONFIG_VECTOR   0x10U
#define COMMON_STATUS          0x14U
#define COMMON_GENERATION      0x15U
#define COMMON_QUEUE_SELECT    0x16U
#define COMMON_QUEUE_SIZE      0x18U
#define COMMON_QUEUE_VECTOR    0x1aU
#define COMMON_QUEUE_ENABLE    0x1cU
#define COMMON_QUEUE_NOTIFY    0x1eU
#define COMMON_QUEUE_DESC      0x20U
#define COMMON_QUEUE_DRIVER    0x28U
#define COMMON_QUEUE_DEVICE    0x30U

#define ENTRY_CONFIG 0U /* MSI-X table entries */
#define ENTRY_QUEUES 1U

static uint8_t get_status(struct virtio_device *d)
{
    return mmio_read8(d->common + COMMON_STATUS);
}

static void set_status(struct virtio_device *d, uint8_t status)
{
    mmio_write8(d->common + COMMON_STATUS, status);
}

static uint64_t get_features(struct virtio_device *d)
{
    mmio_write32(d->common + COMMON_FEATURES_SELECT, 0);
    uint64_t low = mmio_read32(d->common + COMMON_FEATURES);
    mmio_write32(d->common + COMMON_FEATURES_SELECT, 1);
    return low | (uint64_t)mmio_read32(d->common + COMMON_FEATURES) << 32;
}

static void set_features(struct virtio_device *d, uint64_t features)
{
    mmio_write32(d->common + COMMON_DRIVER_SELECT, 0);
    mmio_write32(d->common + COMMON_DRIVER_FEATURES, (uint32_t)features);
    mmio_write32(d->common + COMMON_DRIVER_SELECT, 1);
    mmio_write32(d->common + COMMON_DRIVER_FEATURES, (uint32_t)(features >> 32));
    if (d->has_interrupt) {
        mmio_write16(d->common + COMMON_CONFIG_VECTOR, ENTRY_CONFIG);
    }
}

static uint16_t queue_size_max(struct virtio_device *d, uint16_t index)
{
    mmio_write16(d->common + COMMON_QUEUE_SELECT, index);
    return mmio_read16(d->common + COMMON_QUEUE_SIZE);
}

static enum status queue_enable(struct virtio_device *d, struct virtq *q)
{
    mmio_write16(d->common + COMMON_QUEUE_SELECT, q->index);
    mmio_write16(d->common + COMMON_QUEUE_SIZE, q->size);
    if (d->has_interrupt) {
        mmio_write16(d->common + COMMON_QUEUE_VECTOR, ENTRY_QUEUES);
        if (mmio_read16(d->common + COMMON_QUEUE_VECTOR) != ENTRY_QUEUES) {
            return STATUS_IO;
        }
    }
    q->notify_offset = mmio_read16(d->common + COMMON_QUEUE_NOTIFY);
    if ((uint64_t)q->notify_offset * d->notify_multiplier + 2 > d->notify_size) {
        return STATUS_IO;
    }
    mmio_write64(d->common + COMMON_QUEUE_DESC, memory_physical(q->descriptors));
    mmio_write64(d->common + COMMON_QUEUE_DRIVER, memory_physical(q->available));
    mmio_write64(d->common + COMMON_QUEUE_DEVICE, memory_physical(q->used));
    mmio_write16(d->common + COMMON_QUEUE_ENABLE, 1);
    return STATUS_OK;
}

static void notify(struct virtio_device *d, const struct virtq *q)
{
    mmio_write16(d->notify_base + (uintptr_t)q->notify_offset * d->notify_multiplier, q->index);
}

static uint32_t config_read(struct virtio_device *d, uint32_t offset, uint32_t size)
{
    if (d->device_config == 0 || offset > d->device_config_size || size > d->device_config_size - offset) {
        return 0;
    }
    uintptr_t address = d->device_config + offset;
    return size == 1 ? mmio_read8(address) : size == 2 ? mmio_read16(address) : mmio_read32(address);
}

static uint32_t config_generation(struct virtio_device *d)
{
    return mmio_read8(d->common + COMMON_GENERATION);
}

static void interrupt_acknowledge(struct virtio_device *d)
{
    (void)d; /* MSI-X has no line to lower */
}

static const struct virtio_transport pci_transport = {
    get_status,   set_status, get_features, set_features,      queue_size_max,
    queue_enable, notify,     config_read,  config_generation, interrupt_acknowledge};

/* Map the structure that the capability at `offset` describes, when it is one that we use. */
static void take_structure(struct virtio_device *d, uint8_t offset)
{
    uint32_t head = pci_read32(&d->pci, offset);
    uint8_t type = (uint8_t)(head >> 24);
    uint8_t capability_size = (uint8_t)(head >> 16);
    if (type != STRUCTURE_COMMON && type != STRUCTURE_NOTIFY && type != STRUCTURE_DEVICE) {
        return;
    }
    uint8_t bar = pci_read8(&d->pci, (uint8_t)(offset + 4));
    uint32_t start = pci_read32(&d->pci, (uint8_t)(offset + 8));
    uint32_t size = pci_read32(&d->pci, (uint8_t)(offset + 12));
    uintptr_t address = pci_map(&d->pci, bar, start, size);
    if (type == STRUCTURE_COMMON && size >= COMMON_BYTES && d->common == 0) {
        d->common = address;
    } else if (type == STRUCTURE_NOTIFY && capability_size >= 20 && d->notify_base == 0) {
        d->notify_base = address;
        d->notify_size = size;
        d->notify_multiplier = pci_read32(&d->pci, (uint8_t)(offset + 16));
    } else if (type == STRUCTURE_DEVICE && d->device_config == 0) {
        d->device_config = address;
        d->device_config_size = size;
    }
}

static void take_interrupts(struct virtio_device *d)
{
    d->vector = interrupt_vector_new();
    d->config_vector = interrupt_vector_new();
    d->has_interrupt = pci_msix_enable(&d->pci) == STATUS_OK &&
                       pci_msix_set(&d->pci, ENTRY_CONFIG, d->config_vector) == STATUS_OK &&
                       pci_msix_set(&d->pci, ENTRY_QUEUES, d->vector) == STATUS_OK;
}

static uint32_t type_of(const struct pci_device *pci)
{
    return pci->device >= DEVICE_MODERN ? pci->device - DEVICE_MODERN : pci->subsystem;
}

static const char *name_of(uint32_t type)
{
    return type == VIRTIO_TYPE_NET     ? "virtio-net-pci"
           : type == VIRTIO_TYPE_BLOCK ? "virtio-blk-pci"
           : type == VIRTIO_TYPE_RNG   ? "virtio-rng-pci"
                                       : "virtio-pci";
}

static void visit(const struct pci_device *pci)
{
    if (pci->vendor != VENDOR_VIRTIO || pci->device < DEVICE_TRANSITIONAL || pci->device > DEVICE_LAST) {
        return;
    }
    uint32_t type = type_of(pci);
    if (type != VIRTIO_TYPE_NET && type != VIRTIO_TYPE_BLOCK && type != VIRTIO_TYPE_RNG) {
        return;
    }
    struct virtio_device *d = virtio_device_new();
    if (d == NULL) {
        return;
    }
    *d =
        (struct virtio_device){.transport = &pci_transport, .name = name_of(type), .type = type, .pci = *pci};
    pci_enable(&d->pci);
    uint8_t offset = 0;
    for (unsigned i = 0; i < 16; i++) {
        offset = pci_capability_next(&d->pci, PCI_CAPABILITY_VENDOR, offset);
        if (offset == 0) {
            break;
        }
        take_structure(d, offset);
    }
    if (d->common == 0 || d->notify_base == 0) {
        console_print(d->name);
        console_print(" is of the legacy kind and is not used; start QEMU without disable-modern=on\n");
        return;
    }
    take_interrupts(d);
    virtio_attach(d);
}

void virtio_pci_probe(void)
{
    pci_each_device(visit);
}
