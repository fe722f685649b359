/*
 * Connections to upstreams, plain or TLS, and the few that are kept between exchanges. Private to upstream.c.
 *
 * Ownership: a link is its user's from link_open or link_take_kept until link_keep or link_close.
 * Failure: NULL without memory. Limits: UPSTREAM_KEPT_MAX kept, each for UPSTREAM_KEPT_MS.
 */
#ifndef JETON_NET_UPSTREAM_LINK_H
#define JETON_NET_UPSTREAM_LINK_H

#include "base/heap.h"
#include "net/dial.h"
#include "net/tls_out.h"

struct link_out {
    struct list_node kept;
    struct socket socket;
    struct dial dial;
    struct tls_out *tls; /* NULL: plain */
    uint8_t key[32];
    uint64_t kept_since_ms;
};

void links_start(struct heap *given);

/* Begin to connect; link->dial tells how far it is. */
struct link_out *link_open(const char *host, uint16_t port);

/* Connected: TLS from here on. False without memory or without an authority. */
bool link_secure(struct link_out *link, const char *host, const char *ca_pem);

/* As tls_out_read and tls_out_write; TLS_CLOSED at an orderly end, TLS_FAILED at any other. */
enum tls_result link_read(struct link_out *link, uint8_t *out, size_t capacity, size_t *size) MUST_USE;
enum tls_result link_write(struct link_out *link, struct bytes bytes, size_t *size) MUST_USE;
void link_flush(struct link_out *link);
void link_close(struct link_out *link);

/* Keep it for the next exchange with this key; closed when there is no place. */
void link_keep(struct link_out *link, const uint8_t key[32], uint64_t now_ms);
/* One that is kept for this key, alive as far as can be known, and on which nothing came; NULL when there is none. */
struct link_out *link_take_kept(const uint8_t key[32], uint64_t now_ms);

/* Did anything happen on any link since the last call? */
bool links_take_events(void);
bool links_have_events(void);

/* Close the kept ones that ended, on which something came, or whose time is over. */
void links_tidy(uint64_t now_ms);
uint64_t links_next_deadline_ms(void);
uint32_t links_kept_count(void);

#endif
