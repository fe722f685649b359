/*
 * A virtio device that lies: the drivers of platform/x86_64 run here as a Linux process under AddressSanitizer, over a
 * transport whose other side answers at random: descriptors that do not exist, the same one twice, sizes beyond the
 * buffer, ring indexes from nowhere, changing configuration. Whatever it does, no driver may touch memory that is not
 * its own; the worst is a device that is given up.
 */
#include "tests/boot/hostile_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/ahci.h"
#include "platform/x86_64/clock.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/flash_backend.h"
#include "platform/x86_64/intel_nic.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/nic.h"
#include "platform/x86_64/nvme.h"
#include "platform/x86_64/virtio.h"
#include "platform/x86_64/virtio_rng.h"

#define QUEUES_MAX   8
#define QUIET_CALLS  100 /* looks at the clock without progress before it jumps past every patience */
#define JUMP_NS      40000000000ULL
#define NET_FEATURES 0x1803U /* check sums, sent and received; cutting of TCP by IPv4 and IPv6 */
#define CHAIN_MAX    16
#define FRAME_BYTES  512 /* what the device says to have received, as a rule */

bool hostile_is_honest;
uint32_t hostile_patience = 1;
static struct virtq *queues[QUEUES_MAX];
static uint16_t seen[QUEUES_MAX]; /* offers that the device has looked at */
static uint16_t returned[QUEUES_MAX];
static size_t queue_count;
static uint64_t now_ns;
static uint32_t quiet_calls;

static uint32_t chance(uint32_t limit)
{
    return hostile_draw() % limit;
}

static bool lies(uint32_t one_in)
{
    return !hostile_is_honest && chance(one_in * hostile_patience) == 0;
}

/* ---- the device ---- */

static void fill(struct virtq_descriptor *d)
{
    uint8_t *memory = (uint8_t *)(uintptr_t)d->address;
    if (d->flags & VIRTQ_DEVICE_WRITES) {
        for (uint32_t i = 0; i < d->size; i++) {
            memory[i] = d->size == 1 && !lies(10) ? 0 : (uint8_t)chance(256);
        }
    } else {
        volatile uint8_t sum = 0;
        for (uint32_t i = 0; i < d->size; i++) {
            sum = (uint8_t)(sum + memory[i]);
        }
    }
}

/* Serve the oldest offer of queue `n`, more or less. */
static void serve(size_t n)
{
    struct virtq *q = queues[n];
    if (seen[n] == q->available[1] && !lies(50)) {
        return;
    }
    uint32_t head = q->available[2 + seen[n] % q->size];
    uint32_t total = 0;
    seen[n]++;
    quiet_calls = 0;
    for (uint32_t id = head, steps = 0; steps < CHAIN_MAX && id < q->size; steps++) {
        struct virtq_descriptor *d = &q->descriptors[id];
        if (d->address == 0) {
            break;
        }
        fill(d);
        total += d->flags & VIRTQ_DEVICE_WRITES ? d->size : 0;
        if ((d->flags & VIRTQ_NEXT) == 0) {
            break;
        }
        id = d->next;
    }
    volatile uint32_t *element = (volatile uint32_t *)(q->used + 2) + 2 * (returned[n] % q->size);
    element[0] = lies(200) ? chance(100000) : lies(100) ? chance(q->size) : head;
    element[1] = lies(10)              ? hostile_draw()
                 : lies(10)            ? chance(1600)
                 : total < FRAME_BYTES ? total
                                       : FRAME_BYTES;
    returned[n] = (uint16_t)(returned[n] + (lies(300) ? chance(65536) : 1));
    q->used[1] = returned[n];
}

static void device_runs(void)
{
    for (size_t n = 0; n < queue_count; n++) {
        if (hostile_is_honest || chance(2) == 0) {
            serve(n);
        }
    }
}

static uint8_t device_status;

static uint8_t get_status(struct virtio_device *d)
{
    (void)d;
    return lies(500) ? (uint8_t)chance(256) : device_status;
}

static void set_status(struct virtio_device *d, uint8_t status)
{
    (void)d;
    device_status = status;
    if (status == 0) {
        queue_count = 0;
    }
}

static uint64_t get_features(struct virtio_device *d)
{
    (void)d;
    uint64_t random = hostile_is_honest ? VIRTIO_FEATURE_EVENT_INDEX | NET_FEATURES
                                        : (uint64_t)chance(1U << 24) << 8 | chance(256);
    return lies(500) ? random : random | VIRTIO_FEATURE_VERSION_1;
}

static void set_features(struct virtio_device *d, uint64_t features)
{
    (void)d;
    (void)features;
}

static uint16_t queue_size_max(struct virtio_device *d, uint16_t index)
{
    (void)d;
    (void)index;
    return lies(5) ? (uint16_t)chance(65536) : 256;
}

static enum status queue_enable(struct virtio_device *d, struct virtq *queue)
{
    (void)d;
    seen[queue_count] = returned[queue_count] = 0;
    queues[queue_count++] = queue;
    return STATUS_OK;
}

