/*
 * Virtio 1.1, 5.1. Descriptor i always describes buffer i; a header of 12 bytes comes before each frame. What the device is
 * to cut takes a chain of buffers, all other frames one.
 *
 * Check sums of TCP are left to a device that offers it, in both directions, and cutting between its segments. What it says
 * of a received frame is one bit to us: the offsets that come with it are not looked at, as nobody here completes a sum.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/nic.h"
#include "platform/x86_64/virtio_net.h"

#define FEATURE_SUM_SENT     (1ULL << 0) /* VIRTIO_NET_F_CSUM */
#define FEATURE_SUM_RECEIVED (1ULL << 1) /* VIRTIO_NET_F_GUEST_CSUM */
#define FEATURE_MTU          (1ULL << 3)
#define FEATURE_MAC          (1ULL << 5)
#define FEATURE_CUT_IPV4     (1ULL << 11) /* VIRTIO_NET_F_HOST_TSO4 */
#define FEATURE_CUT_IPV6     (1ULL << 12) /* VIRTIO_NET_F_HOST_TSO6 */
#define FEATURES_CUT         (FEATURE_SUM_SENT | FEATURE_CUT_IPV4 | FEATURE_CUT_IPV6)
#define FEATURE_STATUS       (1ULL << 16)
#define CONFIG_MAC           0U
#define CONFIG_STATUS        6U
#define CONFIG_MTU           10U
#define STATUS_LINK_UP       1U
#define QUEUE_RECEIVE        0U
#define QUEUE_SEND           1U
#define QUEUE_SIZE           256U
#define HEADER_BYTES         12U
#define BUFFER_BYTES         1536U
#define UNCUT_BUFFERS        ((HEADER_BYTES + PLATFORM_UNCUT_MAX_BYTES + BUFFER_BYTES - 1) / BUFFER_BYTES)
#define HEADER_NEEDS_SUM     1U
#define HEADER_SUM_IS_GOOD   2U
#define CUT_TCP_IPV4         1U
#define CUT_TCP_IPV6         4U
#define MTU_MIN              68U
#define OFFER_BATCH          32U /* receive buffers given back to the device at once */

/* Before each frame, little-endian; merged buffers, which we do not agree on, leave the last zero. */
struct header {
    uint8_t flags;
    uint8_t cut;
    uint16_t header_bytes;
    uint16_t segment_bytes;
    uint16_t sum_start;
    uint16_t sum_offset;
    uint16_t buffer_count;
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "virtio 1.1, 5.1.6");

static struct virtio_device *net;
static struct virtq receive_queue;
static struct virtq send_queue;
static uint8_t *receive_buffers;
static uint8_t *send_buffers;
static bool receive_owned_by_device[QUEUE_SIZE];
static bool send_owned_by_device[QUEUE_SIZE];
static uint16_t send_next[QUEUE_SIZE]; /* of a buffer that is sent: the next of its frame; itself: the last */
static uint16_t send_free[QUEUE_SIZE]; /* a stack of buffers that the device does not own */
static uint16_t send_free_count;
static struct platform_nic info;
static uint32_t config_interrupts_seen;

static uint8_t *receive_buffer(uint16_t id)
{
    return receive_buffers + (size_t)id * BUFFER_BYTES;
}

static uint8_t *send_buffer(uint16_t id)
{
    return send_buffers + (size_t)id * BUFFER_BYTES;
}

static bool usable(void)
{
    return net != NULL && !net->broken;
}

static bool read_link(struct virtio_device *device)
{
    bool has_status = (device->features & FEATURE_STATUS) != 0;
    return !has_status || (virtio_config16(device, CONFIG_STATUS) & STATUS_LINK_UP) != 0;
}

static void read_config(const struct nic *nic)
{
    info.present = true;
    memcpy(info.mac, nic->mac, sizeof info.mac);
    uint16_t mtu = (net->features & FEATURE_MTU) ? virtio_config16(net, CONFIG_MTU) : NIC_MTU;
    info.mtu_bytes = mtu >= MTU_MIN && mtu <= NIC_MTU ? mtu : NIC_MTU;
    info.link_up = read_link(net);
    info.fills_sums = (net->features & FEATURE_SUM_SENT) != 0;
    info.cuts_segments = (net->features & FEATURES_CUT) == FEATURES_CUT && send_queue.size >= UNCUT_BUFFERS;
}

