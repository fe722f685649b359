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
    wire.nic.cuts_segments = false;
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
    wire.nic.cuts_segments = wire.nic.cuts_segments && fills;
}

void sim_set_cuts_segments(bool cuts)
{
    wire.nic.fills_sums = wire.nic.fills_sums || cuts;
    wire.nic.cuts_segments = cuts;
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

static size_t parts_size(const struct bytes *parts, size_t count, size_t size_max)
{
    size_t size = 0;

    if (count > PLATFORM_FRAME_PARTS_MAX)
        sim_misuse("platform_nic_send: more than PLATFORM_FRAME_PARTS_MAX parts");
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (size == 0 || size > size_max)
        sim_misuse("platform_nic_send: an empty frame, or one that is too large");
    return size;
}

static void put_word(uint8_t *at, size_t bytes, uint32_t value)
{
    for (size_t i = bytes; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static uint32_t get_word(const uint8_t *at, size_t bytes)
{
    uint32_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* RFC 1071. */
static uint32_t sum_of(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* Over a frame whose check sum has that of the pseudo header in its place. */
static void fill_sum(uint8_t *frame, size_t size, const struct platform_offload *offload)
{
    size_t at = (size_t)offload->start_offset + offload->sum_offset;

    if (!wire.nic.fills_sums || at + 2 > size)
        sim_misuse("platform_nic_send: a sum is missing that nobody fills in");
    put_word(frame + at, 2, ~sum_of(frame + offload->start_offset, size - offload->start_offset));
}

static void push_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = sim_allocate(size);

    memcpy(copy, data, size);
    queue_push(&wire.from_app, copy, size);
    wire.unflushed++;
}

/* ---- cutting between segments of TCP ---- */

#define ETHERNET_BYTES 14
#define IPV4_BYTES     20
#define TCP_PSH_OR_FIN 9

/* Is the large frame one that can be cut: its length right, and its IPv4 header's sum? */
static bool can_be_cut(const uint8_t *frame, size_t size, const struct platform_offload *offload)
{
    const uint8_t *ip = frame + ETHERNET_BYTES;
    size_t tcp = offload->start_offset;

    if (!wire.nic.cuts_segments || size <= offload->header_bytes || offload->sum_offset != 16 ||
        offload->by_ipv6 != (frame[12] != 8) ||
        tcp + (size_t)(frame[tcp + 12] >> 4) * 4 != offload->header_bytes)
        return false;
    if (offload->by_ipv6)
        return get_word(ip + 4, 2) == size - tcp;
    return get_word(ip + 2, 2) == size - ETHERNET_BYTES && sum_of(ip, IPV4_BYTES) == 0xffff;
}

/* The IP header of a frame of this size, and in place of TCP's sum that of the pseudo header: of the large frame, put
 * right. */
static void cut_headers(uint8_t *frame, size_t size, size_t large_size,
                        const struct platform_offload *offload, uint32_t index)
{
    uint8_t *ip = frame + ETHERNET_BYTES, *sum = frame + offload->start_offset + offload->sum_offset;

    put_word(sum, 2, (get_word(sum, 2) + 0xffff - (uint32_t)(large_size - size)) % 0xffff);
    if (offload->by_ipv6) {
        put_word(ip + 4, 2, (uint32_t)(size - offload->start_offset));
        return;
    }
    put_word(ip + 2, 2, (uint32_t)(size - ETHERNET_BYTES));
    put_word(ip + 4, 2, get_word(ip + 4, 2) + index);
    put_word(ip + 10, 2, 0);
    put_word(ip + 10, 2, ~sum_of(ip, IPV4_BYTES));
}

static void cut(const uint8_t *large, size_t size, const struct platform_offload *offload)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    size_t headers = offload->header_bytes, most = offload->segment_bytes;

    if (!can_be_cut(large, size, offload) || headers + most > sizeof frame)
        sim_misuse("platform_nic_send: a frame that cannot be cut");
    for (size_t at = headers; at < size; at += most) {
        size_t data = size - at < most ? size - at : most;
        uint8_t *tcp = frame + offload->start_offset;
        memcpy(frame, large, headers);
        memcpy(frame + headers, large + at, data);
        put_word(tcp + 4, 4, get_word(tcp + 4, 4) + (uint32_t)(at - headers));
        if (at + data < size)
            tcp[13] &= (uint8_t)~TCP_PSH_OR_FIN;
        cut_headers(frame, headers + data, size, offload, (uint32_t)((at - headers) / most));
        fill_sum(frame, headers + data, offload);
        push_copy(frame, headers + data);
    }
}

enum status platform_nic_send(const struct bytes *parts, size_t count, const struct platform_offload *offload)
{
    uint8_t frame[PLATFORM_UNCUT_MAX_BYTES] = {0};
    bool is_cut = offload != NULL && offload->segment_bytes > 0;
    size_t size = parts_size(parts, count, is_cut ? PLATFORM_UNCUT_MAX_BYTES : PLATFORM_FRAME_MAX_BYTES);
    size_t filled = 0;

    if (!wire.nic.present)
        return STATUS_IO;
    size_t frames = is_cut ? (size + offload->segment_bytes - 1) / offload->segment_bytes : 1;
    if (wire.from_app.count + frames > wire.send_capacity)
        return STATUS_AGAIN;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size != 0)
            memcpy(frame + filled, parts[i].data, parts[i].size);
        filled += parts[i].size;
    }
    if (is_cut) {
        cut(frame, size, offload);
        return STATUS_OK;
    }
    if (offload != NULL)
        fill_sum(frame, size, offload);
    push_copy(frame, size);
    return STATUS_OK;
}

void platform_nic_flush(void)
{
    wire.unflushed = 0;
}
