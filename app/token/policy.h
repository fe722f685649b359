/*
 * Rules that a tenant's policy sets, as far as they need no JSON: which actions everyone knows, how long an action token
 * lives, and whether an amount is within a limit.
 */
#ifndef JETON_TOKEN_POLICY_H
#define JETON_TOKEN_POLICY_H

#include "token/types.h"

/* withdrawal.create and conversion.create; a tenant's policy adds more. */
bool policy_action_is_builtin(struct bytes action);

/* Of the form <member>.<verb>: lower-case letters, digits, '_' and '-', one dot, both parts not empty, at most
 * ACTION_NAME_MAX_BYTES. *member (may be NULL) gets the part before the dot. */
bool policy_action_is_wellformed(struct bytes action, struct bytes *member);

/* `ttl_s` of the policy put into ACTION_LIFE_MIN_S..ACTION_LIFE_MAX_S; 0 (not set) is ACTION_LIFE_DEFAULT_S. */
uint32_t policy_action_life_s(uint64_t ttl_s);

/* Compare two decimal numbers exactly: optional sign, digits, optional fraction, optional exponent (a JSON number's
 * grammar, RFC 8259 section 6, but leading zeros are allowed). By absolute value: -5 is as far from 0 as 5.
 * STATUS_INVALID when a text is no such number. */
enum status policy_compare_amounts(struct bytes a, struct bytes b, int *order) MUST_USE;

/* True if |amount| <= limit; an amount that is no number is not. */
bool policy_amount_within(struct bytes amount, struct bytes limit);

#endif