static void offer_receive(uint16_t id)
{
    receive_owned_by_device[id] = true;
    virtq_offer(&receive_queue, id);
}

static enum status make_queues(struct virtio_device *device)
{
    enum status status = virtq_init(&receive_queue, device, QUEUE_RECEIVE, QUEUE_SIZE);
    if (status == STATUS_OK) {
        status = virtq_init(&send_queue, device, QUEUE_SEND, QUEUE_SIZE);
    }
    if (status != STATUS_OK) {
        return status;
    }
    receive_buffers = memory_take_for_device((size_t)receive_queue.size * BUFFER_BYTES);
    send_buffers = memory_take_for_device((size_t)send_queue.size * BUFFER_BYTES);
    return receive_buffers != NULL && send_buffers != NULL ? STATUS_OK : STATUS_FULL;
}

static bool has_link(const struct nic *nic)
{
    return read_link(nic->device);
}

static enum status start(const struct nic *nic)
{
    struct virtio_device *device = nic->device;
    if (make_queues(device) != STATUS_OK) {
        virtio_give_up(device, "has no usable queues");
        return STATUS_IO;
    }
    net = device;
    for (uint16_t id = 0; id < receive_queue.size; id++) {
        virtq_describe(&receive_queue, id, receive_buffer(id), BUFFER_BYTES, VIRTQ_DEVICE_WRITES);
        offer_receive(id);
    }
    for (uint16_t id = 0; id < send_queue.size; id++) {
        send_free[send_free_count++] = id;
    }
    read_config(nic);
    virtio_run(device);
    virtq_publish(&receive_queue);
    return STATUS_OK;
}

/* The interrupt count stands in for a flag, so that the handler need not know us. With a shared line (MMIO) every
 * interrupt counts; reading the link once more is harmless. */
static void read_info(struct platform_nic *nic)
{
    if (usable()) {
        uint32_t count = interrupt_count(net->config_vector);
        if (count != config_interrupts_seen) {
            config_interrupts_seen = count;
            info.link_up = read_link(net);
        }
    } else {
        info = (struct platform_nic){.present = false};
    }
    *nic = info;
}

/* The next frame, with its header, as the device left it; NULL when there is none. */
static const uint8_t *take_frame(uint16_t *id, size_t *frame_size)
{
    uint32_t used_size;
    if (!usable() || !virtq_take(&receive_queue, id, &used_size)) {
        return NULL;
    }
    if (!receive_owned_by_device[*id]) {
        virtio_give_up(net, "returned a receive buffer twice");
        return NULL;
    }
    receive_owned_by_device[*id] = false;
    bool sound = used_size > HEADER_BYTES && used_size <= BUFFER_BYTES;
    *frame_size = sound ? used_size - HEADER_BYTES : 0;
    return receive_buffer(*id) + HEADER_BYTES;
}

/* Of the frame in this buffer. */
static bool sums_are_known(uint16_t id)
{
    const struct header *header = (const struct header *)receive_buffer(id);
    return (net->features & FEATURE_SUM_RECEIVED) != 0 &&
           (header->flags & (HEADER_NEEDS_SUM | HEADER_SUM_IS_GOOD)) != 0;
}

static size_t receive(uint8_t *frame, size_t capacity, bool *sums_known)
{
    uint16_t id;
    size_t size = 0;
    const uint8_t *data;
    while (size == 0 && (data = take_frame(&id, &size)) != NULL) {
        if (size > capacity) {
            size = 0;
        }
        memcpy(frame, data, size);
        *sums_known = sums_are_known(id);
        offer_receive(id);
        if ((uint16_t)(receive_queue.available_next - receive_queue.available_published) >= OFFER_BATCH) {
            virtq_publish(&receive_queue);
        }
    }
    return size;
}

/* The buffers of one frame are ours again. */
static void reclaim_frame(uint16_t id)
{
    uint16_t last;
    do {
        last = id;
        send_owned_by_device[id] = false;
        send_free[send_free_count++] = id;
        id = send_next[id];
    } while (id != last);
}

/* Take back the buffers that the device has sent. */
static void reclaim_sent(void)
{
    uint16_t id;
    uint32_t size;
    while (virtq_take(&send_queue, &id, &size)) {
        if (!send_owned_by_device[id]) {
            virtio_give_up(net, "returned a send buffer twice");
            return;
        }
        reclaim_frame(id);
    }
}

