/*
 * Device start-up (virtio 1.1, 3.1) and split virtqueues (2.6), with event index (2.6.7, 2.6.8).
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/virtio.h"
#include "platform/x86_64/virtio_blk.h"
#include "platform/x86_64/virtio_net.h"
#include "platform/x86_64/virtio_rng.h"

#define STATUS_ACKNOWLEDGE 1U
#define STATUS_DRIVER      2U
#define STATUS_DRIVER_OK   4U
#define STATUS_FEATURES_OK 8U
#define RESET_POLLS_MAX    1000000U
#define DEVICES_MAX        16U
#define CONFIG_TRIES       8U
#define RING_FLAG_QUIET    1U /* no interrupt (driver's ring), no notification (device's ring) */

static struct virtio_device devices[DEVICES_MAX];
static size_t device_count;

struct virtio_device *virtio_device_new(void)
{
    return device_count < DEVICES_MAX ? &devices[device_count++] : NULL;
}

void virtio_attach(struct virtio_device *device)
{
    switch (device->type) {
    case VIRTIO_TYPE_NET:
        virtio_net_attach(device);
        break;
    case VIRTIO_TYPE_BLOCK:
        virtio_blk_attach(device);
        break;
    case VIRTIO_TYPE_RNG:
        virtio_rng_attach(device);
        break;
    default:
        break;
    }
}

static void add_status(struct virtio_device *d, uint32_t bits)
{
    d->transport->set_status(d, (uint8_t)(d->transport->get_status(d) | bits));
}

static enum status reset(struct virtio_device *d)
{
    d->transport->set_status(d, 0);
    for (uint32_t polls = 0; d->transport->get_status(d) != 0; polls++) {
        if (polls == RESET_POLLS_MAX) {
            return STATUS_IO;
        }
        cpu_relax();
    }
    return STATUS_OK;
}

enum status virtio_start(struct virtio_device *device, uint64_t wanted)
{
    if (reset(device) != STATUS_OK) {
        virtio_give_up(device, "does not reset");
        return STATUS_IO;
    }
    add_status(device, STATUS_ACKNOWLEDGE);
    add_status(device, STATUS_DRIVER);
    uint64_t offered = device->transport->get_features(device);
    if ((offered & VIRTIO_FEATURE_VERSION_1) == 0) {
        virtio_give_up(device, "is not a virtio 1.0 device");
        return STATUS_IO;
    }
    device->features = offered & (wanted | VIRTIO_FEATURE_VERSION_1);
    device->transport->set_features(device, device->features);
    add_status(device, STATUS_FEATURES_OK);
    if ((device->transport->get_status(device) & STATUS_FEATURES_OK) == 0) {
        virtio_give_up(device, "refuses our features");
        return STATUS_IO;
    }
    return STATUS_OK;
}

void virtio_run(struct virtio_device *device)
{
    add_status(device, STATUS_DRIVER_OK);
}

void virtio_give_up(struct virtio_device *device, const char *reason)
{
    device->broken = true;
    device->transport->set_status(device, 0);
    console_print(device->name);
    console_print(" ");
    console_print(reason);
    console_print("; it is not used\n");
}

enum status virtq_init(struct virtq *queue, struct virtio_device *device, uint16_t index, uint16_t size_max)
{
    uint16_t offered = device->transport->queue_size_max(device, index);
    uint16_t size = 1;
    while (size * 2 <= offered && size * 2 <= size_max && size * 2 <= (int)VIRTQ_SIZE_MAX) {
        size = (uint16_t)(size * 2);
    }
    if (offered == 0) {
        return STATUS_NOT_FOUND;
    }
    *queue = (struct virtq){.device = device, .index = index, .size = size};
    size_t descriptor_bytes = size * sizeof(struct virtq_descriptor);
    size_t available_bytes = 6U + 2U * size;
    size_t used_offset = (descriptor_bytes + available_bytes + 7) & ~(size_t)7;
    uint8_t *memory = memory_take_for_device(used_offset + 6U + 8U * size);
    if (memory == NULL) {
        return STATUS_FULL;
    }
    queue->descriptors = (struct virtq_descriptor *)memory;
    queue->available = (volatile uint16_t *)(memory + descriptor_bytes);
    queue->used = (volatile uint16_t *)(memory + used_offset);
    queue->event_index = (device->features & VIRTIO_FEATURE_EVENT_INDEX) != 0;
    virtq_interrupt_off(queue);
    return device->transport->queue_enable(device, queue);
}

