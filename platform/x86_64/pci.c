/*
 * PCI Local Bus Specification 3.0, chapter 6 (configuration space, capabilities, MSI, MSI-X); PCI Express Base
 * Specification 3.0, 7.2.2 (ECAM).
 */
#include "platform/x86_64/pci.h"
#include "platform/x86_64/acpi.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/paging.h"

#define PORT_ADDRESS         0xcf8U
#define PORT_DATA            0xcfcU
#define ADDRESS_ENABLE       0x80000000U
#define ECAM_BUS_BYTES       0x100000U
#define ECAM_SLOT_BYTES      0x8000U
#define ECAM_FUNCTION_BYTES  0x1000U
#define REG_ID               0x00U
#define REG_COMMAND          0x04U
#define REG_CLASS            0x08U
#define REG_HEADER           0x0cU
#define REG_BASE_ADDRESS     0x10U
#define REG_BUSES            0x18U
#define REG_SUBSYSTEM        0x2cU
#define REG_CAPABILITIES     0x34U
#define COMMAND_MEMORY       0x0002U
#define COMMAND_MASTER       0x0004U
#define COMMAND_NO_INTX      0x0400U
#define STATUS_CAPABILITIES  0x00100000U
#define HEADER_MULTIFUNCTION 0x80U
#define HEADER_BRIDGE        0x01U
#define CAPABILITIES_MAX     48U /* as many as fit; ends a loop in a broken list */
#define BRIDGE_DEPTH_MAX     8U
#define MSI_ENABLE           0x00010000U
#define MSI_COUNT            0x00700000U /* messages allowed, as a power of two */
#define MSI_WIDE             0x00800000U
#define MSIX_ENABLE          0x80000000U
#define MSIX_MASK_ALL        0x40000000U
#define MSIX_ENTRY_BYTES     16U
#define MSIX_ENTRY_MASKED    1U

static struct pci_device found[PCI_DEVICES_MAX];
static size_t found_count;
static bool scanned;

static struct acpi_configuration_space ecam;
static uintptr_t ecam_buses[256]; /* where each bus's registers are mapped; 0: not yet */

static void select(const struct pci_device *d, uint8_t offset)
{
    port_write32(PORT_ADDRESS, ADDRESS_ENABLE | (uint32_t)d->bus << 16 | (uint32_t)(d->slot & 31) << 11 |
                                   (uint32_t)(d->function & 7) << 8 | (offset & 0xfcU));
}

static uint32_t read_by_ports(const struct pci_device *device, uint8_t offset)
{
    select(device, offset);
    return port_read32(PORT_DATA);
}

/* The device's register in memory; 0 where ports are the way to it. */
static uintptr_t ecam_register(const struct pci_device *d, uint8_t offset)
{
    if (ecam.base == 0 || d->bus < ecam.first_bus || d->bus > ecam.last_bus) {
        return 0;
    }
    uintptr_t *bus = &ecam_buses[d->bus];
    if (*bus == 0) {
        *bus = paging_map_device(ecam.base + (uint64_t)d->bus * ECAM_BUS_BYTES, ECAM_BUS_BYTES);
    }
    return *bus == 0 ? 0
                     : *bus + (uintptr_t)(d->slot & 31) * ECAM_SLOT_BYTES +
                           (uintptr_t)(d->function & 7) * ECAM_FUNCTION_BYTES + (offset & 0xfcU);
}

void pci_init(void)
{
    const struct pci_device host = {.bus = 0};
    ecam = acpi_configuration_space();
    uint32_t by_ports = read_by_ports(&host, REG_ID);
    uintptr_t in_memory = ecam_register(&host, REG_ID);
    if (in_memory == 0 || (by_ports != UINT32_MAX && mmio_read32(in_memory) != by_ports)) {
        ecam.base = 0; /* what the tables name is not it */
    }
}

uint32_t pci_read32(const struct pci_device *device, uint8_t offset)
{
    uintptr_t in_memory = ecam_register(device, offset);
    return in_memory != 0 ? mmio_read32(in_memory) : read_by_ports(device, offset);
}

uint8_t pci_read8(const struct pci_device *device, uint8_t offset)
{
    return (uint8_t)(pci_read32(device, offset) >> (offset & 3) * 8);
}

void pci_write32(const struct pci_device *device, uint8_t offset, uint32_t value)
{
    uintptr_t in_memory = ecam_register(device, offset);
    if (in_memory != 0) {
        mmio_write32(in_memory, value);
        return;
    }
    select(device, offset);
    port_write32(PORT_DATA, value);
}

void pci_write16(const struct pci_device *device, uint8_t offset, uint16_t value)
{
    select(device, offset);
    port_write16((uint16_t)(PORT_DATA + (offset & 2)), value);
}

void pci_write8(const struct pci_device *device, uint8_t offset, uint8_t value)
{
    select(device, offset);
    port_write8((uint16_t)(PORT_DATA + (offset & 3)), value);
}

static void scan_bus(uint8_t bus, unsigned depth);

/* Note one function. Returns false when there is none. */
static bool scan_function(struct pci_device *d, unsigned depth)
{
    uint32_t id = pci_read32(d, REG_ID);
    if ((id & 0xffff) == 0xffff || id == 0) {
        return false;
    }
    d->vendor = (uint16_t)id;
    d->device = (uint16_t)(id >> 16);
    uint8_t header = pci_read8(d, REG_HEADER + 2) & 0x7f;
    if (header == HEADER_BRIDGE) {
        uint8_t secondary = (uint8_t)(pci_read32(d, REG_BUSES) >> 8);
        if (secondary > d->bus && depth < BRIDGE_DEPTH_MAX) {
            scan_bus(secondary, depth + 1);
        }
        return true;
    }
    d->subsystem = (uint16_t)(pci_read32(d, REG_SUBSYSTEM) >> 16);
    d->class_code = pci_read32(d, REG_CLASS) >> 8;
    if (found_count < PCI_DEVICES_MAX) {
        found[found_count++] = *d;
    }
    return true;
}

