/*
 * The primitives of stock mbedTLS by bytes, from build/stock_mbedtls.so, which the test opens at run time: its symbols have
 * the names of the product's own mbedTLS.
 *
 * Ownership: the caller's memory. Failure: false when mbedTLS refuses or fails. Encodings are those of ring/kernels.h.
 */
#ifndef JETON_TESTS_STOCK_H
#define JETON_TESTS_STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOCK_SYMBOL "stock_primitives"

struct stock_aead {
    const uint8_t *key;
    size_t key_bits; /* of GCM */
    const uint8_t *nonce;
    size_t nonce_size; /* of GCM; else 12 */
    const uint8_t *associated;
    size_t associated_size;
    const uint8_t *text;
    size_t text_size;
};

struct stock {
    void (*sha256)(const uint8_t *data, size_t size, uint8_t out[32]);
    bool (*gcm)(const struct stock_aead *aead, uint8_t *out, uint8_t tag[16]);
    bool (*chacha_poly)(const struct stock_aead *aead, uint8_t *out, uint8_t tag[16]);
    bool (*p256_point_is_valid)(const uint8_t point[64]);
    bool (*p256_public)(const uint8_t scalar[32], uint8_t point[64]);
    bool (*p256_agree)(const uint8_t scalar[32], const uint8_t point[64], uint8_t shared[32]);
    bool (*p256_sign)(const uint8_t scalar[32], const uint8_t nonce[32], const uint8_t *digest, size_t size,
                      uint8_t signature[64]);
    bool (*p256_verify)(const uint8_t point[64], const uint8_t *digest, size_t size,
                        const uint8_t signature[64]);
    bool (*x25519)(const uint8_t scalar[32], const uint8_t point[32], uint8_t shared[32]);
};

#endif
