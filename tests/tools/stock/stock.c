/*
 * Stock mbedTLS by bytes; stock.h.
 */
#include "tests/tools/stock/stock.h"

#include <string.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>

extern const struct stock stock_primitives;

/* Blinding does not change results: any bytes will do. The first 32 may be given: a nonce. */
struct random {
    const uint8_t *first;
    uint8_t next;
};

static int random_bytes(void *context, unsigned char *out, size_t size)
{
    struct random *random = context;
    if (random->first != NULL && size == 32)
        memcpy(out, random->first, size);
    else
        memset(out, ++random->next, size);
    random->first = NULL;
    return 0;
}

static void sha256(const uint8_t *data, size_t size, uint8_t out[32])
{
    (void)mbedtls_sha256(data, size, out, 0);
}

static bool gcm(const struct stock_aead *aead, uint8_t *out, uint8_t tag[16])
{
    mbedtls_gcm_context context;
    mbedtls_gcm_init(&context);
    bool done =
        mbedtls_gcm_setkey(&context, MBEDTLS_CIPHER_ID_AES, aead->key, (unsigned)aead->key_bits) == 0 &&
        mbedtls_gcm_crypt_and_tag(&context, MBEDTLS_GCM_ENCRYPT, aead->text_size, aead->nonce,
                                  aead->nonce_size, aead->associated, aead->associated_size, aead->text, out,
                                  16, tag) == 0;
    mbedtls_gcm_free(&context);
    return done;
}

static bool chacha_poly(const struct stock_aead *aead, uint8_t *out, uint8_t tag[16])
{
    mbedtls_chachapoly_context context;
    mbedtls_chachapoly_init(&context);
    bool done = mbedtls_chachapoly_setkey(&context, aead->key) == 0 &&
                mbedtls_chachapoly_encrypt_and_tag(&context, aead->text_size, aead->nonce, aead->associated,
                                                   aead->associated_size, aead->text, out, tag) == 0;
    mbedtls_chachapoly_free(&context);
    return done;
}

/* ---- curves ---- */

struct curve {
    mbedtls_ecp_group group;
    mbedtls_ecp_point in;
    mbedtls_ecp_point out;
    mbedtls_mpi scalar;
    mbedtls_mpi r;
    mbedtls_mpi s;
    struct random random;
};

static void curve_open(struct curve *curve, mbedtls_ecp_group_id id)
{
    memset(curve, 0, sizeof *curve);
    mbedtls_ecp_group_init(&curve->group);
    mbedtls_ecp_point_init(&curve->in);
    mbedtls_ecp_point_init(&curve->out);
    mbedtls_mpi_init(&curve->scalar);
    mbedtls_mpi_init(&curve->r);
    mbedtls_mpi_init(&curve->s);
    (void)mbedtls_ecp_group_load(&curve->group, id);
}

static bool curve_close(struct curve *curve, bool done)
{
    mbedtls_ecp_group_free(&curve->group);
    mbedtls_ecp_point_free(&curve->in);
    mbedtls_ecp_point_free(&curve->out);
    mbedtls_mpi_free(&curve->scalar);
    mbedtls_mpi_free(&curve->r);
    mbedtls_mpi_free(&curve->s);
    return done;
}

static bool read_point(struct curve *curve, const uint8_t point[64])
{
    uint8_t encoded[65] = {4};
    memcpy(encoded + 1, point, 64);
    return mbedtls_ecp_point_read_binary(&curve->group, &curve->in, encoded, sizeof encoded) == 0 &&
           mbedtls_ecp_check_pubkey(&curve->group, &curve->in) == 0;
}

static bool multiply(struct curve *curve, const mbedtls_ecp_point *point)
{
    return mbedtls_ecp_mul(&curve->group, &curve->out, &curve->scalar, point, random_bytes, &curve->random) ==
           0;
}

static bool stock_p256_point_is_valid(const uint8_t point[64])
{
    struct curve curve;
    curve_open(&curve, MBEDTLS_ECP_DP_SECP256R1);
    return curve_close(&curve, read_point(&curve, point));
}

