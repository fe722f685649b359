/*
 * Compact JWS (RFC 7515) with HS256 and deterministic ES256 (RFC 6979), and the JWK of a P-256 key (RFC 7517).
 * The algorithm is the key's, never the token's (RFC 8725 section 3.1).
 *
 * Ownership: keys and buffers are the caller's. Blocking: none (ES256 takes about 0.3 ms).
 * Failure: jose_verify says STATUS_INVALID for a text that is no compact JWS of this key's algorithm, `kid` and `typ`,
 *   STATUS_DENIED for a wrong signature. Memory that the curves need comes from crypto's reserve if it must.
 */
#ifndef JETON_CRYPTO_JOSE_H
#define JETON_CRYPTO_JOSE_H

#include "crypto/crypto.h"

enum jose_alg {
    JOSE_HS256,
    JOSE_ES256
};

#define JOSE_KID_BYTES        16 /* characters of base64url */
#define P256_PRIVATE_BYTES    32
#define P256_PUBLIC_BYTES     65 /* uncompressed point, 0x04 first */
#define JOSE_HEADER_MAX_BYTES 128

struct jose_key {
    enum jose_alg alg;
    char kid[JOSE_KID_BYTES + 1]; /* from a hash of the key (RFC 7638 for ES256) */
    struct mac_key mac;           /* HS256 */
    uint8_t p256_private[P256_PRIVATE_BYTES];
    uint8_t p256_public[P256_PUBLIC_BYTES];
};

void jose_key_hs256(struct jose_key *key, const uint8_t secret[KEY_BYTES]);

/* From a private scalar; STATUS_INVALID when it is not in 1..n-1. */
enum status jose_key_es256(struct jose_key *key, const uint8_t scalar[P256_PRIVATE_BYTES]) MUST_USE;

/* A fresh P-256 private scalar. */
void jose_generate_p256(uint8_t scalar[P256_PRIVATE_BYTES]);

/* Append header.payload.signature with header {"alg","kid","typ"}. `claims` is JSON. STATUS_TOO_LARGE when `out`
 * is small. */
enum status jose_sign(const struct jose_key *key, const char *typ, struct bytes claims,
                      struct buffer *out) MUST_USE;

/* Check and decode: on STATUS_OK `claims` (capacity given by the caller) holds the payload bytes, as signed. The header
 * must be exactly one that jose_sign makes for this key and typ; anything else is STATUS_INVALID. */
enum status jose_verify(const struct jose_key *key, const char *typ, struct bytes token,
                        struct buffer *claims) MUST_USE;

/* Append the public JWK {"kty","crv","x","y","kid","use","alg"} of an ES256 key. */
void jose_write_jwk(const struct jose_key *key, struct buffer *out);

#endif
