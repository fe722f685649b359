/*
 * How tokens look in answers, where more than one handler shows them.
 *
 * Failure: as the buffer's; looked at once in api.c.
 */
#ifndef JETON_API_VIEWS_H
#define JETON_API_VIEWS_H

#include "api/exchange.h"

/* The members of family 1's token_info into the open object; all of them, null where empty. */
void write_token_info(struct json_writer *json, const struct token_view *token);

/* Family 1's answer to a create: 201 with the token's text and its token_info. */
void answer_api_token(struct exchange *exchange, const struct token_view *token, struct bytes text);

/* Family 2's answer to a create (201) or a rotation (200), the only ones that hold the secret. */
void answer_platform_secret(struct exchange *exchange, uint16_t status, const struct token_view *token,
                            const char *client_secret);

/* The members of a family-2 token without its secret into the open object, as lists show it. */
void write_platform_token(struct json_writer *json, const struct token_view *token);

/* The bit of a permission's label, 0 when it is none; and the labels of some, in order, with `between` between them. */
uint8_t permission_of_label(struct bytes label);
void append_permissions(struct buffer *out, uint8_t permissions, const char *between);

/* A string, or null when its data is NULL. */
void write_text_or_null(struct json_writer *json, const char *name, struct bytes text);

#endif
