/*
 * The network interface: Ethernet frames of the platform into lwIP and back, past the guard (guard.h), and lwIP's clock.
 *
 * Ownership: one interface; the options' views are copied. Buffers come from the heap given. Blocking: none.
 * Failure: link_start says STATUS_INVALID for an address text that is none, STATUS_IO without an interface. After it, a
 *   full heap or queue drops frames, as a network may; the link going down and up is followed.
 * Limits: LINK_* in limits.h.
 */
#ifndef JETON_NET_LINK_H
#define JETON_NET_LINK_H

#include "base/heap.h"
#include "limits.h"
#include "net/addresses.h"

struct link_options {
    struct heap *heap;
    struct bytes host_name; /* told to the DHCP server; at most HOST_NAME_MAX_BYTES */
    struct address_options addresses;
};

/* Bring the interface up and begin to get an address. Once. */
enum status link_start(const struct link_options *options) MUST_USE;

/* Take in at most LINK_FRAMES_PER_TURN frames, run what timers are due. True if a frame came. */
bool link_poll(void);

/* At the end of each turn: send what it has gathered. */
void link_end_turn(void);

/* Our station address, 6 bytes. */
const uint8_t *link_mac(void);

/* Send a frame that lwIP knows nothing of. It may get lost, as on a wire. */
void link_send(struct bytes frame);

/* Give lwIP a frame that no wire brought. It answers nothing, but may ask for stations. A connection that it makes begins
 * at `isn`, unless that is NULL. */
void link_take_in(struct bytes frame, const uint32_t *isn);

/* When link_poll has to be called next even if no frame comes. Monotonic; UINT64_MAX: never. */
uint64_t link_next_deadline_ns(void);

struct link_stats {
    uint64_t received_count;
    uint64_t sent_count;
    uint64_t dropped_count; /* in either direction: no memory, full queue */
    uint64_t refused_count; /* received, and not for lwIP */
};
void link_stats(struct link_stats *stats);

#endif
