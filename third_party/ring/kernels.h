/*
 * Fast primitives for x86-64: a thin layer over the kernels of BoringSSL that ring packages, in C and assembly. Above it
 * stand mbedTLS's hooks (third_party/mbedtls) and nothing else but the choice of code at boot (app/crypto).
 *
 * Purpose: AES-GCM, ChaCha20, Poly1305, SHA-256, P-256 and X25519, as code for several kinds of processor; which kind runs
 *   is chosen at boot.
 * Ownership: every struct is the caller's memory, holds no pointers and may be copied; wiping it is the caller's affair.
 * Blocking: none. Allocation: none. Failure: functions that can fail say so; the others succeed always.
 * Time: nothing here branches on secret data or uses it as an address, on any kind of code.
 * Limits: as each function says. Not for use from interrupts: vector registers are used freely.
 */
#ifndef JETON_RING_KERNELS_H
#define JETON_RING_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- which code runs ---- */

/* Kinds of code for AES-GCM, worst first. Until kernels_use() everything runs as portable code. */
enum gcm_code {
    GCM_PORTABLE, /* plain C: bit slices, and carry-less products made of integer ones */
    GCM_AES_ONLY, /* AES instructions; products as above: for emulators, which are slow at PCLMULQDQ */
    GCM_AES,      /* AES and PCLMULQDQ instructions */
    GCM_AVX,      /* the same with AVX and MOVBE, eight blocks at a time */
    GCM_VAES,     /* AVX2, VAES and VPCLMULQDQ */
    GCM_CODES
};

/* Kinds of code for the curves. */
enum curve_code {
    CURVE_PORTABLE, /* 64-bit multiplications */
    CURVE_ADX,      /* MULX, ADCX and ADOX; table look-ups by AVX2 */
    CURVE_CODES
};

/* Kinds of code for SHA-256. */
enum sha256_code {
    SHA256_PORTABLE, /* whole registers only */
    SHA256_SHA,      /* SHA extensions */
    SHA256_CODES
};

/* Kinds of code for ChaCha20. */
enum chacha_code {
    CHACHA_PORTABLE, /* one block at a time, whole registers only */
    CHACHA_SSSE3,    /* four blocks at a time */
    CHACHA_AVX2,     /* eight */
    CHACHA_CODES
};

struct kernels {
    enum gcm_code gcm;
    enum sha256_code sha256;
    enum chacha_code chacha;
    bool chacha_first; /* ChaCha20-Poly1305 is the faster of the two ciphers */
    enum curve_code curve;
};

/* The best that this processor has by its CPUID and the state that the system saves (XCR0). */
struct kernels kernels_of_processor(void);

/* The fastest of what this processor has, by the clock: emulators run vector code, and ADX, slower than plain code
 * (calibrate.c says what it takes and what was measured). A clock that stands still leaves what CPUID says. */
struct kernels kernels_fastest(uint64_t (*clock_ns)(void));

/* The same, with no kind beyond `level`; level 0 is the portable code. For tests and measurements. */
struct kernels kernels_capped(struct kernels code, size_t level);

/* Use exactly this code from now on. Each kind must be no better than kernels_of_processor() says. Keys that were
 * prepared before keep the code that they were prepared for. */
void kernels_use(struct kernels code);

/* What is in use. */
struct kernels kernels_in_use(void);

/* ---- AES-GCM (SP 800-38D) ---- */

#define GCM_BLOCK_BYTES 16

/* A key of 128 or 256 bits, prepared. */
struct gcm_key {
    _Alignas(16) uint64_t table[32]; /* multiples of the hash key, in the order of the code that uses them */
    uint32_t round_keys[60];
    uint32_t rounds;
    enum gcm_code code;
};

/* One message on its way: start; associated data in any portions; then text in any portions; finish. */
struct gcm_message {
    _Alignas(16) uint8_t hash[GCM_BLOCK_BYTES];
    uint8_t counter[GCM_BLOCK_BYTES];
    uint8_t tag_mask[GCM_BLOCK_BYTES];
    uint8_t key_stream[GCM_BLOCK_BYTES]; /* of the block that is only partly used */
    uint8_t partial[GCM_BLOCK_BYTES];    /* what is still to be hashed of a block */
    uint64_t associated_bytes;
    uint64_t text_bytes;
};

enum gcm_direction {
    GCM_SEAL,
    GCM_OPEN
};

/* Returns false when `bits` is neither 128 nor 256. */
bool gcm_key_init(struct gcm_key *key, const uint8_t *secret, unsigned bits);

