/*
 * FastAPI's validation and its answers.
 */
#include "api/validate.h"

#include <assert.h>

#include "api/errors.h"
#include "api/input.h"
#include "api/lax.h"

/* ---- error items ---- */

/* One item of `detail`. */
struct item {
    const char *type;
    const char *field;   /* NULL: the whole body */
    const char *message; /* pydantic's words */
    struct bytes raw;    /* input as JSON text ... */
    struct bytes text;   /* ... or, with data, as text */
    const char *limit;   /* ctx member with a number, or NULL */
    int64_t limit_value;
    const char *expected; /* ctx member of a Literal, or NULL */
};

static struct json_writer *begin_item(struct validation *validation, const char *type)
{
    if (validation->error_count++ == 0) {
        struct json_writer *first = answer_begin(validation->exchange, 422);
        json_name_of(first, "detail");
        json_begin_array(first);
    }
    struct json_writer *json = &validation->exchange->json;
    json_begin_object(json);
    json_member_literal(json, "type", type);
    json_name_of(json, "loc");
    json_begin_array(json);
    json_value_literal(json, validation->place == PLACE_BODY ? "body" : "query");
    return json;
}

static void write_input(struct json_writer *json, const struct item *item)
{
    if (item->text.data != NULL) {
        json_member_string(json, "input", item->text);
    } else {
        /* Python reads -0 as the integer 0. */
        bool minus_zero = bytes_equal_string(item->raw, "-0");
        json_member_raw(json, "input", minus_zero ? BYTES_LITERAL("0") : item->raw);
    }
}

static void add_item(struct validation *validation, const struct item *item)
{
    struct json_writer *json = begin_item(validation, item->type);
    if (item->field != NULL) {
        json_value_literal(json, item->field);
    }
    json_end_array(json);
    json_member_literal(json, "msg", item->message);
    write_input(json, item);
    if (item->limit != NULL || item->expected != NULL) {
        json_name_of(json, "ctx");
        json_begin_object(json);
        if (item->limit != NULL) {
            json_name_of(json, item->limit);
            json_value_i64(json, item->limit_value);
        } else {
            json_member_literal(json, "expected", item->expected);
        }
        json_end_object(json);
    }
    json_end_object(json);
}

/* "<before><number><after>" in static memory, for messages that name their limit. */
static const char *message_of(const char *before, uint64_t number, const char *after)
{
    static uint8_t memory[128];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, before);
    buffer_append_u64(&text, number);
    buffer_append_string(&text, after);
    buffer_append_byte(&text, 0);
    assert(!buffer_failed(&text));
    return (const char *)memory;
}

struct validation validation_of(struct exchange *exchange, enum place place, struct buffer memory)
{
    return (struct validation){.exchange = exchange, .place = place, .memory = memory};
}

bool validation_answered(struct validation *validation)
{
    if (validation->error_count == 0) {
        return false;
    }
    json_end_array(&validation->exchange->json);
    answer_end(validation->exchange);
    return true;
}

/* ---- body ---- */

static bool refuse_body(struct validation *validation, const struct item *item)
{
    add_item(validation, item);
    (void)validation_answered(validation);
    return false;
}

static bool refuse_parse(struct validation *validation)
{
    fail_detail(validation->exchange, 400, "There was an error parsing the body");
    return false;
}

static bool refuse_json(struct validation *validation, const struct json_error *error)
{
    if (error->kind != JSON_ERROR_GRAMMAR) {
        return refuse_parse(validation);
    }
    struct json_writer *json = begin_item(validation, "json_invalid");
    json_value_u64(json, error->position);
    json_end_array(json);
    json_member_literal(json, "msg", "JSON decode error");
    json_member_raw(json, "input", BYTES_LITERAL("{}"));
    json_name_of(json, "ctx");
    json_begin_object(json);
    json_member_literal(json, "error", error->message);
    json_end_object(json);
    json_end_object(json);
    (void)validation_answered(validation);
    return false;
}

static bool refuse_missing(struct validation *validation)
{
    return refuse_body(
        validation,
        &(struct item){.type = "missing", .message = "Field required", .raw = BYTES_LITERAL("null")});
}

static bool refuse_model(struct validation *validation, struct bytes raw, struct bytes text)
{
    return refuse_body(validation, &(struct item){.type = "model_attributes_type",
                                                  .message = "Input should be a valid dictionary or object "
                                                             "to extract fields from",
                                                  .raw = raw,
                                                  .text = text});
}

bool validate_body(struct validation *validation, bool optional)
{
    struct bytes body = validation->exchange->request->body;
    struct json_error error;
    if (body.size == 0) {
        return optional || refuse_missing(validation);
    }
    if (!body_is_json(validation->exchange->request, true)) {
        return utf8_check(body, NULL) == STATUS_OK ? refuse_model(validation, (struct bytes){NULL, 0}, body)
                                                   : refuse_parse(validation);
    }
    enum status status = json_read(body, JSON_DUPLICATES_LAST, &validation->object, &error);
    if (status == STATUS_FULL) {
        fail_status(validation->exchange, status);
        return false;
    }
    if (status != STATUS_OK) {
        return refuse_json(validation, &error);
    }
    if (json_type(validation->object) == JSON_NULL) {
        validation->object = NULL;
        return optional || refuse_missing(validation);
    }
    return json_type(validation->object) == JSON_OBJECT ||
           refuse_model(validation, body, (struct bytes){NULL, 0});
}

/* ---- strings ---- */

