/*
 * PSA's elliptic curves on the kernels, in the place of mbedTLS's psa_crypto_ecp.c: P-256 and X25519, keys as the bytes
 * that PSA stores, no allocation. Contracts and errors are those of psa_crypto_ecp.h; other curves are not supported.
 */
#include "common.h"

#include <string.h>

#include <mbedtls/error.h>
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <psa/crypto.h>
#include <ring/kernels.h>

#include "psa_crypto_core.h"
#include "psa_crypto_ecp.h"
#include "psa_util_internal.h"

#define SECRET_BYTES       32 /* of both curves */
#define P256_ENCODED_BYTES (1 + P256_POINT_BYTES)
#define P256_BITS          256
#define X25519_BITS        255
#define UNCOMPRESSED       4 /* SEC 1 section 2.3.3 */

enum curve {
    NO_CURVE,
    P256,
    X25519
};

static enum curve curve_of(psa_key_type_t type)
{
    switch (PSA_KEY_TYPE_ECC_GET_FAMILY(type)) {
    case PSA_ECC_FAMILY_SECP_R1:
        return P256;
    case PSA_ECC_FAMILY_MONTGOMERY:
        return X25519;
    default:
        return NO_CURVE;
    }
}

/* ---- keys ---- */

static psa_status_t check_public(enum curve curve, const uint8_t *data, size_t size)
{
    static const uint8_t any_scalar[X25519_BYTES];
    uint8_t shared[X25519_BYTES];
    bool valid = curve == P256
                     ? size == P256_ENCODED_BYTES && data[0] == UNCOMPRESSED && p256_point_is_valid(data + 1)
                     : size == X25519_BYTES && x25519_agree(any_scalar, data, shared);
    return valid ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT;
}

static psa_status_t check_secret(enum curve curve, const uint8_t *data, size_t size)
{
    if (size != SECRET_BYTES || (curve == P256 && !p256_scalar_is_valid(data)))
        return PSA_ERROR_INVALID_ARGUMENT;
    return PSA_SUCCESS;
}

psa_status_t mbedtls_psa_ecp_import_key(const psa_key_attributes_t *attributes, const uint8_t *data,
                                        size_t data_length, uint8_t *key_buffer, size_t key_buffer_size,
                                        size_t *key_buffer_length, size_t *bits)
{
    enum curve curve = curve_of(attributes->type);
    size_t curve_bits = curve == P256 ? P256_BITS : X25519_BITS;
    bool is_public = PSA_KEY_TYPE_IS_PUBLIC_KEY(attributes->type);
    if (curve == NO_CURVE)
        return PSA_ERROR_NOT_SUPPORTED;
    if (attributes->bits != 0 && PSA_BITS_TO_BYTES(attributes->bits) != SECRET_BYTES)
        return PSA_ERROR_INVALID_ARGUMENT;
    psa_status_t status =
        is_public ? check_public(curve, data, data_length) : check_secret(curve, data, data_length);
    if (status != PSA_SUCCESS)
        return status;
    if (key_buffer_size < data_length)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    memcpy(key_buffer, data, data_length);
    if (curve == X25519 && !is_public)
        x25519_clamp(key_buffer);
    *key_buffer_length = data_length;
    *bits = curve_bits;
    return PSA_SUCCESS;
}

psa_status_t mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t *attributes,
                                               const uint8_t *key_buffer, size_t key_buffer_size,
                                               uint8_t *data, size_t data_size, size_t *data_length)
{
    enum curve curve = curve_of(attributes->type);
    size_t size = curve == P256 ? P256_ENCODED_BYTES : X25519_BYTES;
    if (data_size < size)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    *data_length = size;
    if (PSA_KEY_TYPE_IS_PUBLIC_KEY(attributes->type)) {
        memcpy(data, key_buffer, key_buffer_size);
    } else if (curve == P256) {
        data[0] = UNCOMPRESSED;
        p256_public(key_buffer, data + 1);
    } else {
        x25519_public(key_buffer, data);
    }
    return PSA_SUCCESS;
}

/* A uniform scalar from 1 to n - 1: candidates until one fits, all but certainly the first. */
static int random_scalar(int (*random)(void *, unsigned char *, size_t), void *context,
                         uint8_t scalar[P256_SCALAR_BYTES])
{
    int failed;
    do {
        failed = random(context, scalar, P256_SCALAR_BYTES);
    } while (failed == 0 && !p256_scalar_is_valid(scalar));
    return failed;
}

psa_status_t mbedtls_psa_ecp_generate_key(const psa_key_attributes_t *attributes, uint8_t *key_buffer,
                                          size_t key_buffer_size, size_t *key_buffer_length)
{
    enum curve curve = curve_of(attributes->type);
    if (curve == NO_CURVE || PSA_BITS_TO_BYTES(attributes->bits) != SECRET_BYTES)
        return PSA_ERROR_NOT_SUPPORTED;
    if (key_buffer_size < SECRET_BYTES)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    int failed;
    if (curve == P256) {
        failed = random_scalar(mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE, key_buffer);
    } else {
        failed = mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, key_buffer, X25519_BYTES);
        x25519_clamp(key_buffer);
    }
    *key_buffer_length = SECRET_BYTES;
    return mbedtls_to_psa_error(failed);
}

