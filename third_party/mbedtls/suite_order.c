/*
 * The server's order of cipher suites in TLS 1.3, where mbedTLS takes the client's: ChaCha20-Poly1305 first where it is the
 * faster one (RFC 8446 section 4.1.1 leaves the choice to the server). sources.mk has ssl_tls13_server.c call this in the
 * place of mbedtls_ssl_validate_ciphersuite(), once for each suite that both sides know, in the client's order.
 */
#include "common.h"

#include <stdbool.h>

#include <ring/kernels.h>

#include "ssl_misc.h"

#define HEADER_BYTES 4        /* type and length of a handshake message */
#define FIXED_BYTES  (2 + 32) /* of a ClientHello: version and random, before the session id */

int jeton_validate_ciphersuite(const mbedtls_ssl_context *ssl, const mbedtls_ssl_ciphersuite_t *suite,
                               mbedtls_ssl_protocol_version least, mbedtls_ssl_protocol_version most);

/* Is `suite` in the ClientHello that is being read, whose form the caller has checked up to its list of suites? */
static bool is_offered(const mbedtls_ssl_context *ssl, int suite)
{
    const uint8_t *hello = ssl->in_msg + HEADER_BYTES;
    const uint8_t *list = hello + FIXED_BYTES + 1 + hello[FIXED_BYTES];
    const uint8_t *end = list + 2 + MBEDTLS_GET_UINT16_BE(list, 0);
    for (const uint8_t *at = list + 2; at < end; at += 2)
        if (MBEDTLS_GET_UINT16_BE(at, 0) == suite)
            return true;
    return false;
}

int jeton_validate_ciphersuite(const mbedtls_ssl_context *ssl, const mbedtls_ssl_ciphersuite_t *suite,
                               mbedtls_ssl_protocol_version least, mbedtls_ssl_protocol_version most)
{
    bool chacha = suite != NULL && suite->id == MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256;
    if (kernels_in_use().chacha_first && !chacha && is_offered(ssl, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256))
        return -1;
    return mbedtls_ssl_validate_ciphersuite(ssl, suite, least, most);
}
