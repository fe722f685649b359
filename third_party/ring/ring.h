/*
 * The functions of ring that the layer calls: prototypes that upstream has in Rust, or as comments of its assembly. Names
 * are upstream's; its own header puts its prefix before each.
 */
#ifndef JETON_RING_RING_H
#define JETON_RING_RING_H

#include <ring-core/base.h>

#include <ring-core/aes.h>

/* Zeros, which the compiler must not leave out. */
static inline void kernels_wipe(void *data, size_t size)
{
    __builtin_memset(data, 0, size);
    __asm__ volatile("" : : "r"(data) : "memory");
}

/* CPUID's words: leaf 1 EDX and ECX, leaf 7 EBX and ECX, without what the system does not save registers for. */
void OPENSSL_cpuid_setup(uint32_t features[4]);

/* ---- AES: keys, then counter mode over whole blocks, which leaves the counter as it was ---- */
int aes_nohw_set_encrypt_key(const uint8_t *secret, int bits, AES_KEY *key);
int aes_hw_set_encrypt_key_base(const uint8_t *secret, int bits, AES_KEY *key);
int aes_hw_set_encrypt_key_alt(const uint8_t *secret, int bits, AES_KEY *key);
void aes_nohw_ctr32_encrypt_blocks(const uint8_t *in, uint8_t *out, size_t blocks, const AES_KEY *key,
                                   const uint8_t counter[16]);
void aes_hw_ctr32_encrypt_blocks(const uint8_t *in, uint8_t *out, size_t blocks, const AES_KEY *key,
                                 const uint8_t counter[16]);

/* ---- GHASH: a table from the hash key (two words, high first), then blocks into the sum ---- */
void gcm_init_clmul(uint64_t table[32], const uint64_t h[2]);
void gcm_init_avx(uint64_t table[32], const uint64_t h[2]);
void gcm_init_vpclmulqdq_avx2(uint64_t table[32], const uint64_t h[2]);
void gcm_ghash_clmul(uint8_t sum[16], const uint64_t table[32], const uint8_t *in, size_t size);
void gcm_ghash_avx(uint8_t sum[16], const uint64_t table[32], const uint8_t *in, size_t size);
void gcm_ghash_vpclmulqdq_avx2_1(uint8_t sum[16], const uint64_t table[32], const uint8_t *in,
                                 size_t sixteen);

/* ---- both at once ---- */
/* These say how much they took (whole multiples of 96 bytes) and move the counter on. */
size_t aesni_gcm_encrypt(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key,
                         uint8_t counter[16], const uint64_t table[32], uint8_t sum[16]);
size_t aesni_gcm_decrypt(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key,
                         uint8_t counter[16], const uint64_t table[32], uint8_t sum[16]);
/* These take whole blocks and leave the counter as it was. */
void aes_gcm_enc_update_vaes_avx2(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key,
                                  const uint8_t counter[16], const uint64_t table[32], uint8_t sum[16]);
void aes_gcm_dec_update_vaes_avx2(const uint8_t *in, uint8_t *out, size_t size, const AES_KEY *key,
                                  const uint8_t counter[16], const uint64_t table[32], uint8_t sum[16]);

/* ---- P-256: four words, low first. Field elements and scalars of mul and sqr are in Montgomery form. ---- */
extern uint32_t avx2_available;
extern uint32_t adx_bmi2_available;
void ecp_nistz256_neg(uint64_t r[4], const uint64_t a[4]);
void ecp_nistz256_mul_mont(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]);
void ecp_nistz256_sqr_mont(uint64_t r[4], const uint64_t a[4]);
void ecp_nistz256_ord_mul_mont(uint64_t r[4], const uint64_t a[4], const uint64_t b[4]);
void ecp_nistz256_ord_sqr_mont(uint64_t r[4], const uint64_t a[4], uint64_t times);
void p256_point_mul(uint64_t r[12], const uint64_t scalar[4], const uint64_t x[4], const uint64_t y[4]);
void ecp_nistz256_point_add(uint64_t r[12], const uint64_t a[12], const uint64_t b[12]);
void ecp_nistz256_point_add_affine(uint64_t r[12], const uint64_t a[12], const uint64_t b[8]);

/* `scalar` times the base point; ours, in p256_base.c. */
void p256_multiply_base(uint64_t r[12], const uint64_t scalar[4]);

/* ---- X25519, on clamped scalars ---- */
void x25519_scalar_mult_generic_masked(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]);
void x25519_scalar_mult_adx(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]);
void x25519_public_from_private_generic_masked(uint8_t out[32], const uint8_t scalar[32], int use_adx);

/* ---- SHA-256 ---- */
void sha256_block_data_order_nohw(uint32_t state[8], const uint8_t *data, size_t count);
void sha256_block_data_order_hw(uint32_t state[8], const uint8_t *data, size_t count);

/* ---- ChaCha20: at least one byte; the vector code at least 129 ---- */
void ChaCha20_ctr32_nohw(uint8_t *out, const uint8_t *in, size_t size, const uint32_t key[8],
                         const uint32_t counter[4]);
void ChaCha20_ctr32_ssse3_4x(uint8_t *out, const uint8_t *in, size_t size, const uint32_t key[8],
                             const uint32_t counter[4]);
void ChaCha20_ctr32_avx2(uint8_t *out, const uint8_t *in, size_t size, const uint32_t key[8],
                         const uint32_t counter[4]);

/* ---- Poly1305: a state of 72 bytes at a multiple of 64; whole blocks but for the last call ---- */
void CRYPTO_poly1305_init(void *state, const uint8_t key[32]);
void CRYPTO_poly1305_update(void *state, const uint8_t *in, size_t size);
void CRYPTO_poly1305_finish(void *state, uint8_t tag[16]);

#endif
