/*
 * An appliance's net/, service and store on the simulated wire, and a TLS client behind the wire's host, in virtual time.
 *
 * Ownership: one rig, static. Blocking: none; time is the test's. Failure: an assert of cmocka where there is no result.
 */
#ifndef JETON_TESTS_NET_RIG_H
#define JETON_TESTS_NET_RIG_H

#include "net/link.h"
#include "net/server.h"
#include "tests/support/wire_host.h"

#define WIRE_MS  UINT64_C(1000000)
#define WIRE_GET "GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"

struct net_rig {
    struct heap heap;
    struct memory_wire pipes;
    struct tls_client client;
    uint16_t port; /* of the host, the last one used */
};
extern struct net_rig wired;

/* Group set-up of cmocka: the appliance at GUEST_ADDRESS/24. */
int wire_start(void **state);

/* One turn of the appliance's loop. */
void wire_turn(void);

/* Both ends until nothing moves, then a millisecond; as often as `rounds`. */
void wire_run(unsigned rounds);

/* A TCP connection from a new port; true once established. */
bool wire_connect(void);

/* TCP, and a TLS client that has not said anything yet. */
void wire_open_client(void);
bool wire_shake_hands(void);

/* One GET answered by a 200. */
bool wire_get(void);
void wire_end_client(void);

/* A client from SYN to FIN, served. */
void wire_serve_one(void);

/* Let TIME_WAIT and all timers pass; frames flow meanwhile. */
void wire_wait_ms(uint64_t duration_ms);

#endif
