/*
 * The other end of the simulated wire: a host with an Ethernet address, an IPv4 and an IPv6 address, ARP and Neighbor
 * Discovery, and one TCP connection at a time to port 443 of the appliance. It acknowledges what comes in order, and sends again what was dropped when it is told to.
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
    bool by_ipv6;    /* from fe80::aa to `guest6`, instead */
    uint8_t guest6[16];
    uint16_t mss; /* told in the SYN; 0: not */
    bool established;
    bool peer_finished;
    bool peer_reset;
    uint16_t newest_ip_id;
    uint8_t unacknowledged[HOST_UNACKNOWLEDGED_MAX]; /* what ends at `next` */
    size_t unacknowledged_bytes;
    size_t segment_bytes; /* of what we send */
    enum host_order order;
    uint64_t frame_count;     /* that came */
    uint64_t segment_count;   /* of them, segments of the connection */
    uint16_t largest_segment; /* of data that came, in bytes */
    uint64_t other_mac_count; /* frames that went to another station than us, or to a group */
};
extern struct wire_host host;

/* Forget the connection; addresses stay. */
void host_reset(uint16_t port);

/* Send a SYN from `host.port`. */
void host_connect(void);

/* Send one segment as it is told, whatever the connection's state. */
struct host_segment {
    uint8_t flags;
    uint32_t sequence;
    uint32_t acknowledged;
    struct bytes data;
};
void host_send_segment(const struct host_segment *segment);

enum {
    HOST_FIN = 1,
    HOST_SYN = 2,
    HOST_RST = 4,
    HOST_ACK = 16
};

extern const uint8_t host_mac[6];
extern const uint8_t host_address6[16];

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
