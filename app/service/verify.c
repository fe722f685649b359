/*
 * From the text of a secret to the token that it proves, by MAC, in time that does not tell what was wrong.
 */
#include <string.h>

#include "service/state.h"
#include "token/secret.h"
#include "token/words.h"

static const uint8_t no_mac[16]; /* compared with when there is no token */

void secret_of_action(struct bytes text, struct secret_mac *out)
{
    uint8_t mac[SHA256_BYTES];
    mac_compute(&service.keys.action, &text, 1, mac);
    memcpy(out->key, mac, sizeof out->key);
    memcpy(out->mac, mac + sizeof out->key, sizeof out->mac);
    bytes_wipe(mac, sizeof mac);
}

void mac_of_client(const uint8_t client_id[16], struct bytes secret, uint8_t mac[16])
{
    uint8_t whole[SHA256_BYTES];
    struct bytes parts[] = {bytes_of(client_id, 16), secret};
    mac_compute(&service.keys.client, parts, 2, whole);
    memcpy(mac, whole, 16);
    bytes_wipe(whole, sizeof whole);
}

uint32_t verify_action(struct bytes text)
{
    static const uint8_t filler[ACTION_TOKEN_TEXT_BYTES];
    bool wellformed = secret_is_action_token(text);
    struct secret_mac secret;
    secret_of_action(wellformed ? text : bytes_of(filler, sizeof filler), &secret);
    uint32_t ref = tokens_find_key(&service.tables, TOKEN_ACTION, secret.key);
    const uint8_t *expected = ref != 0 ? token_at(&service.tables, ref)->mac : no_mac;
    bool right = bytes_equal_constant_time(secret.mac, expected, sizeof secret.mac);
    bytes_wipe(&secret, sizeof secret);
    return wellformed && right ? ref : 0;
}

static uint32_t find_by_token_id(struct bytes name)
{
    struct uuid id;
    uint32_t ref = decode_uuid(name, &id) == STATUS_OK ? tokens_find_id(&service.tables, &id) : 0;
    return ref != 0 && token_at(&service.tables, ref)->family == TOKEN_PLATFORM ? ref : 0;
}

/* The secret before a rotation counts until its overlap ends. */
static bool previous_matches(const struct token *token, const uint8_t mac[16])
{
    struct bytes previous = fields_find(pool_text(&service.tables.pool, token->text), FIELD_PREVIOUS);
    if (previous.data == NULL) {
        return false;
    }
    bool alive = (int64_t)load_u32(previous.data + 16) > clock_bound_s();
    bool right = bytes_equal_constant_time(previous.data, mac, 16);
    return alive && right && service_clock_known();
}

/* 32 hex digits. The last ones are what it is found by. */
static bool read_client_id(struct bytes name, uint8_t client_id[16])
{
    uint8_t tail[TOKEN_TAIL_BYTES];
    if (decode_hex(bytes_slice(name, 2 * TOKEN_TAIL_AT, name.size), false, tail, sizeof tail) != STATUS_OK) {
        return false;
    }
    tokens_foresee_tail(&service.tables, tail);
    if (decode_hex(name, false, client_id, 16) != STATUS_OK) {
        return false;
    }
    tokens_foresee_key(&service.tables, client_id);
    return true;
}

/* The name is a client id, or the uuid of a Token id. What it leads to comes from memory while the MAC is made. */
uint32_t verify_client(struct bytes id_and_secret)
{
    size_t colon = bytes_find(id_and_secret, ':');
    struct bytes name = bytes_slice(id_and_secret, 0, colon);
    struct bytes secret = bytes_slice(id_and_secret, colon + 1, id_and_secret.size);
    uint8_t client_id[16] = {0};
    uint8_t mac[16];
    uint32_t ref = 0;
    bool has_client_id = read_client_id(name, client_id);
    if (!has_client_id && (ref = find_by_token_id(name)) != 0) {
        memcpy(client_id, token_at(&service.tables, ref)->key, sizeof client_id);
    }
    mac_of_client(client_id, secret, mac);
    if (has_client_id) {
        ref = tokens_find_key(&service.tables, TOKEN_PLATFORM, client_id);
    }
    const struct token *token = ref != 0 ? token_at(&service.tables, ref) : NULL;
    bool right = bytes_equal_constant_time(mac, token != NULL ? token->mac : no_mac, sizeof mac);
    if (token != NULL && !right) {
        right = previous_matches(token, mac);
    }
    bytes_wipe(mac, sizeof mac);
    return token != NULL && right ? ref : 0;
}
