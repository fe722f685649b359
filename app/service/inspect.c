/*
 * What a token text is, for introspection and revocation by its text.
 */
#include <string.h>

#include "service/state.h"

static void fill(uint32_t ref, struct inspection *inspection)
{
    const struct token *token = token_at(&service.tables, ref);
    view_token(ref, &inspection->token);
    inspection->family = inspection->token.family;
    inspection->stopped = token_is_stopped(token);
    inspection->issued_s = token->created_s;
    inspection->expires_s = token->expires_s;
    inspection->jti = inspection->token.jti;
    inspection->principal =
        token->user != 0 ? principal_at(&service.tables.users, token->user)->id : token->id;
}

static uint32_t prove_access_token(struct bytes text, struct inspection *inspection)
{
    struct access_claims claims;
    uint32_t ref = verify_access_token(text, &claims);
    if (ref != 0) {
        fill(ref, inspection);
        inspection->is_access_token = true;
        inspection->jti = claims.jti;
        inspection->issued_s = claims.issued_s;
        inspection->expires_s = claims.expires_s;
        if (claims.expires_s <= clock_bound_s()) {
            inspection->token.state = TOKEN_EXPIRED;
        }
    }
    return ref;
}

enum status service_inspect(struct bytes text, struct inspection *inspection)
{
    *inspection = (struct inspection){0};
    uint32_t ref = 0;
    if (bytes_starts_with(text, BYTES_LITERAL("act_tok_"))) {
        ref = verify_action(text);
    } else if (bytes_starts_with(text, BYTES_LITERAL("dz_"))) {
        ref = verify_jwt(bytes_slice(text, 3, text.size));
    } else if (bytes_find(text, ':') < text.size) {
        ref = verify_client(text);
    } else {
        return prove_access_token(text, inspection) != 0 ? STATUS_OK : STATUS_NOT_FOUND;
    }
    if (ref == 0) {
        return STATUS_NOT_FOUND;
    }
    fill(ref, inspection);
    return STATUS_OK;
}
