/*
 * What the OAuth endpoints share: parameters, client authentication, errors (RFC 6749, RFC 7009, RFC 7662).
 *
 * Order of checks: 400 invalid_request for the body, 429 or 401 invalid_client, then the endpoint's own. Errors are
 * {"error","error_description"} (RFC 6749 section 5.2).
 * Ownership: parameters live until the next request.
 */
#ifndef JETON_API_OAUTH_H
#define JETON_API_OAUTH_H

#include "api/exchange.h"

/* data NULL: not given. An empty value counts as not given (RFC 6749 section 3.1). */
struct oauth_parameters {
    struct bytes grant_type;
    struct bytes client_id;
    struct bytes client_secret;
    struct bytes token;
};

/* Read a form or JSON body and authenticate the client, by Authorization header or by client_id and client_secret in the
 * body; fills exchange->caller. Or answer the error and return false. */
bool read_oauth(struct exchange *exchange, struct oauth_parameters *parameters);

/* Answer an error. 401 gets its challenge. */
void fail_oauth(struct exchange *exchange, uint16_t status, const char *error, const char *description);

#endif
