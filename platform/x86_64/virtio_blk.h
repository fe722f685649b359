/*
 * Virtio block device: whole sectors, several requests at a time, polled. The flash backend over it is flash_disk.c.
 *
 * Requests are made in slots, each with a buffer of its own: begin, then finish, then the buffer may be used. Requests
 * that are under way together may be served in any order.
 * Blocking: virtio_blk_finish() waits for the device, spinning for the first fraction of a millisecond, halting after
 *   that; all else returns at once.
 * Failure: STATUS_IO when the device reports an error, or does not answer for 30 s (it is then not used again).
 */
#ifndef JETON_X86_64_VIRTIO_BLK_H
#define JETON_X86_64_VIRTIO_BLK_H

#include "platform/x86_64/virtio.h"

#define VIRTIO_BLK_SECTOR_BYTES 512U
#define VIRTIO_BLK_BUFFER_BYTES 65536U /* largest read or write */
#define VIRTIO_BLK_SLOTS        9U

enum virtio_blk_operation {
    VIRTIO_BLK_READ = 0,
    VIRTIO_BLK_WRITE = 1,
    VIRTIO_BLK_FLUSH = 4, /* everything written and finished before becomes durable */
    VIRTIO_BLK_ZERO = 13  /* make the range zero, as a hole where the device can; any size */
};

void virtio_blk_attach(struct virtio_device *device);

struct virtio_blk_info {
    uint64_t size_bytes;
    uint32_t grain_bytes; /* offsets and sizes are multiples of it: 512 to 4096 */
    bool read_only;
    bool caches;             /* VIRTIO_BLK_FLUSH is needed and there */
    uint64_t zero_bytes_max; /* of one VIRTIO_BLK_ZERO; 0 when the device has no such command */
};

/* STATUS_NOT_FOUND when there is no such device. */
enum status virtio_blk_info(struct virtio_blk_info *info) MUST_USE;

/* What a read of this slot fills and a write sends. Not to be touched between begin and finish. */
uint8_t *virtio_blk_buffer(uint32_t slot);

/* Begin a request in an idle slot. The device hears of it at the next finish, or virtio_blk_submit(). */
void virtio_blk_begin(uint32_t slot, enum virtio_blk_operation operation, uint64_t offset, size_t size);
void virtio_blk_submit(void);

/* True while the slot's request is under way. */
bool virtio_blk_is_busy(uint32_t slot);

/* Wait for the slot's request and say how it ended. */
enum status virtio_blk_finish(uint32_t slot) MUST_USE;

#endif
