/*
 * The body of POST /tokens, and creating from it; the operator plane takes the same body for another tenant.
 */
#ifndef JETON_API_PLATFORM_INPUT_H
#define JETON_API_PLATFORM_INPUT_H

#include "api/exchange.h"

/* Read the body, create the token in the tenant, and answer. `grantable` are the permissions that the caller may give
 * (403 for others). */
void create_platform_token(struct exchange *exchange, uint32_t tenant_ref, uint8_t grantable);

#endif