static void check_length(struct validation *validation, const struct string_field *field, struct bytes raw,
                         struct bytes text)
{
    size_t count = 0;
    bool good = utf8_check(text, &count) == STATUS_OK;
    assert(good);
    (void)good;
    struct item item = {.field = field->name, .raw = raw};
    if (count < field->min) {
        item.type = "string_too_short";
        item.limit = "min_length";
        item.limit_value = (int64_t)field->min;
        item.message = message_of("String should have at least ", field->min,
                                  field->min == 1 ? " character" : " characters");
        add_item(validation, &item);
    } else if (count > field->max) {
        item.type = "string_too_long";
        item.limit = "max_length";
        item.limit_value = (int64_t)field->max;
        item.message = message_of("String should have at most ", field->max,
                                  field->max == 1 ? " character" : " characters");
        add_item(validation, &item);
    }
}

void validate_string(struct validation *validation, const struct string_field *field, struct bytes *text)
{
    if (validation->object == NULL) {
        return;
    }
    struct bytes body = validation->exchange->request->body;
    const struct json *value = json_member(validation->object, field->name);
    if (value == NULL && !field->optional) {
        add_item(validation,
                 &(struct item){
                     .type = "missing", .field = field->name, .message = "Field required", .raw = body});
    }
    if (value == NULL || (field->optional && json_type(value) == JSON_NULL)) {
        return;
    }
    struct bytes raw = json_raw_member(body, field->name);
    if (json_type(value) != JSON_STRING) {
        add_item(validation, &(struct item){.type = "string_type",
                                            .field = field->name,
                                            .message = "Input should be a valid string",
                                            .raw = raw});
        return;
    }
    *text = json_string(value);
    check_length(validation, field, raw, *text);
}

/* ---- integers ---- */

static void refuse_int(struct validation *validation, struct item *item, enum lax_int result)
{
    static const struct {
        const char *type;
        const char *message;
    } words[] = {
        [LAX_INT_TYPE] = {"int_type", "Input should be a valid integer"},
        [LAX_INT_PARSING] = {"int_parsing",
                             "Input should be a valid integer, unable to parse string as an integer"},
        [LAX_INT_SIZE] = {"int_parsing_size",
                          "Unable to parse input string as an integer, exceeded maximum size"},
        [LAX_INT_FRACTION] = {"int_from_float",
                              "Input should be a valid integer, got a number with a fractional part"},
    };
    item->type = words[result].type;
    item->message = words[result].message;
    add_item(validation, item);
}

static void check_range(struct validation *validation, const struct int_field *field, struct item *item,
                        int64_t number)
{
    if (number < field->min) {
        item->type = "greater_than_equal";
        item->limit = "ge";
        item->limit_value = field->min;
        item->message = message_of("Input should be greater than or equal to ", (uint64_t)field->min, "");
        add_item(validation, item);
    } else if (number > field->max) {
        item->type = "less_than_equal";
        item->limit = "le";
        item->limit_value = field->max;
        item->message = message_of("Input should be less than or equal to ", (uint64_t)field->max, "");
        add_item(validation, item);
    }
}

/* The value of a field and how pydantic reads it; false when it is absent. */
static bool read_int(struct validation *validation, const char *name, struct item *item, enum lax_int *result,
                     int64_t *number)
{
    if (validation->place == PLACE_QUERY) {
        item->text = validate_text(validation, name);
        *result = item->text.data != NULL ? lax_int_of_text(item->text, number) : LAX_INT_OK;
        return item->text.data != NULL;
    }
    const struct json *value = validation->object != NULL ? json_member(validation->object, name) : NULL;
    if (value == NULL) {
        return false;
    }
    item->raw = json_raw_member(validation->exchange->request->body, name);
    *result = lax_int_of_json(value, item->raw, number);
    return true;
}

void validate_int(struct validation *validation, const struct int_field *field, uint32_t *number)
{
    struct item item = {.field = field->name};
    enum lax_int result = LAX_INT_OK;
    int64_t value = 0;
    size_t errors_before = validation->error_count;
    if (!read_int(validation, field->name, &item, &result, &value)) {
        return;
    }
    if (result == LAX_INT_OK) {
        check_range(validation, field, &item, value);
    } else {
        refuse_int(validation, &item, result);
    }
    if (validation->error_count == errors_before) {
        *number = (uint32_t)value;
    }
}

/* ---- query parameters ---- */

struct bytes validate_text(struct validation *validation, const char *name)
{
    return query_value_leniently(validation->exchange->request->query, name, &validation->memory);
}

void validate_bool(struct validation *validation, const char *name, bool *value)
{
    struct bytes text = validate_text(validation, name);
    if (text.data != NULL && !lax_bool_of_text(text, value)) {
        add_item(validation,
                 &(struct item){.type = "bool_parsing",
                                .field = name,
                                .message = "Input should be a valid boolean, unable to interpret input",
                                .text = text});
    }
}

void validate_choice(struct validation *validation, const struct choice_field *field, size_t *index)
{
    static uint8_t memory[128];
    struct buffer message = buffer_over(memory, sizeof(memory));
    struct bytes text = validate_text(validation, field->name);
    if (text.data == NULL) {
        return;
    }
    for (size_t i = 0; field->words[i] != NULL; i++) {
        if (bytes_equal_string(text, field->words[i])) {
            *index = i;
            return;
        }
    }
    buffer_append_string(&message, "Input should be ");
    buffer_append_string(&message, field->expected);
    buffer_append_byte(&message, 0);
    add_item(validation, &(struct item){.type = "literal_error",
                                        .field = field->name,
                                        .message = (const char *)memory,
                                        .text = text,
                                        .expected = field->expected});
}