void virtq_describe(struct virtq *queue, uint16_t id, const void *memory, uint32_t size, uint16_t flags)
{
    struct virtq_descriptor *d = &queue->descriptors[id];
    *d = (struct virtq_descriptor){memory_physical(memory), size, flags,
                                   (uint16_t)((id + 1) & (queue->size - 1))};
}

void virtq_chain(struct virtq *queue, uint16_t id, uint16_t next)
{
    queue->descriptors[id].flags |= VIRTQ_NEXT;
    queue->descriptors[id].next = next;
}

void virtq_offer(struct virtq *queue, uint16_t head)
{
    queue->available[2 + (queue->available_next & (queue->size - 1))] = head;
    queue->available_next++;
}

/* Has the device asked to hear of an index in (old, old + added]? (2.6.10) */
static bool wants_notification(const struct virtq *queue, uint16_t old)
{
    if (!queue->event_index) {
        return (queue->used[0] & RING_FLAG_QUIET) == 0;
    }
    uint16_t event = queue->used[2 + 4 * queue->size];
    return (uint16_t)(queue->available_next - event - 1) < (uint16_t)(queue->available_next - old);
}

void virtq_publish(struct virtq *queue)
{
    uint16_t old = queue->available_published;
    if (old == queue->available_next || queue->device->broken) {
        return;
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    queue->available[1] = queue->available_next;
    queue->available_published = queue->available_next;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (wants_notification(queue, old)) {
        queue->device->transport->notify(queue->device, queue);
    }
}

bool virtq_has_used(const struct virtq *queue)
{
    return !queue->device->broken && queue->used[1] != queue->used_next;
}

bool virtq_take(struct virtq *queue, uint16_t *head, uint32_t *size)
{
    if (!virtq_has_used(queue)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    const volatile uint32_t *element =
        (const volatile uint32_t *)(queue->used + 2) + 2U * (queue->used_next % queue->size);
    uint32_t id = element[0];
    *size = element[1];
    if (id >= queue->size) {
        virtio_give_up(queue->device, "returned a descriptor that does not exist");
        return false;
    }
    *head = (uint16_t)id;
    queue->used_next++;
    return true;
}

void virtq_interrupt_on(struct virtq *queue)
{
    queue->available[0] = 0;
    queue->available[2 + queue->size] = queue->used_next;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* With event index the flag means nothing; an index that was passed long ago keeps the device quiet. */
void virtq_interrupt_off(struct virtq *queue)
{
    queue->available[0] = queue->event_index ? 0 : (uint16_t)RING_FLAG_QUIET;
    queue->available[2 + queue->size] = (uint16_t)(queue->used_next - 1);
}

uint8_t virtio_config8(struct virtio_device *device, uint32_t offset)
{
    return (uint8_t)device->transport->config_read(device, offset, 1);
}

uint16_t virtio_config16(struct virtio_device *device, uint32_t offset)
{
    return (uint16_t)device->transport->config_read(device, offset, 2);
}

uint32_t virtio_config32(struct virtio_device *device, uint32_t offset)
{
    return device->transport->config_read(device, offset, 4);
}

uint64_t virtio_config64(struct virtio_device *device, uint32_t offset)
{
    uint64_t value = 0;
    for (uint32_t tries = 0; tries < CONFIG_TRIES; tries++) {
        uint32_t generation = device->transport->config_generation(device);
        value = virtio_config32(device, offset) | (uint64_t)virtio_config32(device, offset + 4) << 32;
        if (generation == device->transport->config_generation(device)) {
            break;
        }
    }
    return value;
}