static void scan_bus(uint8_t bus, unsigned depth)
{
    for (uint8_t slot = 0; slot < 32; slot++) {
        struct pci_device d = {.bus = bus, .slot = slot};
        if (!scan_function(&d, depth)) {
            continue;
        }
        bool several = (pci_read8(&d, REG_HEADER + 2) & HEADER_MULTIFUNCTION) != 0;
        for (uint8_t function = 1; several && function < 8; function++) {
            struct pci_device other = {.bus = bus, .slot = slot, .function = function};
            scan_function(&other, depth);
        }
    }
}

void pci_each_device(void (*visit)(const struct pci_device *device))
{
    if (!scanned) {
        scanned = true;
        scan_bus(0, 0);
    }
    for (size_t i = 0; i < found_count; i++) {
        visit(&found[i]);
    }
}

void pci_enable(const struct pci_device *device)
{
    uint32_t command = pci_read32(device, REG_COMMAND) & 0xffff;
    pci_write32(device, REG_COMMAND, command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX);
}

void pci_disable(const struct pci_device *device)
{
    uint32_t command = pci_read32(device, REG_COMMAND) & 0xffff;
    pci_write32(device, REG_COMMAND, command & ~COMMAND_MASTER);
}

uint8_t pci_capability_next(const struct pci_device *device, uint8_t id, uint8_t previous)
{
    if ((pci_read32(device, REG_COMMAND) & STATUS_CAPABILITIES) == 0) {
        return 0;
    }
    uint8_t offset = pci_read8(device, previous == 0 ? REG_CAPABILITIES : (uint8_t)(previous + 1)) & 0xfc;
    for (uint32_t i = 0; i < CAPABILITIES_MAX && offset >= 0x40; i++) {
        if (pci_read8(device, offset) == id) {
            return offset;
        }
        offset = pci_read8(device, (uint8_t)(offset + 1)) & 0xfc;
    }
    return 0;
}

uintptr_t pci_map(const struct pci_device *device, uint8_t index, uint32_t offset, uint32_t size)
{
    if (index > 5) {
        return 0;
    }
    uint8_t reg = (uint8_t)(REG_BASE_ADDRESS + index * 4);
    uint32_t low = pci_read32(device, reg);
    bool is_port = (low & 1) != 0;
    bool is_wide = (low & 6) == 4;
    if (is_port || (is_wide && index == 5)) {
        return 0;
    }
    uint64_t high = is_wide ? pci_read32(device, (uint8_t)(reg + 4)) : 0;
    uint64_t base = high << 32 | (low & ~15U);
    if (base == 0 || base + offset < base) {
        return 0;
    }
    return paging_map_device(base + offset, size);
}

enum status pci_msi_enable(const struct pci_device *device, uint8_t vector)
{
    uint8_t capability = pci_capability_next(device, PCI_CAPABILITY_MSI, 0);
    if (capability == 0) {
        return STATUS_NOT_FOUND;
    }
    uint32_t control = pci_read32(device, capability);
    bool is_wide = (control & MSI_WIDE) != 0;
    uint64_t address = interrupt_message_address();
    pci_write32(device, (uint8_t)(capability + 4), (uint32_t)address);
    if (is_wide) {
        pci_write32(device, (uint8_t)(capability + 8), (uint32_t)(address >> 32));
    }
    pci_write32(device, (uint8_t)(capability + (is_wide ? 12 : 8)), interrupt_message_data(vector));
    pci_write32(device, capability, (control & ~MSI_COUNT) | MSI_ENABLE);
    return STATUS_OK;
}

enum status pci_message_enable(struct pci_device *device, uint8_t vector)
{
    if (pci_msix_enable(device) == STATUS_OK) {
        return pci_msix_set(device, 0, vector);
    }
    return pci_msi_enable(device, vector);
}

enum status pci_msix_enable(struct pci_device *device)
{
    uint8_t capability = pci_capability_next(device, PCI_CAPABILITY_MSIX, 0);
    if (capability == 0) {
        return STATUS_NOT_FOUND;
    }
    uint32_t control = pci_read32(device, capability);
    uint32_t table = pci_read32(device, (uint8_t)(capability + 4));
    uint16_t count = (uint16_t)((control >> 16 & 0x7ff) + 1);
    device->msix_table = pci_map(device, table & 7, table & ~7U, count * MSIX_ENTRY_BYTES);
    if (device->msix_table == 0) {
        return STATUS_NOT_FOUND;
    }
    device->msix_count = count;
    for (uint32_t i = 0; i < count; i++) {
        mmio_write32(device->msix_table + i * MSIX_ENTRY_BYTES + 12, MSIX_ENTRY_MASKED);
    }
    pci_write32(device, capability, (control | MSIX_ENABLE) & ~MSIX_MASK_ALL);
    return STATUS_OK;
}

enum status pci_msix_set(struct pci_device *device, uint16_t entry, uint8_t vector)
{
    if (entry >= device->msix_count) {
        return STATUS_NOT_FOUND;
    }
    uintptr_t address = device->msix_table + entry * MSIX_ENTRY_BYTES;
    mmio_write64(address, interrupt_message_address());
    mmio_write32(address + 8, interrupt_message_data(vector));
    mmio_write32(address + 12, 0);
    return STATUS_OK;
}
