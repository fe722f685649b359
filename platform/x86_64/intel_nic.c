/*
 * Intel 82574L datasheet (82574 Family, revision 3.4), chapters 4.6 (start) and 10 (registers); Intel I210 datasheet
 * (revision 3.7), chapters 4.5 and 8. Both families share all registers but those of the queues.
 */
#include "platform/x86_64/intel_nic.h"

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/intel_ring.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/nic.h"
#include "platform/x86_64/wait.h"

#define VENDOR_INTEL   0x8086U
#define REGISTER_BYTES 0x10000U /* of 128 KiB */

#define REG_CONTROL          0x0000U
#define REG_STATUS           0x0008U
#define REG_NVM              0x0010U
#define REG_CONTROL_EXTENDED 0x0018U
#define REG_CAUSES           0x00c0U
#define REG_MASK_SET         0x00d0U
#define REG_MASK_CLEAR       0x00d8U
#define REG_RECEIVE          0x0100U
#define REG_SEND             0x0400U
#define REG_RECEIVE_FORMAT   0x5008U /* 82574L: RFCTL */
#define REG_ADDRESS_LOW      0x5400U
#define REG_ADDRESS_HIGH     0x5404U

#define QUEUE_BASE    0x00U /* from a queue's first register */
#define QUEUE_BYTES   0x08U
#define QUEUE_FORMAT  0x0cU /* I210: SRRCTL */
#define QUEUE_HEAD    0x10U
#define QUEUE_TAIL    0x18U
#define QUEUE_CONTROL 0x28U

#define CONTROL_LINK_UP         0x00000040U
#define CONTROL_RESET           0x04000000U
#define CONTROL_FORCED          0x80001808U /* PHY reset, forced speed and duplex, link reset */
#define CONTROL_DRIVER          0x10000000U /* extended: a driver is there */
#define STATUS_LINK             0x2U
#define NVM_LOADED              0x200U
#define CAUSE_SENT              0x01U
#define CAUSE_LINK              0x04U
#define CAUSES_RECEIVED         0xd0U       /* a frame, few buffers, overrun */
#define RECEIVE_ENABLE          0x04008012U /* any multicast address, broadcast, without FCS; buffers of 2 KiB */
#define SEND_ENABLE             0x000400faU /* short frames padded; collision values of full duplex */
#define FORMAT_EXTENDED         0x8000U
#define FORMAT_ADVANCED_2K      0x82000002U /* one buffer of 2 KiB, frames dropped when there is none */
#define QUEUE_ENABLE            0x02000000U
#define QUEUE_COUNT_DESCRIPTORS 0x00400000U /* 82574L: must be set (10.2.6.10) */
#define ADDRESS_VALID           0x80000000U

#define RESET_MS 20U
#define QUEUE_MS 20U

struct family {
    const char *name;
    uint32_t receive_queue, send_queue;
    bool advanced;
};

static const struct family family_82574 = {"e1000e", 0x2800, 0x3800, false};
static const struct family family_i210 = {"igb", 0xc000, 0xe000, true};

static const struct {
    uint16_t device;
    const struct family *family;
} known[] = {
    {0x10d3, &family_82574}, /* 82574L */
    {0x10f6, &family_82574}, /* 82574LA */
    {0x10c9, &family_i210},  /* 82576 */
    {0x1521, &family_i210},  /* I350 */
    {0x1533, &family_i210},  /* I210 */
    {0x1536, &family_i210},  /* I210, fibre */
    {0x1537, &family_i210},  /* I210, SerDes */
    {0x1539, &family_i210},  /* I211 */
    {0x157b, &family_i210},  /* I210 without flash */
    {0x157c, &family_i210},  /* I210, SerDes, without flash */
};

struct card {
    const struct family *family;
    struct pci_device pci;
    uintptr_t registers;
};

static struct card cards[NIC_MAX];
static size_t card_count;
static const struct card *card; /* the started one */
static struct intel_ring receive_ring;
static struct intel_ring send_ring;
static struct platform_nic state;
static bool has_interrupt;
static bool waits_for_room;

static uint32_t reg_read(const struct card *c, uint32_t reg)
{
    return mmio_read32(c->registers + reg);
}

static void reg_write(const struct card *c, uint32_t reg, uint32_t value)
{
    mmio_write32(c->registers + reg, value);
}

