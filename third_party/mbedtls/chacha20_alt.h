/*
 * The context of mbedTLS's ChaCha20 functions, which run on the kernels (MBEDTLS_CHACHA20_ALT).
 */
#ifndef JETON_CHACHA20_ALT_H
#define JETON_CHACHA20_ALT_H

#include <stddef.h>
#include <stdint.h>

typedef struct mbedtls_chacha20_context {
    uint32_t state[12];     /* key, counter, nonce */
    uint8_t key_stream[64]; /* of the block that is begun */
    size_t used;            /* of it; 0 when none is begun */
} mbedtls_chacha20_context;

#endif
