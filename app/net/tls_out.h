/*
 * TLS client sessions (TLS 1.3 and 1.2) over a wire that the caller gives: the server must prove its host name, or IPv4
 * address, by a certificate that a given authority vouches for. Nothing else is trusted.
 *
 * Ownership: a session is made by tls_out_open and ended by tls_out_free; it holds about 45 KiB of the heap. Texts are
 *   copied. Blocking: none, as in tls.h. Failure: TLS_FAILED ends a session, also when the peer's bytes end without
 *   close_notify: what came before may be cut short.
 * Limits: ECDSA P-256 certificates only, as in third_party/mbedtls; writes of TLS_WRITE_MAX_BYTES.
 */
#ifndef JETON_NET_TLS_OUT_H
#define JETON_NET_TLS_OUT_H

#include "net/tls.h"

struct tls_out;

/* `host` and `ca_pem` end with NUL. NULL without memory, or when ca_pem holds no certificate. */
struct tls_out *tls_out_open(const char *host, const char *ca_pem, const struct tls_wire *wire,
                             void *context);
void tls_out_free(struct tls_out *tls);

/* TLS_OK: host and certificate are good. */
enum tls_result tls_out_handshake(struct tls_out *tls) MUST_USE;

/* TLS_OK with *size > 0 bytes; TLS_CLOSED after close_notify. */
enum tls_result tls_out_read(struct tls_out *tls, uint8_t *out, size_t capacity, size_t *size) MUST_USE;

/* TLS_OK: *size bytes are with the wire. */
enum tls_result tls_out_write(struct tls_out *tls, struct bytes bytes, size_t *size) MUST_USE;

/* Say close_notify, as far as the wire takes it now. */
void tls_out_close(struct tls_out *tls);

#endif