/* A controller that is gone reads as ones. */
static bool link_is_up(const struct card *c)
{
    uint32_t status = reg_read(c, REG_STATUS);
    return status != UINT32_MAX && (status & STATUS_LINK) != 0;
}

static bool has_link(const struct nic *nic)
{
    return link_is_up(nic->device);
}

/* ---- the start ---- */

static enum status make_ring(const struct card *c, struct intel_ring *ring, uint32_t queue, bool receives)
{
    uint32_t ring_bytes = INTEL_RING_SIZE * sizeof(struct intel_descriptor);
    uint8_t *descriptors = memory_take_for_device(ring_bytes);
    uint8_t *buffers = memory_take_for_device((size_t)INTEL_RING_SIZE * INTEL_BUFFER_BYTES);
    if (descriptors == NULL || buffers == NULL) {
        return STATUS_FULL;
    }
    *ring = (struct intel_ring){.descriptors = (volatile struct intel_descriptor *)descriptors,
                                .buffers = buffers,
                                .tail_register = c->registers + queue + QUEUE_TAIL,
                                .receives = receives,
                                .advanced = c->family->advanced};
    mmio_write64(c->registers + queue + QUEUE_BASE, memory_physical(descriptors));
    reg_write(c, queue + QUEUE_BYTES, ring_bytes);
    reg_write(c, queue + QUEUE_HEAD, 0);
    reg_write(c, queue + QUEUE_TAIL, 0);
    return STATUS_OK;
}

/* The I210's queues are switched on one by one, and take a moment. */
static bool enable_queues(const struct card *c)
{
    uint32_t receive = c->family->receive_queue;
    uint32_t send = c->family->send_queue;
    if (!c->family->advanced) {
        reg_write(c, REG_RECEIVE_FORMAT, reg_read(c, REG_RECEIVE_FORMAT) | FORMAT_EXTENDED);
        reg_write(c, send + QUEUE_CONTROL, reg_read(c, send + QUEUE_CONTROL) | QUEUE_COUNT_DESCRIPTORS);
        return true;
    }
    reg_write(c, receive + QUEUE_FORMAT, FORMAT_ADVANCED_2K);
    reg_write(c, receive + QUEUE_CONTROL, reg_read(c, receive + QUEUE_CONTROL) | QUEUE_ENABLE);
    reg_write(c, send + QUEUE_CONTROL, reg_read(c, send + QUEUE_CONTROL) | QUEUE_ENABLE);
    return wait_register(c->registers + receive + QUEUE_CONTROL, QUEUE_ENABLE, QUEUE_ENABLE, QUEUE_MS) &&
           wait_register(c->registers + send + QUEUE_CONTROL, QUEUE_ENABLE, QUEUE_ENABLE, QUEUE_MS);
}

static enum status start(const struct nic *nic)
{
    struct card *c = nic->device;
    if (make_ring(c, &receive_ring, c->family->receive_queue, true) != STATUS_OK ||
        make_ring(c, &send_ring, c->family->send_queue, false) != STATUS_OK || !enable_queues(c)) {
        console_print(c->family->name);
        console_print(" does not start; it is not used\n");
        pci_disable(&c->pci);
        return STATUS_IO;
    }
    intel_ring_offer_all(&receive_ring);
    card = c;
    state = (struct platform_nic){.present = true, .link_up = link_is_up(c), .mtu_bytes = NIC_MTU};
    for (uint32_t i = 0; i < NIC_MAC_BYTES; i++) {
        state.mac[i] = nic->mac[i];
    }
    has_interrupt = pci_msi_enable(&c->pci, interrupt_vector_new()) == STATUS_OK;
    reg_write(c, REG_SEND, SEND_ENABLE);
    reg_write(c, REG_RECEIVE, RECEIVE_ENABLE);
    intel_ring_tell(&receive_ring);
    (void)reg_read(c, REG_CAUSES);
    reg_write(c, REG_MASK_SET, CAUSE_LINK | CAUSES_RECEIVED);
    return STATUS_OK;
}

/* ---- frames ---- */

static void read_info(struct platform_nic *nic)
{
    *nic = state;
}

