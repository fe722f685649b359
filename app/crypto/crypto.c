/*
 * Digest, MAC, key derivation, authenticated encryption and random numbers on PSA, and what mbedTLS asks of the
 * machine: its heap, its seed, its clock.
 */
#include "crypto/crypto.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/entropy.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <psa/crypto.h>
#include <ring/kernels.h>

#include "limits.h"
#include "platform/platform.h"

#define SHA256_BLOCK_BYTES 64

static struct heap *main_heap;
static struct heap reserve_heap;
static _Alignas(16) uint8_t reserve_region[CRYPTO_RESERVE_BYTES];
static unsigned reserve_depth;

/* What the library needs to keep of one prepared MAC key. */
struct mac_states {
    psa_hash_operation_t inner;
    psa_hash_operation_t outer;
};
_Static_assert(sizeof(struct mac_states) <= sizeof(struct mac_key), "a MAC key must hold both hash states");

/* After crypto_init a failing primitive is a broken machine: going on could reuse a key stream or skip a check. */
static void must(psa_status_t status)
{
    if (status != PSA_SUCCESS)
        platform_panic("a cryptographic primitive failed");
}

/* ---- what mbedTLS asks of the machine ---- */

void crypto_reserve_enter(void)
{
    reserve_depth++;
}

void crypto_reserve_leave(void)
{
    assert(reserve_depth > 0);
    reserve_depth--;
}

static void *library_calloc(size_t count, size_t size_bytes)
{
    void *chunk = heap_take_zeroed(main_heap, count, size_bytes);
    if (chunk == NULL && reserve_depth > 0)
        chunk = heap_take_zeroed(&reserve_heap, count, size_bytes);
    return chunk;
}

static void library_free(void *chunk)
{
    uintptr_t address = (uintptr_t)chunk;
    bool reserved =
        address >= (uintptr_t)reserve_region && address < (uintptr_t)reserve_region + sizeof reserve_region;
    heap_give(reserved ? &reserve_heap : main_heap, chunk);
}

/* The library declares its entropy hook in a private header only. */
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t size, size_t *written);

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t size, size_t *written)
{
    (void)data;
    if (platform_entropy(output, size) != STATUS_OK)
        return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
    *written = size;
    return 0;
}

/* Tickets and hello messages need a clock that only goes forward; that of the wall is the service's business. */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return (mbedtls_ms_time_t)(platform_monotonic_ns() / 1000000);
}

static mbedtls_time_t library_time_s(mbedtls_time_t *out)
{
    mbedtls_time_t now_s = (mbedtls_time_t)(platform_monotonic_ns() / 1000000000);
    if (out != NULL)
        *out = now_s;
    return now_s;
}

enum status crypto_init(struct heap *heap)
{
    kernels_use(kernels_fastest(platform_monotonic_ns));
    main_heap = heap;
    heap_init(&reserve_heap, reserve_region, sizeof reserve_region);
    if (mbedtls_platform_set_calloc_free(library_calloc, library_free) != 0 ||
        mbedtls_platform_set_time(library_time_s) != 0)
        return STATUS_IO;
    return psa_crypto_init() == PSA_SUCCESS ? STATUS_OK : STATUS_IO;
}

bool crypto_prefers_chacha(void)
{
    return kernels_in_use().chacha_first;
}

/* ---- random numbers ---- */

/* The library's generator takes a microsecond to be asked; what is taken from the pool is wiped there. */
static uint8_t random_pool[CRYPTO_RANDOM_POOL_BYTES];
static size_t random_pool_left;

enum status crypto_reseed(void)
{
    random_pool_left = 0;
    crypto_reserve_enter();
    psa_status_t status = psa_random_reseed(NULL, 0);
    crypto_reserve_leave();
    return status == PSA_SUCCESS ? STATUS_OK : STATUS_IO;
}

uint64_t crypto_generation(void)
{
    static uint64_t seeded;
    uint64_t generation = platform_generation();
    if (generation != seeded && crypto_reseed() != STATUS_OK)
        platform_panic("this machine is a copy of another and there is no entropy to tell them apart");
    seeded = generation;
    return generation;
}

static void generate(void *out, size_t size)
{
    crypto_reserve_enter(); /* the generator reseeds itself now and then, which takes memory */
    must(psa_generate_random(out, size));
    crypto_reserve_leave();
}

void crypto_random(void *out, size_t size)
{
    (void)crypto_generation();
    if (size > CRYPTO_RANDOM_SMALL_BYTES) {
        generate(out, size);
        return;
    }
    if (random_pool_left < size) {
        generate(random_pool, sizeof random_pool);
        random_pool_left = sizeof random_pool;
    }
    random_pool_left -= size;
    memcpy(out, random_pool + random_pool_left, size);
    bytes_wipe(random_pool + random_pool_left, size);
}

uint32_t crypto_random_u32(void)
{
    uint32_t value;
    crypto_random(&value, sizeof value);
    return value;
}

/* ---- digest and MAC ---- */

static void hash_parts(psa_hash_operation_t *operation, const struct bytes *parts, size_t count)
{
    assert(count <= CRYPTO_PARTS_MAX);
    for (size_t i = 0; i < count; i++)
        must(psa_hash_update(operation, parts[i].data, parts[i].size));
}

