/*
 * GET /.well-known/oauth-authorization-server (RFC 8414) and /.well-known/jwks.json (RFC 7517), for anyone.
 */
#include "api/handlers.h"

static void write_url(struct json_writer *json, const char *name, const char *path)
{
    uint8_t memory[API_URL_MAX_BYTES];
    struct buffer url = buffer_over(memory, sizeof(memory));
    buffer_append(&url, service_issuer());
    buffer_append_string(&url, path);
    json_member_string(json, name, buffer_view(&url));
}

static void write_list(struct json_writer *json, const char *name, const char *const *words)
{
    json_name_of(json, name);
    json_begin_array(json);
    for (size_t i = 0; words[i] != NULL; i++) {
        json_value_literal(json, words[i]);
    }
    json_end_array(json);
}

void authorization_server_metadata(struct exchange *exchange)
{
    static const char *const none[] = {NULL};
    static const char *const grants[] = {"client_credentials", NULL};
    static const char *const methods[] = {"client_secret_basic", "client_secret_post", NULL};
    static const char *const scopes[] = {"VIEW", "TRANSACT", "MANAGE", NULL};
    struct json_writer *json = answer_begin(exchange, 200);
    write_url(json, "issuer", "");
    write_url(json, "token_endpoint", "/oauth/token");
    write_url(json, "introspection_endpoint", "/oauth/introspect");
    write_url(json, "revocation_endpoint", "/oauth/revoke");
    write_url(json, "jwks_uri", "/.well-known/jwks.json");
    write_url(json, "service_documentation", "/openapi.json");
    write_list(json, "response_types_supported", none); /* required, and there is no authorization endpoint */
    write_list(json, "grant_types_supported", grants);
    write_list(json, "scopes_supported", scopes);
    write_list(json, "token_endpoint_auth_methods_supported", methods);
    write_list(json, "introspection_endpoint_auth_methods_supported", methods);
    write_list(json, "revocation_endpoint_auth_methods_supported", methods);
    answer_end(exchange);
}

void json_web_key_set(struct exchange *exchange)
{
    service_write_jwks(answer_text(exchange, 200, "application/jwk-set+json"));
}
