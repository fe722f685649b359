/*
 * The texts of secrets: how randomness becomes an action token or a client secret, and which texts can be one.
 *
 * Ownership: buffers are the caller's; they hold secrets, so wipe them. Randomness is an argument.
 */
#ifndef JETON_TOKEN_SECRET_H
#define JETON_TOKEN_SECRET_H

#include "token/types.h"

#define SECRET_RANDOM_BYTES 32 /* both use less */

/* act_tok_, 30 base62 characters, and 6 base62 characters of the CRC-32 of what precedes; NUL-terminated. */
void secret_action_token(const uint8_t random[SECRET_RANDOM_BYTES], char text[ACTION_TOKEN_TEXT_BYTES + 1]);

/* Prefix, length, alphabet and check sum are right. */
bool secret_is_action_token(struct bytes text);

/* 36 lower-case hex digits, NUL-terminated. */
void secret_client_secret(const uint8_t random[SECRET_RANDOM_BYTES], char text[CLIENT_SECRET_TEXT_BYTES + 1]);

/* True if the address lies in the range. */
bool cidr_contains(const struct cidr *cidr, const uint8_t address[16]);

#endif
