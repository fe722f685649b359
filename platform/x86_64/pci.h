/*
 * PCI configuration space, in memory where ACPI names such a place (ECAM), else by ports 0xcf8/0xcfc (mechanism 1):
 * finding devices, base addresses, capabilities, messages.
 * What a device says is checked before it is used: base addresses that touch RAM are refused by paging_map_device().
 */
#ifndef JETON_X86_64_PCI_H
#define JETON_X86_64_PCI_H

#include "platform/types.h"

#define PCI_DEVICES_MAX 64U

struct pci_device {
    uint8_t bus, slot, function;
    uint16_t vendor, device, subsystem;
    uint32_t class_code;  /* class, subclass, interface: 24 bits */
    uintptr_t msix_table; /* 0 until pci_msix_enable() */
    uint16_t msix_count;
};

#define PCI_CLASS_AHCI 0x010601U
#define PCI_CLASS_NVME 0x010802U
#define PCI_CLASS_VGA  0x030000U

#define PCI_CAPABILITY_MSI    0x05
#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_MSIX   0x11

/* Choose the way to configuration space; after acpi_init(). */
void pci_init(void);

/* Call `visit` for every function behind the host bridge, bridges followed; the first PCI_DEVICES_MAX of them. The
 * buses are looked through at the first call. */
void pci_each_device(void (*visit)(const struct pci_device *device));

uint32_t pci_read32(const struct pci_device *device, uint8_t offset);
uint8_t pci_read8(const struct pci_device *device, uint8_t offset);
void pci_write32(const struct pci_device *device, uint8_t offset, uint32_t value);
void pci_write16(const struct pci_device *device, uint8_t offset, uint16_t value);
void pci_write8(const struct pci_device *device, uint8_t offset, uint8_t value);

/* Let the device answer at its base addresses and start transfers; switch off its INTx line. */
void pci_enable(const struct pci_device *device);

/* Stop the device's transfers for good: it keeps its registers, but reaches no memory any more. */
void pci_disable(const struct pci_device *device);

/* The offset of the next capability `id` after `previous` (0: the first); 0 when there is none. */
uint8_t pci_capability_next(const struct pci_device *device, uint8_t id, uint8_t previous);

/* Map [offset, offset + size) of memory base address `index`; 0 when there is no such thing. */
uintptr_t pci_map(const struct pci_device *device, uint8_t index, uint32_t offset, uint32_t size);

/* Map the MSI-X table and switch MSI-X on with every entry masked. STATUS_NOT_FOUND without the capability. */
enum status pci_msix_enable(struct pci_device *device) MUST_USE;

/* Let the device raise `vector` by its one message: MSI-X entry 0 where it has a table, else MSI. STATUS_NOT_FOUND
 * where it has neither. */
enum status pci_message_enable(struct pci_device *device, uint8_t vector) MUST_USE;

/* The same by MSI only, for a device that needs more than entry 0 to use its table. */
enum status pci_msi_enable(const struct pci_device *device, uint8_t vector) MUST_USE;

/* Let table entry `entry` raise `vector`. */
enum status pci_msix_set(struct pci_device *device, uint16_t entry, uint8_t vector) MUST_USE;

#endif
