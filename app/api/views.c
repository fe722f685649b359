/*
 * Tokens in answers.
 */
#include "api/views.h"

#include "api/cidr.h"

void write_text_or_null(struct json_writer *json, const char *name, struct bytes text)
{
    if (text.data == NULL) {
        json_member_null(json, name);
    } else {
        json_member_string(json, name, text);
    }
}

/* ---- permissions ---- */

static const struct {
    enum permission permission;
    const char *label;
} labels[] = {{PERMISSION_VIEW, "VIEW"}, {PERMISSION_TRANSACT, "TRANSACT"}, {PERMISSION_MANAGE, "MANAGE"}};

#define PERMISSION_COUNT (sizeof(labels) / sizeof(labels[0]))

uint8_t permission_of_label(struct bytes label)
{
    for (size_t i = 0; i < PERMISSION_COUNT; i++) {
        if (bytes_equal_string(label, labels[i].label)) {
            return (uint8_t)labels[i].permission;
        }
    }
    return 0;
}

void append_permissions(struct buffer *out, uint8_t permissions, const char *between)
{
    bool begun = false;
    for (size_t i = 0; i < PERMISSION_COUNT; i++) {
        if (permissions & labels[i].permission) {
            buffer_append_string(out, begun ? between : "");
            buffer_append_string(out, labels[i].label);
            begun = true;
        }
    }
}

/* ---- family 1 ---- */

/* Every token begins with dz_ and its JWS header, which begins {"alg":"...: ten characters of that say nothing of the
 * token, so that they need not be kept. */
#define TOKEN_PREFIX_SHOWN "dz_eyJhbGc..."

void write_token_info(struct json_writer *json, const struct token_view *token)
{
    json_member_uuid(json, "id", &token->id);
    json_member_uuid(json, "jti", &token->jti);
    json_member_string(json, "name", token->name);
    write_text_or_null(json, "description", token->description);
    json_member_literal(json, "token_prefix", TOKEN_PREFIX_SHOWN);
    json_member_literal(json, "token_type", "api");
    json_member_time(json, "created_at", token->created_s);
    json_member_time_or_null(json, "last_used_at", token->last_used_s);
    json_member_time_or_null(json, "expires_at", token->expires_s);
    json_member_time_or_null(json, "revoked_at", token->revoked_s);
    write_text_or_null(json, "revocation_reason", token->revocation_reason);
}

void answer_api_token(struct exchange *exchange, const struct token_view *token, struct bytes text)
{
    struct json_writer *json = answer_begin(exchange, 201);
    json_member_string(json, "token", text);
    json_name_of(json, "token_info");
    json_begin_object(json);
    write_token_info(json, token);
    json_end_object(json);
    answer_end(exchange);
}

/* ---- family 2 ---- */

static void write_id(struct json_writer *json, const struct token_view *token)
{
    uint8_t memory[6 + UUID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append_string(&text, "Token:");
    encode_uuid(&text, &token->id);
    json_member_string(json, "id", buffer_view(&text));
}

static void write_client_id(struct json_writer *json, const struct token_view *token)
{
    uint8_t memory[CLIENT_ID_TEXT_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    encode_hex(&text, bytes_of(token->client_id, sizeof(token->client_id)));
    json_member_string(json, "clientId", buffer_view(&text));
}

static void write_permissions(struct json_writer *json, uint8_t permissions)
{
    json_name_of(json, "permissions");
    json_begin_array(json);
    for (size_t i = 0; i < PERMISSION_COUNT; i++) {
        if (permissions & labels[i].permission) {
            json_value_literal(json, labels[i].label);
        }
    }
    json_end_array(json);
}

static void write_cidrs(struct json_writer *json, const struct token_view *token)
{
    json_name_of(json, "allowedCidrs");
    json_begin_array(json);
    for (size_t i = 0; i < token->cidr_count; i++) {
        uint8_t memory[API_ID_MAX_BYTES];
        struct buffer text = buffer_over(memory, sizeof(memory));
        cidr_write(&text, &token->cidrs[i]);
        json_value_string(json, buffer_view(&text));
    }
    json_end_array(json);
}

/* What ends every answer; the optional members only if they were given at create. */
static void write_times(struct json_writer *json, const struct token_view *token)
{
    json_member_time(json, "createdAt", token->created_s);
    json_member_time(json, "updatedAt", token->updated_s);
    if (token->expires_given) {
        json_member_time(json, "expiresAt", token->expires_s);
    }
    if (token->cidr_count > 0) {
        write_cidrs(json, token);
    }
}

void answer_platform_secret(struct exchange *exchange, uint16_t status, const struct token_view *token,
                            const char *client_secret)
{
    struct json_writer *json = answer_begin(exchange, status);
    write_id(json, token);
    write_client_id(json, token);
    json_member_literal(json, "clientSecret", client_secret);
    json_member_string(json, "name", token->name);
    write_permissions(json, token->permissions);
    write_times(json, token);
    answer_end(exchange);
}

void write_platform_token(struct json_writer *json, const struct token_view *token)
{
    write_id(json, token);
    json_member_string(json, "name", token->name);
    write_permissions(json, token->permissions);
    write_client_id(json, token);
    write_times(json, token);
}
