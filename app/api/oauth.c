/*
 * OAuth: reading requests, authenticating clients, and POST /oauth/token (client credentials, RFC 6749 section 4.4).
 */
#include "api/oauth.h"

#include "api/errors.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/rates.h"

void fail_oauth(struct exchange *exchange, uint16_t status, const char *error, const char *description)
{
    struct json_writer *json = answer_begin(exchange, status);
    json_member_literal(json, "error", error);
    json_member_literal(json, "error_description", description);
    answer_end(exchange);
    if (status == 401) {
        answer_header(exchange, "WWW-Authenticate", BYTES_LITERAL("Basic realm=\"jeton\""));
    } else if (status == 503) {
        answer_header(exchange, "Retry-After", BYTES_LITERAL("5"));
    }
}

static bool refuse_request(struct exchange *exchange, const char *description)
{
    fail_oauth(exchange, 400, "invalid_request", description);
    return false;
}

/* ---- parameters ---- */

/* The place of a parameter that we know, or NULL. */
static struct bytes *place_of(struct oauth_parameters *parameters, struct bytes name)
{
    struct {
        const char *name;
        struct bytes *place;
    } places[] = {{"grant_type", &parameters->grant_type},
                  {"client_id", &parameters->client_id},
                  {"client_secret", &parameters->client_secret},
                  {"token", &parameters->token}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (bytes_equal_string(name, places[i].name)) {
            return places[i].place;
        }
    }
    return NULL;
}

/* One pair of a form into `memory`. False for a bad escape or a parameter that came before. */
static bool take_pair(struct oauth_parameters *parameters, struct bytes name, struct bytes value,
                      struct buffer *memory)
{
    struct bytes *place = place_of(parameters, name); /* our names have nothing to escape */
    size_t start = memory->size;
    if (place == NULL) {
        return true;
    }
    if (place->data != NULL || http_percent_decode(value, true, memory) != STATUS_OK) {
        return false;
    }
    *place = bytes_of(memory->data + start, memory->size - start);
    return true;
}

static bool read_form(struct exchange *exchange, struct oauth_parameters *parameters)
{
    static uint8_t decoded[HTTP_BODY_MAX_BYTES]; /* decoding never lengthens */
    struct buffer memory = buffer_over(decoded, sizeof(decoded));
    struct bytes rest = exchange->request->body;
    struct bytes name;
    struct bytes value;
    while (http_form_next(&rest, &name, &value)) {
        if (!take_pair(parameters, name, value, &memory)) {
            return refuse_request(exchange, "A parameter is malformed or repeated.");
        }
    }
    return true;
}

static bool read_json(struct exchange *exchange, struct oauth_parameters *parameters)
{
    const struct json *root;
    enum status status = json_read(exchange->request->body, JSON_DUPLICATES_REFUSE, &root, NULL);
    if (status == STATUS_FULL) {
        fail_oauth(exchange, 503, "temporarily_unavailable", "Retry with backoff.");
        return false;
    }
    if (status != STATUS_OK || json_type(root) != JSON_OBJECT) {
        return refuse_request(exchange, "The body must be a form or a JSON object.");
    }
    for (const struct json *member = json_first(root); member != NULL; member = json_next(member)) {
        struct bytes *place = place_of(parameters, json_name(member));
        if (place != NULL && json_type(member) != JSON_STRING) {
            return refuse_request(exchange, "A parameter must be a string.");
        }
        if (place != NULL) {
            *place = json_string(member);
        }
    }
    return true;
}

static bool body_is_form(const struct http_request *request)
{
    struct bytes type = http_request_header(request, "Content-Type", NULL);
    type = bytes_trim(bytes_slice(type, 0, bytes_find(type, ';')));
    return bytes_equal_ignoring_case(type, BYTES_LITERAL("application/x-www-form-urlencoded"));
}

static void forget_empty(struct bytes *text)
{
    if (text->size == 0) {
        text->data = NULL;
    }
}