static void hash_finish(psa_hash_operation_t *operation, uint8_t out[SHA256_BYTES])
{
    size_t size;
    must(psa_hash_finish(operation, out, SHA256_BYTES, &size));
}

void crypto_sha256(const struct bytes *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    psa_hash_operation_t operation = PSA_HASH_OPERATION_INIT;
    must(psa_hash_setup(&operation, PSA_ALG_SHA_256));
    hash_parts(&operation, parts, count);
    hash_finish(&operation, out);
}

/* The hash state after one block of `secret` padded with zeros, each byte flipped by `flip` (RFC 2104 section 2). */
static void prepare_half(psa_hash_operation_t *operation, const uint8_t secret[KEY_BYTES], uint8_t flip)
{
    uint8_t block[SHA256_BLOCK_BYTES];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)((i < KEY_BYTES ? secret[i] : 0) ^ flip);
    *operation = psa_hash_operation_init();
    must(psa_hash_setup(operation, PSA_ALG_SHA_256));
    must(psa_hash_update(operation, block, sizeof block));
    bytes_wipe(block, sizeof block);
}

void mac_key_init(struct mac_key *key, const uint8_t secret[KEY_BYTES])
{
    struct mac_states states;
    memset(&states, 0, sizeof states);
    prepare_half(&states.inner, secret, 0x36);
    prepare_half(&states.outer, secret, 0x5c);
    memset(key, 0, sizeof *key);
    memcpy(key->state, &states, sizeof states);
    bytes_wipe(&states, sizeof states);
}

void mac_key_wipe(struct mac_key *key)
{
    bytes_wipe(key, sizeof *key);
}

/* The key's state holds no pointers in this library, so that a copy of it is a hash operation of its own. */
void mac_compute(const struct mac_key *key, const struct bytes *parts, size_t count,
                 uint8_t out[SHA256_BYTES])
{
    struct mac_states states;
    memcpy(&states, key->state, sizeof states);
    uint8_t inner[SHA256_BYTES];
    hash_parts(&states.inner, parts, count);
    hash_finish(&states.inner, inner);
    must(psa_hash_update(&states.outer, inner, sizeof inner));
    hash_finish(&states.outer, out);
}

void crypto_derive(const uint8_t master[KEY_BYTES], const char *label, uint8_t out[KEY_BYTES])
{
    static const uint8_t no_salt[KEY_BYTES];
    const uint8_t first_block = 1;
    uint8_t extracted[SHA256_BYTES];
    struct mac_key key;
    mac_key_init(&key, no_salt);
    mac_compute(&key, &(struct bytes){master, KEY_BYTES}, 1, extracted);
    mac_key_init(&key, extracted);
    const struct bytes expand[] = {bytes_of_string(label), {&first_block, 1}};
    mac_compute(&key, expand, 2, out);
    mac_key_wipe(&key);
    bytes_wipe(extracted, sizeof extracted);
}

/* ---- authenticated encryption: the kernels' own calls, as the library would prepare the key for each message ---- */

static_assert(sizeof(struct gcm_key) <= sizeof(struct aead_key), "the prepared key fits");

static const struct gcm_key *gcm_of(const struct aead_key *key)
{
    return (const struct gcm_key *)(const void *)key->state;
}

void aead_key_init(struct aead_key *key, const uint8_t secret[KEY_BYTES])
{
    bool prepared = gcm_key_init((struct gcm_key *)(void *)key->state, secret, 8 * KEY_BYTES);
    assert(prepared);
    (void)prepared;
}

void aead_key_wipe(struct aead_key *key)
{
    bytes_wipe(key, sizeof *key);
}

static void begin_message(const struct aead_key *key, struct gcm_message *message, const uint8_t *nonce,
                          struct bytes associated)
{
    gcm_start(gcm_of(key), message, nonce, AEAD_NONCE_BYTES);
    gcm_associated(gcm_of(key), message, associated.data, associated.size);
}

void aead_seal(const struct aead_key *key, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes associated,
               struct bytes text, uint8_t *out_and_tag)
{
    struct gcm_message message;
    begin_message(key, &message, nonce, associated);
    gcm_text(gcm_of(key), &message, GCM_SEAL, text.data, out_and_tag, text.size);
    gcm_finish(gcm_of(key), &message, out_and_tag + text.size);
    bytes_wipe(&message, sizeof message);
}

enum status aead_open(const struct aead_key *key, const uint8_t nonce[AEAD_NONCE_BYTES],
                      struct bytes associated, struct bytes text_and_tag, uint8_t *out)
{
    struct gcm_message message;
    uint8_t given[AEAD_TAG_BYTES];
    uint8_t tag[AEAD_TAG_BYTES];
    if (text_and_tag.size < AEAD_TAG_BYTES)
        return STATUS_DAMAGED;
    size_t size = text_and_tag.size - AEAD_TAG_BYTES;
    memcpy(given, text_and_tag.data + size, AEAD_TAG_BYTES); /* `out` may lie there */
    begin_message(key, &message, nonce, associated);
    gcm_text(gcm_of(key), &message, GCM_OPEN, text_and_tag.data, out, size);
    gcm_finish(gcm_of(key), &message, tag);
    bytes_wipe(&message, sizeof message);
    if (bytes_equal_constant_time(given, tag, AEAD_TAG_BYTES))
        return STATUS_OK;
    bytes_wipe(out, size);
    return STATUS_DAMAGED;
}