static bool stock_p256_public(const uint8_t scalar[32], uint8_t point[64])
{
    struct curve curve;
    uint8_t encoded[65];
    size_t size;
    curve_open(&curve, MBEDTLS_ECP_DP_SECP256R1);
    bool done = mbedtls_mpi_read_binary(&curve.scalar, scalar, 32) == 0 && multiply(&curve, &curve.group.G) &&
                mbedtls_ecp_point_write_binary(&curve.group, &curve.out, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                               encoded, sizeof encoded) == 0;
    if (done)
        memcpy(point, encoded + 1, 64);
    return curve_close(&curve, done);
}

static bool stock_p256_agree(const uint8_t scalar[32], const uint8_t point[64], uint8_t shared[32])
{
    struct curve curve;
    uint8_t encoded[65];
    size_t size;
    curve_open(&curve, MBEDTLS_ECP_DP_SECP256R1);
    bool done = mbedtls_mpi_read_binary(&curve.scalar, scalar, 32) == 0 && read_point(&curve, point) &&
                multiply(&curve, &curve.in) &&
                mbedtls_ecp_point_write_binary(&curve.group, &curve.out, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                               encoded, sizeof encoded) == 0;
    if (done)
        memcpy(shared, encoded + 1, 32);
    return curve_close(&curve, done);
}

static bool stock_p256_sign(const uint8_t scalar[32], const uint8_t nonce[32], const uint8_t *digest,
                            size_t size, uint8_t signature[64])
{
    struct curve curve;
    curve_open(&curve, MBEDTLS_ECP_DP_SECP256R1);
    curve.random.first = nonce;
    bool done = mbedtls_mpi_read_binary(&curve.scalar, scalar, 32) == 0 &&
                mbedtls_ecdsa_sign(&curve.group, &curve.r, &curve.s, &curve.scalar, digest, size,
                                   random_bytes, &curve.random) == 0 &&
                mbedtls_mpi_write_binary(&curve.r, signature, 32) == 0 &&
                mbedtls_mpi_write_binary(&curve.s, signature + 32, 32) == 0;
    return curve_close(&curve, done);
}

static bool stock_p256_verify(const uint8_t point[64], const uint8_t *digest, size_t size,
                              const uint8_t signature[64])
{
    struct curve curve;
    curve_open(&curve, MBEDTLS_ECP_DP_SECP256R1);
    bool done = mbedtls_mpi_read_binary(&curve.r, signature, 32) == 0 &&
                mbedtls_mpi_read_binary(&curve.s, signature + 32, 32) == 0 && read_point(&curve, point) &&
                mbedtls_ecdsa_verify(&curve.group, digest, size, &curve.in, &curve.r, &curve.s) == 0;
    return curve_close(&curve, done);
}

static bool x25519(const uint8_t scalar[32], const uint8_t point[32], uint8_t shared[32])
{
    struct curve curve;
    uint8_t clamped[32];
    size_t size;
    memcpy(clamped, scalar, sizeof clamped);
    clamped[0] &= 0xf8;
    clamped[31] = (uint8_t)((clamped[31] & 0x7f) | 0x40);
    curve_open(&curve, MBEDTLS_ECP_DP_CURVE25519);
    bool done = mbedtls_mpi_read_binary_le(&curve.scalar, clamped, 32) == 0 &&
                mbedtls_ecp_point_read_binary(&curve.group, &curve.in, point, 32) == 0 &&
                mbedtls_ecp_check_pubkey(&curve.group, &curve.in) == 0 && multiply(&curve, &curve.in) &&
                mbedtls_ecp_point_write_binary(&curve.group, &curve.out, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                               shared, 32) == 0;
    return curve_close(&curve, done);
}

const struct stock stock_primitives = {sha256,
                                       gcm,
                                       chacha_poly,
                                       stock_p256_point_is_valid,
                                       stock_p256_public,
                                       stock_p256_agree,
                                       stock_p256_sign,
                                       stock_p256_verify,
                                       x25519};
