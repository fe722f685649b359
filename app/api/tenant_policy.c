/*
 * Checking a tenant's policy, and applying it to a command.
 */
#include "api/tenant_policy.h"

#include "api/upstream_url.h"
#include "token/policy.h"

/* ---- checking ---- */

/* A decimal number, not negative. */
static bool is_limit(const struct json *limit)
{
    int order = 0;
    return json_type(limit) == JSON_STRING && json_string(limit).size <= COMMAND_AMOUNT_MAX_BYTES &&
           bytes_find(json_string(limit), '-') == json_string(limit).size &&
           policy_compare_amounts(json_string(limit), BYTES_LITERAL("0"), &order) == STATUS_OK;
}

static void check_limits(struct problems *problems, const struct json *limits)
{
    if (json_type(limits) != JSON_OBJECT) {
        problem(problems, "policy.actions.limits", "type", "Must be an object.");
        return;
    }
    for (const struct json *limit = json_first(limits); limit != NULL; limit = json_next(limit)) {
        struct bytes currency = json_name(limit);
        if (currency.size < 1 || currency.size > COMMAND_AMOUNT_MAX_BYTES || !is_limit(limit)) {
            problem(problems, "policy.actions.limits", "format",
                    "Must map currencies to decimal numbers as strings.");
        }
    }
}

static bool is_upstream(const struct json *value)
{
    struct upstream_url url;
    return json_type(value) == JSON_STRING && upstream_url_read(json_string(value), &url) == STATUS_OK;
}

static bool is_certificate(const struct json *value)
{
    return json_type(value) == JSON_STRING &&
           bytes_starts_with(json_string(value), BYTES_LITERAL("-----BEGIN CERTIFICATE-----"));
}

static void check_rule(struct problems *problems, const struct json *member)
{
    struct bytes name = json_name(member);
    if (bytes_equal_string(name, "limits")) {
        check_limits(problems, member);
    } else if (bytes_equal_string(name, "upstream")) {
        if (!is_upstream(member)) {
            problem(problems, "policy.actions.upstream", "format", "Must be a URL of https or http.");
        }
    } else if (bytes_equal_string(name, "upstream_ca")) {
        if (!is_certificate(member)) {
            problem(problems, "policy.actions.upstream_ca", "format", "Must be a certificate in PEM.");
        }
    } else {
        problem(problems, "policy.actions", "unknown",
                "An action has limits, upstream and upstream_ca only.");
    }
}

static void check_action(struct problems *problems, const struct json *action)
{
    if (!action_name_valid(json_name(action))) {
        problem(problems, "policy.actions", "format",
                "An action's name is <word>.<word> of at most 64 characters.");
    }
    if (json_type(action) != JSON_OBJECT) {
        problem(problems, "policy.actions", "type", "Each action must be an object.");
        return;
    }
    for (const struct json *rule = json_first(action); rule != NULL; rule = json_next(rule)) {
        check_rule(problems, rule);
    }
}

static void check_actions(struct problems *problems, const struct json *actions)
{
    if (json_type(actions) != JSON_OBJECT) {
        problem(problems, "policy.actions", "type", "Must be an object.");
        return;
    }
    for (const struct json *action = json_first(actions); action != NULL; action = json_next(action)) {
        check_action(problems, action);
    }
}

static void check_life(struct problems *problems, const struct json *value)
{
    double life_s = json_type(value) == JSON_NUMBER ? json_number(value) : 0;
    if (!(life_s >= ACTION_LIFE_MIN_S && life_s <= ACTION_LIFE_MAX_S) || (double)(uint32_t)life_s < life_s) {
        problem(problems, "policy.action_token_ttl_s", "range", "Must be a whole number from 30 to 900.");
    }
}

void tenant_policy_check(struct problems *problems, const struct json *policy)
{
    if (json_type(policy) != JSON_OBJECT) {
        problem(problems, "policy", "type", "Must be an object.");
        return;
    }
    for (const struct json *member = json_first(policy); member != NULL; member = json_next(member)) {
        struct bytes name = json_name(member);
        if (bytes_equal_string(name, "action_token_ttl_s")) {
            check_life(problems, member);
        } else if (bytes_equal_string(name, "actions")) {
            check_actions(problems, member);
        } else {
            problem(problems, "policy", "unknown", "A policy has action_token_ttl_s and actions only.");
        }
    }
}

/* ---- applying ---- */

/* Under a limit, a command must say how much, as a decimal number. */
static bool within(const struct json *limits, const struct command *command)
{
    if (limits == NULL || json_count(limits) == 0) {
        return true;
    }
    struct bytes value = bytes_of(command->amount_value.data, command->amount_value.size);
    struct bytes currency = bytes_of(command->amount_currency.data, command->amount_currency.size);
    if (value.size == 0 || currency.size == 0) {
        return false;
    }
    const struct json *limit = json_member_view(limits, currency);
    return limit == NULL || policy_amount_within(value, json_string(limit));
}

enum status tenant_policy_rules(struct bytes policy, const struct command *command,
                                struct action_rules *rules)
{
    const struct json *root = NULL;
    *rules = (struct action_rules){policy_action_is_builtin(command->action), true, ACTION_LIFE_DEFAULT_S};
    enum status status = json_read(policy, JSON_DUPLICATES_LAST, &root, NULL);
    if (status != STATUS_OK) {
        return status;
    }
    const struct json *life_s = json_member(root, "action_token_ttl_s");
    const struct json *actions = json_member(root, "actions");
    const struct json *action = actions != NULL ? json_member_view(actions, command->action) : NULL;
    if (life_s != NULL) {
        rules->life_s = policy_action_life_s((uint64_t)json_number(life_s));
    }
    if (action != NULL) {
        rules->known = true;
        rules->within_limit = within(json_member(action, "limits"), command);
    }
    return STATUS_OK;
}

static struct bytes text_member(const struct json *object, const char *name)
{
    const struct json *member = object != NULL ? json_member(object, name) : NULL;
    return member != NULL ? json_string(member) : (struct bytes){NULL, 0};
}

enum status tenant_policy_upstream(struct bytes policy, const char *action, struct policy_upstream *upstream)
{
    const struct json *root = NULL;
    *upstream = (struct policy_upstream){0};
    enum status status = json_read(policy, JSON_DUPLICATES_LAST, &root, NULL);
    if (status != STATUS_OK) {
        return status;
    }
    const struct json *actions = json_member(root, "actions");
    const struct json *rules = actions != NULL ? json_member(actions, action) : NULL;
    upstream->url = text_member(rules, "upstream");
    upstream->ca_pem = text_member(rules, "upstream_ca");
    return STATUS_OK;
}
