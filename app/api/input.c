/*
 * Reading body, query, ids and Idempotency-Key.
 */
#include "api/input.h"

#include "api/errors.h"
#include "api/problems.h"
#include "crypto/crypto.h"

/* ---- body ---- */

static bool ends_with(struct bytes text, struct bytes end)
{
    return text.size >= end.size &&
           bytes_equal_ignoring_case(bytes_slice(text, text.size - end.size, end.size), end);
}

bool body_is_json(const struct http_request *request, bool when_absent)
{
    const struct bytes application = BYTES_LITERAL("application/");
    struct bytes type = http_request_header(request, "Content-Type", NULL);
    if (type.size == 0) {
        return when_absent;
    }
    type = bytes_trim(bytes_slice(type, 0, bytes_find(type, ';')));
    if (!bytes_equal_ignoring_case(bytes_slice(type, 0, application.size), application)) {
        return false;
    }
    struct bytes subtype = bytes_slice(type, application.size, type.size);
    if (bytes_find(subtype, '/') != subtype.size) {
        return false;
    }
    return bytes_equal_ignoring_case(subtype, BYTES_LITERAL("json")) ||
           ends_with(subtype, BYTES_LITERAL("+json"));
}

static bool fail_body(struct exchange *exchange, const char *constraint, const char *message)
{
    if (exchange->family == API_FAMILY_0) {
        fail_reason(exchange, FAULT_INVALID, BYTES_LITERAL("body"));
    } else {
        fail_problem(exchange, "body", constraint, message);
    }
    return false;
}

bool read_object(struct exchange *exchange, const struct json **object)
{
    struct bytes body = exchange->request->body;
    if (!body_is_json(exchange->request, body.size == 0)) {
        fail(exchange, FAULT_MEDIA_TYPE);
        return false;
    }
    if (body.size == 0) {
        return fail_body(exchange, "required", "A JSON object is required.");
    }
    enum json_duplicates duplicates =
        exchange->family == API_FAMILY_0 ? JSON_DUPLICATES_REFUSE : JSON_DUPLICATES_LAST;
    enum status status = json_read(body, duplicates, object, NULL);
    if (status == STATUS_FULL) {
        fail_status(exchange, status);
        return false;
    }
    if (status != STATUS_OK) {
        return fail_body(exchange, "json", "The body is not well-formed JSON.");
    }
    if (json_type(*object) != JSON_OBJECT) {
        return fail_body(exchange, "type", "The body must be a JSON object.");
    }
    return true;
}

bool read_optional_object(struct exchange *exchange, const struct json **object)
{
    *object = NULL;
    return exchange->request->body.size == 0 || read_object(exchange, object);
}

/* ---- Idempotency-Key ---- */

static bool key_valid(struct bytes key)
{
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] < 0x21 || key.data[i] > 0x7e) {
            return false;
        }
    }
    return key.size >= 1 && key.size <= IDEMPOTENCY_KEY_MAX_BYTES;
}

static void fail_key(struct exchange *exchange)
{
    if (exchange->family == API_FAMILY_2) {
        fail_problem(exchange, "Idempotency-Key", "format",
                     "Must be once 1 to 255 visible ASCII characters.");
    } else {
        fail_reason(exchange, FAULT_INVALID, BYTES_LITERAL("Idempotency-Key"));
    }
}

bool read_idempotency(struct exchange *exchange, struct idempotency *idempotency)
{
    const struct http_request *request = exchange->request;
    size_t count = 0;
    *idempotency = (struct idempotency){.key = http_request_header(request, "Idempotency-Key", &count)};
    if (count == 0) {
        return true;
    }
    if (count > 1 || !key_valid(idempotency->key)) {
        fail_key(exchange);
        return false;
    }
    /* A path has no line feed, so the parts cannot be shifted into one another. All keyed routes are POST. */
    const struct bytes parts[] = {BYTES_LITERAL("POST\n"), request->path, BYTES_LITERAL("\n"), request->body};
    crypto_sha256(parts, sizeof(parts) / sizeof(parts[0]), idempotency->payload_digest);
    return true;
}

