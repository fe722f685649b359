/*
 * The context of mbedTLS's GCM functions, which run on the kernels (MBEDTLS_GCM_ALT).
 */
#ifndef JETON_GCM_ALT_H
#define JETON_GCM_ALT_H

#include <ring/kernels.h>

typedef struct mbedtls_gcm_context {
    struct gcm_key key;
    struct gcm_message message;
    int mode;
} mbedtls_gcm_context;

#endif
