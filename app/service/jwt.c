/*
 * dz_ tokens and access tokens: claims, signing, checking (RFC 7519, RFC 8725, RFC 9068).
 *
 * Every claim of a token follows from its record, so checking is: verify the signature, find the record by jti (sub for
 * an access token), write the claims again, and compare. Nothing in the claims is trusted before that, and a token whose
 * issuer, tenant, user, times or type are not the record's is not ours.
 */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "service/signing.h"
#include "service/state.h"

#define TYP_API    "JWT"
#define TYP_ACCESS "at+jwt"

static char issuer_text[SERVICE_ISSUER_MAX_BYTES];
static struct bytes issuer;

static bool is_host_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '-' || byte == ':';
}

/* The host name goes into JSON as it is, so its alphabet is checked. */
enum status jwt_start(const struct service_options *options)
{
    for (size_t i = 0; i < options->host_name.size; i++) {
        if (!is_host_byte(options->host_name.data[i])) {
            log_alert("the boot option hostname has a character that no host name has");
            return STATUS_INVALID;
        }
    }
    struct buffer text = buffer_over(issuer_text, sizeof issuer_text);
    buffer_append_string(&text, "https://");
    buffer_append(&text, options->host_name);
    issuer = buffer_view(&text);
    return buffer_failed(&text) ? STATUS_INVALID : signing_start(options->jwt_es256);
}

struct bytes service_issuer(void)
{
    return issuer;
}

uint8_t jwt_signing_number(void)
{
    uint8_t number = 0;
    (void)signing_key(&number);
    return number;
}

/* ---- claims ---- */

static void put_text(struct buffer *out, const char *before, struct bytes text)
{
    buffer_append_string(out, before);
    buffer_append(out, text);
}

static void put_id(struct buffer *out, const char *before, const struct uuid *id)
{
    buffer_append_string(out, before);
    encode_uuid(out, id);
}

static void put_time(struct buffer *out, const char *before, int64_t unix_s)
{
    buffer_append_string(out, before);
    buffer_append_u64(out, (uint64_t)unix_s);
}

static const struct uuid *tenant_id(const struct token *token)
{
    return &principal_at(&service.tables.tenants, token->tenant)->id;
}

static void write_api_claims(const struct token *token, struct buffer *out)
{
    struct uuid jti;
    memcpy(jti.bytes, token->key, UUID_BYTES);
    put_id(out, "{\"jti\":\"", &jti);
    put_text(out, "\",\"iss\":\"", issuer);
    put_id(out, "\",\"sub\":\"users/", &principal_at(&service.tables.users, token->user)->id);
    put_id(out, "\",\"business_id\":\"", tenant_id(token));
    put_time(out, "\",\"iat\":", token->created_s);
    put_time(out, ",\"nbf\":", token->created_s);
    put_time(out, ",\"exp\":", token->expires_s);
    buffer_append_string(out, ",\"type\":\"api\"}");
}

static void put_scope(struct buffer *out, uint8_t permissions)
{
    static const char *const names[] = {"VIEW", "TRANSACT", "MANAGE"};
    const char *before = "";
    for (size_t i = 0; i < 3; i++) {
        if ((permissions >> i & 1) != 0) {
            buffer_append_string(out, before);
            buffer_append_string(out, names[i]);
            before = " ";
        }
    }
}

static void write_access_claims(const struct token *token, const struct access_claims *claims,
                                struct buffer *out)
{
    put_id(out, "{\"jti\":\"", &claims->jti);
    put_id(out, "\",\"sub\":\"service-accounts/", &token->id);
    put_time(out, "\",\"iat\":", claims->issued_s);
    put_time(out, ",\"exp\":", claims->expires_s);
    put_text(out, ",\"iss\":\"", issuer);
    put_text(out, "\",\"aud\":\"", issuer);
    buffer_append_string(out, "\",\"client_id\":\"");
    encode_hex(out, bytes_of(token->key, sizeof token->key));
    put_id(out, "\",\"business_id\":\"", tenant_id(token));
    buffer_append_string(out, "\",\"scope\":\"");
    put_scope(out, token->permissions);
    buffer_append_string(out, "\"}");
}

/* ---- reading back the few claims that lead to the record ---- */

static bool take_literal(struct bytes *rest, const char *literal)
{
    struct bytes prefix = bytes_of_string(literal);
    bool there = bytes_starts_with(*rest, prefix);
    *rest = bytes_slice(*rest, prefix.size, rest->size);
    return there;
}

static bool take_id(struct bytes *rest, struct uuid *id)
{
    bool there = decode_uuid(bytes_slice(*rest, 0, UUID_TEXT_BYTES), id) == STATUS_OK;
    *rest = bytes_slice(*rest, UUID_TEXT_BYTES, rest->size);
    return there;
}

static bool take_time(struct bytes *rest, int64_t *unix_s)
{
    size_t end = bytes_find(*rest, ',');
    uint64_t value = 0;
    bool there = bytes_to_u64(bytes_slice(*rest, 0, end), &value) == STATUS_OK && value <= UINT32_MAX;
    *unix_s = there ? (int64_t)value : 0;
    *rest = bytes_slice(*rest, end, rest->size);
    return there;
}

/* ---- signing and checking ---- */

