/*
 * A train: segments of one connection that follow each other out, joined into one frame for an interface that cuts it again
 * (large send, TSO). A call to the device, or to the kernel, costs as much for ten segments as for one.
 *
 * A train begins with a segment that says by its missing PSH that more follow at once, and is complete with one that is
 * shorter than the first or after which there is no room.
 * Ownership: one train, static; what joins is copied. Blocking, failure: none. Limits: PLATFORM_UNCUT_MAX_BYTES.
 */
#ifndef JETON_NET_TRAIN_H
#define JETON_NET_TRAIN_H

#include "base/bytes.h"
#include "platform/platform.h"

struct pbuf;

enum train_step {
    TRAIN_REFUSED, /* the frame does not continue the train, nor begin one: it has to go after it by itself */
    TRAIN_JOINED,
    TRAIN_COMPLETE /* joined, as the last one */
};

/* A frame of lwIP's, with its headers in one piece; TCP's begins at `tcp_offset`, 0: it is none of TCP's. Its check sum need not
 * be right. */
enum train_step train_join(const struct pbuf *frame, uint16_t tcp_offset);

/* The frame that the train is, its headers made for it; empty: there is none. The view is good until the next train_join(). */
struct bytes train_take(struct platform_offload *offload);

/* Leave the check sum of a frame of TCP's to the interface: that of the pseudo header goes where it will. `headers` are those
 * of a frame of `size` bytes. */
struct platform_offload train_leave_sum(uint8_t *headers, size_t size, uint16_t tcp_offset);

#endif
