/*
 * Who is calling: from an Authorization header (RFC 9110 section 11, RFC 7617, RFC 6750) to a caller.
 */
#include <string.h>

#include "service/state.h"
#include "token/secret.h"

/* ---- from the header to the token that it proves ---- */

static uint32_t prove_basic(struct bytes credential)
{
    uint8_t decoded[SERVICE_CREDENTIAL_MAX_BYTES];
    struct buffer pair = buffer_over(decoded, sizeof decoded);
    if (decode_base64(credential, &pair) != STATUS_OK) {
        pair.size = 0; /* the same work for nothing */
    }
    uint32_t ref = verify_client(buffer_view(&pair));
    bytes_wipe(decoded, credential.size); /* a wrong text may have been decoded in part */
    return ref;
}

static uint32_t prove_bearer(struct bytes credential, enum credential_kind *kind)
{
    if (bytes_starts_with(credential, BYTES_LITERAL("dz_"))) {
        *kind = CREDENTIAL_JWT;
        return verify_jwt(bytes_slice(credential, 3, credential.size));
    }
    struct access_claims claims;
    uint32_t ref = verify_access_token(credential, &claims);
    *kind = CREDENTIAL_ACCESS_TOKEN;
    bool alive = ref != 0 && service_clock_known() && claims.expires_s > service_now_s();
    return alive ? ref : 0;
}

/* Scheme, spaces, credential; nothing else. */
static bool split_header(struct bytes header, struct bytes *scheme, struct bytes *credential)
{
    size_t space = bytes_find(header, ' ');
    *scheme = bytes_slice(header, 0, space);
    *credential = bytes_slice(header, space, header.size);
    while (credential->size > 0 && credential->data[0] == ' ') {
        *credential = bytes_slice(*credential, 1, credential->size);
    }
    return credential->size > 0 && credential->size <= SERVICE_CREDENTIAL_MAX_BYTES;
}

static uint32_t prove(struct bytes header, enum credential_kind *kind)
{
    struct bytes scheme;
    struct bytes credential;
    if (split_header(header, &scheme, &credential)) {
        if (bytes_equal_ignoring_case(scheme, BYTES_LITERAL("Bearer"))) {
            return prove_bearer(credential, kind);
        }
        if (bytes_equal_ignoring_case(scheme, BYTES_LITERAL("Basic"))) {
            *kind = CREDENTIAL_BASIC;
            return prove_basic(credential);
        }
    }
    (void)verify_client((struct bytes){NULL, 0});
    return 0;
}

/* ---- from the token to the caller ---- */

static bool address_allowed(const struct token *token, const uint8_t address[16])
{
    if ((token->flags & TOKEN_FLAG_RANGES) == 0) {
        return true;
    }
    struct bytes ranges = fields_find(pool_text(&service.tables.pool, token->text), FIELD_CIDRS);
    for (size_t offset = 0; offset < ranges.size; offset += FIELD_CIDR_BYTES) {
        struct cidr range;
        memcpy(range.address, ranges.data + offset, sizeof range.address);
        range.prefix_bits = ranges.data[offset + sizeof range.address];
        if (cidr_contains(&range, address)) {
            return true;
        }
    }
    return false;
}

/* A token that ends some day proves nothing while the day is unknown. */
static bool token_counts(const struct token *token)
{
    return token_state_at(token, clock_bound_s()) == TOKEN_ACTIVE &&
           (token->expires_s == 0 || service_clock_known());
}

static void fill_caller(uint32_t ref, enum credential_kind kind, struct caller *caller)
{
    const struct token *token = token_at(&service.tables, ref);
    *caller = (struct caller){
        .kind = token->family == TOKEN_PLATFORM ? CALLER_SERVICE : CALLER_USER,
        .credential = kind,
        .tenant_ref = token->tenant,
        .user_ref = token->user,
        .token_ref = ref,
        .principal = token->id,
        .permissions = token->permissions,
        .is_root = (token->flags & TOKEN_FLAG_ROOT) != 0,
    };
    if (token->user != 0) {
        caller->principal = principal_at(&service.tables.users, token->user)->id;
    }
}

enum status service_authenticate(struct bytes authorization, const uint8_t peer_address[16],
                                 struct caller *caller)
{
    *caller = (struct caller){0};
    enum credential_kind kind = CREDENTIAL_NONE;
    uint32_t ref = prove(authorization, &kind);
    if (ref == 0) {
        return STATUS_DENIED;
    }
    const struct tables *tables = &service.tables;
    const struct token *token = token_at(tables, ref);
    bool user_stopped =
        token->user != 0 && (principal_at(&tables->users, token->user)->flags & PRINCIPAL_STOPPED) != 0;
    if (!token_counts(token) || user_stopped || !address_allowed(token, peer_address)) {
        return STATUS_DENIED;
    }
    fill_caller(ref, kind, caller);
    if (token_is_stopped(token)) {
        caller->tenant_suspended = true;
        return STATUS_CONFLICT;
    }
    touch(ref);
    return STATUS_OK;
}

/* ---- what the caller may do ---- */

static bool service_principal_has(const struct caller *caller, struct bytes capability)
{
    if (bytes_equal_string(capability, CAPABILITY_ADMIN)) {
        return caller->is_root;
    }
    bool introspects = bytes_equal_string(capability, CAPABILITY_INTROSPECT);
    return (caller->permissions & (introspects ? PERMISSION_VIEW : PERMISSION_TRANSACT)) != 0;
}

bool service_has_capability(const struct caller *caller, struct bytes capability)
{
    if (caller->kind == CALLER_SERVICE) {
        return service_principal_has(caller, capability);
    }
    return caller->kind == CALLER_USER &&
           user_is_member(&service.tables, caller->user_ref, caller->tenant_ref) &&
           user_is_granted(&service.tables, caller->user_ref, capability);
}
