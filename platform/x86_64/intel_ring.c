/*
 * Rings of Intel's gigabit controllers.
 */
#include "platform/x86_64/intel_ring.h"

#include <string.h>

#include "platform/x86_64/cpu.h"
#include "platform/x86_64/memory.h"

#define DONE            1U
#define RECEIVED_END    2U          /* the frame ends in this descriptor */
#define RECEIVED_ERROR  0x80000000U /* broken on the way; of the other errors the stack judges itself */
#define SIZE_MASK       0xffffU
#define SEND_WHOLE      0x0b000000U /* the end of a frame; add its checksum (FCS); say when it is done */
#define SEND_ADVANCED   0x20300000U /* an advanced data descriptor */
#define ADVANCED_SIZE   14U         /* shift of the payload's size in the last word */
#define GIVE_BACK_BATCH 32U

static uint8_t *buffer_of(const struct intel_ring *ring, uint32_t index)
{
    return ring->buffers + (size_t)index * INTEL_BUFFER_BYTES;
}

static uint32_t after(uint32_t index, uint32_t count)
{
    return (index + count) % INTEL_RING_SIZE;
}

static void offer(struct intel_ring *ring, uint32_t index)
{
    volatile struct intel_descriptor *d = &ring->descriptors[index];
    d->address = memory_physical(buffer_of(ring, index));
    d->control = 0;
    d->status = 0;
}

void intel_ring_offer_all(struct intel_ring *ring)
{
    for (uint32_t i = 0; i < INTEL_RING_SIZE; i++) {
        offer(ring, i);
    }
}

bool intel_ring_has_received(const struct intel_ring *ring)
{
    return (ring->descriptors[ring->next].control & DONE) != 0;
}

/* The size of the frame in the next descriptor if it is sound and fits, else 0. */
static size_t received_size(const struct intel_ring *ring, size_t capacity)
{
    uint32_t status = ring->descriptors[ring->next].control;
    size_t size = ring->descriptors[ring->next].status & SIZE_MASK;
    bool sound = (status & (RECEIVED_END | RECEIVED_ERROR)) == RECEIVED_END;
    return sound && size <= INTEL_BUFFER_BYTES && size <= capacity ? size : 0;
}

size_t intel_ring_receive(struct intel_ring *ring, uint8_t *frame, size_t capacity)
{
    size_t size = 0;
    for (uint32_t looked = 0; size == 0 && looked < INTEL_RING_SIZE && intel_ring_has_received(ring);
         looked++) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        size = received_size(ring, capacity);
        memcpy(frame, buffer_of(ring, ring->next), size);
        offer(ring, ring->next);
        ring->next = after(ring->next, 1);
        if (ring->next % GIVE_BACK_BATCH == 0) {
            intel_ring_tell(ring);
        }
    }
    return size;
}

bool intel_ring_has_room(struct intel_ring *ring)
{
    while (ring->pending > 0 &&
           (ring->descriptors[after(ring->next, INTEL_RING_SIZE - ring->pending)].status & DONE) != 0) {
        ring->pending--;
    }
    return ring->pending < INTEL_RING_SIZE - 1;
}

void intel_ring_send(struct intel_ring *ring, const struct bytes *parts, size_t count)
{
    volatile struct intel_descriptor *d = &ring->descriptors[ring->next];
    uint8_t *end = buffer_of(ring, ring->next);
    for (size_t i = 0; i < count; i++) {
        memcpy(end, parts[i].data, parts[i].size);
        end += parts[i].size;
    }
    uint32_t size = (uint32_t)(end - buffer_of(ring, ring->next));
    d->address = memory_physical(buffer_of(ring, ring->next));
    d->control = size | SEND_WHOLE | (ring->advanced ? SEND_ADVANCED : 0);
    d->status = ring->advanced ? size << ADVANCED_SIZE : 0;
    ring->next = after(ring->next, 1);
    ring->pending++;
}

/* A send ring's tail is the next to be filled. A receive ring's tail stays one behind the next to be looked at, for a
 * tail that meets the head means an empty ring. */
void intel_ring_tell(struct intel_ring *ring)
{
    uint32_t tail = ring->receives ? after(ring->next, INTEL_RING_SIZE - 1) : ring->next;
    if (tail != ring->tail_told) {
        ring->tail_told = tail;
        __atomic_thread_fence(__ATOMIC_RELEASE);
        mmio_write32(ring->tail_register, tail);
    }
}
