/*
 * Reading a command and taking its digest.
 */
#include "api/command.h"

#include <assert.h>
#include <string.h>

#include "api/errors.h"
#include "api/input.h"
#include "crypto/crypto.h"
#include "token/policy.h"

/* Texts longer than the room for them count as none; no rule holds for them then. */
static void keep(struct command_text *out, struct bytes text)
{
    out->size = text.size <= sizeof(out->data) ? text.size : 0;
    memcpy(out->data, text.data, out->size);
}

/* ---- names ---- */

/* The member that holds the command of an action. */
static struct bytes member_of(struct bytes action)
{
    return bytes_slice(action, 0, bytes_find(action, '.'));
}

bool action_name_valid(struct bytes name)
{
    struct bytes member;
    return policy_action_is_wellformed(name, &member) && !bytes_equal_string(member, "action") &&
           !bytes_equal_string(member, "token") && !bytes_equal_string(member, "actor");
}

/* ---- digest ---- */

static void append_action(struct buffer *out, struct bytes action)
{
    buffer_append_string(out, "\"action\":\""); /* its letters need no escape */
    buffer_append(out, action);
    buffer_append_string(out, "\"");
}

static enum status append_member(struct buffer *out, struct bytes name, const struct json *value)
{
    buffer_append_string(out, "\"");
    buffer_append(out, name);
    buffer_append_string(out, "\":");
    return json_canonical(value, out);
}

/* Names are ASCII, so that bytes order as UTF-16 code units do. */
static bool sorts_before_action(struct bytes name)
{
    static const char action[] = "action";
    size_t common = name.size < strlen(action) ? name.size : strlen(action);
    int order = memcmp(name.data, action, common);
    return order < 0 || (order == 0 && name.size < strlen(action));
}

static void take_digest(const struct exchange *exchange, struct command *command, const struct json *value)
{
    struct buffer text = exchange_scratch(exchange);
    struct bytes member = member_of(command->action);
    bool member_first = sorts_before_action(member);
    buffer_append_string(&text, "{");
    if (!member_first) {
        append_action(&text, command->action);
        buffer_append_string(&text, ",");
    }
    enum status status = append_member(&text, member, value);
    if (member_first) {
        buffer_append_string(&text, ",");
        append_action(&text, command->action);
    }
    buffer_append_string(&text, "}");
    assert(status == STATUS_OK && !buffer_failed(&text)); /* limits.h: the scratch takes any canonical body */
    (void)status;
    struct bytes canonical = buffer_view(&text);
    crypto_sha256(&canonical, 1, command->digest);
}

/* ---- members ---- */

static void take_amount(struct command *command, const struct json *value)
{
    uint8_t memory[COMMAND_AMOUNT_MAX_BYTES];
    struct buffer number = buffer_over(memory, sizeof(memory));
    const struct json *amount = json_member(value, "amount");
    const struct json *figure = amount != NULL ? json_member(amount, "value") : NULL;
    const struct json *currency = amount != NULL ? json_member(amount, "currency") : NULL;
    if (figure != NULL && json_type(figure) == JSON_STRING) {
        keep(&command->amount_value, json_string(figure));
    } else if (figure != NULL && json_type(figure) == JSON_NUMBER) {
        json_write_number(&number, json_number(figure));
        keep(&command->amount_value, buffer_view(&number));
    }
    if (currency != NULL && json_type(currency) == JSON_STRING) {
        keep(&command->amount_currency, json_string(currency));
    }
}

/* The first top-level member that the body should not have; data NULL when there is none. */
static struct bytes find_stranger(const struct json *object, enum command_use use, struct bytes member)
{
    for (const struct json *child = json_first(object); child != NULL; child = json_next(child)) {
        struct bytes name = json_name(child);
        bool known = bytes_equal_string(name, "action") || bytes_equal(name, member) ||
                     (use == COMMAND_CONSUME &&
                      (bytes_equal_string(name, "token") || bytes_equal_string(name, "actor")));
        if (!known) {
            return name;
        }
    }
    return (struct bytes){NULL, 0};
}

static void take_command(const struct exchange *exchange, enum command_use use, const struct json *object,
                         struct command *command)
{
    struct bytes member = member_of(command->action);
    struct bytes stranger = find_stranger(object, use, member);
    const struct json *value = json_member_view(object, member);
    if (value == NULL || json_type(value) != JSON_OBJECT) {
        keep(&command->fault, member);
    } else if (stranger.data != NULL) {
        keep(&command->fault, stranger);
    } else {
        command->is_good = true;
        take_digest(exchange, command, value);
        take_amount(command, value);
    }
}

/* A member that is a text, or answer 400 with its name. */
static bool read_text(struct exchange *exchange, const struct json *object, const char *name,
                      struct bytes *text)
{
    const struct json *member = json_member(object, name);
    if (member == NULL || json_type(member) != JSON_STRING) {
        fail_reason(exchange, FAULT_INVALID, bytes_of_string(name));
        return false;
    }
    *text = json_string(member);
    return true;
}

static void take_action(struct command *command, struct bytes action)
{
    memcpy(command->action_memory, action.data, action.size);
    command->action = bytes_of(command->action_memory, action.size);
}

bool read_command(struct exchange *exchange, enum command_use use, struct command *command)
{
    const struct json *object;
    struct bytes action;
    memset(command, 0, sizeof(*command));
    if (!read_object(exchange, &object)) {
        return false;
    }
    if (use == COMMAND_CONSUME && (!read_text(exchange, object, "token", &command->token) ||
                                   !read_text(exchange, object, "actor", &command->actor))) {
        return false;
    }
    if (!read_text(exchange, object, "action", &action)) {
        return false;
    }
    if (!action_name_valid(action)) {
        fail_reason(exchange, FAULT_INVALID, BYTES_LITERAL("action"));
        return false;
    }
    take_action(command, action);
    take_command(exchange, use, object, command);
    return true;
}

bool read_submitted(struct exchange *exchange, const char *action, struct command *command)
{
    const struct json *object;
    memset(command, 0, sizeof(*command));
    if (!read_object(exchange, &object)) {
        return false;
    }
    take_action(command, bytes_of_string(action));
    take_digest(exchange, command, object);
    take_amount(command, object);
    command->is_good = true;
    return true;
}

bool command_is_good(struct exchange *exchange, const struct command *command)
{
    if (!command->is_good) {
        fail_reason(exchange, FAULT_INVALID, bytes_of(command->fault.data, command->fault.size));
    }
    return command->is_good;
}
