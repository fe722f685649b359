/*
 * Virtio network device, a driver of nic.h. Frames are copied between the caller and buffers that are made at boot; the
 * device owns a buffer from offer to use. The rings are polled; interrupts only end a sleep.
 */
#ifndef JETON_X86_64_VIRTIO_NET_H
#define JETON_X86_64_VIRTIO_NET_H

#include "platform/x86_64/virtio.h"

/* Agree with the device on features, and register its card. */
void virtio_net_attach(struct virtio_device *device);

#endif
