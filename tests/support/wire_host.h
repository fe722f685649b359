/*
 * The other end of the simulated wire: a host with an Ethernet and an IPv4 address, ARP, and one TCP connection at a time
 * to port 443 of the appliance. It acknowledges what comes in order, and sends again what was dropped when it is told to.
 * What a test sends may be cut, doubled and put out of order.
 *
 * Ownership: one host, static; the pipes are the caller's (tls_client.h). Blocking: none; time is the test's.
 */
#ifndef JETON_TESTS_WIRE_HOST_H
#define JETON_TESTS_WIRE_HOST_H

#include "tests/support/tls_client.h"

#define HOST_ADDRESS  0x0a000001u /* 10.0.0.1/24 */
#define GUEST_ADDRESS 0x0a000002u

#define HOST_UNACKNOWLEDGED_MAX 65536

enum host_order {
    HOST_IN_ORDER,
    HOST_REVERSED, /* the segments of one send, last first */
    HOST_DOUBLED,
    HOST_OVERLAPPING /* each segment begins one byte early */
};

struct wire_host {
    uint16_t port;
    uint32_t next; /* our next sequence number */
    uint32_t expected;
    uint32_t peer_isn;
    uint32_t source; /* our address; another one may be played */
    bool established;
    bool peer_finished;
    bool peer_reset;
    uint16_t newest_ip_id;
    uint8_t unacknowledged[HOST_UNACKNOWLEDGED_MAX]; /* what ends at `next` */
    size_t unacknowledged_bytes;
    size_t segment_bytes; /* of what we send */
    enum host_order order;
    uint64_t frame_count; /* that came */
};
extern struct wire_host host;

/* Forget the connection; addresses stay. */
void host_reset(uint16_t port);

/* Send a SYN from `host.port`. */
void host_connect(void);

/* Send what the pipe holds. */
void host_send(struct pipe *from);

/* Send again, in order, what is not acknowledged. */
void host_send_again(void);
void host_finish(void);
void host_abort(void);

/* Take every frame that the appliance sent: answer ARP, acknowledge, append data to `into`. */
void host_take_frames(struct pipe *into);

/* A copy of each frame that the host sends goes here too, when set. */
extern void (*host_tap)(struct bytes frame);

#endif
