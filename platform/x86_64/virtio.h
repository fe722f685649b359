/*
 * Virtio 1.0 (OASIS virtio-v1.1): devices over any transport, and split virtqueues.
 *
 * The device is not trusted: everything that the driver needs later lives in driver memory, and what the device
 * writes (used rings, lengths) is checked before use. A device that breaks the rules is marked broken and not used
 * again. Nothing here blocks.
 */
#ifndef JETON_X86_64_VIRTIO_H
#define JETON_X86_64_VIRTIO_H

#include "platform/types.h"
#include "platform/x86_64/pci.h"

#define VIRTIO_TYPE_NET   1U
#define VIRTIO_TYPE_BLOCK 2U
#define VIRTIO_TYPE_RNG   4U

#define VIRTIO_FEATURE_EVENT_INDEX (1ULL << 29)
#define VIRTIO_FEATURE_VERSION_1   (1ULL << 32)

#define VIRTQ_SIZE_MAX 256U

struct virtio_device;
struct virtq;

/* What differs between PCI and MMIO. All are called on a device that the transport has found. */
struct virtio_transport {
    uint8_t (*get_status)(struct virtio_device *device);
    void (*set_status)(struct virtio_device *device, uint8_t status);
    uint64_t (*get_features)(struct virtio_device *device);
    void (*set_features)(struct virtio_device *device, uint64_t features);
    uint16_t (*queue_size_max)(struct virtio_device *device, uint16_t index); /* 0: no such queue */
    enum status (*queue_enable)(struct virtio_device *device, struct virtq *queue);
    void (*notify)(struct virtio_device *device, const struct virtq *queue);
    uint32_t (*config_read)(struct virtio_device *device, uint32_t offset,
                            uint32_t size); /* size 1, 2 or 4 */
    uint32_t (*config_generation)(struct virtio_device *device);
    void (*interrupt_acknowledge)(struct virtio_device *device); /* lowers a shared line; may do nothing */
};

struct virtio_device {
    const struct virtio_transport *transport;
    const char *name; /* for the console */
    uint32_t type;
    uint64_t features; /* agreed */
    bool broken;
    bool has_interrupt;
    uint8_t vector; /* of all its queues */
    uint8_t config_vector;
    /* PCI */
    struct pci_device pci;
    uintptr_t common, notify_base, device_config;
    uint32_t notify_size, notify_multiplier, device_config_size;
    /* MMIO */
    uintptr_t registers;
};

struct virtq_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};
#define VIRTQ_NEXT          1U
#define VIRTQ_DEVICE_WRITES 2U

struct virtq {
    struct virtio_device *device;
    uint16_t index;
    uint16_t size; /* a power of two, at most VIRTQ_SIZE_MAX */
    uint16_t notify_offset;
    uint16_t available_next; /* free-running */
    uint16_t available_published;
    uint16_t used_next;
    bool event_index;
    struct virtq_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, ring[size], used_event */
    volatile uint16_t *used;      /* flags, index, {id, size}[size] of 32 bits each, available_event */
};

/* Reset the device and agree on features: `wanted` of what it offers, and always version 1. */
enum status virtio_start(struct virtio_device *device, uint64_t wanted) MUST_USE;

/* Set up queue `index` with at most `size_max` entries; takes memory. After virtio_start(). */
enum status virtq_init(struct virtq *queue, struct virtio_device *device, uint16_t index,
                       uint16_t size_max) MUST_USE;

/* All queues are there: the device may begin. */
void virtio_run(struct virtio_device *device);

/* Driver gives up on a device that broke the rules: a line on the console, and reset so that it stops writing. */
void virtio_give_up(struct virtio_device *device, const char *reason);

uint8_t virtio_config8(struct virtio_device *device, uint32_t offset);
uint16_t virtio_config16(struct virtio_device *device, uint32_t offset);
uint32_t virtio_config32(struct virtio_device *device, uint32_t offset);
uint64_t virtio_config64(struct virtio_device *device, uint32_t offset);

/* Fill descriptor `id`; with VIRTQ_NEXT the one after it follows. */
void virtq_describe(struct virtq *queue, uint16_t id, const void *memory, uint32_t size, uint16_t flags);

/* Let another descriptor follow this one, which has been filled. */
void virtq_chain(struct virtq *queue, uint16_t id, uint16_t next);

/* Offer the chain that begins at `head`; seen by the device at the next virtq_publish(). */
void virtq_offer(struct virtq *queue, uint16_t head);

/* Show all offers to the device, and notify it if it wants to know. */
void virtq_publish(struct virtq *queue);

/* Take the oldest used chain. False when there is none, or when the device broke the rules (device->broken). */
bool virtq_take(struct virtq *queue, uint16_t *head, uint32_t *size);

/* True when virtq_take() has something. */
bool virtq_has_used(const struct virtq *queue);

/* Ask for an interrupt at the next used chain, or ask for none. After asking, look at virtq_has_used() again. */
void virtq_interrupt_on(struct virtq *queue);
void virtq_interrupt_off(struct virtq *queue);

/* Find devices; virtio_attach() gets each. */
void virtio_pci_probe(void);
void virtio_mmio_probe(void);

/* A place for one more device, or NULL when the pool is full. */
struct virtio_device *virtio_device_new(void);

/* Hand a found device to its driver (the first of each kind is used). */
void virtio_attach(struct virtio_device *device);

#endif
