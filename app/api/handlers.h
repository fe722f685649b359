/*
 * The handlers: one for each line of the route table in routes.c, in one file for each group of paths.
 *
 * Each is called with a request whose route, method and caller are good (auth.h), and writes one answer.
 */
#ifndef JETON_API_HANDLERS_H
#define JETON_API_HANDLERS_H

#include "api/exchange.h"

/* action_tokens.c */
void action_token_create(struct exchange *exchange);
void action_token_consume(struct exchange *exchange);

/* gateway.c */
void withdrawal_submit(struct exchange *exchange);
void conversion_submit(struct exchange *exchange);

/* api_tokens.c, api_token_list.c */
void api_token_create(struct exchange *exchange);
void api_token_list(struct exchange *exchange);
void api_token_revoke(struct exchange *exchange);

/* platform_tokens.c */
void platform_token_create(struct exchange *exchange);
void platform_token_list(struct exchange *exchange);
void platform_token_get(struct exchange *exchange);
void platform_token_revoke(struct exchange *exchange);
void platform_token_delete(struct exchange *exchange);
void platform_token_rotate(struct exchange *exchange);

/* admin_tenants.c */
void tenant_create(struct exchange *exchange);
void tenant_list(struct exchange *exchange);
void tenant_get(struct exchange *exchange);
void tenant_change(struct exchange *exchange);
void tenant_token_create(struct exchange *exchange);

/* admin_users.c */
void user_create(struct exchange *exchange);
void user_list(struct exchange *exchange);
void user_get(struct exchange *exchange);
void user_change(struct exchange *exchange);
void user_delete(struct exchange *exchange);

/* admin_tokens.c */
void user_token_create(struct exchange *exchange);
void revocation_create(struct exchange *exchange);
void signing_key_create(struct exchange *exchange);

/* oauth.c, introspect.c */
void oauth_token(struct exchange *exchange);
void oauth_introspect(struct exchange *exchange);
void oauth_revoke(struct exchange *exchange);

/* well_known.c */
void authorization_server_metadata(struct exchange *exchange);
void json_web_key_set(struct exchange *exchange);

/* verify.c */
void verify(struct exchange *exchange);

/* metrics.c */
void metrics(struct exchange *exchange);

/* openapi.c */
void openapi(struct exchange *exchange);

/* health.c */
void health_alive(struct exchange *exchange);
void health_ready(struct exchange *exchange);
void health_state(struct exchange *exchange);

#endif
