/*
 * Network cards that lie: a controller of the 82574L's family and one of the I210's, below the real driver. The model
 * reads and writes exactly the memory that the driver's descriptors name. An honest one sends back what it gets.
 */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "platform/platform.h"
#include "platform/x86_64/intel_ring.h"
#include "platform/x86_64/nic.h"
#include "platform/x86_64/pci.h"

#define RESET 0x04000000U

const uint32_t device_kinds = 2;
static uint32_t kind;
static uint32_t registers[0x10000 / 4];
static uint8_t looped[INTEL_BUFFER_BYTES]; /* a frame on its way back */
static uint32_t looped_size;

static uint32_t queue_of(bool receives)
{
    return kind == 0 ? (receives ? 0x2800 : 0x3800) : (receives ? 0xc000 : 0xe000);
}

static uint32_t *queue_register(bool receives, uint32_t offset)
{
    return &registers[(queue_of(receives) + offset) / 4];
}

/* The descriptor at the head of a queue, if the driver gave it to the device. */
static struct intel_descriptor *descriptor_at_head(bool receives)
{
    uint32_t head = *queue_register(receives, 0x10);
    uint64_t base = *queue_register(receives, 0) | (uint64_t)*queue_register(receives, 4) << 32;
    bool on = (registers[(receives ? 0x100 : 0x400) / 4] & 2) != 0;
    if (!on || base == 0 || head == *queue_register(receives, 0x18)) {
        return NULL;
    }
    *queue_register(receives, 0x10) = (head + 1) % INTEL_RING_SIZE;
    note_progress();
    return (struct intel_descriptor *)(uintptr_t)base + head;
}

static void send_one(void)
{
    struct intel_descriptor *d = looped_size == 0 || lies(2) ? descriptor_at_head(false) : NULL;
    if (d == NULL) {
        return;
    }
    uint32_t size = d->control & 0xffff;
    if (size > INTEL_BUFFER_BYTES) {
        abort();
    }
    memcpy(looped, (const uint8_t *)(uintptr_t)d->address, size);
    looped_size = size;
    d->status = lies(50) ? chance(1U << 24) : 1;
}

static void receive_one(void)
{
    struct intel_descriptor *d = looped_size > 0 || lies(3) ? descriptor_at_head(true) : NULL;
    if (d == NULL) {
        return;
    }
    memcpy((uint8_t *)(uintptr_t)d->address, looped, sizeof looped);
    d->status = lies(5) ? chance(1U << 24) : looped_size;
    d->control = lies(5) ? chance(1U << 24) << 8 | chance(4) : 3;
    d->address = lies(2) ? chance(1U << 24) : 0;
    looped_size = 0;
    registers[0xc0 / 4] |= 0x80;
}

uint32_t model_read(uintptr_t address)
{
    uint32_t reg = (uint32_t)(address - REGISTERS);
    if (lies(200)) {
        return lies(3) ? UINT32_MAX : chance(1U << 24);
    }
    uint32_t value = registers[reg / 4];
    registers[0xc0 / 4] = reg == 0xc0 ? 0 : registers[0xc0 / 4];
    return value;
}

void model_write(uintptr_t address, uint32_t value)
{
    uint32_t reg = (uint32_t)(address - REGISTERS);
    if (reg >= sizeof registers) {
        abort();
    }
    registers[reg / 4] = reg == 0 ? value & ~RESET : value;
}

void device_runs(void)
{
    for (uint32_t i = 0; i < (honest ? 8 : chance(8)); i++) {
        send_one();
        receive_one();
    }
    if (lies(100)) {
        registers[0x08 / 4] ^= 2;
        registers[0xc0 / 4] |= 4;
    }
}

void pci_each_device(void (*visit)(const struct pci_device *device))
{
    const struct pci_device device = {.vendor = 0x8086, .device = kind == 0 ? 0x10d3 : 0x1533};
    visit(&device);
}

struct bytes platform_option(const char *name)
{
    (void)name;
    return (struct bytes){0};
}

void device_attach(uint32_t which)
{
    kind = which;
    registers[0x08 / 4] = 2;
    registers[0x10 / 4] = 0x200;
    registers[0x5400 / 4] = 0x12005452;
    registers[0x5404 / 4] = 0x80000000U | 0x9934;
    nic_start();
}

/* Send a frame and wait for it to come back. */
static bool echo(void)
{
    static uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    static uint8_t back[PLATFORM_FRAME_MAX_BYTES];
    size_t size = 14 + chance(1500);
    for (size_t i = 0; i < size; i++) {
        frame[i] = (uint8_t)chance(256);
    }
    struct bytes parts[2] = {{frame, 14}, {frame + 14, size - 14}};
    enum status status = platform_nic_send(parts, 2, NULL);
    size_t got = 0;
    bool known;
    for (int i = 0; i < 20 && got == 0; i++) {
        platform_nic_flush();
        device_runs();
        got = platform_nic_receive(back, sizeof back, &known);
    }
    if (got > sizeof back) {
        abort();
    }
    return status == STATUS_OK && got == size && memcmp(frame, back, size) == 0;
}

/* Offer more than the ring holds: it is refused, not lost; then everything comes back, but for what a full ring drops. */
static void overfill(void)
{
    static const uint8_t filler[60];
    static uint8_t back[PLATFORM_FRAME_MAX_BYTES];
    const struct bytes part = {filler, sizeof filler};
    uint32_t refused = 0;
    bool known;
    for (uint32_t i = 0; i < 2 * INTEL_RING_SIZE; i++) {
        refused += platform_nic_send(&part, 1, NULL) == STATUS_AGAIN;
    }
    if (honest && refused == 0) {
        abort();
    }
    (void)nic_sleep_begin();
    for (uint32_t i = 0; i < 8 * INTEL_RING_SIZE; i++) {
        platform_nic_flush();
        device_runs();
        (void)platform_nic_receive(back, sizeof back, &known);
    }
}

bool device_use(void)
{
    struct platform_nic info;
    platform_nic_info(&info);
    if (chance(5) == 0) {
        (void)nic_sleep_begin();
        nic_sleep_end();
    }
    if (chance(50) == 0) {
        overfill();
    }
    return echo() && info.present;
}
