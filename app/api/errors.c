/*
 * The three dialects of failure, from one table.
 */
#include "api/errors.h"

#include <assert.h>

struct fault_words {
    uint16_t status;
    const char *code0;   /* family 0 */
    const char *code2;   /* family 2 */
    const char *detail1; /* family 1; NULL: the reason phrase */
    const char *message; /* families 0 and 2 */
};

static const struct fault_words words[FAULT_COUNT] = {
    [FAULT_INVALID] = {400, "invalid_request", "INVALID_INPUT", "Invalid request parameters",
                       "Invalid request payload."},
    [FAULT_UNAUTHORIZED] = {401, "unauthorized", "UNAUTHORIZED", "Not authenticated",
                            "Caller is not authenticated."},
    [FAULT_FORBIDDEN] = {403, "forbidden_capability_scope", "FORBIDDEN", "Not enough permissions",
                         "Caller lacks the required capability or scope."},
    [FAULT_NOT_REVOCABLE] = {403, "forbidden_capability_scope", "TOKEN_NOT_REVOCABLE",
                             "Not enough permissions", "The root token can be rotated, but not revoked."},
    [FAULT_NO_ROUTE] = {404, "not_found", "NOT_FOUND", NULL, "There is nothing here."},
    [FAULT_NO_TOKEN] = {404, "not_found", "TOKEN_NOT_FOUND", NULL, "There is no such token."},
    [FAULT_METHOD] = {405, "method_not_allowed", "METHOD_NOT_ALLOWED", NULL,
                      "The resource does not know this method."},
    [FAULT_STATE_CONFLICT] = {409, "state_conflict", "CONFLICT", NULL,
                              "State conflict — the request cannot be applied to the current resource "
                              "state."},
    [FAULT_KEY_CONFLICT] = {409, "idempotency_conflict", "CONFLICT", NULL,
                            "The Idempotency-Key was used with another payload."},
    [FAULT_BODY_SIZE] = {413, "payload_too_large", "PAYLOAD_TOO_LARGE", NULL, "The body is too large."},
    [FAULT_TARGET_SIZE] = {414, "uri_too_long", "URI_TOO_LONG", NULL, "The request target is too long."},
    [FAULT_MEDIA_TYPE] = {415, "unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE", NULL,
                          "The body must be application/json."},
    [FAULT_EXPECTATION] = {417, "expectation_failed", "EXPECTATION_FAILED", NULL,
                           "The expectation cannot be met."},
    [FAULT_NOT_ADMISSIBLE] = {422, "not_admissible", "NOT_ADMISSIBLE", NULL,
                              "The operation is not admissible in the current state."},
    [FAULT_RATE_LIMITED] = {429, "rate_limited", "RATE_LIMITED", NULL, "Too many requests."},
    [FAULT_HEAD_SIZE] = {431, "headers_too_large", "HEADERS_TOO_LARGE", NULL,
                         "The request head is too large."},
    [FAULT_INTERNAL] = {500, "internal_error", "INTERNAL_ERROR", NULL,
                        "The request could not be carried out."},
    [FAULT_NOT_IMPLEMENTED] = {501, "not_implemented", "NOT_IMPLEMENTED", NULL,
                               "The transfer coding is not known."},
    [FAULT_UPSTREAM] = {502, "upstream_error", "UPSTREAM_ERROR", NULL,
                        "The upstream answered with an error or not at all."},
    [FAULT_UNAVAILABLE] = {503, "temporarily_unavailable", "SERVICE_UNAVAILABLE", NULL,
                           "Service is temporarily unavailable; retry with backoff."},
    [FAULT_HTTP_VERSION] = {505, "http_version_not_supported", "HTTP_VERSION_NOT_SUPPORTED", NULL,
                            "The HTTP version is not supported."},
};

/* RFC 9110 section 15.5.2 wants a challenge with every 401; section 10.2.3 a delay with a 503. */
static void add_headers(struct exchange *exchange, enum fault fault)
{
    if (fault == FAULT_UNAUTHORIZED) {
        bool basic = exchange->family == API_FAMILY_2;
        answer_header(exchange, "WWW-Authenticate",
                      basic ? BYTES_LITERAL("Basic realm=\"jeton\"") : BYTES_LITERAL("Bearer"));
    } else if (fault == FAULT_UNAVAILABLE) {
        answer_header(exchange, "Retry-After", BYTES_LITERAL("5"));
    }
}

static void write_family0(struct exchange *exchange, const struct fault_words *row, struct bytes reason,
                          const char *message)
{
    struct json_writer *json = answer_begin(exchange, row->status);
    json_member_literal(json, "code", row->code0);
    if (reason.data != NULL) {
        json_name_of(json, "details");
        json_begin_object(json);
        json_member_string(json, "reason", reason);
        json_end_object(json);
    }
    json_member_literal(json, "message", message);
    answer_end(exchange);
}

