/*
 * The appliance's self-signed TLS certificate (RFC 5280): P-256, serverAuth, CA:TRUE so that a client can use it as its
 * trust anchor, SAN with DNS names and IP addresses.
 *
 * Ownership: buffers are the caller's. Blocking: none (a signature, about 1 ms).
 * Failure: STATUS_INVALID for a name that is no host name or a time outside the years 1970 to 9999, STATUS_TOO_LARGE when
 *   the buffer is small, STATUS_FULL without memory.
 */
#ifndef JETON_CRYPTO_CERTIFICATE_H
#define JETON_CRYPTO_CERTIFICATE_H

#include "crypto/jose.h"

#define CERTIFICATE_NAMES_MAX      4
#define CERTIFICATE_ADDRESSES_MAX  4
#define CERTIFICATE_ADDRESSES6_MAX 2
#define CERTIFICATE_MAX_BYTES      1024

struct certificate_subject {
    struct bytes names[CERTIFICATE_NAMES_MAX]; /* DNS names; the first is the common name */
    size_t name_count;
    uint32_t addresses[CERTIFICATE_ADDRESSES_MAX]; /* IPv4, host byte order */
    size_t address_count;
    uint8_t addresses6[CERTIFICATE_ADDRESSES6_MAX][16]; /* IPv6 */
    size_t address6_count;
    int64_t not_before_s;
    int64_t not_after_s;
};

/* Append the DER of a certificate for `scalar`'s public key, signed by it. */
enum status certificate_make(const uint8_t scalar[P256_PRIVATE_BYTES],
                             const struct certificate_subject *subject, struct buffer *der) MUST_USE;

/* True if the certificate's SAN covers all of `subject` (names and addresses) and it is valid at `now_s`. */
bool certificate_covers(struct bytes der, const struct certificate_subject *subject, int64_t now_s);

#endif
