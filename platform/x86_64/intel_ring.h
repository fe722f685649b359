/*
 * Descriptor rings of Intel's gigabit controllers: extended receive descriptors (82574L datasheet, 7.1.5), which have the
 * layout of the I210's advanced ones (7.1.4), and send descriptors, legacy (82574L, 7.2.4) or advanced (I210, 7.2.2).
 *
 * The device is not trusted: it says only that a descriptor is done and how long a frame is, which is checked; whose turn
 * it is is the driver's own count. Descriptor i always describes buffer i.
 * Ownership: the memory is the caller's. Nothing here blocks.
 */
#ifndef JETON_X86_64_INTEL_RING_H
#define JETON_X86_64_INTEL_RING_H

#include "platform/types.h"

#define INTEL_RING_SIZE    256U /* descriptors of each ring; their bytes are a multiple of 128 */
#define INTEL_BUFFER_BYTES 2048U

struct intel_descriptor {
    uint64_t address;
    uint32_t control; /* done: of a received frame its status */
    uint32_t status;  /* done: of a received frame its size; of a sent one bit 0 */
};

struct intel_ring {
    volatile struct intel_descriptor *descriptors; /* INTEL_RING_SIZE */
    uint8_t *buffers;                              /* INTEL_RING_SIZE of INTEL_BUFFER_BYTES */
    uintptr_t tail_register;
    bool receives;
    bool advanced;      /* send descriptors of the I210 */
    uint32_t next;      /* the next to be filled (send) or looked at (receive) */
    uint32_t tail_told; /* what the device knows */
    uint32_t pending;   /* sent, and not seen done */
};

/* All buffers to the device. Receive only; the tail is told by intel_ring_tell(). */
void intel_ring_offer_all(struct intel_ring *ring);

/* True when the oldest frame under way is there. */
bool intel_ring_has_received(const struct intel_ring *ring);

/* Copy the oldest received frame and give its buffer back; 0 when there is none. What is broken or too large is
 * dropped. */
size_t intel_ring_receive(struct intel_ring *ring, uint8_t *frame, size_t capacity);

/* True when a frame can be queued. Looks at what the device has sent. */
bool intel_ring_has_room(struct intel_ring *ring);

/* Queue one frame of at most INTEL_BUFFER_BYTES. Only where there is room. */
void intel_ring_send(struct intel_ring *ring, const struct bytes *parts, size_t count);

/* Tell the device of everything queued or given back. */
void intel_ring_tell(struct intel_ring *ring);

#endif
