/*
 * Compact JWS and JWK over PSA keys. A token's header is never parsed: it must be, byte for byte, the one header that
 * this key makes, so that nothing in a token can choose how it is checked (RFC 8725 sections 3.1 and 3.11).
 */
#include "crypto/jose.h"

#include <assert.h>
#include <string.h>

#include <psa/crypto.h>

#include "base/encode.h"
#include "platform/platform.h"

#define P256_SIGNATURE_BYTES 64 /* r and s, 32 bytes each (RFC 7518 section 3.4) */
#define KID_RAW_BYTES        (JOSE_KID_BYTES / 4 * 3)
#define P256_TYPE            PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1)
#define P256_PUBLIC_TYPE     PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1)
#define ES256_SIGN           PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256)
#define ES256_VERIFY         PSA_ALG_ECDSA(PSA_ALG_SHA_256)

static void must(psa_status_t status)
{
    if (status != PSA_SUCCESS)
        platform_panic("a P-256 operation failed");
}

/* ---- P-256 ---- */

static psa_status_t import(psa_key_type_t type, psa_algorithm_t alg, psa_key_usage_t usage, struct bytes data,
                           psa_key_id_t *id)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, type);
    psa_set_key_algorithm(&attributes, alg);
    psa_set_key_usage_flags(&attributes, usage);
    return psa_import_key(&attributes, data.data, data.size, id);
}

static void es256_sign(const struct jose_key *key, const uint8_t digest[SHA256_BYTES],
                       uint8_t signature[P256_SIGNATURE_BYTES])
{
    psa_key_id_t id;
    size_t size;
    crypto_reserve_enter();
    must(import(P256_TYPE, ES256_SIGN, PSA_KEY_USAGE_SIGN_HASH,
                bytes_of(key->p256_private, P256_PRIVATE_BYTES), &id));
    must(psa_sign_hash(id, ES256_SIGN, digest, SHA256_BYTES, signature, P256_SIGNATURE_BYTES, &size));
    must(psa_destroy_key(id));
    crypto_reserve_leave();
    assert(size == P256_SIGNATURE_BYTES);
}

static bool es256_verify(const struct jose_key *key, const uint8_t digest[SHA256_BYTES],
                         const uint8_t signature[P256_SIGNATURE_BYTES])
{
    psa_key_id_t id;
    crypto_reserve_enter();
    must(import(P256_PUBLIC_TYPE, ES256_VERIFY, PSA_KEY_USAGE_VERIFY_HASH,
                bytes_of(key->p256_public, P256_PUBLIC_BYTES), &id));
    psa_status_t status =
        psa_verify_hash(id, ES256_VERIFY, digest, SHA256_BYTES, signature, P256_SIGNATURE_BYTES);
    must(psa_destroy_key(id));
    crypto_reserve_leave();
    return status == PSA_SUCCESS;
}

void jose_generate_p256(uint8_t scalar[P256_PRIVATE_BYTES])
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, P256_TYPE);
    psa_set_key_bits(&attributes, 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT);
    psa_key_id_t id;
    size_t size;
    crypto_reserve_enter();
    must(psa_generate_key(&attributes, &id));
    must(psa_export_key(id, scalar, P256_PRIVATE_BYTES, &size));
    must(psa_destroy_key(id));
    crypto_reserve_leave();
    assert(size == P256_PRIVATE_BYTES);
}

/* ---- keys ---- */

static void set_kid(struct jose_key *key, const uint8_t hash[SHA256_BYTES])
{
    struct buffer kid = buffer_over(key->kid, JOSE_KID_BYTES);
    encode_base64url(&kid, bytes_of(hash, KID_RAW_BYTES));
    key->kid[JOSE_KID_BYTES] = 0;
}

