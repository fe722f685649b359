/*
 * Which TCP segments lwIP gets to see. SYNs are answered by cookies (syn.h); a connection begins with the segment that
 * answers one. Segments of a connection must fit it as RFC 5961 asks: a reset by its exact number, an acknowledgement of
 * what was sent; a SYN changes nothing. What does not fit is answered by a challenge, SEGMENT_CHALLENGE_MS apart.
 *
 * Ownership: none. Blocking: none. Failure: what has no memory is dropped, and sent again by who means it.
 * Limits: SYN_* and SEGMENT_* in limits.h.
 */
#ifndef JETON_NET_SEGMENTS_H
#define JETON_NET_SEGMENTS_H

#include "net/packet.h"

struct tcp_pcb;

void segments_start(void);

/* The connection that lwIP gets this segment for, to be shown first (pcbs_present). NULL: it is not for lwIP. */
struct tcp_pcb *segments_take(const struct packet *packet);

struct segment_stats {
    uint64_t cookies_count;    /* SYNs answered */
    uint64_t challenges_count; /* of RFC 5961 */
    uint64_t resets_count;     /* sent to segments of no connection */
};
void segments_stats(struct segment_stats *stats);

#endif
