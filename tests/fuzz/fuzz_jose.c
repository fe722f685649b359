/*
 * libFuzzer: JWS verification. The first byte chooses the key and whether the rest is a whole text or changes to a good
 * one; only the texts that the key itself signed are accepted, with the claims that were signed.
 */
#include "base/heap.h"
#include "crypto/jose.h"
#include "tests/fuzz/fuzz.h"

#define TYP      "JWT"
#define TEXT_MAX 4096

static struct jose_key keys[2];
static uint8_t good_memory[2][TEXT_MAX];
static struct buffer good[2];
static const char *const claims[2] = {"{\"sub\":\"a\",\"exp\":1}", "{}"};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static _Alignas(16) uint8_t region[1024 * 1024];
    static struct heap heap;
    static const uint8_t secret[KEY_BYTES] = {1, 2, 3};
    (void)argc;
    (void)argv;
    heap_init(&heap, region, sizeof(region));
    require(crypto_init(&heap) == STATUS_OK, "crypto_init");
    jose_key_hs256(&keys[JOSE_HS256], secret);
    require(jose_key_es256(&keys[JOSE_ES256], secret) == STATUS_OK, "key");
    for (size_t i = 0; i < 2; i++) {
        good[i] = buffer_over(good_memory[i], TEXT_MAX);
        require(jose_sign(&keys[i], TYP, bytes_of_string(claims[i]), &good[i]) == STATUS_OK, "sign");
    }
    return 0;
}

/* Pairs of a position and what is XORed there. */
static struct bytes changed(struct bytes text, struct bytes changes, uint8_t *memory)
{
    memcpy(memory, text.data, text.size);
    while (changes.size > 0) {
        size_t position = input_u16(&changes) % text.size;
        memory[position] ^= input_byte(&changes);
    }
    return bytes_of(memory, text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text_memory[TEXT_MAX], claims_memory[TEXT_MAX];
    struct bytes input = {data, size};
    uint8_t how = input_byte(&input);
    size_t alg = how & 1;
    struct bytes text = how & 2 ? changed(buffer_view(&good[alg]), input, text_memory) : input;
    struct buffer out = buffer_over(claims_memory, sizeof(claims_memory));
    enum status status = jose_verify(&keys[alg], TYP, text, &out);
    bool is_good = bytes_equal(text, buffer_view(&good[alg]));
    require((status == STATUS_OK) == is_good, "accepted exactly what was signed");
    if (is_good) {
        require(bytes_equal_string(buffer_view(&out), claims[alg]), "the claims that were signed");
    }
    return 0;
}
