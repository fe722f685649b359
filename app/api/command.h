/*
 * The command of family 0's bodies: {"action":"withdrawal.create","withdrawal":{...}}, and its digest.
 *
 * The digest is SHA-256 over the RFC 8785 canonical form of the object that holds the two members "action" and the one
 * named as the part of the action before the dot.
 * Ownership: a struct command holds copies, so that it outlives the JSON document (the policy is read after it); `token`
 * and `actor` do not: they are views of it. Not to be copied: `action` is a view of the struct itself.
 */
#ifndef JETON_API_COMMAND_H
#define JETON_API_COMMAND_H

#include "api/exchange.h"

#define COMMAND_AMOUNT_MAX_BYTES 64 /* a longer value or currency counts as none */

struct command_text {
    uint8_t data[COMMAND_AMOUNT_MAX_BYTES];
    size_t size; /* 0: none */
};

struct command {
    struct bytes action;
    struct bytes token; /* consume only */
    struct bytes actor;
    uint8_t digest[32];
    struct command_text amount_value; /* a string's text, or a number's canonical one */
    struct command_text amount_currency;
    bool is_good;
    uint8_t action_memory[ACTION_NAME_MAX_BYTES];
    struct command_text fault; /* when not good: the member to blame */
};

enum command_use {
    COMMAND_CREATE,
    COMMAND_CONSUME /* has "token" and "actor" too */
};

/* Read the body. Answers the failure and returns false for all but what command_is_good tells. */
bool read_command(struct exchange *exchange, enum command_use use, struct command *command);

/* The body is the command itself, that of a known action: what such a member would hold. For the gateway. */
bool read_submitted(struct exchange *exchange, const char *action, struct command *command);

/* The command's own member is there, an object, and there is nothing else; or answer 400 naming the member. Apart from
 * read_command because an action that the tenant doesn't know is told first. */
bool command_is_good(struct exchange *exchange, const struct command *command);

/* `<member>.<verb>` of token/policy.h, where the first is no name of a member that the bodies have anyway. */
bool action_name_valid(struct bytes name);

#endif
