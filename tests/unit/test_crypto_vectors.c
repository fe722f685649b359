/*
 * The primitives as built and linked, against published vectors (Wycheproof), with each kind of code that the processor has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>
#include <psa/crypto.h>
#include <ring/kernels.h>

#include "base/encode.h"
#include "crypto/crypto.h"

#define VECTORS "../shared/vectors/wycheproof/"

static struct heap heap;

static int start(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t region[1024 * 1024];
    heap_init(&heap, region, sizeof region);
    return crypto_init(&heap) == STATUS_OK ? 0 : -1;
}

/* ---- vectors ---- */

struct hex {
    uint8_t data[9000];
    size_t size;
};

static struct hex hex_of(const cJSON *test, const char *name)
{
    struct hex hex = {.size = 0};
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(test, name));
    assert_non_null(text);
    hex.size = strlen(text) / 2;
    assert_true(hex.size <= sizeof hex.data);
    assert_int_equal(decode_hex(bytes_of_string(text), false, hex.data, hex.size), STATUS_OK);
    return hex;
}

static size_t number_of(const cJSON *item, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, name));
    assert_non_null(text);
    return strtoul(text, NULL, 10);
}

static bool is_valid(const cJSON *test)
{
    return strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(test, "result")), "valid") == 0;
}

/* Our cJSON skips numbers (third_party/cjson): here they become strings. */
static size_t quote_numbers(const char *text, size_t size, char *out)
{
    size_t count = 0;
    bool in_string = false, in_number = false;
    for (size_t i = 0; i < size; i++) {
        bool is_digit = !in_string && text[i] >= '0' && text[i] <= '9';
        if (is_digit != in_number)
            out[count++] = '"';
        in_number = is_digit;
        in_string ^= text[i] == '"' && (i == 0 || text[i - 1] != '\\');
        out[count++] = text[i];
    }
    return count;
}

static cJSON *vectors_open(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("SKIP: no %s beside the checkout\n", path);
        skip();
    }
    static char text[1024 * 1024], quoted[2 * 1024 * 1024];
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_true(size < sizeof text);
    cJSON *root = cJSON_ParseWithLength(quoted, quote_numbers(text, size, quoted));
    assert_non_null(root);
    return root;
}

/* Calls `check` for every test; says how many were for us. */
static size_t run_vectors(const cJSON *root, bool (*check)(const cJSON *group, const cJSON *test))
{
    size_t count = 0;
    const cJSON *group;
    const cJSON *test;
    cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(root, "testGroups"))
    {
        cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(group, "tests"))
        {
            count += check(group, test) ? 1 : 0;
        }
    }
    return count;
}

/* Calls `check` for every test of the file, with each kind of code that this processor can run; at least `least` of the
 * tests must have been for us. */
static void each_vector(const char *path, bool (*check)(const cJSON *group, const cJSON *test), size_t least)
{
    cJSON_InitHooks(&(cJSON_Hooks){malloc, free});
    cJSON *root = vectors_open(path);
    for (size_t level = 0; level < GCM_CODES; level++) {
        kernels_use(kernels_capped(kernels_of_processor(), level));
        assert_true(run_vectors(root, check) >= least);
    }
    cJSON_Delete(root);
}

static bool check_hmac(const cJSON *group, const cJSON *test)
{
    struct hex key = hex_of(test, "key");
    if (key.size != KEY_BYTES)
        return false;
    struct hex message = hex_of(test, "msg");
    struct hex tag = hex_of(test, "tag");
    struct mac_key mac;
    uint8_t out[SHA256_BYTES];
    mac_key_init(&mac, key.data);
    size_t half = message.size / 2;
    const struct bytes parts[] = {{message.data, half}, {message.data + half, message.size - half}};
    mac_compute(&mac, parts, 2, out);
    assert_int_equal(tag.size, number_of(group, "tagSize") / 8);
    assert_int_equal(memcmp(out, tag.data, tag.size) == 0, is_valid(test));
    return true;
}

static void test_hmac_vectors(void **state)
{
    (void)state;
    each_vector(VECTORS "hmac_sha256_test.json", check_hmac, 80);
}

