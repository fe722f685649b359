/*
 * Cursors: base64url of id (16), key (8, big-endian), name (rest) and the first 16 bytes of the MAC.
 */
#include "api/cursor.h"

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"

#define ID_BYTES        16
#define KEY_BYTES_USED  8
#define FIXED_BYTES     (ID_BYTES + KEY_BYTES_USED)
#define MAC_BYTES_USED  16
#define PLAIN_MAX_BYTES (FIXED_BYTES + TOKEN_NAME_MAX_BYTES + MAC_BYTES_USED)
#define LIST_PARTS_MAX  3
#define PURPOSE         "cursor"

static void put_u64(uint8_t out[8], uint64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static uint64_t get_u64(const uint8_t in[8])
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

struct cursor_list cursor_list_of(const struct bytes *parts, size_t count)
{
    uint8_t sizes[LIST_PARTS_MAX][8];
    struct bytes all[2 * LIST_PARTS_MAX];
    struct cursor_list list = {{0}};
    assert(count <= LIST_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        put_u64(sizes[i], parts[i].size);
        all[2 * i] = bytes_of(sizes[i], sizeof(sizes[i]));
        all[2 * i + 1] = parts[i];
    }
    crypto_sha256(all, 2 * count, list.digest);
    return list;
}

/* The MAC of a cursor's plain bytes under its list. */
static void seal(const struct cursor_list *list, struct bytes plain, uint8_t out[32])
{
    uint8_t memory[CURSOR_LIST_BYTES + PLAIN_MAX_BYTES];
    struct buffer text = buffer_over(memory, sizeof(memory));
    buffer_append(&text, bytes_of(list->digest, sizeof(list->digest)));
    buffer_append(&text, plain);
    service_mac(PURPOSE, buffer_view(&text), out);
}

void cursor_write(struct buffer *out, const struct cursor_list *list, const struct cursor *cursor)
{
    uint8_t memory[PLAIN_MAX_BYTES];
    uint8_t key[KEY_BYTES_USED];
    uint8_t mac[32];
    struct buffer plain = buffer_over(memory, sizeof(memory));
    assert(cursor->name.size <= TOKEN_NAME_MAX_BYTES);
    put_u64(key, (uint64_t)cursor->key_s);
    buffer_append(&plain, bytes_of(cursor->id.bytes, ID_BYTES));
    buffer_append(&plain, bytes_of(key, sizeof(key)));
    buffer_append(&plain, cursor->name);
    seal(list, buffer_view(&plain), mac);
    buffer_append(&plain, bytes_of(mac, MAC_BYTES_USED));
    encode_base64url(out, buffer_view(&plain));
}

enum status cursor_read(struct bytes text, const struct cursor_list *list, struct cursor *cursor)
{
    static uint8_t memory[PLAIN_MAX_BYTES];
    uint8_t mac[32];
    struct buffer plain = buffer_over(memory, sizeof(memory));
    if (decode_base64url(text, &plain) != STATUS_OK || plain.size < FIXED_BYTES + MAC_BYTES_USED) {
        return STATUS_INVALID;
    }
    size_t size = plain.size - MAC_BYTES_USED;
    seal(list, bytes_of(memory, size), mac);
    if (!bytes_equal_constant_time(mac, memory + size, MAC_BYTES_USED)) {
        return STATUS_INVALID;
    }
    memcpy(cursor->id.bytes, memory, ID_BYTES);
    cursor->key_s = (int64_t)get_u64(memory + ID_BYTES);
    cursor->name = bytes_of(memory + FIXED_BYTES, size - FIXED_BYTES);
    return STATUS_OK;
}
