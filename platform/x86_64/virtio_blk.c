/*
 * Virtio 1.1, 5.2. Slot n owns the descriptors 4n to 4n + 2: header, data, status byte.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/clock.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/virtio_blk.h"

#define FEATURE_READ_ONLY    (1ULL << 5)
#define FEATURE_BLOCK_SIZE   (1ULL << 6)
#define FEATURE_FLUSH        (1ULL << 9)
#define FEATURE_WRITE_ZEROES (1ULL << 14)

#define CONFIG_CAPACITY                 0U
#define CONFIG_BLOCK_SIZE               20U
#define CONFIG_WRITE_ZEROES_SECTORS_MAX 48U
#define CONFIG_WRITE_ZEROES_MAY_UNMAP   56U

#define RESULT_OK        0U
#define RESULT_PENDING   0xffU
#define ZEROES_UNMAP     1U
#define HEADER_BYTES     16U
#define DESCRIPTORS_EACH 4U
#define QUEUE_SIZE       64U

#define SPIN_NS      300000ULL
#define HALT_NS      1000000ULL /* bounds one halt: a lost interrupt costs no more */
#define PATIENCE_NS  30000000000ULL
#define CAPACITY_MAX (1ULL << 31) /* sectors: flash.h promises at most 2^40 bytes */

_Static_assert(VIRTIO_BLK_SLOTS *DESCRIPTORS_EACH <= QUEUE_SIZE, "every slot has its descriptors");

/* Shared with the device; little-endian as the processor is. */
struct request {
    uint32_t type, reserved;
    uint64_t sector;
    struct {
        uint64_t sector;
        uint32_t count, flags;
    } zeroes;
    volatile uint8_t result;
};

static struct virtio_device *blk;
static struct virtq queue;
static struct request *requests;
static uint8_t *buffers;
static bool busy[VIRTIO_BLK_SLOTS];
static uint32_t zeroes_sectors_max;
static uint32_t zeroes_flags;

static enum status make_queue(struct virtio_device *device)
{
    requests = memory_take_for_device(VIRTIO_BLK_SLOTS * sizeof *requests);
    buffers = memory_take_for_device((size_t)VIRTIO_BLK_SLOTS * VIRTIO_BLK_BUFFER_BYTES);
    if (requests == NULL || buffers == NULL) {
        return STATUS_FULL;
    }
    enum status status = virtq_init(&queue, device, 0, QUEUE_SIZE);
    return status == STATUS_OK && queue.size < QUEUE_SIZE ? STATUS_IO : status;
}

void virtio_blk_attach(struct virtio_device *device)
{
    uint64_t wanted = FEATURE_READ_ONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_WRITE_ZEROES |
                      VIRTIO_FEATURE_EVENT_INDEX;
    if (blk != NULL || virtio_start(device, wanted) != STATUS_OK) {
        return;
    }
    if (make_queue(device) != STATUS_OK) {
        virtio_give_up(device, "has no usable queue");
        return;
    }
    if (device->features & FEATURE_WRITE_ZEROES) {
        zeroes_sectors_max = virtio_config32(device, CONFIG_WRITE_ZEROES_SECTORS_MAX);
        zeroes_flags = virtio_config8(device, CONFIG_WRITE_ZEROES_MAY_UNMAP) != 0 ? ZEROES_UNMAP : 0;
    }
    blk = device;
    virtio_run(device);
}

enum status virtio_blk_info(struct virtio_blk_info *info)
{
    if (blk == NULL || blk->broken) {
        return STATUS_NOT_FOUND;
    }
    uint64_t sectors = virtio_config64(blk, CONFIG_CAPACITY);
    uint32_t grain = (blk->features & FEATURE_BLOCK_SIZE) ? virtio_config32(blk, CONFIG_BLOCK_SIZE) : 0;
    bool sound = grain >= VIRTIO_BLK_SECTOR_BYTES && grain <= 4096 && (grain & (grain - 1)) == 0;
    *info = (struct virtio_blk_info){
        .size_bytes = (sectors < CAPACITY_MAX ? sectors : CAPACITY_MAX) * VIRTIO_BLK_SECTOR_BYTES,
        .grain_bytes = sound ? grain : VIRTIO_BLK_SECTOR_BYTES,
        .read_only = (blk->features & FEATURE_READ_ONLY) != 0,
        .caches = (blk->features & FEATURE_FLUSH) != 0,
        .zero_bytes_max = (uint64_t)zeroes_sectors_max * VIRTIO_BLK_SECTOR_BYTES};
    return STATUS_OK;
}