static bool check_gcm(const cJSON *group, const cJSON *test)
{
    if (number_of(group, "keySize") != 256 || number_of(group, "ivSize") != 96)
        return false;
    struct hex key = hex_of(test, "key"), nonce = hex_of(test, "iv"), aad = hex_of(test, "aad");
    struct hex message = hex_of(test, "msg"), sealed = hex_of(test, "ct"), tag = hex_of(test, "tag");
    memcpy(sealed.data + sealed.size, tag.data, tag.size);
    sealed.size += tag.size;
    struct aead_key aead;
    uint8_t out[9000];
    aead_key_init(&aead, key.data);
    enum status status =
        aead_open(&aead, nonce.data, bytes_of(aad.data, aad.size), bytes_of(sealed.data, sealed.size), out);
    assert_int_equal(status, is_valid(test) ? STATUS_OK : STATUS_DAMAGED);
    if (is_valid(test)) {
        assert_memory_equal(out, message.data, message.size);
        aead_seal(&aead, nonce.data, bytes_of(aad.data, aad.size), bytes_of(message.data, message.size), out);
        assert_memory_equal(out, sealed.data, sealed.size);
    }
    aead_key_wipe(&aead);
    return true;
}

static void test_gcm_vectors(void **state)
{
    (void)state;
    each_vector(VECTORS "aes_gcm_test.json", check_gcm, 60);
}

static psa_key_id_t import(psa_key_type_t type, psa_algorithm_t alg, psa_key_usage_t usage, struct bytes key)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, type);
    psa_set_key_algorithm(&attributes, alg);
    psa_set_key_usage_flags(&attributes, usage);
    psa_key_id_t id = 0;
    return psa_import_key(&attributes, key.data, key.size, &id) == PSA_SUCCESS ? id : 0;
}

static bool check_chacha(const cJSON *group, const cJSON *test)
{
    if (number_of(group, "ivSize") != 96)
        return false;
    struct hex key = hex_of(test, "key"), nonce = hex_of(test, "iv"), aad = hex_of(test, "aad");
    struct hex message = hex_of(test, "msg"), sealed = hex_of(test, "ct"), tag = hex_of(test, "tag");
    memcpy(sealed.data + sealed.size, tag.data, tag.size);
    psa_key_id_t id = import(PSA_KEY_TYPE_CHACHA20, PSA_ALG_CHACHA20_POLY1305, PSA_KEY_USAGE_DECRYPT,
                             bytes_of(key.data, key.size));
    uint8_t out[9000];
    size_t size;
    psa_status_t status =
        psa_aead_decrypt(id, PSA_ALG_CHACHA20_POLY1305, nonce.data, nonce.size, aad.data, aad.size,
                         sealed.data, sealed.size + tag.size, out, sizeof out, &size);
    assert_int_equal(status == PSA_SUCCESS, is_valid(test));
    if (status == PSA_SUCCESS)
        assert_memory_equal(out, message.data, message.size);
    psa_destroy_key(id);
    return true;
}

static void test_chacha_vectors(void **state)
{
    (void)state;
    each_vector(VECTORS "chacha20_poly1305_test.json", check_chacha, 250);
}

/* HKDF with its salt and lengths is PSA's; ours is one case of it (below). */
static bool check_hkdf(const cJSON *group, const cJSON *test)
{
    (void)group;
    struct hex secret = hex_of(test, "ikm"), salt = hex_of(test, "salt"), info = hex_of(test, "info");
    struct hex expected = hex_of(test, "okm");
    size_t size = number_of(test, "size");
    static uint8_t out[255 * SHA256_BYTES];
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    assert_int_equal(psa_key_derivation_setup(&operation, PSA_ALG_HKDF(PSA_ALG_SHA_256)), PSA_SUCCESS);
    bool ok = psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_SALT, salt.data,
                                             salt.size) == PSA_SUCCESS &&
              psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_SECRET, secret.data,
                                             secret.size) == PSA_SUCCESS &&
              psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_INFO, info.data,
                                             info.size) == PSA_SUCCESS &&
              size <= sizeof out && psa_key_derivation_output_bytes(&operation, out, size) == PSA_SUCCESS;
    psa_key_derivation_abort(&operation);
    assert_int_equal(ok, is_valid(test));
    if (ok)
        assert_memory_equal(out, expected.data, expected.size);
    return true;
}

static void test_hkdf_vectors(void **state)
{
    (void)state;
    each_vector(VECTORS "hkdf_sha256_test.json", check_hkdf, 80);
}

static void test_derive_is_hkdf(void **state)
{
    (void)state;
    uint8_t master[KEY_BYTES], ours[KEY_BYTES], theirs[KEY_BYTES];
    for (size_t round = 0; round < 8; round++) {
        crypto_random(master, sizeof master);
        crypto_derive(master, "jeton test", ours);
        psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
        assert_int_equal(psa_key_derivation_setup(&operation, PSA_ALG_HKDF(PSA_ALG_SHA_256)), PSA_SUCCESS);
        assert_int_equal(psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_SECRET, master,
                                                        sizeof master),
                         PSA_SUCCESS);
        assert_int_equal(psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_INFO,
                                                        (const uint8_t *)"jeton test", 10),
                         PSA_SUCCESS);
        assert_int_equal(psa_key_derivation_output_bytes(&operation, theirs, sizeof theirs), PSA_SUCCESS);
        psa_key_derivation_abort(&operation);
        assert_memory_equal(ours, theirs, sizeof ours);
        crypto_derive(master, "jeton tesu", ours);
        assert_memory_not_equal(ours, theirs, sizeof ours);
    }
}

