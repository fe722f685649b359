/*
 * TLS server sessions (TLS 1.3, RFC 8446; TLS 1.2, RFC 5246 with ECDHE and AEAD suites) over a wire that the caller
 * gives. The only user of mbedTLS's SSL layer.
 *
 * Ownership: a session is made by tls_open and ended by tls_free; it holds about 28 KiB of the heap, 43 KiB during its
 *   handshake. The identity's texts are copied.
 * Blocking: none: a call does what the wire's bytes allow and says what it waits for. A full handshake is some
 *   milliseconds of work in one call.
 * Failure: TLS_FAILED ends a session; its alert has been handed to the wire then (RFC 8446 section 6.2), except where
 *   the peer itself sent a fatal alert or went away.
 * Limits: records of 16 KiB in, TLS_WRITE_MAX_BYTES out. mbedTLS 3.6 knows no KeyUpdate (RFC 8446 section 4.6.3): a peer
 *   that sends one, after some 2^24 records as a rule, gets unexpected_message and has to connect anew.
 */
#ifndef JETON_NET_TLS_H
#define JETON_NET_TLS_H

#include "base/bytes.h"
#include "crypto/jose.h"
#include "limits.h"

struct tls_identity {
    uint8_t scalar[P256_PRIVATE_BYTES];
    struct bytes certificate_der;
};

/* Use this key and certificate for sessions opened from now on. May be called again. STATUS_INVALID when the texts do
 * not parse, STATUS_FULL without memory; the former identity stays in use then. */
enum status tls_start(const struct tls_identity *given) MUST_USE;

/* SHA-256 of the certificate in use. */
void tls_fingerprint(uint8_t out[32]);

/* Where a session's bytes go and come from. Both move as much as they can now and return how much (0: nothing now);
 * `read` sets *ended when no byte will ever come again. */
struct tls_wire {
    size_t (*write)(void *context, struct bytes bytes);
    size_t (*read)(void *context, uint8_t *out, size_t capacity, bool *ended);
};

enum tls_result {
    TLS_OK,
    TLS_WANT_READ,  /* nothing more until bytes come */
    TLS_WANT_WRITE, /* nothing more until the wire takes bytes; call again with the same arguments */
    TLS_CLOSED,     /* the peer said close_notify, or its bytes ended */
    TLS_FAILED
};

struct tls;

/* A new session; NULL without memory. `wire` and `context` must live as long as it. */
struct tls *tls_open(const struct tls_wire *wire, void *context);
void tls_free(struct tls *tls);

enum tls_result tls_handshake(struct tls *tls) MUST_USE;

/* True when the handshake was a resumption. */
bool tls_was_resumed(const struct tls *tls);

/* TLS_OK with *size > 0 bytes. */
enum tls_result tls_read(struct tls *tls, uint8_t *out, size_t capacity, size_t *size) MUST_USE;

/* TLS_OK: *size bytes (at most TLS_WRITE_MAX_BYTES, one record) are with the wire. */
enum tls_result tls_write(struct tls *tls, struct bytes bytes, size_t *size) MUST_USE;

/* close_notify; also for a handshake that is given up (with user_canceled before it). */
enum tls_result tls_close(struct tls *tls);

/* Tell a peer for whom there is no session that we can't serve it: internal_error, in the clear. */
struct bytes tls_refusal(void);

#endif
