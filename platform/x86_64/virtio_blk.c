/*
 * Virtio 1.1, 5.2. Slot n owns the descriptors 4n to 4n + 2: header, data, status byte.
 */
#include "platform/x86_64/virtio_blk.h"
#include "platform/x86_64/block.h"
#include "platform/x86_64/memory.h"

#define FEATURE_READ_ONLY    (1ULL << 5)
#define FEATURE_BLOCK_SIZE   (1ULL << 6)
#define FEATURE_FLUSH        (1ULL << 9)
#define FEATURE_WRITE_ZEROES (1ULL << 14)

#define CONFIG_CAPACITY                 0U
#define CONFIG_BLOCK_SIZE               20U
#define CONFIG_WRITE_ZEROES_SECTORS_MAX 48U
#define CONFIG_WRITE_ZEROES_MAY_UNMAP   56U

#define TYPE_READ         0U
#define TYPE_WRITE        1U
#define TYPE_FLUSH        4U
#define TYPE_WRITE_ZEROES 13U
#define RESULT_OK         0U
#define RESULT_PENDING    0xffU
#define ZEROES_UNMAP      1U
#define HEADER_BYTES      16U
#define DESCRIPTORS_EACH  4U
#define QUEUE_SIZE        64U
#define DISKS_MAX         4U
#define SECTORS_MAX       (BLOCK_DISK_BYTES_MAX / BLOCK_SECTOR_BYTES)

_Static_assert(BLOCK_SLOTS *DESCRIPTORS_EACH <= QUEUE_SIZE, "every slot has its descriptors");

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

struct disk {
    struct block_device block;
    struct virtio_device *device;
    struct virtq queue;
    struct request *requests;
    uint32_t zeroes_flags;
};

static struct disk disks[DISKS_MAX];
static size_t disk_count;

static struct disk *disk_of(struct block_device *block)
{
    return (struct disk *)block;
}

/* Chain the slot's descriptors: header, `size` bytes of `data` if any, status byte. */
static void offer(struct disk *d, uint32_t slot, const void *data, size_t size, uint16_t data_flags)
{
    struct request *request = &d->requests[slot];
    uint16_t head = (uint16_t)(slot * DESCRIPTORS_EACH);
    uint16_t next = (uint16_t)(head + 1);
    request->result = RESULT_PENDING;
    virtq_describe(&d->queue, head, request, HEADER_BYTES, VIRTQ_NEXT);
    if (size > 0) {
        virtq_describe(&d->queue, next++, data, (uint32_t)size, (uint16_t)(data_flags | VIRTQ_NEXT));
    }
    const uint8_t *result = (const uint8_t *)request + offsetof(struct request, result);
    virtq_describe(&d->queue, next, result, 1, VIRTQ_DEVICE_WRITES);
    virtq_offer(&d->queue, head);
}

static void begin(struct block_device *block, uint32_t slot, enum block_operation operation, uint64_t offset,
                  size_t size)
{
    static const uint32_t types[] = {TYPE_READ, TYPE_WRITE, TYPE_FLUSH, TYPE_WRITE_ZEROES};
    struct disk *d = disk_of(block);
    struct request *request = &d->requests[slot];
    uint64_t sector = offset / BLOCK_SECTOR_BYTES;
    request->type = types[operation];
    request->sector = operation == BLOCK_READ || operation == BLOCK_WRITE ? sector : 0;
    if (operation == BLOCK_ZERO) {
        request->zeroes.sector = sector;
        request->zeroes.count = (uint32_t)(size / BLOCK_SECTOR_BYTES);
        request->zeroes.flags = d->zeroes_flags;
        offer(d, slot, &request->zeroes, sizeof request->zeroes, 0);
    } else {
        offer(d, slot, block_buffer(slot), size, operation == BLOCK_READ ? VIRTQ_DEVICE_WRITES : 0);
    }
}

static void submit(struct block_device *block)
{
    virtq_publish(&disk_of(block)->queue);
}

/* Note which requests the device has ended. */
static void collect(struct block_device *block)
{
    struct disk *d = disk_of(block);
    uint16_t head;
    uint32_t size;
    while (!block->broken && virtq_take(&d->queue, &head, &size)) {
        uint32_t slot = head / DESCRIPTORS_EACH;
        bool is_head = head % DESCRIPTORS_EACH == 0 && slot < BLOCK_SLOTS;
        block_ended(block, is_head ? slot : BLOCK_SLOTS, is_head && d->requests[slot].result == RESULT_OK);
    }
    block->broken |= d->device->broken;
}

static bool arm(struct block_device *block)
{
    struct disk *d = disk_of(block);
    virtq_interrupt_on(&d->queue);
    d->device->transport->interrupt_acknowledge(d->device);
    return !virtq_has_used(&d->queue);
}

static void disarm(struct block_device *block)
{
    virtq_interrupt_off(&disk_of(block)->queue);
}

static void stop(struct block_device *block)
{
    struct virtio_device *device = disk_of(block)->device;
    device->broken = true;
    device->transport->set_status(device, 0);
}

static const struct block_driver driver = {"virtio-blk", "virtio", begin, submit, collect, arm, disarm, stop};

static enum status make_queue(struct disk *d)
{
    d->requests = memory_take_for_device(BLOCK_SLOTS * sizeof *d->requests);
    if (d->requests == NULL || block_prepare() != STATUS_OK) {
        return STATUS_FULL;
    }
    enum status status = virtq_init(&d->queue, d->device, 0, QUEUE_SIZE);
    return status == STATUS_OK && d->queue.size < QUEUE_SIZE ? STATUS_IO : status;
}

static void read_geometry(struct disk *d)
{
    struct virtio_device *device = d->device;
    uint64_t sectors = virtio_config64(device, CONFIG_CAPACITY);
    uint32_t grain = (device->features & FEATURE_BLOCK_SIZE) ? virtio_config32(device, CONFIG_BLOCK_SIZE)
                                                             : BLOCK_SECTOR_BYTES;
    uint64_t zero_sectors = 0;
    if (device->features & FEATURE_WRITE_ZEROES) {
        zero_sectors = virtio_config32(device, CONFIG_WRITE_ZEROES_SECTORS_MAX);
        d->zeroes_flags = virtio_config8(device, CONFIG_WRITE_ZEROES_MAY_UNMAP) != 0 ? ZEROES_UNMAP : 0;
    }
    d->block.geometry = (struct block_geometry){
        .size_bytes = (sectors < SECTORS_MAX ? sectors : SECTORS_MAX) * BLOCK_SECTOR_BYTES,
        .grain_bytes = grain,
        .depth = BLOCK_SLOTS,
        .read_only = (device->features & FEATURE_READ_ONLY) != 0,
        .caches = (device->features & FEATURE_FLUSH) != 0,
        .zero_bytes_max = zero_sectors * BLOCK_SECTOR_BYTES};
}

void virtio_blk_attach(struct virtio_device *device)
{
    uint64_t wanted = FEATURE_READ_ONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_WRITE_ZEROES |
                      VIRTIO_FEATURE_EVENT_INDEX;
    if (disk_count == DISKS_MAX || virtio_start(device, wanted) != STATUS_OK) {
        return;
    }
    struct disk *d = &disks[disk_count++];
    *d = (struct disk){.block.driver = &driver, .device = device};
    if (make_queue(d) != STATUS_OK) {
        virtio_give_up(device, "has no usable queue");
        return;
    }
    read_geometry(d);
    virtio_run(device);
    block_register(&d->block);
}
