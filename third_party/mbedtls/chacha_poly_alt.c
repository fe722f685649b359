/*
 * mbedTLS's ChaCha20 and Poly1305 functions on the kernels (MBEDTLS_CHACHA20_ALT, MBEDTLS_POLY1305_ALT). Contracts are
 * those of <mbedtls/chacha20.h> and <mbedtls/poly1305.h>.
 */
#include <mbedtls/chacha20.h>
#include <mbedtls/poly1305.h>

#include <string.h>

#include <mbedtls/platform_util.h>
#include <ring/kernels.h>

/* ---- ChaCha20 ---- */

void mbedtls_chacha20_init(mbedtls_chacha20_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_chacha20_free(mbedtls_chacha20_context *ctx)
{
    if (ctx != NULL)
        mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

int mbedtls_chacha20_setkey(mbedtls_chacha20_context *ctx, const unsigned char key[32])
{
    memcpy(ctx->state, key, 32);
    return 0;
}

int mbedtls_chacha20_starts(mbedtls_chacha20_context *ctx, const unsigned char nonce[12], uint32_t counter)
{
    ctx->state[8] = counter;
    memcpy(ctx->state + 9, nonce, 12);
    ctx->used = 0;
    return 0;
}

/* Bytes of the block that is begun. */
static size_t use_key_stream(mbedtls_chacha20_context *ctx, size_t size, const unsigned char *input,
                             unsigned char *output)
{
    size_t room = CHACHA_BLOCK_BYTES - ctx->used;
    size_t part = size < room ? size : room;
    for (size_t i = 0; i < part; i++)
        output[i] = input[i] ^ ctx->key_stream[ctx->used + i];
    ctx->used = (ctx->used + part) % CHACHA_BLOCK_BYTES;
    return part;
}

int mbedtls_chacha20_update(mbedtls_chacha20_context *ctx, size_t size, const unsigned char *input,
                            unsigned char *output)
{
    size_t done = ctx->used > 0 ? use_key_stream(ctx, size, input, output) : 0;
    size_t rest = (size - done) % CHACHA_BLOCK_BYTES;
    size_t whole = size - done - rest;
    chacha20_xor(ctx->state, input + done, output + done, whole);
    if (rest > 0) {
        memset(ctx->key_stream, 0, sizeof ctx->key_stream);
        chacha20_xor(ctx->state, ctx->key_stream, ctx->key_stream, sizeof ctx->key_stream);
        use_key_stream(ctx, rest, input + done + whole, output + done + whole);
    }
    return 0;
}

int mbedtls_chacha20_crypt(const unsigned char key[32], const unsigned char nonce[12], uint32_t counter,
                           size_t size, const unsigned char *input, unsigned char *output)
{
    mbedtls_chacha20_context ctx;
    mbedtls_chacha20_init(&ctx);
    int failed = mbedtls_chacha20_setkey(&ctx, key);
    if (failed == 0)
        failed = mbedtls_chacha20_starts(&ctx, nonce, counter);
    if (failed == 0)
        failed = mbedtls_chacha20_update(&ctx, size, input, output);
    mbedtls_chacha20_free(&ctx);
    return failed;
}

/* ---- Poly1305 ---- */

void mbedtls_poly1305_init(mbedtls_poly1305_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_poly1305_free(mbedtls_poly1305_context *ctx)
{
    if (ctx != NULL)
        mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

int mbedtls_poly1305_starts(mbedtls_poly1305_context *ctx, const unsigned char key[32])
{
    poly1305_start(&ctx->message, key);
    return 0;
}

int mbedtls_poly1305_update(mbedtls_poly1305_context *ctx, const unsigned char *input, size_t ilen)
{
    poly1305_update(&ctx->message, input, ilen);
    return 0;
}

int mbedtls_poly1305_finish(mbedtls_poly1305_context *ctx, unsigned char mac[16])
{
    poly1305_finish(&ctx->message, mac);
    return 0;
}

int mbedtls_poly1305_mac(const unsigned char key[32], const unsigned char *input, size_t ilen,
                         unsigned char mac[16])
{
    mbedtls_poly1305_context ctx;
    int failed = mbedtls_poly1305_starts(&ctx, key);
    if (failed == 0)
        failed = mbedtls_poly1305_update(&ctx, input, ilen);
    if (failed == 0)
        failed = mbedtls_poly1305_finish(&ctx, mac);
    mbedtls_poly1305_free(&ctx);
    return failed;
}