static struct header describe(const struct platform_offload *offload)
{
    struct header header = {.flags = 0};
    if (offload == NULL) {
        return header;
    }
    header.flags = HEADER_NEEDS_SUM;
    header.sum_start = offload->start_offset;
    header.sum_offset = offload->sum_offset;
    if (offload->segment_bytes > 0) {
        header.cut = offload->by_ipv6 ? CUT_TCP_IPV6 : CUT_TCP_IPV4;
        header.header_bytes = offload->header_bytes;
        header.segment_bytes = offload->segment_bytes;
    }
    return header;
}

/* Buffers being filled, one after the other. */
struct filling {
    uint16_t head;
    uint16_t id;   /* the one that has room */
    uint32_t used; /* of it */
};

static uint16_t take_buffer(void)
{
    uint16_t id = send_free[--send_free_count];
    send_next[id] = id;
    return id;
}

static void finish_buffer(const struct filling *filling)
{
    virtq_describe(&send_queue, filling->id, send_buffer(filling->id), filling->used, 0);
}

static void fill(struct filling *filling, struct bytes bytes)
{
    while (bytes.size > 0) {
        if (filling->used == BUFFER_BYTES) {
            uint16_t next = take_buffer();
            finish_buffer(filling);
            virtq_chain(&send_queue, filling->id, next);
            send_next[filling->id] = next;
            filling->id = next;
            filling->used = 0;
        }
        size_t room = BUFFER_BYTES - filling->used;
        size_t size = bytes.size < room ? bytes.size : room;
        memcpy(send_buffer(filling->id) + filling->used, bytes.data, size);
        filling->used += (uint32_t)size;
        bytes.data += size;
        bytes.size -= size;
    }
}

static size_t buffers_for(const struct bytes *parts, size_t count)
{
    size_t size = HEADER_BYTES;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].size;
    }
    return (size + BUFFER_BYTES - 1) / BUFFER_BYTES;
}

static enum status send(const struct bytes *parts, size_t count, const struct platform_offload *offload)
{
    if (!usable()) {
        return STATUS_IO;
    }
    reclaim_sent();
    if (send_free_count < buffers_for(parts, count)) {
        virtq_publish(&send_queue);
        return usable() ? STATUS_AGAIN : STATUS_IO;
    }
    const struct header header = describe(offload);
    struct filling filling = {.head = take_buffer()};
    filling.id = filling.head;
    fill(&filling, (struct bytes){(const uint8_t *)&header, sizeof header});
    for (size_t i = 0; i < count; i++) {
        fill(&filling, parts[i]);
    }
    finish_buffer(&filling);
    send_owned_by_device[filling.head] = true;
    virtq_offer(&send_queue, filling.head);
    return STATUS_OK;
}

static void flush(void)
{
    if (usable()) {
        virtq_publish(&send_queue);
        virtq_publish(&receive_queue);
    }
}

static bool sleep_begin(void)
{
    if (!usable()) {
        return true;
    }
    flush();
    net->transport->interrupt_acknowledge(net);
    virtq_interrupt_on(&receive_queue);
    if (send_free_count == 0) {
        virtq_interrupt_on(&send_queue);
    }
    return !virtq_has_used(&receive_queue) && !(send_free_count == 0 && virtq_has_used(&send_queue));
}

static void sleep_end(void)
{
    if (usable()) {
        virtq_interrupt_off(&receive_queue);
        virtq_interrupt_off(&send_queue);
    }
}

static bool needs_polling(void)
{
    return usable() && !net->has_interrupt;
}

static const struct nic_driver driver = {"virtio-net", has_link, start,       read_info, receive,
                                         send,         flush,    sleep_begin, sleep_end, needs_polling};

void virtio_net_attach(struct virtio_device *device)
{
    uint64_t wanted = FEATURES_CUT | FEATURE_SUM_RECEIVED | FEATURE_MAC | FEATURE_STATUS | FEATURE_MTU |
                      VIRTIO_FEATURE_EVENT_INDEX;
    if (virtio_start(device, wanted) != STATUS_OK) {
        return;
    }
    struct nic nic = {.driver = &driver, .device = device, .pci = device->common != 0 ? &device->pci : NULL};
    for (uint32_t i = 0; i < sizeof nic.mac; i++) {
        nic.mac[i] = virtio_config8(device, CONFIG_MAC + i);
    }
    nic_register(&nic);
}
