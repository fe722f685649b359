/*
 * Virtio block device: whole sectors, one request at a time, polled. The flash backend over it is in flash_disk.c.
 *
 * Blocking: each call waits for the device, spinning for the first fraction of a millisecond, halting after that.
 * Failure: STATUS_IO when the device reports an error twice, or does not answer for 30 s (it is then not used again).
 */
#ifndef JETON_X86_64_VIRTIO_BLK_H
#define JETON_X86_64_VIRTIO_BLK_H

#include "platform/x86_64/virtio.h"

#define VIRTIO_BLK_SECTOR_BYTES   512U
#define VIRTIO_BLK_TRANSFER_BYTES 65536U /* largest read or write */

void virtio_blk_attach(struct virtio_device *device);

struct virtio_blk_info {
    uint64_t size_bytes;
    uint32_t grain_bytes; /* offsets and sizes are multiples of it: 512 to 4096 */
    bool read_only;
    const char *name;
};

/* STATUS_NOT_FOUND when there is no such device. */
enum status virtio_blk_info(struct virtio_blk_info *info) MUST_USE;

/* The buffer that reads fill and writes send, VIRTIO_BLK_TRANSFER_BYTES long. */
uint8_t *virtio_blk_buffer(void);

/* Transfer `size` bytes between the buffer and the disk at `offset`. */
enum status virtio_blk_read(uint64_t offset, size_t size) MUST_USE;
enum status virtio_blk_write(uint64_t offset, size_t size) MUST_USE;

/* Make [offset, offset + size) zero, as a hole where the device can. Changes the buffer. */
enum status virtio_blk_zero(uint64_t offset, size_t size) MUST_USE;

/* Return when everything written is durable. */
enum status virtio_blk_flush(void) MUST_USE;

#endif
