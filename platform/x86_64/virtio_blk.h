/*
 * Virtio block device, a driver of block.h.
 */
#ifndef JETON_X86_64_VIRTIO_BLK_H
#define JETON_X86_64_VIRTIO_BLK_H

#include "platform/x86_64/virtio.h"

/* Start the device and register its disk. */
void virtio_blk_attach(struct virtio_device *device);

#endif
