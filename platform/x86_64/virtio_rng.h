/*
 * Virtio entropy device: random bytes from the host, asked for ahead of need.
 */
#ifndef JETON_X86_64_VIRTIO_RNG_H
#define JETON_X86_64_VIRTIO_RNG_H

#include "platform/x86_64/virtio.h"

void virtio_rng_attach(struct virtio_device *device);

/* True when a device is there and works. */
bool virtio_rng_present(void);

/* XOR bytes from the device into `out`. STATUS_IO when it did not give as many within `patience_ns`. */
enum status virtio_rng_mix(uint8_t *out, size_t size, uint64_t patience_ns) MUST_USE;

/* Forget what the device gave so far and has under way: a copy of this machine has the same. */
void virtio_rng_discard(void);

#endif
