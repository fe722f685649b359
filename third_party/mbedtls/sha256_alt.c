/*
 * mbedTLS's SHA-256 functions on the kernels (MBEDTLS_SHA256_ALT). Contracts are those of <mbedtls/sha256.h>.
 */
#include <mbedtls/sha256.h>

#include <string.h>

#include <mbedtls/platform_util.h>
#include <ring/kernels.h>

#define LENGTH_OFFSET 56

void mbedtls_sha256_init(mbedtls_sha256_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_sha256_free(mbedtls_sha256_context *ctx)
{
    if (ctx != NULL)
        mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

void mbedtls_sha256_clone(mbedtls_sha256_context *dst, const mbedtls_sha256_context *src)
{
    *dst = *src;
}

int mbedtls_sha256_starts(mbedtls_sha256_context *ctx, int is224)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    if (is224 != 0)
        return MBEDTLS_ERR_SHA256_BAD_INPUT_DATA;
    memcpy(ctx->state, initial, sizeof initial);
    ctx->size = 0;
    return 0;
}

int mbedtls_sha256_update(mbedtls_sha256_context *ctx, const unsigned char *input, size_t ilen)
{
    if (ilen == 0)
        return 0;
    size_t used = ctx->size % SHA256_BLOCK_BYTES;
    ctx->size += ilen;
    if (used > 0) {
        size_t room = SHA256_BLOCK_BYTES - used;
        size_t part = ilen < room ? ilen : room;
        memcpy(ctx->partial + used, input, part);
        if (part < room)
            return 0;
        sha256_blocks(ctx->state, ctx->partial, 1);
        input += part;
        ilen -= part;
    }
    size_t whole = ilen / SHA256_BLOCK_BYTES;
    if (whole > 0)
        sha256_blocks(ctx->state, input, whole);
    memcpy(ctx->partial, input + whole * SHA256_BLOCK_BYTES, ilen % SHA256_BLOCK_BYTES);
    return 0;
}

int mbedtls_sha256_finish(mbedtls_sha256_context *ctx, unsigned char *output)
{
    size_t used = ctx->size % SHA256_BLOCK_BYTES;
    uint64_t bits = __builtin_bswap64(ctx->size * 8);
    ctx->partial[used++] = 0x80;
    if (used > LENGTH_OFFSET) {
        memset(ctx->partial + used, 0, SHA256_BLOCK_BYTES - used);
        sha256_blocks(ctx->state, ctx->partial, 1);
        used = 0;
    }
    memset(ctx->partial + used, 0, LENGTH_OFFSET - used);
    memcpy(ctx->partial + LENGTH_OFFSET, &bits, sizeof bits);
    sha256_blocks(ctx->state, ctx->partial, 1);
    for (size_t i = 0; i < 8; i++) {
        uint32_t word = __builtin_bswap32(ctx->state[i]);
        memcpy(output + 4 * i, &word, sizeof word);
    }
    mbedtls_sha256_free(ctx);
    return 0;
}

int mbedtls_sha256(const unsigned char *input, size_t ilen, unsigned char *output, int is224)
{
    mbedtls_sha256_context ctx;
    int failed = mbedtls_sha256_starts(&ctx, is224);
    if (failed == 0)
        failed = mbedtls_sha256_update(&ctx, input, ilen);
    if (failed == 0)
        failed = mbedtls_sha256_finish(&ctx, output);
    return failed;
}