/* ---- ECDSA ---- */

static int sign(const uint8_t *secret, int (*random)(void *, unsigned char *, size_t), void *context,
                const uint8_t *hash, size_t hash_length, uint8_t signature[P256_SIGNATURE_BYTES])
{
    uint8_t nonce[P256_SCALAR_BYTES];
    int failed;
    do {
        failed = random_scalar(random, context, nonce);
    } while (failed == 0 && !p256_sign(secret, nonce, hash, hash_length, signature));
    mbedtls_platform_zeroize(nonce, sizeof nonce);
    return failed;
}

/* The nonce comes from the key and the hash (RFC 6979 section 3.2). */
static int sign_deterministic(const uint8_t *secret, psa_algorithm_t alg, const uint8_t *hash,
                              size_t hash_length, uint8_t signature[P256_SIGNATURE_BYTES])
{
    uint8_t seed[2 * P256_SCALAR_BYTES];
    mbedtls_md_type_t digest = mbedtls_md_type_from_psa_alg(PSA_ALG_SIGN_GET_HASH(alg));
    mbedtls_hmac_drbg_context drbg;
    mbedtls_hmac_drbg_init(&drbg);
    memcpy(seed, secret, P256_SCALAR_BYTES);
    p256_digest_scalar(hash, hash_length, seed + P256_SCALAR_BYTES);
    int failed = mbedtls_hmac_drbg_seed_buf(&drbg, mbedtls_md_info_from_type(digest), seed, sizeof seed);
    if (failed == 0)
        failed = sign(secret, mbedtls_hmac_drbg_random, &drbg, hash, hash_length, signature);
    mbedtls_hmac_drbg_free(&drbg);
    mbedtls_platform_zeroize(seed, sizeof seed);
    return failed;
}

psa_status_t mbedtls_psa_ecdsa_sign_hash(const psa_key_attributes_t *attributes, const uint8_t *key_buffer,
                                         size_t key_buffer_size, psa_algorithm_t alg, const uint8_t *hash,
                                         size_t hash_length, uint8_t *signature, size_t signature_size,
                                         size_t *signature_length)
{
    if (curve_of(attributes->type) != P256 || key_buffer_size != P256_SCALAR_BYTES)
        return PSA_ERROR_INVALID_ARGUMENT;
    if (signature_size < P256_SIGNATURE_BYTES)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    int failed = PSA_ALG_ECDSA_IS_DETERMINISTIC(alg)
                     ? sign_deterministic(key_buffer, alg, hash, hash_length, signature)
                     : sign(key_buffer, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE, hash, hash_length,
                            signature);
    if (failed == 0)
        *signature_length = P256_SIGNATURE_BYTES;
    return mbedtls_to_psa_error(failed);
}

psa_status_t mbedtls_psa_ecdsa_verify_hash(const psa_key_attributes_t *attributes, const uint8_t *key_buffer,
                                           size_t key_buffer_size, psa_algorithm_t alg, const uint8_t *hash,
                                           size_t hash_length, const uint8_t *signature,
                                           size_t signature_length)
{
    uint8_t point[P256_ENCODED_BYTES];
    size_t size;
    (void)alg;
    if (curve_of(attributes->type) != P256)
        return PSA_ERROR_INVALID_ARGUMENT;
    if (signature_length != P256_SIGNATURE_BYTES)
        return PSA_ERROR_INVALID_SIGNATURE;
    psa_status_t status = mbedtls_psa_ecp_export_public_key(attributes, key_buffer, key_buffer_size, point,
                                                            sizeof point, &size);
    if (status != PSA_SUCCESS)
        return status;
    return p256_verify(point + 1, hash, hash_length, signature) ? PSA_SUCCESS : PSA_ERROR_INVALID_SIGNATURE;
}

/* ---- ECDH ---- */

psa_status_t mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t *attributes, const uint8_t *key_buffer,
                                            size_t key_buffer_size, psa_algorithm_t alg,
                                            const uint8_t *peer_key, size_t peer_key_length,
                                            uint8_t *shared_secret, size_t shared_secret_size,
                                            size_t *shared_secret_length)
{
    enum curve curve = curve_of(attributes->type);
    if (!PSA_KEY_TYPE_IS_ECC_KEY_PAIR(attributes->type) || !PSA_ALG_IS_ECDH(alg) || curve == NO_CURVE ||
        key_buffer_size != SECRET_BYTES)
        return PSA_ERROR_INVALID_ARGUMENT;
    if (shared_secret_size < SECRET_BYTES)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    bool agreed = curve == P256
                      ? peer_key_length == P256_ENCODED_BYTES && peer_key[0] == UNCOMPRESSED &&
                            p256_agree(key_buffer, peer_key + 1, shared_secret)
                      : peer_key_length == X25519_BYTES && x25519_agree(key_buffer, peer_key, shared_secret);
    if (!agreed) {
        mbedtls_platform_zeroize(shared_secret, shared_secret_size);
        return PSA_ERROR_INVALID_ARGUMENT;
    }
    *shared_secret_length = SECRET_BYTES;
    return PSA_SUCCESS;
}
