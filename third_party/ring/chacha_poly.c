/*
 * ChaCha20 and Poly1305 over the kernels.
 */
#include "kernels.h"

#include <string.h>

#include "ring.h"

#define VECTOR_BYTES_MIN 129 /* the vector code's own rule */

/* Where the kernel wants its state. */
struct aligned {
    _Alignas(64) uint32_t state[18];
};

void chacha20_xor(uint32_t state[12], const uint8_t *in, uint8_t *out, size_t size)
{
    enum chacha_code code = kernels_in_use().chacha;
    if (size == 0)
        return;
    if (code == CHACHA_PORTABLE || size < VECTOR_BYTES_MIN)
        ChaCha20_ctr32_nohw(out, in, size, state, state + 8);
    else if (code == CHACHA_SSSE3)
        ChaCha20_ctr32_ssse3_4x(out, in, size, state, state + 8);
    else
        ChaCha20_ctr32_avx2(out, in, size, state, state + 8);
    state[8] += (uint32_t)((size + CHACHA_BLOCK_BYTES - 1) / CHACHA_BLOCK_BYTES);
}

void poly1305_start(struct poly1305 *message, const uint8_t key[32])
{
    struct aligned kernel;
    memset(message, 0, sizeof *message);
    CRYPTO_poly1305_init(&kernel, key);
    memcpy(message->state, kernel.state, sizeof kernel.state);
    kernels_wipe(&kernel, sizeof kernel);
}

void poly1305_update(struct poly1305 *message, const uint8_t *data, size_t size)
{
    struct aligned kernel;
    if (size == 0)
        return;
    memcpy(kernel.state, message->state, sizeof kernel.state);
    if (message->partial_bytes > 0) {
        size_t room = sizeof message->partial - message->partial_bytes;
        size_t part = size < room ? size : room;
        memcpy(message->partial + message->partial_bytes, data, part);
        message->partial_bytes += part;
        data += part;
        size -= part;
        if (part < room)
            return;
        CRYPTO_poly1305_update(&kernel, message->partial, sizeof message->partial);
    }
    message->partial_bytes = size % sizeof message->partial;
    CRYPTO_poly1305_update(&kernel, data, size - message->partial_bytes);
    memcpy(message->partial, data + size - message->partial_bytes, message->partial_bytes);
    memcpy(message->state, kernel.state, sizeof kernel.state);
    kernels_wipe(&kernel, sizeof kernel);
}

void poly1305_finish(struct poly1305 *message, uint8_t tag[16])
{
    struct aligned kernel;
    memcpy(kernel.state, message->state, sizeof kernel.state);
    CRYPTO_poly1305_update(&kernel, message->partial, message->partial_bytes);
    CRYPTO_poly1305_finish(&kernel, tag);
    kernels_wipe(&kernel, sizeof kernel);
}
