/*
 * A tenant's policy: what it may hold, and what it says of one command (WIRE.md sections 2 and 3).
 *
 * Kept as the RFC 8785 canonical text of its JSON object; "{}" says nothing.
 * Ownership: reading a policy replaces the JSON document of the request.
 */
#ifndef JETON_API_TENANT_POLICY_H
#define JETON_API_TENANT_POLICY_H

#include "api/command.h"
#include "api/problems.h"

/* Check a policy sent by the operator; problems are noted under field "policy". */
void tenant_policy_check(struct problems *problems, const struct json *policy);

struct action_rules {
    bool known; /* built-in, or listed by the tenant */
    bool within_limit;
    uint32_t life_s; /* of an action token */
};
/* What a policy that tenant_policy_check found good says of a command. Statuses of json_read. */
enum status tenant_policy_rules(struct bytes policy, const struct command *command,
                                struct action_rules *rules) MUST_USE;

struct policy_upstream {
    struct bytes url; /* empty: this action goes nowhere. Views of the JSON document */
    struct bytes ca_pem;
};
/* Where commands of an action go. Statuses of json_read. */
enum status tenant_policy_upstream(struct bytes policy, const char *action,
                                   struct policy_upstream *upstream) MUST_USE;

#endif
