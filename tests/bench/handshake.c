/*
 * TLS 1.3 handshakes in memory, the server's side only: ours (app/net/tls.c as it is shipped) and OpenSSL's, by turns, with
 * the same client (OpenSSL), key, certificate and parameters: ECDSA P-256, X25519, TLS_AES_128_GCM_SHA256, one ticket. And
 * the primitives beneath, by turns too. An app_main() of its own over platform/linux:
 *
 *   build/bench/handshake [turns=N] [only=ours|openssl] memory=64
 *
 * It says `name=number` on the console, a line each, in nanoseconds of the processor an operation; a line a turn.
 */
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <ring/kernels.h>

#include "base/heap.h"
#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "net/tls.h"
#include "platform/platform.h"

#define HEAP_BYTES      ((size_t)4 * 1024 * 1024)
#define HANDSHAKES      500
#define OPERATIONS      500
#define TEXT_BYTES      16384
#define SMALL_BYTES     256
#define TICKETS         1
#define TURNS           5
#define CERTIFICATE_AGE 3600

static uint8_t scalar[P256_PRIVATE_BYTES];
static uint8_t certificate_memory[CERTIFICATE_MAX_BYTES];
static struct bytes certificate;
static SSL_CTX *client_context;
static SSL_CTX *server_context;
static EVP_PKEY *server_key;

static void expect(bool holds, const char *what)
{
    if (!holds)
        platform_panic(what);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void say(const char *name, uint64_t value)
{
    char line[80];
    struct buffer out = buffer_over(line, sizeof line);
    buffer_append_string(&out, name);
    buffer_append_string(&out, "=");
    buffer_append_u64(&out, value);
    buffer_append_string(&out, "\n");
    platform_console_write(buffer_view(&out));
}

/* ---- both ends ---- */

static EVP_PKEY *openssl_key(void)
{
    uint8_t point[1 + P256_POINT_BYTES] = {4};
    p256_public(scalar, point + 1);
    BIGNUM *number = BN_bin2bn(scalar, sizeof scalar, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    expect(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
               OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) &&
               OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
           "the key's parts");
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    expect(EVP_PKEY_fromdata_init(context) == 1 &&
               EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) == 1,
           "the key for OpenSSL");
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    BN_free(number);
    return key;
}

static SSL_CTX *openssl_context(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    expect(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
               SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1 &&
               SSL_CTX_set1_groups_list(context, "X25519") == 1,
           "OpenSSL's settings");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

static void prepare(void)
{
    const struct certificate_subject subject = {.names = {BYTES_LITERAL("localhost")},
                                                .name_count = 1,
                                                .not_before_s = 0,
                                                .not_after_s = CERTIFICATE_AGE};
    struct buffer der = buffer_over(certificate_memory, sizeof certificate_memory);
    jose_generate_p256(scalar);
    expect(certificate_make(scalar, &subject, &der) == STATUS_OK, "a certificate");
    certificate = buffer_view(&der);
    struct tls_identity identity = {.certificate_der = certificate};
    memcpy(identity.scalar, scalar, sizeof scalar);
    expect(tls_start(&identity) == STATUS_OK, "the identity");
    server_key = openssl_key();
    server_context = openssl_context(TLS_server_method());
    client_context = openssl_context(TLS_client_method());
    expect(SSL_CTX_use_certificate_ASN1(server_context, (int)certificate.size, certificate.data) == 1 &&
               SSL_CTX_use_PrivateKey(server_context, server_key) == 1 &&
               SSL_CTX_set_num_tickets(server_context, TICKETS) == 1,
           "OpenSSL's identity");
}

/* ---- handshakes ---- */

/* The wire of our side are the two memories of the client's. */
static size_t wire_write(void *context, struct bytes bytes)
{
    return (size_t)BIO_write(SSL_get_rbio(context), bytes.data, (int)bytes.size);
}

static size_t wire_read(void *context, uint8_t *out, size_t capacity, bool *ended)
{
    *ended = false;
    int size = BIO_read(SSL_get_wbio(context), out, (int)capacity);
    return size > 0 ? (size_t)size : 0;
}

static const struct tls_wire wire = {wire_write, wire_read};

static uint64_t handshake_ours(SSL *client)
{
    uint64_t start = clock_ns();
    struct tls *server = tls_open(&wire, client);
    uint64_t spent = clock_ns() - start;
    enum tls_result result = TLS_WANT_READ;
    for (bool finished = false; !finished || result != TLS_OK;) {
        finished = SSL_do_handshake(client) == 1;
        start = clock_ns();
        result = tls_handshake(server);
        spent += clock_ns() - start;
        expect(result == TLS_OK || result == TLS_WANT_READ, "our handshake");
    }
    start = clock_ns();
    tls_free(server);
    return spent + clock_ns() - start;
}

static uint64_t handshake_openssl(SSL *client)
{
    uint64_t start = clock_ns();
    SSL *server = SSL_new(server_context);
    BIO_up_ref(SSL_get_rbio(client));
    BIO_up_ref(SSL_get_wbio(client));
    SSL_set_bio(server, SSL_get_wbio(client), SSL_get_rbio(client));
    SSL_set_accept_state(server);
    uint64_t spent = clock_ns() - start;
    int result = 0;
    for (bool finished = false; !finished || result != 1;) {
        finished = SSL_do_handshake(client) == 1;
        start = clock_ns();
        result = SSL_do_handshake(server);
        spent += clock_ns() - start;
        expect(result == 1 || SSL_get_error(server, result) == SSL_ERROR_WANT_READ, "OpenSSL's handshake");
    }
    start = clock_ns();
    SSL_free(server);
    return spent + clock_ns() - start;
}

static void handshakes(const char *name, uint64_t (*handshake)(SSL *client))
{
    uint64_t spent = 0;
    for (size_t i = 0; i < HANDSHAKES; i++) {
        SSL *client = SSL_new(client_context);
        SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(client);
        spent += handshake(client);
        SSL_free(client);
    }
    say(name, spent / HANDSHAKES);
}

/* ---- primitives ---- */

static uint8_t text[TEXT_BYTES];
static uint8_t output[TEXT_BYTES + 64];

static void measure(const char *name, void (*operation)(void))
{
    operation();
    uint64_t start = clock_ns();
    for (size_t i = 0; i < OPERATIONS; i++)
        operation();
    say(name, (clock_ns() - start) / OPERATIONS);
}

static void our_sign(void)
{
    uint8_t nonce[P256_SCALAR_BYTES];
    crypto_random(nonce, sizeof nonce);
    expect(p256_sign(scalar, nonce, text, SHA256_BYTES, output), "a signature");
}

static void openssl_sign(void)
{
    size_t size = sizeof output;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(server_key, NULL);
    expect(EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_sign(context, output, &size, text, SHA256_BYTES) == 1,
           "OpenSSL's signature");
    EVP_PKEY_CTX_free(context);
}

static void our_x25519(void)
{
    uint8_t secret[X25519_BYTES], point[X25519_BYTES], shared[X25519_BYTES];
    crypto_random(secret, sizeof secret);
    x25519_public(secret, point);
    expect(x25519_agree(secret, point, shared), "a shared secret");
}

static void openssl_x25519(void)
{
    size_t size = sizeof output;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    expect(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, key) == 1 &&
               EVP_PKEY_derive(context, output, &size) == 1,
           "OpenSSL's shared secret");
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
}

