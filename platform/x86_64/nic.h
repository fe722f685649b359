/*
 * Network cards behind platform_nic_*(): several are found, one is started and used. virtio_net.c and intel_nic.c are the
 * drivers.
 *
 * Which one: that of boot option `nic` (a MAC address, 52:54:00:12:34:56, or a PCI address, 00:03.0), else the first
 * with link, else the first. With several of which none has link yet, the choice waits up to 3 s for one.
 * Ownership: a driver runs one card; what it needs of a found card before that lies in struct nic.
 * Limits: NIC_MAX cards are looked at.
 */
#ifndef JETON_X86_64_NIC_H
#define JETON_X86_64_NIC_H

#include "platform/platform.h"
#include "platform/x86_64/pci.h"

#define NIC_MAX       8U
#define NIC_MAC_BYTES 6U
#define NIC_MTU       1500U

struct nic_driver;

/* A card that was found. */
struct nic {
    const struct nic_driver *driver;
    void *device;                 /* the driver's */
    const struct pci_device *pci; /* NULL: not on PCI */
    uint8_t mac[NIC_MAC_BYTES];
};

/* What a driver implements: has_link() and start() for any card that it registered, the rest for the started one. The
 * functions of platform/platform.h, with arguments checked. */
struct nic_driver {
    const char *name; /* for the console */
    bool (*has_link)(const struct nic *nic);
    enum status (*start)(const struct nic *nic); /* takes memory; says on the console what failed */
    void (*info)(struct platform_nic *info);
    size_t (*receive)(uint8_t *frame, size_t capacity, bool *sums_known);
    enum status (*send)(const struct bytes *parts, size_t count, const struct platform_offload *offload);
    void (*flush)(void);

    /* Tell the device of what is queued and let it interrupt. False when a frame (or room to send, if it had run out) is
     * already there, so that sleeping would miss it. */
    bool (*sleep_begin)(void);
    void (*sleep_end)(void);     /* awake again: no interrupts */
    bool (*needs_polling)(void); /* the device cannot wake a sleeping processor */
};

/* A driver has found a card that answers. */
void nic_register(const struct nic *nic);

/* Look for the cards that are no virtio devices, choose among all, and start the chosen one. */
void nic_start(void);

/* Of the started card; harmless without one. */
bool nic_sleep_begin(void);
void nic_sleep_end(void);
bool nic_needs_polling(void);

#endif
