/*
 * INVALID_INPUT: collecting problems, and the readers of members that find them.
 */
#include "api/problems.h"

#include "api/errors.h"
#include "api/input.h"
#include "base/clocktext.h"

/* ---- collecting ---- */

struct problems problems_of(struct exchange *exchange)
{
    return (struct problems){exchange, 0};
}

static void begin(struct exchange *exchange)
{
    struct json_writer *json = answer_begin(exchange, 400);
    json_member_u64(json, "status", 400);
    json_member_literal(json, "code", "INVALID_INPUT");
    json_member_literal(json, "message", "Invalid request payload.");
    json_name_of(json, "details");
    json_begin_object(json);
    json_name_of(json, "errors");
    json_begin_array(json);
}

void problem(struct problems *problems, const char *field, const char *constraint, const char *message)
{
    if (problems->count++ == 0) {
        begin(problems->exchange);
    } else if (problems->count > API_PROBLEMS_MAX) {
        return;
    }
    struct json_writer *json = &problems->exchange->json;
    json_begin_object(json);
    json_member_literal(json, "field", field);
    json_member_literal(json, "constraint", constraint);
    json_member_literal(json, "message", message);
    json_end_object(json);
}

bool problems_answered(struct problems *problems)
{
    if (problems->count == 0) {
        return false;
    }
    json_end_array(&problems->exchange->json);
    json_end_object(&problems->exchange->json);
    answer_end(problems->exchange);
    return true;
}

void fail_problem(struct exchange *exchange, const char *field, const char *constraint, const char *message)
{
    struct problems problems = problems_of(exchange);
    problem(&problems, field, constraint, message);
    (void)problems_answered(&problems);
}

/* ---- readers ---- */

/* The member, if it is there and of this type; its absence or other type is noted. */
static const struct json *typed_member(struct problems *problems, const struct json *object, const char *name,
                                       enum presence presence, enum json_type type)
{
    static const char *const type_messages[] = {
        [JSON_NUMBER] = "Must be a number.",
        [JSON_STRING] = "Must be a string.",
        [JSON_ARRAY] = "Must be an array.",
        [JSON_OBJECT] = "Must be an object.",
    };
    const struct json *member = json_member(object, name);
    if (member == NULL) {
        if (presence == REQUIRED) {
            problem(problems, name, "required", "Is required.");
        }
        return NULL;
    }
    if (json_type(member) != type) {
        problem(problems, name, "type", type_messages[type]);
        return NULL;
    }
    return member;
}

bool member_text(struct problems *problems, const struct json *object, const struct text_rule *rule,
                 struct bytes *text)
{
    const struct json *member = typed_member(problems, object, rule->name, rule->presence, JSON_STRING);
    if (member == NULL) {
        return false;
    }
    struct bytes value = json_string(member);
    if (!text_length_within(value, rule->min, rule->max)) {
        problem(problems, rule->name, "length", "Is too short or too long.");
        return false;
    }
    *text = value;
    return true;
}

bool member_number(struct problems *problems, const struct json *object, const struct number_rule *rule,
                   uint32_t *number)
{
    const struct json *member = typed_member(problems, object, rule->name, rule->presence, JSON_NUMBER);
    if (member == NULL) {
        return false;
    }
    double value = json_number(member);
    if (!(value >= (double)rule->min && value <= (double)rule->max)) {
        problem(problems, rule->name, "range", "Is too small or too large.");
        return false;
    }
    *number = (uint32_t)value;
    if ((double)*number < value) {
        problem(problems, rule->name, "type", "Must be a whole number.");
        return false;
    }
    return true;
}

bool member_bool(struct problems *problems, const struct json *object, const char *name, bool *value)
{
    const struct json *member = json_member(object, name);
    if (member == NULL) {
        return false;
    }
    if (json_type(member) != JSON_TRUE && json_type(member) != JSON_FALSE) {
        problem(problems, name, "type", "Must be true or false.");
        return false;
    }
    *value = json_type(member) == JSON_TRUE;
    return true;
}

bool member_time(struct problems *problems, const struct json *object, const char *name, int64_t *unix_s)
{
    const struct json *member = typed_member(problems, object, name, OPTIONAL, JSON_STRING);
    if (member == NULL) {
        return false;
    }
    if (time_read_rfc3339(json_string(member), unix_s) != STATUS_OK) {
        problem(problems, name, "format", "Must be a date-time of RFC 3339.");
        return false;
    }
    return true;
}

bool member_uuid(struct problems *problems, const struct json *object, const char *name,
                 enum presence presence, struct uuid *id)
{
    const struct json *member = typed_member(problems, object, name, presence, JSON_STRING);
    if (member == NULL) {
        return false;
    }
    if (decode_uuid(json_string(member), id) != STATUS_OK) {
        problem(problems, name, "format", "Must be a UUID.");
        return false;
    }
    return true;
}

const struct json *member_array(struct problems *problems, const struct json *object, const char *name,
                                enum presence presence)
{
    return typed_member(problems, object, name, presence, JSON_ARRAY);
}

/* ---- lists ---- */

static void read_text_parameter(struct problems *problems, const char *name, struct buffer *memory,
                                struct bytes *value)
{
    if (query_value(problems->exchange->request->query, name, memory, value) != STATUS_OK) {
        problem(problems, name, "format", "Is not percent-encoded UTF-8.");
    }
}

bool read_list_query(struct exchange *exchange, struct list_query *query)
{
    static uint8_t memory[HTTP_HEAD_MAX_BYTES]; /* decoding never lengthens */
    struct buffer decoded = buffer_over(memory, sizeof(memory));
    struct problems problems = problems_of(exchange);
    struct bytes limit_text = {NULL, 0};
    uint64_t limit = API_PAGE_DEFAULT;
    *query = (struct list_query){.limit = API_PAGE_DEFAULT};
    read_text_parameter(&problems, "name", &decoded, &query->name);
    read_text_parameter(&problems, "limit", &decoded, &limit_text);
    read_text_parameter(&problems, "cursor", &decoded, &query->cursor);
    if (limit_text.data != NULL &&
        (bytes_to_u64(limit_text, &limit) != STATUS_OK || limit < 1 || limit > API_PAGE_MAX)) {
        problem(&problems, "limit", "range", "Must be a whole number from 1 to 100.");
    }
    query->limit = (size_t)limit;
    return !problems_answered(&problems);
}
