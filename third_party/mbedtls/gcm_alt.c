/*
 * mbedTLS's GCM functions on the kernels (MBEDTLS_GCM_ALT): AES with keys of 128 and 256 bits. Contracts, limits and
 * errors are those of <mbedtls/gcm.h>.
 */
#include <mbedtls/gcm.h>

#include <string.h>

#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>

#define TEXT_BYTES_MAX      0xFFFFFFFE0ULL /* SP 800-38D section 5.2.1.1 */
#define ASSOCIATED_BITS_MAX 61

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
    if (ctx != NULL)
        mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher, const unsigned char *key,
                       unsigned int keybits)
{
    if (cipher != MBEDTLS_CIPHER_ID_AES || !gcm_key_init(&ctx->key, key, keybits))
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    return 0;
}

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len)
{
    if (iv_len == 0 || iv_len >> ASSOCIATED_BITS_MAX != 0)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    ctx->mode = mode;
    gcm_start(&ctx->key, &ctx->message, iv, iv_len);
    return 0;
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context *ctx, const unsigned char *add, size_t add_len)
{
    uint64_t sum = ctx->message.associated_bytes + add_len;
    if (sum < add_len || sum >> ASSOCIATED_BITS_MAX != 0)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    if (add_len > 0)
        gcm_associated(&ctx->key, &ctx->message, add, add_len);
    return 0;
}

int mbedtls_gcm_update(mbedtls_gcm_context *ctx, const unsigned char *input, size_t input_length,
                       unsigned char *output, size_t output_size, size_t *output_length)
{
    if (output_size < input_length)
        return MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL;
    *output_length = input_length;
    if (input_length == 0)
        return 0;
    if (output > input && (size_t)(output - input) < input_length)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    uint64_t sum = ctx->message.text_bytes + input_length;
    if (sum < input_length || sum > TEXT_BYTES_MAX)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    gcm_text(&ctx->key, &ctx->message, ctx->mode == MBEDTLS_GCM_ENCRYPT ? GCM_SEAL : GCM_OPEN, input, output,
             input_length);
    return 0;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *output, size_t output_size,
                       size_t *output_length, unsigned char *tag, size_t tag_len)
{
    (void)output;
    (void)output_size;
    *output_length = 0;
    if (tag_len < 4 || tag_len > GCM_BLOCK_BYTES)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    uint8_t whole[GCM_BLOCK_BYTES];
    gcm_finish(&ctx->key, &ctx->message, whole);
    memcpy(tag, whole, tag_len);
    return 0;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length, const unsigned char *iv,
                              size_t iv_len, const unsigned char *add, size_t add_len,
                              const unsigned char *input, unsigned char *output, size_t tag_len,
                              unsigned char *tag)
{
    size_t size;
    int failed = mbedtls_gcm_starts(ctx, mode, iv, iv_len);
    if (failed == 0)
        failed = mbedtls_gcm_update_ad(ctx, add, add_len);
    if (failed == 0)
        failed = mbedtls_gcm_update(ctx, input, length, output, length, &size);
    if (failed == 0)
        failed = mbedtls_gcm_finish(ctx, NULL, 0, &size, tag, tag_len);
    return failed;
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv, size_t iv_len,
                             const unsigned char *add, size_t add_len, const unsigned char *tag,
                             size_t tag_len, const unsigned char *input, unsigned char *output)
{
    uint8_t expected[GCM_BLOCK_BYTES];
    int failed = mbedtls_gcm_crypt_and_tag(ctx, MBEDTLS_GCM_DECRYPT, length, iv, iv_len, add, add_len, input,
                                           output, tag_len, expected);
    if (failed != 0)
        return failed;
    if (mbedtls_ct_memcmp(tag, expected, tag_len) == 0)
        return 0;
    mbedtls_platform_zeroize(output, length);
    return MBEDTLS_ERR_GCM_AUTH_FAILED;
}
