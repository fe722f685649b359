/*
 * The ring of signing keys.
 */
#include "service/signing.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "service/state.h"
#include "token/words.h"

#define SETTING_NAME "jwt_keys"
#define ENTRY_BYTES  (1 + 1 + 4 + KEY_BYTES)
#define LIFE_MAX_S   (366 * 86400) /* of anything that a key signs */
static_assert(SERVICE_SIGNING_KEYS_MAX * ENTRY_BYTES <= SERVICE_SETTING_MAX_BYTES,
              "the ring fits its setting");

struct ring_key {
    uint8_t number;
    uint32_t created_s;
    uint8_t secret[KEY_BYTES];
    struct jose_key key;
};
static struct ring_key ring[SERVICE_SIGNING_KEYS_MAX]; /* oldest first */
static size_t ring_count;
static bool sign_es256;

static enum status prepare(struct ring_key *entry, bool es256)
{
    if (es256) {
        return jose_key_es256(&entry->key, entry->secret);
    }
    jose_key_hs256(&entry->key, entry->secret);
    return STATUS_OK;
}

static enum status load(struct bytes value)
{
    if (value.size % ENTRY_BYTES != 0 || value.size / ENTRY_BYTES > SERVICE_SIGNING_KEYS_MAX) {
        return STATUS_DAMAGED;
    }
    for (; value.size > 0; value = bytes_slice(value, ENTRY_BYTES, value.size)) {
        struct ring_key *entry = &ring[ring_count++];
        entry->number = value.data[0];
        entry->created_s = load_u32(value.data + 2);
        memcpy(entry->secret, value.data + 6, KEY_BYTES);
        if (value.data[1] > JOSE_ES256 || prepare(entry, value.data[1] == JOSE_ES256) != STATUS_OK) {
            return STATUS_DAMAGED;
        }
    }
    return STATUS_OK;
}

void signing_reload(void)
{
    struct bytes value;
    if (service_setting_get(SETTING_NAME, &value) != STATUS_OK) {
        return;
    }
    bytes_wipe(ring, sizeof ring);
    ring_count = 0;
    (void)load(value); /* written from a ring: what could fail is memory, and then fewer keys verify */
}

static enum status save(void)
{
    uint8_t bytes[SERVICE_SIGNING_KEYS_MAX * ENTRY_BYTES];
    struct buffer value = buffer_over(bytes, sizeof bytes);
    for (size_t i = 0; i < ring_count; i++) {
        uint8_t created[4];
        store_u32(created, ring[i].created_s);
        buffer_append_byte(&value, ring[i].number);
        buffer_append_byte(&value, (uint8_t)ring[i].key.alg);
        buffer_append(&value, bytes_of(created, sizeof created));
        buffer_append(&value, bytes_of(ring[i].secret, KEY_BYTES));
    }
    enum status status = service_setting_set(SETTING_NAME, buffer_view(&value));
    bytes_wipe(bytes, sizeof bytes);
    return status;
}

/* Take the oldest key out if its successor has signed alone for as long as anything can live. */
static void drop_oldest(int64_t now_s)
{
    if (ring_count < 2 || (int64_t)ring[1].created_s + LIFE_MAX_S > now_s) {
        return;
    }
    bytes_wipe(&ring[0], sizeof ring[0]);
    memmove(&ring[0], &ring[1], (ring_count - 1) * sizeof ring[0]);
    ring_count--;
}

static enum status add_key(void)
{
    drop_oldest(clock_bound_s());
    if (ring_count == SERVICE_SIGNING_KEYS_MAX) {
        return STATUS_CONFLICT;
    }
    struct ring_key *entry = &ring[ring_count];
    uint8_t newest = ring_count > 0 ? ring[ring_count - 1].number : 0;
    entry->number = newest == UINT8_MAX ? 1 : (uint8_t)(newest + 1);
    entry->created_s = (uint32_t)clock_bound_s();
    if (sign_es256) {
        jose_generate_p256(entry->secret);
    } else {
        crypto_random(entry->secret, KEY_BYTES);
    }
    enum status status = prepare(entry, sign_es256);
    if (status != STATUS_OK) {
        return status;
    }
    ring_count++;
    status = save();
    if (status != STATUS_OK) {
        ring_count--;
        bytes_wipe(entry, sizeof *entry);
    }
    return status;
}

enum status signing_start(bool es256)
{
    bytes_wipe(ring, sizeof ring);
    ring_count = 0;
    sign_es256 = es256;
    struct bytes value;
    if (service_setting_get(SETTING_NAME, &value) == STATUS_OK) {
        enum status status = load(value);
        if (status != STATUS_OK) {
            log_alert("the signing keys in the log are damaged: restore the flash from a copy");
            return status;
        }
    }
    enum jose_alg wanted = es256 ? JOSE_ES256 : JOSE_HS256;
    if (ring_count > 0 && ring[ring_count - 1].key.alg == wanted) {
        return STATUS_OK;
    }
    enum status status = add_key();
    if (status != STATUS_OK) {
        log_alert("no new signing key can be kept (%u are, the most is %u): start with the former jwt option",
                  (unsigned)ring_count, (unsigned)SERVICE_SIGNING_KEYS_MAX);
    }
    return status;
}

enum status service_rotate_signing_key(struct signing_key_view *key)
{
    enum status status = service_clock_known() ? add_key() : STATUS_NO_CLOCK;
    if (status == STATUS_OK) {
        key->kid = bytes_of_string(ring[ring_count - 1].key.kid);
        key->alg = sign_es256 ? "ES256" : "HS256";
    }
    return status;
}

const struct jose_key *signing_key(uint8_t *number)
{
    assert(ring_count > 0);
    *number = ring[ring_count - 1].number;
    return &ring[ring_count - 1].key;
}

const struct jose_key *signing_key_numbered(uint8_t number)
{
    for (size_t i = 0; i < ring_count; i++) {
        if (ring[i].number == number) {
            return &ring[i].key;
        }
    }
    return NULL;
}

const struct jose_key *signing_key_at(size_t index)
{
    return index < ring_count ? &ring[ring_count - 1 - index].key : NULL;
}

void service_write_jwks(struct buffer *out)
{
    bool first = true;
    buffer_append_string(out, "{\"keys\":[");
    for (size_t i = 0; i < ring_count; i++) {
        const struct jose_key *key = signing_key_at(i);
        if (key->alg == JOSE_ES256) {
            buffer_append_string(out, first ? "" : ",");
            jose_write_jwk(key, out);
            first = false;
        }
    }
    buffer_append_string(out, "]}");
}