uint8_t *virtio_blk_buffer(uint32_t slot)
{
    return buffers + (size_t)slot * VIRTIO_BLK_BUFFER_BYTES;
}

/* Chain the slot's descriptors: header, `size` bytes of `data` if any, status byte. */
static void offer(uint32_t slot, const void *data, size_t size, uint16_t data_flags)
{
    struct request *request = &requests[slot];
    uint16_t head = (uint16_t)(slot * DESCRIPTORS_EACH);
    uint16_t next = (uint16_t)(head + 1);
    request->result = RESULT_PENDING;
    virtq_describe(&queue, head, request, HEADER_BYTES, VIRTQ_NEXT);
    if (size > 0) {
        virtq_describe(&queue, next++, data, (uint32_t)size, (uint16_t)(data_flags | VIRTQ_NEXT));
    }
    const uint8_t *result = (const uint8_t *)request + offsetof(struct request, result);
    virtq_describe(&queue, next, result, 1, VIRTQ_DEVICE_WRITES);
    virtq_offer(&queue, head);
}

void virtio_blk_begin(uint32_t slot, enum virtio_blk_operation operation, uint64_t offset, size_t size)
{
    if (blk == NULL || blk->broken || slot >= VIRTIO_BLK_SLOTS || busy[slot]) {
        return;
    }
    struct request *request = &requests[slot];
    uint64_t sector = offset / VIRTIO_BLK_SECTOR_BYTES;
    request->type = operation;
    request->sector = operation == VIRTIO_BLK_READ || operation == VIRTIO_BLK_WRITE ? sector : 0;
    busy[slot] = true;
    if (operation == VIRTIO_BLK_ZERO) {
        request->zeroes.sector = sector;
        request->zeroes.count = (uint32_t)(size / VIRTIO_BLK_SECTOR_BYTES);
        request->zeroes.flags = zeroes_flags;
        offer(slot, &request->zeroes, sizeof request->zeroes, 0);
    } else {
        offer(slot, virtio_blk_buffer(slot), size, operation == VIRTIO_BLK_READ ? VIRTQ_DEVICE_WRITES : 0);
    }
}

void virtio_blk_submit(void)
{
    if (blk != NULL) {
        virtq_publish(&queue);
    }
}

/* Note which requests the device has ended. */
static void collect(void)
{
    uint16_t head;
    uint32_t size;
    while (virtq_take(&queue, &head, &size)) {
        uint32_t slot = head / DESCRIPTORS_EACH;
        if (head % DESCRIPTORS_EACH != 0 || slot >= VIRTIO_BLK_SLOTS || !busy[slot]) {
            virtio_give_up(blk, "returned a request that was not made");
            return;
        }
        busy[slot] = false;
    }
}

bool virtio_blk_is_busy(uint32_t slot)
{
    if (blk != NULL && busy[slot]) {
        collect();
    }
    return busy[slot];
}

/* Halt until the device interrupts, or for HALT_NS. */
static void halt_for_device(uint64_t now_ns)
{
    virtq_interrupt_on(&queue);
    blk->transport->interrupt_acknowledge(blk);
    if (!virtq_has_used(&queue)) {
        clock_wake_at(now_ns + HALT_NS);
        cpu_halt_until_interrupt();
    }
    virtq_interrupt_off(&queue);
}

enum status virtio_blk_finish(uint32_t slot)
{
    virtio_blk_submit();
    uint64_t start_ns = platform_monotonic_ns();
    while (blk != NULL && !blk->broken && virtio_blk_is_busy(slot)) {
        uint64_t now_ns = platform_monotonic_ns();
        if (now_ns - start_ns > PATIENCE_NS) {
            virtio_give_up(blk, "does not answer");
        } else if (now_ns - start_ns > SPIN_NS) {
            halt_for_device(now_ns);
        } else {
            cpu_relax();
        }
    }
    return blk != NULL && !blk->broken && requests[slot].result == RESULT_OK ? STATUS_OK : STATUS_IO;
}
