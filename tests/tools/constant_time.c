/*
 * Do the paths that handle secrets branch, or look up memory, by what the secrets are? Run under valgrind: secrets are
 * marked as undefined memory, and memcheck reports every decision that depends on such (after Langley's ctgrind).
 *
 *   build/constant_time compare | mac | seal | sign | agree | control
 *
 * `control` compares with memcmp's way of stopping early: valgrind must report it, or the other runs prove nothing.
 */
#include <stdio.h>
#include <string.h>

#include <ring/kernels.h>
#include <valgrind/memcheck.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "crypto/crypto.h"

static uint8_t heap_memory[1 << 20];
static struct heap heap;

static bool stops_early(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

/* What a caller learns is public. */
static int tell(bool equal)
{
    VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof equal);
    return printf("%s\n", equal ? "equal" : "different");
}

static int compare(bool early)
{
    uint8_t kept[SHA256_BYTES];
    uint8_t given[SHA256_BYTES];
    memset(kept, 1, sizeof kept);
    memset(given, 1, sizeof given);
    given[7] = 2;
    VALGRIND_MAKE_MEM_UNDEFINED(kept, sizeof kept);
    VALGRIND_MAKE_MEM_UNDEFINED(given, sizeof given);
    return tell(early ? stops_early(kept, given, sizeof kept)
                      : bytes_equal_constant_time(kept, given, sizeof kept));
}

/* A secret of each length that a client may send, under a secret key. */
static int mac(void)
{
    uint8_t secret[KEY_BYTES] = {3};
    uint8_t text[200] = {4};
    uint8_t out[SHA256_BYTES];
    struct mac_key key;
    VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    VALGRIND_MAKE_MEM_UNDEFINED(text, sizeof text);
    mac_key_init(&key, secret);
    for (size_t size = 0; size <= sizeof text; size++) {
        struct bytes part = bytes_of(text, size);
        mac_compute(&key, &part, 1, out);
    }
    mac_key_wipe(&key);
    return tell(bytes_equal_constant_time(out, text, sizeof out));
}

/* AES-GCM and ChaCha20-Poly1305 under a secret key, over a secret text. */
static int seal(void)
{
    uint8_t secret[KEY_BYTES] = {5}, text[1000] = {6}, tag[GCM_BLOCK_BYTES];
    uint32_t block[12] = {7};
    struct gcm_key key;
    struct gcm_message message;
    struct poly1305 poly;
    VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    VALGRIND_MAKE_MEM_UNDEFINED(text, sizeof text);
    VALGRIND_MAKE_MEM_UNDEFINED(block, KEY_BYTES);
    bool prepared = gcm_key_init(&key, secret, 256);
    gcm_start(&key, &message, (const uint8_t *)"nonce, known", 12);
    gcm_text(&key, &message, GCM_SEAL, text, text, sizeof text);
    gcm_finish(&key, &message, tag);
    chacha20_xor(block, text, text, sizeof text);
    poly1305_start(&poly, secret);
    poly1305_update(&poly, text, sizeof text);
    poly1305_finish(&poly, tag);
    return tell(prepared & (tag[0] == text[0]));
}

/* An ECDSA signature with a secret key and a secret nonce, and the public key. */
static int sign(void)
{
    uint8_t scalar[P256_SCALAR_BYTES] = {0x11, 2, 3}, nonce[P256_SCALAR_BYTES] = {0x44, 5, 6};
    uint8_t point[P256_POINT_BYTES], signature[P256_SIGNATURE_BYTES], digest[SHA256_BYTES] = {7};
    VALGRIND_MAKE_MEM_UNDEFINED(scalar, sizeof scalar);
    VALGRIND_MAKE_MEM_UNDEFINED(nonce, sizeof nonce);
    bool valid = p256_scalar_is_valid(scalar);
    p256_public(scalar, point);
    return tell(valid & p256_sign(scalar, nonce, digest, sizeof digest, signature) &
                (signature[0] == point[0]));
}

/* Key agreement on both curves with a secret key; the public key. */
static int agree(void)
{
    uint8_t scalar[X25519_BYTES] = {1, 2, 3}, point[X25519_BYTES] = {9}, shared[X25519_BYTES];
    uint8_t one[P256_SCALAR_BYTES] = {[31] = 1}, base_point[P256_POINT_BYTES];
    p256_public(one, base_point);
    VALGRIND_MAKE_MEM_UNDEFINED(scalar, sizeof scalar);
    bool agreed = x25519_agree(scalar, point, shared);
    x25519_public(scalar, point);
    bool same = shared[0] == point[0];
    return tell(agreed & p256_agree(scalar, base_point, shared) & same);
}

/* Each kind of code that valgrind knows the instructions of. */
static int with_each_code(int (*path)(void))
{
    int told = 0;
    for (size_t level = 0; level < GCM_CODES && told >= 0; level++) {
        kernels_use(kernels_capped(kernels_of_processor(), level));
        told = path();
    }
    return told;
}

int main(int argc, char **argv)
{
    heap_init(&heap, heap_memory, sizeof heap_memory);
    if (argc != 2 || crypto_init(&heap) != STATUS_OK)
        return 2;
    if (strcmp(argv[1], "mac") == 0)
        return with_each_code(mac) < 0;
    if (strcmp(argv[1], "seal") == 0)
        return with_each_code(seal) < 0;
    if (strcmp(argv[1], "sign") == 0)
        return with_each_code(sign) < 0;
    if (strcmp(argv[1], "agree") == 0)
        return with_each_code(agree) < 0;
    return compare(strcmp(argv[1], "control") == 0) < 0;
}
