/*
 * A TLS client of mbedTLS over a wire in memory, for tests of connections: the test decides how many bytes move at once,
 * and may change them on their way.
 *
 * Ownership: client and wire are the test's. Blocking: none. Failure: as returned by mbedTLS.
 */
#ifndef JETON_TESTS_TLS_CLIENT_H
#define JETON_TESTS_TLS_CLIENT_H

#include <mbedtls/ssl.h>

#include "net/conn.h"

#define PIPE_BYTES (1024 * 1024)

struct pipe {
    uint8_t data[PIPE_BYTES];
    size_t start;
    size_t end;
    bool ended;
};

/* Both directions. `most_*` bound what one call moves; 0 moves nothing. */
struct memory_wire {
    struct pipe to_server;
    struct pipe to_client;
    size_t most_read;  /* by the server, a call */
    size_t most_write; /* by the server, a call */
    size_t room;       /* bytes the server may still write */
    bool finished;     /* the server said its end */
    uint64_t flush_count;
};

void memory_wire_reset(struct memory_wire *wire);
extern const struct conn_wire memory_conn_wire;

/* What waits in a pipe. */
struct bytes pipe_view(const struct pipe *pipe);
void pipe_put(struct pipe *pipe, struct bytes bytes);
size_t pipe_take(struct pipe *pipe, uint8_t *out, size_t capacity);

struct tls_client {
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    struct memory_wire *wire;
};

/* `version`: MBEDTLS_SSL_VERSION_TLS1_2 or _TLS1_3. */
void tls_client_open(struct tls_client *client, struct memory_wire *wire,
                     mbedtls_ssl_protocol_version version);
void tls_client_close(struct tls_client *client);

#endif
