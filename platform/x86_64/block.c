/*
 * The list of disks and what all drivers share: slots, buffers, waiting.
 */
#include "platform/x86_64/block.h"
#include "platform/platform.h"
#include "platform/x86_64/ahci.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/nvme.h"
#include "platform/x86_64/wait.h"

#define PATIENCE_MS 30000U

static struct block_device *disks[BLOCK_DEVICES_MAX];
static size_t disk_count;
static uint8_t *buffers;

enum status block_prepare(void)
{
    if (buffers == NULL) {
        buffers = memory_take_for_device((size_t)BLOCK_SLOTS * BLOCK_BUFFER_BYTES);
    }
    return buffers != NULL ? STATUS_OK : STATUS_FULL;
}

void block_probe(void)
{
    nvme_probe();
    ahci_probe();
}

size_t block_count(void)
{
    return disk_count;
}

struct block_device *block_get(size_t index)
{
    return index < disk_count ? disks[index] : NULL;
}

uint8_t *block_buffer(uint32_t slot)
{
    return buffers + (size_t)slot * BLOCK_BUFFER_BYTES;
}

void block_register(struct block_device *device)
{
    struct block_geometry *g = &device->geometry;
    bool sound = g->grain_bytes >= BLOCK_SECTOR_BYTES && g->grain_bytes <= BLOCK_GRAIN_MAX &&
                 (g->grain_bytes & (g->grain_bytes - 1)) == 0 && g->depth > 0;
    if (!sound) {
        block_give_up(device, "has sectors of a size that nobody makes");
        return;
    }
    if (disk_count == BLOCK_DEVICES_MAX) {
        return;
    }
    g->size_bytes = g->size_bytes < BLOCK_DISK_BYTES_MAX ? g->size_bytes : BLOCK_DISK_BYTES_MAX;
    g->size_bytes -= g->size_bytes % g->grain_bytes;
    g->depth = g->depth < BLOCK_SLOTS ? g->depth : BLOCK_SLOTS;
    disks[disk_count++] = device;
}

void block_give_up(struct block_device *device, const char *reason)
{
    if (device->broken) {
        return;
    }
    device->broken = true;
    device->driver->stop(device);
    console_print(device->driver->name);
    console_print(" ");
    console_print(reason);
    console_print("; it is not used\n");
}

void block_ended(struct block_device *device, uint32_t slot, bool well)
{
    if (slot >= BLOCK_SLOTS || !device->busy[slot]) {
        block_give_up(device, "returned a request that was not made");
        return;
    }
    device->busy[slot] = false;
    device->failed[slot] = !well;
}

static bool is_sound(const struct block_geometry *g, enum block_operation operation, uint64_t offset,
                     size_t size)
{
    size_t most = operation == BLOCK_ZERO ? (size_t)g->zero_bytes_max : BLOCK_BUFFER_BYTES;
    return size <= most && offset <= g->size_bytes && size <= g->size_bytes - offset &&
           offset % g->grain_bytes == 0 && size % g->grain_bytes == 0 &&
           (size > 0) == (operation != BLOCK_FLUSH);
}

void block_begin(struct block_device *device, uint32_t slot, enum block_operation operation, uint64_t offset,
                 size_t size)
{
    if (slot >= device->geometry.depth || !is_sound(&device->geometry, operation, offset, size)) {
        platform_panic("disk: a request outside of its contract");
    }
    if (device->broken || device->busy[slot]) {
        return;
    }
    device->busy[slot] = true;
    device->failed[slot] = false;
    device->begun_ns[slot] = platform_monotonic_ns();
    device->driver->begin(device, slot, operation, offset, size);
}

bool block_is_busy(struct block_device *device, uint32_t slot)
{
    if (!device->broken && device->busy[slot]) {
        device->driver->collect(device);
    }
    return device->busy[slot];
}

enum status block_finish(struct block_device *device, uint32_t slot)
{
    device->driver->submit(device);
    uint64_t start_ns = platform_monotonic_ns();
    while (!device->broken && block_is_busy(device, slot)) {
        bool halting = platform_monotonic_ns() - start_ns >= WAIT_SPIN_NS;
        bool ended = halting && !device->driver->arm(device);
        if (!ended && !wait_step(start_ns, PATIENCE_MS)) {
            block_give_up(device, "does not answer");
        }
        if (halting && !device->broken) {
            device->driver->disarm(device);
        }
    }
    return !device->broken && !device->failed[slot] ? STATUS_OK : STATUS_IO;
}

void block_submit(struct block_device *device)
{
    device->driver->submit(device);
}

enum status block_poll(struct block_device *device, uint32_t slot)
{
    if (!device->broken && block_is_busy(device, slot)) {
        if (platform_monotonic_ns() - device->begun_ns[slot] < PATIENCE_MS * 1000000ULL) {
            return STATUS_AGAIN;
        }
        block_give_up(device, "does not answer");
    }
    return !device->broken && !device->failed[slot] ? STATUS_OK : STATUS_IO;
}

bool block_sleep_begin(struct block_device *device)
{
    return !device->broken && device->driver->arm(device);
}

void block_sleep_end(struct block_device *device)
{
    if (!device->broken) {
        device->driver->disarm(device);
    }
}

enum status block_run(struct block_device *device, enum block_operation operation, uint64_t offset,
                      size_t size)
{
    block_begin(device, 0, operation, offset, size);
    return block_finish(device, 0);
}

void block_stop_all(void)
{
    for (size_t i = 0; i < disk_count; i++) {
        if (!disks[i]->broken) {
            disks[i]->broken = true;
            disks[i]->driver->stop(disks[i]);
        }
    }
}
