/*
 * The simulated network interface: two queues of frames, the test being the other side. See sim.h.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_parts.h"

struct frame {
    uint8_t *data;
    size_t size;
};

/* A ring: frames[(first + i) % SIM_WIRE_FRAMES_MAX] for i < count. */
struct queue {
    struct frame frames[SIM_WIRE_FRAMES_MAX];
    size_t first;
    size_t count;
};

static struct {
    struct queue to_app;
    struct queue from_app;
    size_t unflushed; /* the last frames of from_app */
    size_t send_capacity;
    uint8_t *taken; /* the frame that the test holds a view of */
    struct platform_nic nic;
} wire = {
    .send_capacity = SIM_WIRE_FRAMES_MAX,
    .nic = {.present = true, .link_up = true, .mac = {2, 0, 0, 0, 0, 1}, .mtu_bytes = 1500},
};

static void queue_push(struct queue *queue, uint8_t *data, size_t size)
{
    queue->frames[(queue->first + queue->count) % SIM_WIRE_FRAMES_MAX] = (struct frame){data, size};
    queue->count++;
}

static struct frame queue_pop(struct queue *queue)
{
    struct frame frame = queue->frames[queue->first];

    queue->first = (queue->first + 1) % SIM_WIRE_FRAMES_MAX;
    queue->count--;
    return frame;
}

static void queue_clear(struct queue *queue)
{
    while (queue->count > 0)
        free(queue_pop(queue).data);
}

bool sim_wire_waiting(void)
{
    return wire.to_app.count > 0;
}

void sim_wire_clear(void)
{
    queue_clear(&wire.to_app);
    queue_clear(&wire.from_app);
    wire.unflushed = 0;
    free(wire.taken);
    wire.taken = NULL;
}

void sim_wire_reset(void)
{
    sim_wire_clear();
    wire.send_capacity = SIM_WIRE_FRAMES_MAX;
    wire.nic.fills_sums = false;
}

void sim_set_nic(bool present, bool link_up, uint16_t mtu_bytes)
{
    wire.nic.present = present;
    wire.nic.link_up = link_up;
    wire.nic.mtu_bytes = mtu_bytes;
}

void sim_set_fills_sums(bool fills)
{
    wire.nic.fills_sums = fills;
}

void sim_set_send_queue(size_t frames)
{
    wire.send_capacity = frames < SIM_WIRE_FRAMES_MAX ? frames : SIM_WIRE_FRAMES_MAX;
}

size_t sim_wire_unflushed(void)
{
    return wire.unflushed;
}

enum status sim_wire_put(struct bytes frame)
{
    if (frame.size > 65536)
        return STATUS_TOO_LARGE;
    if (wire.to_app.count == SIM_WIRE_FRAMES_MAX)
        return STATUS_FULL;
    uint8_t *copy = sim_allocate(frame.size);
    if (frame.size != 0)
        memcpy(copy, frame.data, frame.size);
    queue_push(&wire.to_app, copy, frame.size);
    return STATUS_OK;
}

enum status sim_wire_take(struct bytes *frame)
{
    if (wire.from_app.count == wire.unflushed)
        return STATUS_AGAIN;
    struct frame oldest = queue_pop(&wire.from_app);
    free(wire.taken);
    wire.taken = oldest.data;
    *frame = (struct bytes){oldest.data, oldest.size};
    return STATUS_OK;
}

void platform_nic_info(struct platform_nic *nic)
{
    *nic = wire.nic;
}

size_t platform_nic_receive(uint8_t *frame, size_t capacity, bool *sums_known)
{
    *sums_known = false;
    while (wire.to_app.count > 0) {
        struct frame oldest = queue_pop(&wire.to_app);
        bool fits = oldest.size <= capacity && oldest.size > 0;
        if (fits)
            memcpy(frame, oldest.data, oldest.size);
        free(oldest.data);
        if (fits)
            return oldest.size;
    }
    return 0;
}

static size_t parts_size(const struct bytes *parts, size_t count)
{
    size_t size = 0;

    if (count > PLATFORM_FRAME_PARTS_MAX)
        sim_misuse("platform_nic_send: more than PLATFORM_FRAME_PARTS_MAX parts");
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (size == 0 || size > PLATFORM_FRAME_MAX_BYTES)
        sim_misuse("platform_nic_send: an empty frame, or one larger than PLATFORM_FRAME_MAX_BYTES");
    return size;
}

/* RFC 1071, over a frame whose check sum has that of the pseudo header in its place. */
static void fill_sum(uint8_t *frame, size_t size, const struct platform_missing_sum *missing)
{
    size_t at = (size_t)missing->start_offset + missing->sum_offset;
    uint32_t sum = 0;

    if (!wire.nic.fills_sums || at + 2 > size)
        sim_misuse("platform_nic_send: a sum is missing that nobody fills in");
    for (size_t i = missing->start_offset; i < size; i++)
        sum += (i - missing->start_offset) % 2 == 0 ? (uint32_t)frame[i] << 8 : frame[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    frame[at] = (uint8_t)(~sum >> 8);
    frame[at + 1] = (uint8_t)~sum;
}

enum status platform_nic_send(const struct bytes *parts, size_t count,
                              const struct platform_missing_sum *missing)
{
    size_t size = parts_size(parts, count);

    if (!wire.nic.present)
        return STATUS_IO;
    if (wire.from_app.count >= wire.send_capacity)
        return STATUS_AGAIN;
    uint8_t *copy = sim_allocate(size);
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size != 0)
            memcpy(copy + filled, parts[i].data, parts[i].size);
        filled += parts[i].size;
    }
    if (missing != NULL)
        fill_sum(copy, size, missing);
    queue_push(&wire.from_app, copy, size);
    wire.unflushed++;
    return STATUS_OK;
}

void platform_nic_flush(void)
{
    wire.unflushed = 0;
}
