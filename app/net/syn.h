/*
 * SYN cookies (RFC 4987 section 3.6), always: a SYN leaves nothing behind. The first sequence number that we answer with
 * is a keyed hash of the connection, of the client's number and of the time, and holds the client's MSS; the segment that
 * acknowledges it makes the connection. It is as hard to guess as RFC 6528 asks for, and nothing else is lost: windows
 * are below 64 KiB without scaling, and the client speaks first.
 *
 * Ownership: none. Blocking: none. Limits: SYN_COOKIE_LIFE_S; eight sizes of segments.
 */
#ifndef JETON_NET_SYN_H
#define JETON_NET_SYN_H

#include "net/packet.h"

/* New keys. Once. */
void syn_start(void);

/* The sequence number to answer this SYN with. */
uint32_t syn_cookie(const struct packet *packet, uint64_t now_s);

/* True if this segment's acknowledgement answers one of our cookies, for a client that takes `mss` bytes a segment. */
bool syn_cookie_is_answered(const struct packet *packet, uint64_t now_s, uint16_t *mss);

/* True if a cookie went to this peer in the last minute or so (rarely, if none did): a segment of it that is no answer
 * may have overtaken the one that is. */
bool syn_was_answered(const struct packet *packet, uint64_t now_s);

#endif