static struct gcm_key gcm;
static EVP_CIPHER_CTX *openssl_gcm;

static void our_gcm(size_t size)
{
    struct gcm_message message;
    gcm_start(&gcm, &message, scalar, 12);
    gcm_text(&gcm, &message, GCM_SEAL, text, output, size);
    gcm_finish(&gcm, &message, output + size);
}

static void seal_openssl(size_t size)
{
    int written;
    expect(EVP_EncryptInit_ex(openssl_gcm, NULL, NULL, NULL, scalar) == 1 &&
               EVP_EncryptUpdate(openssl_gcm, output, &written, text, (int)size) == 1 &&
               EVP_EncryptFinal_ex(openssl_gcm, output, &written) == 1 &&
               EVP_CIPHER_CTX_ctrl(openssl_gcm, EVP_CTRL_AEAD_GET_TAG, 16, output + size) == 1,
           "OpenSSL's sealed text");
}

static void our_gcm_long(void)
{
    our_gcm(TEXT_BYTES);
}

static void our_gcm_short(void)
{
    our_gcm(SMALL_BYTES);
}

static void openssl_gcm_long(void)
{
    seal_openssl(TEXT_BYTES);
}

static void openssl_gcm_short(void)
{
    seal_openssl(SMALL_BYTES);
}

static void our_hash(void)
{
    crypto_sha256(&(struct bytes){text, TEXT_BYTES}, 1, output);
}

static void openssl_hash(void)
{
    expect(EVP_Digest(text, TEXT_BYTES, output, NULL, EVP_sha256(), NULL) == 1, "OpenSSL's digest");
}

static const struct {
    const char *name;
    void (*operation)(void);
} primitives[] = {
    {"p256_sign_ours", our_sign},     {"p256_sign_openssl", openssl_sign},
    {"x25519_ours", our_x25519},      {"x25519_openssl", openssl_x25519},
    {"gcm_16384_ours", our_gcm_long}, {"gcm_16384_openssl", openssl_gcm_long},
    {"gcm_256_ours", our_gcm_short},  {"gcm_256_openssl", openssl_gcm_short},
    {"sha256_16384_ours", our_hash},  {"sha256_16384_openssl", openssl_hash},
};

static void prepare_primitives(void)
{
    expect(gcm_key_init(&gcm, scalar, 128), "a GCM key");
    openssl_gcm = EVP_CIPHER_CTX_new();
    expect(EVP_EncryptInit_ex(openssl_gcm, EVP_aes_128_gcm(), NULL, scalar, NULL) == 1, "OpenSSL's GCM key");
}

int app_main(void)
{
    static struct heap heap;
    uint64_t turns = TURNS;
    struct bytes only = platform_option("only");
    struct bytes given = platform_option("turns");
    expect(given.data == NULL || bytes_to_u64(given, &turns) == STATUS_OK, "turns");
    void *memory = platform_memory_take(HEAP_BYTES);
    expect(memory != NULL, "memory for the heap");
    heap_init(&heap, memory, HEAP_BYTES);
    expect(crypto_init(&heap) == STATUS_OK, "random numbers");
    prepare();
    prepare_primitives();
    for (uint64_t turn = 0; turn < turns; turn++) {
        if (only.data == NULL || only.size == 4)
            handshakes("handshake_ours", handshake_ours);
        if (only.data == NULL || only.size != 4)
            handshakes("handshake_openssl", handshake_openssl);
        for (size_t i = 0; only.data == NULL && i < sizeof primitives / sizeof primitives[0]; i++)
            measure(primitives[i].name, primitives[i].operation);
    }
    return 0;
}
