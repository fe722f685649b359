/*
 * A virtio device that lies: the drivers of platform/x86_64 run here as a Linux process under AddressSanitizer, over a
 * transport whose other side answers at random: descriptors that do not exist, the same one twice, sizes beyond the
 * buffer, ring indexes from nowhere, changing configuration. Whatever it does, no driver may touch memory that is not
 * its own; the worst is a device that is given up.
 *
 * hostile_device SEED COUNT runs COUNT devices, each in a process of its own, and says how many ended badly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
#define STEPS        3000
#define QUIET_CALLS  100 /* looks at the clock without progress before it jumps past every patience */
#define JUMP_NS      40000000000ULL
#define HONEST_STEPS 200
#define FRAME_BYTES  512 /* what the device says to have received, as a rule */

static uint32_t seed;
static bool honest;
static uint32_t patience = 1; /* the larger, the rarer the lies: some show only after a long good time */
static struct virtq *queues[QUEUES_MAX];
static uint16_t seen[QUEUES_MAX]; /* offers that the device has looked at */
static uint16_t returned[QUEUES_MAX];
static size_t queue_count;
static uint64_t now_ns;
static uint32_t quiet_calls;

static uint32_t chance(uint32_t limit)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % limit;
}

static bool lies(uint32_t one_in)
{
    return !honest && chance(one_in * patience) == 0;
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
    for (uint32_t id = head, steps = 0; steps < 4 && id < q->size; steps++) {
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
    element[1] = lies(10) ? seed : lies(10) ? chance(1600) : total < FRAME_BYTES ? total : FRAME_BYTES;
    returned[n] = (uint16_t)(returned[n] + (lies(300) ? chance(65536) : 1));
    q->used[1] = returned[n];
}

static void device_runs(void)
{
    for (size_t n = 0; n < queue_count; n++) {
        if (honest || chance(2) == 0) {
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
    uint64_t random = honest ? VIRTIO_FEATURE_EVENT_INDEX : (uint64_t)chance(1U << 24) << 8 | chance(256);
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
    return honest ? 0 : chance(1U << 24) * (chance(2) * 255 + 1);
}

static uint32_t config_generation(struct virtio_device *d)
{
    (void)d;
    return honest ? 0 : chance(2);
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

void *memory_take_for_device(size_t size_bytes)
{
    return calloc(1, size_bytes);
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
    static uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    struct platform_nic nic;
    platform_nic_info(&nic);
    size_t size = platform_nic_receive(frame, sizeof frame);
    if (size > sizeof frame) {
        abort();
    }
    struct bytes parts[2] = {{frame, 14}, {frame + 14, chance(1500)}};
    enum status status = platform_nic_send(parts, 2);
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

/* One device of each kind by turns; the number of things that went well. */
static size_t run_device(uint32_t kind)
{
    static size_t (*const use[])(void) = {use_net, use_disk, use_rng};
    static const uint32_t types[] = {VIRTIO_TYPE_NET, VIRTIO_TYPE_BLOCK, VIRTIO_TYPE_RNG};
    size_t went_well = 0;
    attach(types[kind]);
    for (int i = 0; i < (honest ? HONEST_STEPS : STEPS); i++) {
        quiet_calls = 0;
        device_runs();
        went_well += use[kind]();
    }
    return went_well;
}

static int run_child(uint32_t number, uint32_t first_seed)
{
    seed = first_seed + number;
    honest = number < 3; /* the first of each kind proves that the others have something to attack */
    patience = 1U << chance(10);
    (void)alarm(60);
    size_t went_well = run_device(number % 3);
    return honest && went_well < HONEST_STEPS / 2 ? 2 : 0;
}

int main(int argc, char **argv)
{
    uint32_t first_seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
    uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100;
    uint32_t bad = 0;
    for (uint32_t i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(run_child(i, first_seed));
        }
        int how = 0;
        if (child < 0 || waitpid(child, &how, 0) != child || how != 0) {
            fprintf(stderr, "device %u of seed %u ended with %#x\n", i, first_seed, (unsigned)how);
            bad++;
        }
    }
    printf("devices=%u bad=%u\n", count, bad);
    return bad == 0 ? 0 : 1;
}