static void notify(struct virtio_device *d, const struct virtq *queue)
{
    (void)d;
    (void)queue;
    device_runs();
}

static uint32_t config_read(struct virtio_device *d, uint32_t offset, uint32_t size)
{
    (void)d;
    (void)size;
    if (offset == 0 && !lies(3)) {
        return 131072;
    }
    return hostile_is_honest ? 0 : chance(1U << 24) * (chance(2) * 255 + 1);
}

static uint32_t config_generation(struct virtio_device *d)
{
    (void)d;
    return hostile_is_honest ? 0 : chance(2);
}

static void interrupt_acknowledge(struct virtio_device *d)
{
    (void)d;
}

static const struct virtio_transport transport = {
    get_status,   set_status, get_features, set_features,      queue_size_max,
    queue_enable, notify,     config_read,  config_generation, interrupt_acknowledge};

/* ---- what the drivers need of the machine ---- */

uint64_t platform_monotonic_ns(void)
{
    device_runs();
    now_ns += ++quiet_calls > QUIET_CALLS ? JUMP_NS : 1000;
    return now_ns;
}

uint64_t memory_physical(const volatile void *pointer)
{
    return (uintptr_t)pointer;
}

void clock_wake_at(uint64_t deadline_ns)
{
    (void)deadline_ns;
}

uint32_t interrupt_count(uint8_t vector)
{
    (void)vector;
    return chance(4);
}

void console_print(const char *text)
{
    (void)text;
}

_Noreturn void platform_panic(const char *sentence)
{
    fprintf(stderr, "panic: %s\n", sentence);
    abort();
}

/* ---- the app's side ---- */

static size_t use_net(void)
{
    static uint8_t frame[PLATFORM_UNCUT_MAX_BYTES];
    struct platform_nic nic;
    platform_nic_info(&nic);
    bool sums_known;
    size_t size = platform_nic_receive(frame, PLATFORM_FRAME_MAX_BYTES, &sums_known);
    if (size > PLATFORM_FRAME_MAX_BYTES) {
        abort();
    }
    bool is_cut = nic.cuts_segments && chance(2) == 0;
    struct bytes parts[2] = {{frame, 14}, {frame + 14, chance(is_cut ? sizeof frame - 14 : 1500)}};
    const struct platform_offload offload = {34, 16, 54, is_cut ? 1460 : 0, chance(2) == 0};
    enum status status =
        platform_nic_send(parts, 2, is_cut || (nic.fills_sums && chance(2) == 0) ? &offload : NULL);
    if (chance(3) == 0) {
        platform_nic_flush();
    }
    if (chance(5) == 0) {
        (void)nic_sleep_begin();
        nic_sleep_end();
    }
    return status == STATUS_OK && size > 0;
}

static size_t use_disk(void)
{
    static struct flash_geometry geometry;
    static uint8_t block[200000];
    if (geometry.block_bytes == 0 && flash_disk.open((struct bytes){0}, &geometry) != STATUS_OK) {
        return 0;
    }
    uint64_t limit = (uint64_t)geometry.block_bytes * geometry.block_count;
    static uint64_t walk;
    enum status status;
    switch (chance(8)) {
    case 0:
        status = flash_disk.program(0, block, geometry.program_bytes);
        break;
    case 1:
        status = flash_disk.erase(chance(geometry.block_count));
        break;
    case 2:
        status = flash_disk.read(chance(1000), block, chance(sizeof block - 1000));
        break;
    default:
        walk = (walk + geometry.block_bytes) % limit;
        status = flash_disk.read(walk, block, 512);
        break;
    }
    return status == STATUS_OK;
}

static size_t use_rng(void)
{
    uint8_t seed_bytes[48] = {0};
    return virtio_rng_mix(seed_bytes, 1 + chance(48), 1000000) == STATUS_OK;
}

/* No other disks and cards, no options, and no registers: virtio's are behind its transport. */
void nvme_probe(void)
{
}

void ahci_probe(void)
{
}

void intel_nic_probe(void)
{
}

struct bytes platform_option(const char *name)
{
    (void)name;
    return (struct bytes){0};
}

uint32_t model_read(uintptr_t address)
{
    (void)address;
    abort();
}

void model_write(uintptr_t address, uint32_t value)
{
    (void)address;
    (void)value;
    abort();
}

static struct virtio_device *attach(uint32_t type)
{
    struct virtio_device *d = virtio_device_new();
    *d = (struct virtio_device){.transport = &transport, .name = "hostile", .type = type};
    virtio_attach(d);
    nic_start();
    return d;
}

size_t hostile_run(uint32_t kind, uint32_t step_count)
{
    static size_t (*const use[HOSTILE_KINDS])(void) = {use_net, use_disk, use_rng};
    static const uint32_t types[HOSTILE_KINDS] = {VIRTIO_TYPE_NET, VIRTIO_TYPE_BLOCK, VIRTIO_TYPE_RNG};
    size_t went_well = 0;
    attach(types[kind]);
    for (uint32_t i = 0; i < step_count; i++) {
        quiet_calls = 0;
        device_runs();
        went_well += use[kind]();
    }
    return went_well;
}