static bool check_ecdsa(const cJSON *group, const cJSON *test)
{
    struct hex message = hex_of(test, "msg"), signature = hex_of(test, "sig");
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(group, "publicKey");
    struct hex point = hex_of(key, "uncompressed");
    /* PSA takes r and s as 32 bytes each: only DER that says just that is for us. */
    const uint8_t *der = signature.data;
    uint8_t raw[64] = {0};
    if (signature.size < 8 || der[0] != 0x30 || der[1] != signature.size - 2)
        return false;
    size_t offset = 2;
    for (size_t i = 0; i < 2; i++) {
        if (offset + 2 > signature.size || der[offset] != 2)
            return false;
        size_t size = der[offset + 1];
        offset += 2;
        if (size == 0 || offset + size > signature.size || (der[offset] & 0x80) != 0)
            return false;
        size_t skip_zero = size == 33 && der[offset] == 0 ? 1 : 0;
        if (size - skip_zero > 32)
            return false;
        memcpy(raw + 32 * i + 32 - (size - skip_zero), der + offset + skip_zero, size - skip_zero);
        offset += size;
    }
    psa_key_id_t id =
        import(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1), PSA_ALG_ECDSA(PSA_ALG_SHA_256),
               PSA_KEY_USAGE_VERIFY_HASH, bytes_of(point.data, point.size));
    uint8_t digest[SHA256_BYTES];
    crypto_sha256(&(struct bytes){message.data, message.size}, 1, digest);
    psa_status_t status =
        psa_verify_hash(id, PSA_ALG_ECDSA(PSA_ALG_SHA_256), digest, sizeof digest, raw, sizeof raw);
    psa_destroy_key(id);
    if (offset != signature.size)
        return false;
    assert_int_equal(status == PSA_SUCCESS, is_valid(test));
    return true;
}

static void test_ecdsa_vectors(void **state)
{
    (void)state;
    each_vector(VECTORS "ecdsa_secp256r1_sha256_test.json", check_ecdsa, 200);
}

static void agree(psa_key_type_t type, const cJSON *test)
{
    struct hex secret = hex_of(test, "private"), point = hex_of(test, "public");
    struct hex shared = hex_of(test, "shared");
    uint8_t out[64];
    size_t size = 0;
    size_t extra = secret.size > 32 ? secret.size - 32 : 0; /* leading zeros */
    psa_key_id_t id =
        import(type, PSA_ALG_ECDH, PSA_KEY_USAGE_DERIVE, bytes_of(secret.data + extra, secret.size - extra));
    psa_status_t status =
        psa_raw_key_agreement(PSA_ALG_ECDH, id, point.data, point.size, out, sizeof out, &size);
    psa_destroy_key(id);
    if (is_valid(test))
        assert_int_equal(status, PSA_SUCCESS);
    if (status == PSA_SUCCESS) {
        assert_int_equal(size, shared.size);
        assert_memory_equal(out, shared.data, size);
    }
    const char *result = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(test, "result"));
    if (strcmp(result, "invalid") == 0)
        assert_int_not_equal(status, PSA_SUCCESS);
}

static bool check_x25519(const cJSON *group, const cJSON *test)
{
    (void)group;
    agree(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY), test);
    return true;
}

static bool check_ecdh(const cJSON *group, const cJSON *test)
{
    (void)group;
    if (strlen(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(test, "private"))) < 64)
        return false; /* a scalar written short: PSA takes whole ones */
    agree(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), test);
    return true;
}

static void test_agreement_vectors(void **state)
{
    (void)state;
    each_vector(VECTORS "x25519_test.json", check_x25519, 500);
    each_vector(VECTORS "ecdh_secp256r1_ecpoint_test.json", check_ecdh, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_vectors),      cmocka_unit_test(test_gcm_vectors),
        cmocka_unit_test(test_chacha_vectors),    cmocka_unit_test(test_hkdf_vectors),
        cmocka_unit_test(test_derive_is_hkdf),    cmocka_unit_test(test_ecdsa_vectors),
        cmocka_unit_test(test_agreement_vectors),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
