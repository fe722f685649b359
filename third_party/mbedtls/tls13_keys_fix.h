/*
 * A leak in mbedTLS 3.6.7: when the second of a TLS 1.3 transform's two keys can't be imported for want of memory, its
 * ssl_tls13_keys.c frees the transform without destroying the first. Included before that file (sources.mk): there, a
 * transform that is freed gives its keys back first. tests/unit/test_conn_faults.c fails without it.
 */
#ifndef JETON_MBEDTLS_TLS13_KEYS_FIX_H
#define JETON_MBEDTLS_TLS13_KEYS_FIX_H

#include <common.h> /* the library's own, first */

#include <mbedtls/platform.h>
#include <ssl_misc.h>

static inline void tls13_free_transform(mbedtls_ssl_transform *transform)
{
    mbedtls_ssl_transform_free(transform);
    mbedtls_free(transform);
}

#define mbedtls_free(chunk)                                                                                  \
    _Generic((chunk), mbedtls_ssl_transform * : tls13_free_transform, default : mbedtls_free)(chunk)

#endif
