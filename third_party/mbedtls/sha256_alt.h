/*
 * The context of mbedTLS's SHA-256 functions, which run on the kernels (MBEDTLS_SHA256_ALT).
 */
#ifndef JETON_SHA256_ALT_H
#define JETON_SHA256_ALT_H

#include <stdint.h>

typedef struct mbedtls_sha256_context {
    uint32_t state[8];
    uint8_t partial[64];
    uint64_t size;
} mbedtls_sha256_context;

#endif