static void write_family2(struct exchange *exchange, const struct fault_words *row, const char *message)
{
    struct json_writer *json = answer_begin(exchange, row->status);
    json_member_u64(json, "status", row->status);
    json_member_literal(json, "code", row->code2);
    json_member_literal(json, "message", message);
    answer_end(exchange);
}

static void write_fault(struct exchange *exchange, enum fault fault, struct bytes reason, const char *message)
{
    assert(fault < FAULT_COUNT);
    const struct fault_words *row = &words[fault];
    if (message == NULL) {
        message = row->message;
    }
    if (exchange->family == API_FAMILY_0) {
        write_family0(exchange, row, reason, message);
    } else if (exchange->family == API_FAMILY_1) {
        fail_detail(exchange, row->status, row->detail1 != NULL ? row->detail1 : http_reason(row->status));
    } else {
        write_family2(exchange, row, message);
    }
    add_headers(exchange, fault);
}

void fail(struct exchange *exchange, enum fault fault)
{
    write_fault(exchange, fault, (struct bytes){NULL, 0}, NULL);
}

void fail_reason(struct exchange *exchange, enum fault fault, struct bytes reason)
{
    write_fault(exchange, fault, reason, NULL);
}

void fail_message(struct exchange *exchange, enum fault fault, const char *message)
{
    write_fault(exchange, fault, (struct bytes){NULL, 0}, message);
}

void answer_retry_after(struct exchange *exchange, uint64_t wait_us)
{
    static uint8_t memory[20];
    struct buffer seconds = buffer_over(memory, sizeof(memory));
    buffer_append_u64(&seconds, (wait_us + 999999) / 1000000);
    answer_header(exchange, "Retry-After", buffer_view(&seconds));
}

static void write_rate_family0(struct exchange *exchange, uint64_t wait_us)
{
    const struct fault_words *row = &words[FAULT_RATE_LIMITED];
    struct json_writer *json = answer_begin(exchange, row->status);
    json_member_literal(json, "code", row->code0);
    json_name_of(json, "details");
    json_begin_object(json);
    json_member_u64(json, "retry_after_ms", (wait_us + 999) / 1000);
    json_end_object(json);
    json_member_literal(json, "message", row->message);
    answer_end(exchange);
}

void fail_rate(struct exchange *exchange, uint64_t wait_us)
{
    if (exchange->family == API_FAMILY_0) {
        write_rate_family0(exchange, wait_us);
    } else {
        fail(exchange, FAULT_RATE_LIMITED);
    }
    answer_retry_after(exchange, wait_us);
}

void fail_detail(struct exchange *exchange, uint16_t status, const char *detail)
{
    struct json_writer *json = answer_begin(exchange, status);
    json_member_literal(json, "detail", detail);
    answer_end(exchange);
}

void fail_status(struct exchange *exchange, enum status status)
{
    assert(status != STATUS_OK);
    switch (status) {
    case STATUS_FULL:
    case STATUS_READ_ONLY:
    case STATUS_NO_CLOCK:
    case STATUS_IO:
    case STATUS_AGAIN:
        fail(exchange, FAULT_UNAVAILABLE);
        return;
    case STATUS_NOT_FOUND:
        fail(exchange, FAULT_NO_TOKEN);
        return;
    case STATUS_DENIED:
        fail(exchange, FAULT_FORBIDDEN);
        return;
    case STATUS_CONFLICT:
        fail_reason(exchange, FAULT_KEY_CONFLICT, BYTES_LITERAL("key_payload_mismatch"));
        return;
    default:
        fail(exchange, FAULT_INTERNAL);
        return;
    }
}

void fail_consume(struct exchange *exchange, enum consume_result result)
{
    switch (result) {
    case CONSUME_UNKNOWN:
        fail(exchange, FAULT_UNAUTHORIZED);
        return;
    case CONSUME_FORBIDDEN:
        fail(exchange, FAULT_FORBIDDEN);
        return;
    case CONSUME_SPENT:
        fail(exchange, FAULT_STATE_CONFLICT);
        return;
    case CONSUME_KEY_CONFLICT:
        fail_reason(exchange, FAULT_KEY_CONFLICT, BYTES_LITERAL("key_payload_mismatch"));
        return;
    case CONSUME_MISMATCH:
        fail_reason(exchange, FAULT_NOT_ADMISSIBLE, BYTES_LITERAL("action_token_digest_mismatch"));
        return;
    default:
        fail(exchange, FAULT_INTERNAL);
        return;
    }
}

enum fault fault_of_refusal(uint16_t status)
{
    static const enum fault refusals[] = {FAULT_BODY_SIZE, FAULT_TARGET_SIZE,     FAULT_EXPECTATION,
                                          FAULT_HEAD_SIZE, FAULT_NOT_IMPLEMENTED, FAULT_HTTP_VERSION};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (words[refusals[i]].status == status) {
            return refusals[i];
        }
    }
    return FAULT_INVALID;
}
