/*
 * Digest, MAC, key derivation, authenticated encryption and random numbers: a thin, allocation-free face of PSA.
 *
 * Ownership: key structs are the caller's memory; wipe them with crypto_*_wipe when they end. Blocking: none.
 * Failure: crypto_init() may fail (no entropy, no memory); after it, everything here succeeds or the machine is broken
 *   (platform_panic), except opening a sealed text (STATUS_DAMAGED) and checking a signature (STATUS_DENIED). A heap
 *   that clients used up does not harm it: what this module itself needs comes from a small reserve then.
 * Limits: CRYPTO_PARTS_MAX parts in one message.
 */
#ifndef JETON_CRYPTO_CRYPTO_H
#define JETON_CRYPTO_CRYPTO_H

#include "base/bytes.h"
#include "base/heap.h"

#define SHA256_BYTES     32
#define KEY_BYTES        32
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES   16
#define CRYPTO_PARTS_MAX 8

/* Choose the fastest code for this processor, by platform_monotonic_ns(); give the libraries their heap, seed the generator
 * from platform_entropy(), start PSA. Once, at boot, first. */
enum status crypto_init(struct heap *heap) MUST_USE;

/* True when ChaCha20-Poly1305 is faster here than AES-GCM: without AES instructions, and under emulators. */
bool crypto_prefers_chacha(void);

/* Mix fresh hardware entropy in; after a resume, and now and then. */
enum status crypto_reseed(void) MUST_USE;

/* platform_generation(), with the generator seeded afresh if it has gone on: whoever keeps something that must never be
 * used by two machines (a nonce, a session) compares it with the one under which that was made. Cheap. */
uint64_t crypto_generation(void);

/* Memory for a call of the libraries that must not fail because clients used the heap up: between these two, what the
 * heap can't give comes from the reserve. They nest. */
void crypto_reserve_enter(void);
void crypto_reserve_leave(void);

/* CSPRNG output, never that of a copy of this machine. */
void crypto_random(void *out, size_t size);
uint32_t crypto_random_u32(void);

/* SHA-256 over the parts, one after the other. */
void crypto_sha256(const struct bytes *parts, size_t count, uint8_t out[SHA256_BYTES]);

/* HMAC-SHA-256 under a prepared key (RFC 2104). */
struct mac_key {
    uint64_t state[60]; /* opaque: the hash state after the inner and after the outer key block */
};
void mac_key_init(struct mac_key *key, const uint8_t secret[KEY_BYTES]);
void mac_key_wipe(struct mac_key *key);
void mac_compute(const struct mac_key *key, const struct bytes *parts, size_t count,
                 uint8_t out[SHA256_BYTES]);

/* HKDF-SHA-256 (RFC 5869), no salt: a 32-byte key for one purpose from a master key. */
void crypto_derive(const uint8_t master[KEY_BYTES], const char *label, uint8_t out[KEY_BYTES]);

/* AES-256-GCM (SP 800-38D). The caller guarantees that a nonce is used once under a key. In place: `text` may equal
 * `out`. seal writes text.size bytes and the tag; open that fails leaves zeros. */
struct aead_key {
    _Alignas(16) uint64_t state[64]; /* opaque: round keys and hash table, prepared once */
};
void aead_key_init(struct aead_key *key, const uint8_t secret[KEY_BYTES]);
void aead_key_wipe(struct aead_key *key);
void aead_seal(const struct aead_key *key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes associated,
               struct bytes text, uint8_t *out_and_tag);
enum status aead_open(const struct aead_key *key, const uint8_t nonce[AEAD_NONCE_BYTES],
                      struct bytes associated, struct bytes text_and_tag, uint8_t *out) MUST_USE;

#endif
