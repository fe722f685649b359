/*
 * The context of mbedTLS's Poly1305 functions, which run on the kernels (MBEDTLS_POLY1305_ALT).
 */
#ifndef JETON_POLY1305_ALT_H
#define JETON_POLY1305_ALT_H

#include <ring/kernels.h>

typedef struct mbedtls_poly1305_context {
    struct poly1305 message;
} mbedtls_poly1305_context;

#endif