/* The id of a secret is a MAC under it, not its plain hash: nobody can test guesses of other uses of the secret. */
void jose_key_hs256(struct jose_key *key, const uint8_t secret[KEY_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    memset(key, 0, sizeof *key);
    key->alg = JOSE_HS256;
    mac_key_init(&key->mac, secret);
    mac_compute(&key->mac, &BYTES_LITERAL("jeton kid"), 1, hash);
    set_kid(key, hash);
}

static void write_coordinates(const struct jose_key *key, struct buffer *out)
{
    buffer_append_string(out, "\"x\":\"");
    encode_base64url(out, bytes_of(key->p256_public + 1, 32));
    buffer_append_string(out, "\",\"y\":\"");
    encode_base64url(out, bytes_of(key->p256_public + 33, 32));
}

/* RFC 7638 section 3: the required members in lexicographic order, without white space. */
static void set_thumbprint(struct jose_key *key)
{
    uint8_t text[192];
    uint8_t hash[SHA256_BYTES];
    struct buffer members = buffer_over(text, sizeof text);
    buffer_append_string(&members, "{\"crv\":\"P-256\",\"kty\":\"EC\",");
    write_coordinates(key, &members);
    buffer_append_string(&members, "\"}");
    assert(!buffer_failed(&members));
    crypto_sha256(&(struct bytes){members.data, members.size}, 1, hash);
    set_kid(key, hash);
}

enum status jose_key_es256(struct jose_key *key, const uint8_t scalar[P256_PRIVATE_BYTES])
{
    memset(key, 0, sizeof *key);
    key->alg = JOSE_ES256;
    psa_key_id_t id;
    size_t size;
    crypto_reserve_enter();
    psa_status_t status =
        import(P256_TYPE, ES256_SIGN, PSA_KEY_USAGE_SIGN_HASH, bytes_of(scalar, P256_PRIVATE_BYTES), &id);
    if (status == PSA_SUCCESS) {
        must(psa_export_public_key(id, key->p256_public, P256_PUBLIC_BYTES, &size));
        must(psa_destroy_key(id));
    }
    crypto_reserve_leave();
    if (status == PSA_ERROR_INVALID_ARGUMENT)
        return STATUS_INVALID;
    must(status);
    memcpy(key->p256_private, scalar, P256_PRIVATE_BYTES);
    set_thumbprint(key);
    return STATUS_OK;
}

/* ---- tokens ---- */

/* The only header that `key` has for `typ`, encoded. */
static struct bytes make_header(const struct jose_key *key, const char *typ,
                                uint8_t encoded[2 * JOSE_HEADER_MAX_BYTES])
{
    uint8_t text[JOSE_HEADER_MAX_BYTES];
    struct buffer header = buffer_over(text, sizeof text);
    buffer_append_string(&header, key->alg == JOSE_HS256 ? "{\"alg\":\"HS256\"" : "{\"alg\":\"ES256\"");
    buffer_append_string(&header, ",\"kid\":\"");
    buffer_append_string(&header, key->kid);
    buffer_append_string(&header, "\",\"typ\":\"");
    buffer_append_string(&header, typ);
    buffer_append_string(&header, "\"}");
    assert(!buffer_failed(&header));
    struct buffer out = buffer_over(encoded, 2 * JOSE_HEADER_MAX_BYTES);
    encode_base64url(&out, buffer_view(&header));
    return buffer_view(&out);
}

enum status jose_sign(const struct jose_key *key, const char *typ, struct bytes claims, struct buffer *out)
{
    uint8_t encoded[2 * JOSE_HEADER_MAX_BYTES];
    uint8_t signature[P256_SIGNATURE_BYTES];
    size_t start = out->size;
    buffer_append(out, make_header(key, typ, encoded));
    buffer_append_byte(out, '.');
    encode_base64url(out, claims);
    if (buffer_failed(out))
        return STATUS_TOO_LARGE;
    struct bytes signed_part = bytes_of(out->data + start, out->size - start);
    size_t size = SHA256_BYTES;
    if (key->alg == JOSE_HS256) {
        mac_compute(&key->mac, &signed_part, 1, signature);
    } else {
        uint8_t digest[SHA256_BYTES];
        crypto_sha256(&signed_part, 1, digest);
        es256_sign(key, digest, signature);
        size = P256_SIGNATURE_BYTES;
    }
    buffer_append_byte(out, '.');
    encode_base64url(out, bytes_of(signature, size));
    return buffer_failed(out) ? STATUS_TOO_LARGE : STATUS_OK;
}

static enum status check_signature(const struct jose_key *key, struct bytes signed_part, struct bytes text)
{
    uint8_t given[P256_SIGNATURE_BYTES];
    uint8_t expected[SHA256_BYTES];
    size_t size = key->alg == JOSE_HS256 ? SHA256_BYTES : P256_SIGNATURE_BYTES;
    struct buffer signature = buffer_over(given, sizeof given);
    if (decode_base64url(text, &signature) != STATUS_OK || signature.size != size)
        return STATUS_INVALID;
    bool right;
    if (key->alg == JOSE_HS256) {
        mac_compute(&key->mac, &signed_part, 1, expected);
        right = bytes_equal_constant_time(given, expected, size);
    } else {
        crypto_sha256(&signed_part, 1, expected);
        right = es256_verify(key, expected, given);
    }
    return right ? STATUS_OK : STATUS_DENIED;
}

enum status jose_verify(const struct jose_key *key, const char *typ, struct bytes token,
                        struct buffer *claims)
{
    uint8_t encoded[2 * JOSE_HEADER_MAX_BYTES];
    struct bytes header = make_header(key, typ, encoded);
    if (!bytes_starts_with(token, header) || token.size == header.size || token.data[header.size] != '.')
        return STATUS_INVALID;
    struct bytes rest = bytes_slice(token, header.size + 1, token.size);
    size_t payload_size = bytes_find(rest, '.');
    if (payload_size == rest.size)
        return STATUS_INVALID;
    struct bytes signed_part = bytes_slice(token, 0, header.size + 1 + payload_size);
    enum status status = check_signature(key, signed_part, bytes_slice(rest, payload_size + 1, rest.size));
    if (status != STATUS_OK)
        return status;
    return decode_base64url(bytes_slice(rest, 0, payload_size), claims) == STATUS_OK ? STATUS_OK
                                                                                     : STATUS_INVALID;
}

void jose_write_jwk(const struct jose_key *key, struct buffer *out)
{
    assert(key->alg == JOSE_ES256);
    buffer_append_string(out, "{\"kty\":\"EC\",\"crv\":\"P-256\",");
    write_coordinates(key, out);
    buffer_append_string(out, "\",\"kid\":\"");
    buffer_append_string(out, key->kid);
    buffer_append_string(out, "\",\"use\":\"sig\",\"alg\":\"ES256\"}");
}