/* ---- ids ---- */

enum status path_id(const struct exchange *exchange, const char *prefix, struct uuid *id)
{
    uint8_t memory[API_ID_MAX_BYTES];
    struct buffer decoded = buffer_over(memory, sizeof(memory));
    if (http_percent_decode(exchange->id, false, &decoded) != STATUS_OK) {
        return STATUS_NOT_FOUND;
    }
    struct bytes text = buffer_view(&decoded);
    struct bytes head = bytes_of_string(prefix);
    if (bytes_starts_with(text, head)) {
        text = bytes_slice(text, head.size, text.size);
    }
    return decode_uuid(text, id) == STATUS_OK ? STATUS_OK : STATUS_NOT_FOUND;
}

/* ---- query ---- */

/* Percent-decoding as urllib.parse.unquote_plus does before it looks at UTF-8: no escape is an error. */
static void decode_leniently(struct bytes text, struct buffer *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%' && decode_hex(bytes_slice(text, i + 1, 2), false, &byte, 1) == STATUS_OK) {
            i += 2;
        } else if (byte == '+') {
            byte = ' ';
        }
        buffer_append_byte(out, byte);
    }
}

/* Bytes of the UTF-8 sequence that `text` begins with; 0 when it begins with none. */
static size_t utf8_sequence(struct bytes text)
{
    for (size_t size = 1; size <= 4 && size <= text.size; size++) {
        if (utf8_check(bytes_slice(text, 0, size), NULL) == STATUS_OK) {
            return size;
        }
    }
    return 0;
}

static void append_replacing(struct bytes text, struct buffer *out)
{
    while (text.size > 0) {
        size_t size = utf8_sequence(text);
        buffer_append(out, size > 0 ? bytes_slice(text, 0, size) : BYTES_LITERAL("\xef\xbf\xbd"));
        text = bytes_slice(text, size > 0 ? size : 1, text.size);
    }
}

/* The last raw value of `name`, which is ASCII without escapes. */
static struct bytes raw_query_value(struct bytes query, const char *name)
{
    struct bytes found = {NULL, 0};
    struct bytes key;
    struct bytes value;
    while (http_form_next(&query, &key, &value)) {
        uint8_t memory[API_ID_MAX_BYTES];
        struct buffer decoded = buffer_over(memory, sizeof(memory));
        decode_leniently(key, &decoded);
        if (!buffer_failed(&decoded) && bytes_equal_string(buffer_view(&decoded), name)) {
            found = value.data != NULL ? value : BYTES_LITERAL("");
        }
    }
    return found;
}

enum status query_value(struct bytes query, const char *name, struct buffer *memory, struct bytes *value)
{
    struct bytes raw = raw_query_value(query, name);
    *value = (struct bytes){NULL, 0};
    if (raw.data == NULL) {
        return STATUS_OK;
    }
    size_t start = memory->size;
    enum status status = http_percent_decode(raw, true, memory);
    if (status != STATUS_OK) {
        return status;
    }
    *value = (struct bytes){memory->data + start, memory->size - start};
    return utf8_check(*value, NULL);
}

struct bytes query_value_leniently(struct bytes query, const char *name, struct buffer *memory)
{
    static uint8_t decoded_memory[HTTP_HEAD_MAX_BYTES];
    struct bytes raw = raw_query_value(query, name);
    if (raw.data == NULL) {
        return raw;
    }
    struct buffer decoded = buffer_over(decoded_memory, sizeof(decoded_memory));
    decode_leniently(raw, &decoded);
    size_t start = memory->size;
    append_replacing(buffer_view(&decoded), memory);
    return (struct bytes){memory->data + start, memory->size - start};
}

bool text_length_within(struct bytes text, size_t min, size_t max)
{
    size_t count = 0;
    return utf8_check(text, &count) == STATUS_OK && count >= min && count <= max;
}