/* A nonce of any size from 1 byte; 12 bytes are the usual and the fast case. */
void gcm_start(const struct gcm_key *key, struct gcm_message *message, const uint8_t *nonce,
               size_t nonce_size);

/* Associated data; not after gcm_text(). */
void gcm_associated(const struct gcm_key *key, struct gcm_message *message, const uint8_t *data, size_t size);

/* Seals or opens `size` bytes; `in` may be `out`, but must not overlap it otherwise. At most 2^36 - 32 bytes in all. */
void gcm_text(const struct gcm_key *key, struct gcm_message *message, enum gcm_direction direction,
              const uint8_t *in, uint8_t *out, size_t size);

/* The tag; who opens compares it in constant time. */
void gcm_finish(const struct gcm_key *key, struct gcm_message *message, uint8_t tag[GCM_BLOCK_BYTES]);

/* ---- P-256 (SEC 2), for ECDSA (FIPS 186-5) and ECDH (SP 800-56A) ---- */

/* Scalars and coordinates are 32 bytes, big-endian; a point is x and then y, a signature r and then s. */
#define P256_SCALAR_BYTES    32
#define P256_POINT_BYTES     64
#define P256_SIGNATURE_BYTES 64

/* From 1 to n - 1: what a private key must be, and a nonce. */
bool p256_scalar_is_valid(const uint8_t scalar[P256_SCALAR_BYTES]);

/* Both coordinates below p, and on the curve. */
bool p256_point_is_valid(const uint8_t point[P256_POINT_BYTES]);

/* The public key of a valid scalar. */
void p256_public(const uint8_t scalar[P256_SCALAR_BYTES], uint8_t point[P256_POINT_BYTES]);

/* The x coordinate that a valid scalar shares with a peer's point; false when the point is not valid. */
bool p256_agree(const uint8_t scalar[P256_SCALAR_BYTES], const uint8_t point[P256_POINT_BYTES],
                uint8_t shared[P256_SCALAR_BYTES]);

/* What a digest counts as: its first 32 bytes as a number modulo n. */
void p256_digest_scalar(const uint8_t *digest, size_t digest_size, uint8_t scalar[P256_SCALAR_BYTES]);

/* Sign with a valid scalar and a nonce that is secret, uniform, and never used again. False when the nonce is not valid or makes r or s zero: try another. */
bool p256_sign(const uint8_t scalar[P256_SCALAR_BYTES], const uint8_t nonce[P256_SCALAR_BYTES],
               const uint8_t *digest, size_t digest_size, uint8_t signature[P256_SIGNATURE_BYTES]);

/* False also when the point is not valid. Takes as long as these public values make it. */
bool p256_verify(const uint8_t point[P256_POINT_BYTES], const uint8_t *digest, size_t digest_size,
                 const uint8_t signature[P256_SIGNATURE_BYTES]);

/* ---- X25519 (RFC 7748) ---- */

#define X25519_BYTES 32

/* Make 32 bytes a scalar: what every function below does on its own copy as well. */
void x25519_clamp(uint8_t scalar[X25519_BYTES]);

void x25519_public(const uint8_t scalar[X25519_BYTES], uint8_t point[X25519_BYTES]);

/* False when the peer's point is one of the few of small order, which give everybody the same: `shared` is zero then. */
bool x25519_agree(const uint8_t scalar[X25519_BYTES], const uint8_t point[X25519_BYTES],
                  uint8_t shared[X25519_BYTES]);

/* ---- SHA-256 (FIPS 180-4) ---- */

#define SHA256_BLOCK_BYTES 64

/* Blocks into the chaining value. */
void sha256_blocks(uint32_t state[8], const uint8_t *data, size_t count);

/* ---- ChaCha20 and Poly1305 (RFC 8439) ---- */

#define CHACHA_BLOCK_BYTES 64

/* XOR with the key stream from block state[8] on (key in words 0 to 7, counter in 8, nonce in 9 to 11), then move the
 * counter behind the last block, a partial one included. `in` may be `out`, but must not overlap it otherwise. */
void chacha20_xor(uint32_t state[12], const uint8_t *in, uint8_t *out, size_t size);

/* A message under a one-time key; portions in any sizes. */
struct poly1305 {
    uint32_t state[18]; /* of the kernel */
    uint8_t partial[16];
    size_t partial_bytes;
};
void poly1305_start(struct poly1305 *message, const uint8_t key[32]);
void poly1305_update(struct poly1305 *message, const uint8_t *data, size_t size);
void poly1305_finish(struct poly1305 *message, uint8_t tag[16]);

#endif
