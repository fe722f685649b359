/*
 * AES-GCM over the kernels: prepared keys, messages in portions, and one table that says what each kind of code calls.
 */
#include "kernels.h"

#include <string.h>

#include "ghash.h"
#include "ring.h"

#define CHUNK_BYTES 3072 /* encrypted, then hashed while it still lies in the first cache */

_Static_assert(offsetof(struct gcm_key, rounds) - offsetof(struct gcm_key, round_keys) ==
                   offsetof(AES_KEY, rounds),
               "the kernels find the rounds behind the round keys");

struct code {
    int (*expand)(const uint8_t *secret, int bits, AES_KEY *key);
    void (*count)(const uint8_t *in, uint8_t *out, size_t blocks, const AES_KEY *key,
                  const uint8_t counter[16]);
    void (*prepare)(uint64_t table[32], const uint64_t h[2]);
    void (*absorb)(uint8_t sum[16], const uint64_t table[32], const uint8_t *in, size_t size);
    /* Optional: takes whole blocks off the front, says how many bytes, and moves the counter on. */
    size_t (*bulk[2])(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key, uint8_t counter[16],
                      const uint64_t table[32], uint8_t sum[16]);
};

static void advance(uint8_t counter[16], size_t blocks)
{
    uint32_t value;
    memcpy(&value, counter + 12, sizeof value);
    value = __builtin_bswap32(__builtin_bswap32(value) + (uint32_t)blocks);
    memcpy(counter + 12, &value, sizeof value);
}

static void absorb_vaes(uint8_t sum[16], const uint64_t table[32], const uint8_t *in, size_t size)
{
    for (; size >= 16; size -= 16, in += 16)
        gcm_ghash_vpclmulqdq_avx2_1(sum, table, in, 16);
}

static size_t seal_vaes(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key, uint8_t counter[16],
                        const uint64_t table[32], uint8_t sum[16])
{
    aes_gcm_enc_update_vaes_avx2(in, out, size, key, counter, table, sum);
    advance(counter, size / 16);
    return size;
}

static size_t open_vaes(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key, uint8_t counter[16],
                        const uint64_t table[32], uint8_t sum[16])
{
    aes_gcm_dec_update_vaes_avx2(in, out, size, key, counter, table, sum);
    advance(counter, size / 16);
    return size;
}

static const struct code codes[GCM_CODES] = {
    [GCM_PORTABLE] =
        {aes_nohw_set_encrypt_key, aes_nohw_ctr32_encrypt_blocks, ghash_init, ghash_blocks, {NULL, NULL}},
    [GCM_AES_ONLY] =
        {aes_hw_set_encrypt_key_base, aes_hw_ctr32_encrypt_blocks, ghash_init, ghash_blocks, {NULL, NULL}},
    [GCM_AES] = {aes_hw_set_encrypt_key_base,
                 aes_hw_ctr32_encrypt_blocks,
                 gcm_init_clmul,
                 gcm_ghash_clmul,
                 {NULL, NULL}},
    [GCM_AVX] = {aes_hw_set_encrypt_key_alt,
                 aes_hw_ctr32_encrypt_blocks,
                 gcm_init_avx,
                 gcm_ghash_avx,
                 {aesni_gcm_encrypt, aesni_gcm_decrypt}},
    [GCM_VAES] = {aes_hw_set_encrypt_key_alt,
                  aes_hw_ctr32_encrypt_blocks,
                  gcm_init_vpclmulqdq_avx2,
                  absorb_vaes,
                  {seal_vaes, open_vaes}},
};

static AES_KEY *aes_of(struct gcm_key *key)
{
    return (AES_KEY *)(void *)key->round_keys;
}

static const AES_KEY *aes_of_const(const struct gcm_key *key)
{
    return (const AES_KEY *)(const void *)key->round_keys;
}

/* One block of key stream. */
static void encrypt_block(const struct gcm_key *key, const uint8_t counter[16], uint8_t out[16])
{
    static const uint8_t zeros[16];
    codes[key->code].count(zeros, out, 1, aes_of_const(key), counter);
}

bool gcm_key_init(struct gcm_key *key, const uint8_t *secret, unsigned bits)
{
    static const uint8_t zeros[16];
    if (bits != 128 && bits != 256)
        return false;
    memset(key, 0, sizeof *key);
    key->code = kernels_in_use().gcm;
    const struct code *code = &codes[key->code];
    if (code->expand(secret, (int)bits, aes_of(key)) != 0)
        return false;
    uint64_t h[2];
    uint8_t block[16];
    encrypt_block(key, zeros, block);
    memcpy(h, block, sizeof h);
    h[0] = __builtin_bswap64(h[0]);
    h[1] = __builtin_bswap64(h[1]);
    code->prepare(key->table, h);
    kernels_wipe(h, sizeof h);
    kernels_wipe(block, sizeof block);
    return true;
}

/* Hash what `partial` has, filled up with zeros. */
static void absorb_partial(const struct gcm_key *key, struct gcm_message *message, uint64_t size)
{
    size_t used = size % GCM_BLOCK_BYTES;
    if (used == 0)
        return;
    memset(message->partial + used, 0, GCM_BLOCK_BYTES - used);
    codes[key->code].absorb(message->hash, key->table, message->partial, GCM_BLOCK_BYTES);
}