static size_t receive(uint8_t *frame, size_t capacity, bool *sums_known)
{
    *sums_known = false;
    return intel_ring_receive(&receive_ring, frame, capacity);
}

/* Its info says that it takes nothing over from us. */
static enum status send(const struct bytes *parts, size_t count, const struct platform_offload *offload)
{
    (void)offload;
    if (!intel_ring_has_room(&send_ring)) {
        intel_ring_tell(&send_ring);
        return STATUS_AGAIN;
    }
    intel_ring_send(&send_ring, parts, count);
    return STATUS_OK;
}

static void flush(void)
{
    intel_ring_tell(&send_ring);
    intel_ring_tell(&receive_ring);
}

/* Reading the causes clears them; what comes after that interrupts. The mask stays, but for room to send, which is no
 * news as a rule. */
static bool sleep_begin(void)
{
    flush();
    bool room = intel_ring_has_room(&send_ring);
    if (room == waits_for_room) {
        waits_for_room = !room;
        reg_write(card, room ? REG_MASK_CLEAR : REG_MASK_SET, CAUSE_SENT);
    }
    uint32_t causes = reg_read(card, REG_CAUSES);
    if (causes & CAUSE_LINK) {
        state.link_up = link_is_up(card);
        return false;
    }
    return !intel_ring_has_received(&receive_ring) && (room || !intel_ring_has_room(&send_ring));
}

static void sleep_end(void)
{
}

static bool needs_polling(void)
{
    return !has_interrupt;
}

static const struct nic_driver driver = {"intel", has_link, start,       read_info, receive,
                                         send,    flush,    sleep_begin, sleep_end, needs_polling};

/* ---- finding ---- */

/* A reset ends whatever the firmware left under way; its non-volatile memory then loads the address again. */
static bool reset(const struct card *c)
{
    reg_write(c, REG_MASK_CLEAR, UINT32_MAX);
    reg_write(c, REG_RECEIVE, 0);
    reg_write(c, REG_SEND, 0);
    reg_write(c, REG_CONTROL, reg_read(c, REG_CONTROL) | CONTROL_RESET);
    wait_ms(1); /* no access for a millisecond */
    if (!wait_register(c->registers + REG_CONTROL, CONTROL_RESET, 0, RESET_MS) ||
        !wait_register(c->registers + REG_NVM, NVM_LOADED, NVM_LOADED, RESET_MS)) {
        return false;
    }
    reg_write(c, REG_MASK_CLEAR, UINT32_MAX);
    reg_write(c, REG_CONTROL, (reg_read(c, REG_CONTROL) & ~CONTROL_FORCED) | CONTROL_LINK_UP);
    reg_write(c, REG_CONTROL_EXTENDED, reg_read(c, REG_CONTROL_EXTENDED) | CONTROL_DRIVER);
    return true;
}

/* The address that the controller loaded. False when it is none of one station. */
static bool read_address(const struct card *c, uint8_t mac[NIC_MAC_BYTES])
{
    uint32_t low = reg_read(c, REG_ADDRESS_LOW);
    uint32_t high = reg_read(c, REG_ADDRESS_HIGH);
    for (uint32_t i = 0; i < NIC_MAC_BYTES; i++) {
        mac[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
    }
    bool is_zero = low == 0 && (high & 0xffff) == 0;
    return (high & ADDRESS_VALID) != 0 && !is_zero && (mac[0] & 1) == 0;
}

static void probe(const struct pci_device *pci, const struct family *family)
{
    struct card *c = &cards[card_count];
    *c = (struct card){.family = family, .pci = *pci};
    struct nic nic = {.driver = &driver, .device = c, .pci = &c->pci};
    c->registers = pci_map(&c->pci, 0, 0, REGISTER_BYTES);
    if (c->registers == 0) {
        return;
    }
    pci_enable(&c->pci);
    if (!reset(c) || !read_address(c, nic.mac)) {
        pci_disable(&c->pci);
        console_print(family->name);
        console_print(" does not answer; it is not used\n");
        return;
    }
    card_count++;
    nic_register(&nic);
}

static void visit(const struct pci_device *pci)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (pci->vendor == VENDOR_INTEL && pci->device == known[i].device && card_count < NIC_MAX) {
            probe(pci, known[i].family);
        }
    }
}

void intel_nic_probe(void)
{
    pci_each_device(visit);
}
