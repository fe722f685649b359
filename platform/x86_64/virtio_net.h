/*
 * Virtio network device, behind platform_nic_*(). Frames are copied between the caller and buffers that are made at
 * boot; the device owns a buffer from offer to use. The rings are polled; interrupts only end a sleep.
 */
#ifndef JETON_X86_64_VIRTIO_NET_H
#define JETON_X86_64_VIRTIO_NET_H

#include "platform/x86_64/virtio.h"

void virtio_net_attach(struct virtio_device *device);

/* Tell the device of what is queued and let it interrupt. False when a frame (or room to send, if it had run out)
 * is already there, so that sleeping would miss it. */
bool virtio_net_sleep_begin(void);

/* Awake again: no interrupts. */
void virtio_net_sleep_end(void);

/* True when the device cannot wake a sleeping processor. */
bool virtio_net_needs_polling(void);

#endif