static enum status verify_signature(const char *typ, struct bytes text, struct buffer *claims)
{
    for (size_t i = 0; signing_key_at(i) != NULL; i++) {
        struct buffer attempt = buffer_over(claims->data, claims->capacity);
        enum status status = jose_verify(signing_key_at(i), typ, text, &attempt);
        if (status != STATUS_INVALID) { /* this key's header: its word is final */
            *claims = attempt;
            return status;
        }
    }
    return STATUS_INVALID;
}

enum status jwt_write(uint32_t ref, struct buffer *text)
{
    const struct token *token = token_at(&service.tables, ref);
    const struct jose_key *key = signing_key_numbered(token->signing_key);
    if (key == NULL) {
        return STATUS_CONFLICT; /* a repeat, after its key was rotated out */
    }
    uint8_t claim_bytes[SERVICE_CLAIMS_MAX_BYTES];
    struct buffer claims = buffer_over(claim_bytes, sizeof claim_bytes);
    write_api_claims(token, &claims);
    assert(!buffer_failed(&claims));
    buffer_append_string(text, "dz_");
    return jose_sign(key, TYP_API, buffer_view(&claims), text);
}

uint32_t verify_jwt(struct bytes text)
{
    uint8_t got_bytes[SERVICE_CLAIMS_MAX_BYTES];
    uint8_t expected_bytes[SERVICE_CLAIMS_MAX_BYTES];
    struct buffer got = buffer_over(got_bytes, sizeof got_bytes);
    struct buffer expected = buffer_over(expected_bytes, sizeof expected_bytes);
    if (verify_signature(TYP_API, text, &got) != STATUS_OK) {
        return 0;
    }
    struct bytes rest = buffer_view(&got);
    struct uuid jti;
    if (!take_literal(&rest, "{\"jti\":\"") || !take_id(&rest, &jti)) {
        return 0;
    }
    uint32_t ref = tokens_find_key(&service.tables, TOKEN_JWT, jti.bytes);
    if (ref == 0) {
        return 0;
    }
    write_api_claims(token_at(&service.tables, ref), &expected);
    return bytes_equal(buffer_view(&got), buffer_view(&expected)) ? ref : 0;
}

/* Was it, or one that the credential was given after it, revoked? */
static bool is_cut(const struct token *token, const struct uuid *jti)
{
    struct bytes cut = fields_find(pool_text(&service.tables.pool, token->text), FIELD_ACCESS_CUT);
    return cut.size == UUID_BYTES && memcmp(jti->bytes, cut.data, UUID_BYTES) <= 0;
}

uint32_t verify_access_token(struct bytes text, struct access_claims *claims)
{
    uint8_t got_bytes[SERVICE_CLAIMS_MAX_BYTES];
    uint8_t expected_bytes[SERVICE_CLAIMS_MAX_BYTES];
    struct buffer got = buffer_over(got_bytes, sizeof got_bytes);
    struct buffer expected = buffer_over(expected_bytes, sizeof expected_bytes);
    if (verify_signature(TYP_ACCESS, text, &got) != STATUS_OK) {
        return 0;
    }
    struct bytes rest = buffer_view(&got);
    if (!take_literal(&rest, "{\"jti\":\"") || !take_id(&rest, &claims->jti) ||
        !take_literal(&rest, "\",\"sub\":\"service-accounts/") || !take_id(&rest, &claims->sub) ||
        !take_literal(&rest, "\",\"iat\":") || !take_time(&rest, &claims->issued_s) ||
        !take_literal(&rest, ",\"exp\":") || !take_time(&rest, &claims->expires_s)) {
        return 0;
    }
    uint32_t ref = tokens_find_id(&service.tables, &claims->sub);
    if (ref == 0 || token_at(&service.tables, ref)->family != TOKEN_PLATFORM) {
        return 0;
    }
    const struct token *token = token_at(&service.tables, ref);
    write_access_claims(token, claims, &expected);
    return bytes_equal(buffer_view(&got), buffer_view(&expected)) && !is_cut(token, &claims->jti) ? ref : 0;
}

enum status service_issue_access_token(const struct caller *caller, struct buffer *text,
                                       uint32_t *expires_in_s)
{
    *expires_in_s = 0;
    if (caller->kind != CALLER_SERVICE || caller->credential != CREDENTIAL_BASIC) {
        return STATUS_DENIED;
    }
    if (!service_clock_known()) {
        return STATUS_NO_CLOCK;
    }
    const struct token *token = token_at(&service.tables, caller->token_ref);
    int64_t now_s = service_now_s();
    struct access_claims issued = {.jti = ids_next(), .sub = token->id, .issued_s = now_s};
    issued.expires_s = now_s + SERVICE_ACCESS_TOKEN_LIFE_S;
    if (token->expires_s != 0 && token->expires_s < issued.expires_s) {
        issued.expires_s = token->expires_s;
    }
    *expires_in_s = (uint32_t)(issued.expires_s - now_s);
    uint8_t claim_bytes[SERVICE_CLAIMS_MAX_BYTES];
    struct buffer claims = buffer_over(claim_bytes, sizeof claim_bytes);
    write_access_claims(token, &issued, &claims);
    assert(!buffer_failed(&claims));
    uint8_t number = 0;
    return jose_sign(signing_key(&number), TYP_ACCESS, buffer_view(&claims), text);
}