/* Hash `size` bytes after `before` bytes of the same kind. */
static void absorb(const struct gcm_key *key, struct gcm_message *message, uint64_t before,
                   const uint8_t *data, size_t size)
{
    const struct code *code = &codes[key->code];
    size_t used = before % GCM_BLOCK_BYTES;
    if (used > 0) {
        size_t part = size < GCM_BLOCK_BYTES - used ? size : GCM_BLOCK_BYTES - used;
        memcpy(message->partial + used, data, part);
        if (used + part < GCM_BLOCK_BYTES)
            return;
        code->absorb(message->hash, key->table, message->partial, GCM_BLOCK_BYTES);
        data += part;
        size -= part;
    }
    size_t whole = size - size % GCM_BLOCK_BYTES;
    if (whole > 0)
        code->absorb(message->hash, key->table, data, whole);
    if (size > whole)
        memcpy(message->partial, data + whole, size - whole);
}

static void absorb_lengths(const struct gcm_key *key, struct gcm_message *message, uint64_t first_bytes,
                           uint64_t second_bytes)
{
    uint64_t bits[2] = {__builtin_bswap64(first_bytes * 8), __builtin_bswap64(second_bytes * 8)};
    uint8_t block[GCM_BLOCK_BYTES];
    memcpy(block, bits, sizeof block);
    codes[key->code].absorb(message->hash, key->table, block, sizeof block);
}

void gcm_start(const struct gcm_key *key, struct gcm_message *message, const uint8_t *nonce,
               size_t nonce_size)
{
    memset(message, 0, sizeof *message);
    if (nonce_size == 12) {
        memcpy(message->counter, nonce, 12);
        message->counter[15] = 1;
    } else {
        absorb(key, message, 0, nonce, nonce_size);
        absorb_partial(key, message, nonce_size);
        absorb_lengths(key, message, 0, nonce_size);
        memcpy(message->counter, message->hash, GCM_BLOCK_BYTES);
        memset(message->hash, 0, GCM_BLOCK_BYTES);
    }
    encrypt_block(key, message->counter, message->tag_mask);
    advance(message->counter, 1);
}

void gcm_associated(const struct gcm_key *key, struct gcm_message *message, const uint8_t *data, size_t size)
{
    absorb(key, message, message->associated_bytes, data, size);
    message->associated_bytes += size;
}

/* Whole blocks that start at a block's border. */
static void crypt_whole(const struct gcm_key *key, struct gcm_message *message, enum gcm_direction direction,
                        const uint8_t *in, uint8_t *out, size_t size)
{
    const struct code *code = &codes[key->code];
    if (code->bulk[direction] != NULL && size > 0) {
        size_t done = code->bulk[direction](in, out, size, aes_of_const(key), message->counter, key->table,
                                            message->hash);
        in += done;
        out += done;
        size -= done;
    }
    while (size > 0) {
        size_t chunk = size < CHUNK_BYTES ? size : CHUNK_BYTES;
        if (direction == GCM_OPEN)
            code->absorb(message->hash, key->table, in, chunk);
        code->count(in, out, chunk / 16, aes_of_const(key), message->counter);
        advance(message->counter, chunk / 16);
        if (direction == GCM_SEAL)
            code->absorb(message->hash, key->table, out, chunk);
        in += chunk;
        out += chunk;
        size -= chunk;
    }
}

/* Bytes of one block that is begun, from byte `used` of it on. */
static void crypt_part(struct gcm_message *message, enum gcm_direction direction, size_t used,
                       const uint8_t *in, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t given = in[i];
        out[i] = (uint8_t)(given ^ message->key_stream[used + i]);
        message->partial[used + i] = direction == GCM_SEAL ? out[i] : given;
    }
}

void gcm_text(const struct gcm_key *key, struct gcm_message *message, enum gcm_direction direction,
              const uint8_t *in, uint8_t *out, size_t size)
{
    if (size == 0)
        return;
    if (message->text_bytes == 0)
        absorb_partial(key, message, message->associated_bytes);
    size_t used = message->text_bytes % GCM_BLOCK_BYTES;
    message->text_bytes += size;
    if (used > 0) {
        size_t part = size < GCM_BLOCK_BYTES - used ? size : GCM_BLOCK_BYTES - used;
        crypt_part(message, direction, used, in, out, part);
        if (used + part == GCM_BLOCK_BYTES)
            codes[key->code].absorb(message->hash, key->table, message->partial, GCM_BLOCK_BYTES);
        in += part;
        out += part;
        size -= part;
    }
    size_t rest = size % GCM_BLOCK_BYTES;
    crypt_whole(key, message, direction, in, out, size - rest);
    if (rest > 0) {
        encrypt_block(key, message->counter, message->key_stream);
        advance(message->counter, 1);
        crypt_part(message, direction, 0, in + size - rest, out + size - rest, rest);
    }
}

void gcm_finish(const struct gcm_key *key, struct gcm_message *message, uint8_t tag[GCM_BLOCK_BYTES])
{
    if (message->text_bytes == 0)
        absorb_partial(key, message, message->associated_bytes);
    absorb_partial(key, message, message->text_bytes);
    absorb_lengths(key, message, message->associated_bytes, message->text_bytes);
    for (size_t i = 0; i < GCM_BLOCK_BYTES; i++)
        tag[i] = message->hash[i] ^ message->tag_mask[i];
}
