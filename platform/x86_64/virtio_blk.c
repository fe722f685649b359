/*
 * Virtio 1.1, 5.2. A request is a chain of up to three descriptors, always 0, 1, 2: header, data, status byte.
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

#define REQUEST_READ         0U
#define REQUEST_WRITE        1U
#define REQUEST_FLUSH        4U
#define REQUEST_WRITE_ZEROES 13U
#define RESULT_OK            0U
#define RESULT_PENDING       0xffU
#define ZEROES_UNMAP         1U

#define SPIN_NS      300000ULL
#define HALT_NS      1000000ULL /* bounds one halt: a lost interrupt costs no more */
#define PATIENCE_NS  30000000000ULL
#define CAPACITY_MAX (1ULL << 31) /* sectors: flash.h promises at most 2^40 bytes */

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
static struct request *request;
static uint8_t *buffer;
static uint32_t zeroes_sectors_max;
static uint32_t zeroes_flags;

void virtio_blk_attach(struct virtio_device *device)
{
    uint64_t wanted = FEATURE_READ_ONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_WRITE_ZEROES |
                      VIRTIO_FEATURE_EVENT_INDEX;
    if (blk != NULL || virtio_start(device, wanted) != STATUS_OK) {
        return;
    }
    request = memory_take_for_device(sizeof *request);
    buffer = memory_take_for_device(VIRTIO_BLK_TRANSFER_BYTES);
    if (request == NULL || buffer == NULL || virtq_init(&queue, device, 0, 4) != STATUS_OK ||
        queue.size < 4) {
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
    *info = (struct virtio_blk_info){.size_bytes = (sectors < CAPACITY_MAX ? sectors : CAPACITY_MAX) *
                                                   VIRTIO_BLK_SECTOR_BYTES,
                                     .grain_bytes = sound ? grain : VIRTIO_BLK_SECTOR_BYTES,
                                     .read_only = (blk->features & FEATURE_READ_ONLY) != 0,
                                     .name = blk->name};
    return STATUS_OK;
}

uint8_t *virtio_blk_buffer(void)
{
    return buffer;
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

static enum status wait_for_device(void)
{
    uint64_t start_ns = platform_monotonic_ns();
    uint16_t head;
    uint32_t size;
    while (!virtq_take(&queue, &head, &size)) {
        uint64_t now_ns = platform_monotonic_ns();
        if (blk->broken) {
            return STATUS_IO;
        }
        if (now_ns - start_ns > PATIENCE_NS) {
            virtio_give_up(blk, "does not answer");
            return STATUS_IO;
        }
        if (now_ns - start_ns > SPIN_NS) {
            halt_for_device(now_ns);
        } else {
            cpu_relax();
        }
    }
    if (head != 0) {
        virtio_give_up(blk, "returned a request that was not made");
        return STATUS_IO;
    }
    return request->result == RESULT_OK ? STATUS_OK : STATUS_IO;
}

/* Run the request whose header is filled in, with `size` bytes of `data`. */
static enum status run_once(const void *data, size_t size, uint16_t data_flags)
{
    uint16_t next = 1;
    request->result = RESULT_PENDING;
    virtq_describe(&queue, 0, request, 16, VIRTQ_NEXT);
    if (size > 0) {
        virtq_describe(&queue, next++, data, (uint32_t)size, (uint16_t)(data_flags | VIRTQ_NEXT));
    }
    const uint8_t *result = (const uint8_t *)request + offsetof(struct request, result);
    virtq_describe(&queue, next, result, 1, VIRTQ_DEVICE_WRITES);
    virtq_offer(&queue, 0);
    virtq_publish(&queue);
    return wait_for_device();
}

static enum status run(uint32_t type, uint64_t sector, const void *data, size_t size)
{
    if (blk == NULL || blk->broken) {
        return STATUS_IO;
    }
    request->type = type;
    request->sector = sector;
    uint16_t flags = type == REQUEST_READ ? VIRTQ_DEVICE_WRITES : 0;
    enum status status = run_once(data, size, flags);
    if (status != STATUS_OK && !blk->broken) {
        status = run_once(data, size, flags);
    }
    return status;
}

enum status virtio_blk_read(uint64_t offset, size_t size)
{
    return run(REQUEST_READ, offset / VIRTIO_BLK_SECTOR_BYTES, buffer, size);
}

enum status virtio_blk_write(uint64_t offset, size_t size)
{
    return run(REQUEST_WRITE, offset / VIRTIO_BLK_SECTOR_BYTES, buffer, size);
}

static enum status zero_by_command(uint64_t offset, size_t size)
{
    request->zeroes.sector = offset / VIRTIO_BLK_SECTOR_BYTES;
    request->zeroes.count = (uint32_t)(size / VIRTIO_BLK_SECTOR_BYTES);
    request->zeroes.flags = zeroes_flags;
    return run(REQUEST_WRITE_ZEROES, 0, &request->zeroes, sizeof request->zeroes);
}

enum status virtio_blk_zero(uint64_t offset, size_t size)
{
    if (size / VIRTIO_BLK_SECTOR_BYTES <= zeroes_sectors_max && zero_by_command(offset, size) == STATUS_OK) {
        return STATUS_OK;
    }
    memset(buffer, 0, VIRTIO_BLK_TRANSFER_BYTES);
    while (size > 0) {
        size_t part = size < VIRTIO_BLK_TRANSFER_BYTES ? size : VIRTIO_BLK_TRANSFER_BYTES;
        enum status status = virtio_blk_write(offset, part);
        if (status != STATUS_OK) {
            return status;
        }
        offset += part;
        size -= part;
    }
    return STATUS_OK;
}

enum status virtio_blk_flush(void)
{
    if (blk != NULL && (blk->features & FEATURE_FLUSH) == 0) {
        return blk->broken ? STATUS_IO : STATUS_OK; /* no cache, says the device */
    }
    return run(REQUEST_FLUSH, 0, NULL, 0);
}
