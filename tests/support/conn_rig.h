/*
 * A connection, its TLS client on a wire in memory, and the service behind it, for tests.
 *
 * Ownership: one of each, static. Failure: cmocka's asserts.
 */
#ifndef JETON_TESTS_CONN_RIG_H
#define JETON_TESTS_CONN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/conn.h"
#include "tests/support/tls_client.h"

#define GET        "GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"
#define HEAP_BYTES (8 * 1024 * 1024)

extern struct heap library_heap; /* of mbedTLS, both ends */
extern struct heap conn_heap;    /* of the connection's own buffers */
extern struct conn_shared shared;
extern struct memory_wire wire;
extern struct conn conn;
extern struct tls_client client;
extern uint64_t now_ms;
extern uint64_t allocations; /* of the server's TLS */
extern uint64_t failing;     /* the allocation that fails; 0: none */

/* For cmocka: simulated machine, service with a root token, TLS identity. */
int rig_start(void **state);

/* A connection with a heap of this size for its buffers; false when it has no memory. */
bool rig_open_conn(size_t heap_bytes);

/* One conn_step. */
void rig_step(void);

/* Both ends until the handshake is done on both; false when it fails. */
bool rig_shake_hands(void);

/* Connection and client, after their handshake. */
void rig_open_both(mbedtls_ssl_protocol_version version);

/* End both; the connection must have given back all of its memory. */
void rig_close_both(void);

void rig_client_send(const char *text);

/* What the client can read now, as text, with steps of the server between the reads. */
const char *rig_client_read(void);

/* How often `word` is in `text`. */
size_t rig_count_of(const char *text, const char *word);

/* The client asks for a family-2 token: a change that the store must hold first. */
void rig_create_token(void);

#endif
