/*
 * The texts of secrets.
 */
#include "token/secret.h"

#include <string.h>

#define ACTION_PREFIX       "act_tok_"
#define ACTION_PREFIX_BYTES 8
#define ACTION_CHECK_BYTES  6
#define CHUNK_DIGITS        10 /* base62 digits that one 64-bit word gives */

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void append_check(struct buffer *out)
{
    encode_base62(out, crc32_update(0, buffer_view(out)), ACTION_CHECK_BYTES);
}

void secret_action_token(const uint8_t random[SECRET_RANDOM_BYTES], char text[ACTION_TOKEN_TEXT_BYTES + 1])
{
    struct buffer out = buffer_over(text, ACTION_TOKEN_TEXT_BYTES);
    buffer_append_string(&out, ACTION_PREFIX);
    for (size_t i = 0; i < 3; i++) {
        encode_base62(&out, load_u64(random + 8 * i), CHUNK_DIGITS);
    }
    append_check(&out);
    text[ACTION_TOKEN_TEXT_BYTES] = '\0';
}

static bool is_base62(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool digit = byte >= '0' && byte <= '9';
        bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        if (!digit && !letter) {
            return false;
        }
    }
    return true;
}

bool secret_is_action_token(struct bytes text)
{
    if (text.size != ACTION_TOKEN_TEXT_BYTES || !bytes_starts_with(text, BYTES_LITERAL(ACTION_PREFIX)) ||
        !is_base62(bytes_slice(text, ACTION_PREFIX_BYTES, text.size))) {
        return false;
    }
    uint8_t copy[ACTION_TOKEN_TEXT_BYTES];
    struct buffer out = buffer_over(copy, sizeof copy);
    buffer_append(&out, bytes_slice(text, 0, ACTION_TOKEN_TEXT_BYTES - ACTION_CHECK_BYTES));
    append_check(&out);
    bool right = bytes_equal(buffer_view(&out), text);
    bytes_wipe(copy, sizeof copy);
    return right;
}

void secret_client_secret(const uint8_t random[SECRET_RANDOM_BYTES], char text[CLIENT_SECRET_TEXT_BYTES + 1])
{
    struct buffer out = buffer_over(text, CLIENT_SECRET_TEXT_BYTES);
    encode_hex(&out, bytes_of(random, CLIENT_SECRET_TEXT_BYTES / 2));
    text[CLIENT_SECRET_TEXT_BYTES] = '\0';
}

bool cidr_contains(const struct cidr *cidr, const uint8_t address[16])
{
    size_t whole_bytes = cidr->prefix_bits / 8;
    if (memcmp(cidr->address, address, whole_bytes) != 0) {
        return false;
    }
    unsigned rest_bits = cidr->prefix_bits % 8;
    if (rest_bits == 0) {
        return true;
    }
    uint8_t mask = (uint8_t)(0xFF << (8 - rest_bits));
    return ((cidr->address[whole_bytes] ^ address[whole_bytes]) & mask) == 0;
}