static bool read_parameters(struct exchange *exchange, struct oauth_parameters *parameters)
{
    *parameters = (struct oauth_parameters){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (exchange->request->body.size == 0 || body_is_form(exchange->request)) {
        if (!read_form(exchange, parameters)) {
            return false;
        }
    } else if (!body_is_json(exchange->request, false)) {
        return refuse_request(exchange, "The body must be a form or a JSON object.");
    } else if (!read_json(exchange, parameters)) {
        return false;
    }
    forget_empty(&parameters->grant_type);
    forget_empty(&parameters->client_id);
    forget_empty(&parameters->client_secret);
    forget_empty(&parameters->token);
    return true;
}

/* ---- client authentication (RFC 6749 section 2.3) ---- */

/* The header that the body's credentials stand for; empty when they are none. */
static void write_basic(const struct oauth_parameters *parameters, struct buffer *out)
{
    uint8_t pair_memory[API_CREDENTIAL_MAX_BYTES];
    struct buffer pair = buffer_over(pair_memory, sizeof(pair_memory));
    buffer_append(&pair, parameters->client_id);
    buffer_append_string(&pair, ":");
    buffer_append(&pair, parameters->client_secret);
    if (!buffer_failed(&pair)) {
        buffer_append_string(out, "Basic ");
        encode_base64(out, buffer_view(&pair));
    }
    bytes_wipe(pair_memory, sizeof(pair_memory));
}

static bool refuse_rate(struct exchange *exchange, uint64_t wait_us)
{
    fail_oauth(exchange, 429, "temporarily_unavailable", "Too many requests.");
    answer_retry_after(exchange, wait_us);
    return false;
}

static bool authenticate_client(struct exchange *exchange, const struct oauth_parameters *parameters)
{
    uint8_t memory[2 * API_CREDENTIAL_MAX_BYTES];
    struct buffer basic = buffer_over(memory, sizeof(memory));
    size_t count = 0;
    struct bytes authorization = http_request_header(exchange->request, "Authorization", &count);
    if (count > 1 || (count == 1 && parameters->client_secret.data != NULL)) {
        return refuse_request(exchange, "More than one way of client authentication.");
    }
    if (count == 0) {
        write_basic(parameters, &basic);
        authorization = buffer_view(&basic);
    }
    uint64_t wait_us = 0;
    enum status status = rates_authenticate(exchange, authorization, &wait_us);
    bytes_wipe(memory, sizeof(memory));
    if (status == STATUS_AGAIN) {
        return refuse_rate(exchange, wait_us);
    }
    if (status != STATUS_OK) {
        fail_oauth(exchange, 401, "invalid_client", "The client is not authenticated.");
        return false;
    }
    return true;
}

bool read_oauth(struct exchange *exchange, struct oauth_parameters *parameters)
{
    return read_parameters(exchange, parameters) && authenticate_client(exchange, parameters);
}

/* ---- POST /oauth/token ---- */

static void answer_access_token(struct exchange *exchange, struct bytes text, uint32_t expires_in_s)
{
    struct json_writer *json = answer_begin(exchange, 200);
    json_member_string(json, "access_token", text);
    json_member_u64(json, "expires_in", expires_in_s);
    json_member_literal(json, "issued_token_type", "urn:ietf:params:oauth:token-type:access_token");
    json_member_literal(json, "token_type", "Bearer");
    answer_end(exchange);
}

void oauth_token(struct exchange *exchange)
{
    static uint8_t memory[API_JWT_MAX_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    struct oauth_parameters parameters;
    uint32_t expires_in_s = 0;
    uint64_t wait_us = 0;
    if (!read_oauth(exchange, &parameters)) {
        return;
    }
    if (parameters.grant_type.data == NULL) {
        (void)refuse_request(exchange, "grant_type is missing.");
        return;
    }
    if (!bytes_equal_string(parameters.grant_type, "client_credentials")) {
        fail_oauth(exchange, 400, "unsupported_grant_type", "The grant is client_credentials.");
        return;
    }
    if (!rates_may_issue(exchange, &wait_us)) {
        (void)refuse_rate(exchange, wait_us);
        return;
    }
    enum status status = service_issue_access_token(&exchange->caller, &text, &expires_in_s);
    if (status == STATUS_OK) {
        rates_issued(buffer_view(&text));
        answer_access_token(exchange, buffer_view(&text), expires_in_s);
    } else if (status == STATUS_DENIED) {
        fail_oauth(exchange, 400, "unauthorized_client", "Access tokens are for family-2 credentials.");
    } else {
        fail_oauth(exchange, 503, "temporarily_unavailable", "Retry with backoff.");
    }
    bytes_wipe(memory, sizeof(memory));
}
