/*
 * Payloads of the log's records. Words are little-endian; ids and MACs are as they are; texts are fields to the end.
 */
#include "service/records.h"

#include <assert.h>
#include <string.h>

#include "token/words.h"

#define PRINCIPAL_FIXED_BYTES 25

/* Offsets in a token's record behind the tails of its id and key: in its rest. */
enum {
    AT_FAMILY = 0,
    AT_FLAGS = 1,
    AT_PERMISSIONS = 2,
    AT_SIGNING_KEY = 3,
    AT_ID_HEAD = 4,
    AT_KEY_HEAD = AT_ID_HEAD + TOKEN_TAIL_AT,
    AT_MAC = AT_KEY_HEAD + TOKEN_TAIL_AT,
    AT_TENANT = AT_MAC + 16,
    AT_USER = AT_TENANT + UUID_BYTES,
    AT_CREATED = AT_USER + UUID_BYTES,
    AT_UPDATED = AT_CREATED + 4,
    AT_EXPIRES = AT_UPDATED + 4,
    AT_REVOKED = AT_EXPIRES + 4,
    AT_LAST_USED = AT_REVOKED + 4,
    AT_NOTE = AT_LAST_USED + 4,
    AT_TEXT = AT_NOTE + 4
};

bool uuid_is_zero(const struct uuid *id)
{
    static const struct uuid zero;
    return uuid_equal(id, &zero);
}

/* ---- writing ---- */

static void put_u32(struct buffer *out, uint32_t value)
{
    uint8_t word[4];
    store_u32(word, value);
    buffer_append(out, bytes_of(word, sizeof word));
}

static void put_id(struct buffer *out, const struct uuid *id)
{
    buffer_append(out, bytes_of(id->bytes, UUID_BYTES));
}

void record_put_setting(struct buffer *out, const struct setting_record *record)
{
    buffer_append_byte(out, (uint8_t)record->name.size);
    buffer_append(out, record->name);
    buffer_append(out, record->value);
    assert(!buffer_failed(out));
}

void record_put_principal(struct buffer *out, const struct principal_record *record)
{
    put_id(out, &record->id);
    put_u32(out, record->created_s);
    put_u32(out, record->updated_s);
    buffer_append_byte(out, record->stopped ? 1 : 0);
    buffer_append(out, record->text);
    assert(!buffer_failed(out));
}

size_t record_principal_bytes(size_t text_bytes)
{
    return PRINCIPAL_FIXED_BYTES + text_bytes;
}

size_t record_token_bytes(size_t text_bytes)
{
    return RECORD_TOKEN_KNOWN_BYTES + AT_TEXT + text_bytes;
}

size_t record_rest_bytes(enum record_type type, struct bytes payload)
{
    bool is_root =
        type == RECORD_TOKEN && (payload.data[RECORD_TOKEN_KNOWN_BYTES + AT_FLAGS] & TOKEN_FLAG_ROOT) != 0;
    return type == RECORD_TOKEN && !is_root ? payload.size - RECORD_TOKEN_KNOWN_BYTES : 0;
}

void record_put_token(struct buffer *out, const struct token_record *record)
{
    const struct token *token = &record->token;
    buffer_append(out, bytes_of(token->id.bytes + TOKEN_TAIL_AT, TOKEN_TAIL_BYTES));
    buffer_append(out, bytes_of(token->key + TOKEN_TAIL_AT, TOKEN_TAIL_BYTES));
    buffer_append_byte(out, token->family);
    buffer_append_byte(out, token->flags & TOKEN_FLAGS_KEPT);
    buffer_append_byte(out, token->permissions);
    buffer_append_byte(out, token->signing_key);
    buffer_append(out, bytes_of(token->id.bytes, TOKEN_TAIL_AT));
    buffer_append(out, bytes_of(token->key, TOKEN_TAIL_AT));
    buffer_append(out, bytes_of(token->mac, sizeof token->mac));
    put_id(out, &record->tenant);
    put_id(out, &record->user);
    put_u32(out, token->created_s);
    put_u32(out, token->updated_s);
    put_u32(out, token->expires_s);
    put_u32(out, token->revoked_s);
    put_u32(out, token->last_used_s);
    put_u32(out, token->note);
    buffer_append(out, record->text);
    assert(!buffer_failed(out));
}

void record_put_change(struct buffer *out, const struct change_record *record)
{
    put_id(out, &record->id);
    put_u32(out, record->at_s);
    buffer_append(out, record->text);
    assert(!buffer_failed(out));
}

void record_put_rotated(struct buffer *out, const struct rotated_record *record)
{
    put_id(out, &record->id);
    put_u32(out, record->at_s);
    put_u32(out, record->previous_until_s);
    buffer_append(out, bytes_of(record->mac, sizeof record->mac));
    buffer_append(out, record->text);
    assert(!buffer_failed(out));
}

void record_put_touched(struct buffer *out, const struct uuid *id, uint32_t at_s)
{
    put_id(out, id);
    put_u32(out, at_s);
    assert(!buffer_failed(out));
}

void record_put_bulk(struct buffer *out, const struct bulk_record *record)
{
    put_u32(out, record->number);
    put_u32(out, record->at_s);
    put_id(out, &record->tenant);
    put_id(out, &record->user);
    buffer_append_byte(out, record->family);
    put_u32(out, record->created_before_s);
    buffer_append(out, record->text);
    assert(!buffer_failed(out));
}

void record_put_note(struct buffer *out, const struct bulk_record *record)
{
    put_u32(out, record->number);
    put_u32(out, record->at_s);
    buffer_append(out, record->text);
    assert(!buffer_failed(out));
}

/* ---- reading: a cursor that remembers whether the payload was long enough ---- */

struct reader {
    struct bytes rest;
    bool failed;
};

static const uint8_t *take(struct reader *reader, size_t size)
{
    static const uint8_t zeros[32];
    assert(size <= sizeof zeros);
    if (reader->failed || reader->rest.size < size) {
        reader->failed = true;
        return zeros;
    }
    const uint8_t *data = reader->rest.data;
    reader->rest = bytes_slice(reader->rest, size, reader->rest.size);
    return data;
}

static uint8_t take_u8(struct reader *reader)
{
    return take(reader, 1)[0];
}

static uint32_t take_u32(struct reader *reader)
{
    return load_u32(take(reader, 4));
}

static void take_16(struct reader *reader, uint8_t out[16])
{
    memcpy(out, take(reader, 16), 16);
}

static enum status check_text(struct bytes text, size_t max_bytes, uint32_t *tags)
{
    return text.size <= max_bytes ? fields_check(text, tags) : STATUS_DAMAGED;
}

/* The rest is fields. */
static enum status take_text(struct reader *reader, size_t max_bytes, struct bytes *text)
{
    uint32_t tags;
    *text = reader->rest;
    return reader->failed ? STATUS_DAMAGED : check_text(*text, max_bytes, &tags);
}

enum status record_get_setting(struct bytes payload, struct setting_record *record)
{
    struct reader reader = {payload, false};
    size_t name_size = take_u8(&reader);
    if (reader.failed || name_size == 0 || name_size > SERVICE_SETTING_NAME_MAX ||
        reader.rest.size < name_size) {
        return STATUS_DAMAGED;
    }
    record->name = bytes_slice(reader.rest, 0, name_size);
    record->value = bytes_slice(reader.rest, name_size, reader.rest.size);
    return STATUS_OK;
}

enum status record_get_principal(struct bytes payload, struct principal_record *record)
{
    struct reader reader = {payload, false};
    take_16(&reader, record->id.bytes);
    record->created_s = take_u32(&reader);
    record->updated_s = take_u32(&reader);
    uint8_t flags = take_u8(&reader);
    record->stopped = flags == 1;
    if (flags > 1) {
        return STATUS_DAMAGED;
    }
    return take_text(&reader, PRINCIPAL_TEXT_MAX_BYTES, &record->text);
}

static bool token_is_possible(const struct token_record *record)
{
    const struct token *token = &record->token;
    bool has_user = !uuid_is_zero(&record->user);
    return token->family <= TOKEN_PLATFORM && (token->flags & ~TOKEN_FLAGS_KEPT) == 0 &&
           token->permissions <= PERMISSION_ALL && !uuid_is_zero(&record->tenant) &&
           has_user == (token->family != TOKEN_PLATFORM) &&
           ((token->flags & TOKEN_FLAG_CONSUMED) == 0 || token->family == TOKEN_ACTION) &&
           ((token->flags & TOKEN_FLAG_ROOT) == 0 || token->family == TOKEN_PLATFORM);
}

static bool token_text_is_possible(const struct token_record *record)
{
    uint32_t needed = record->token.family != TOKEN_ACTION
                          ? FIELDS_WITH(FIELD_NAME)
                          : FIELDS_WITH(FIELD_ACTION) | FIELDS_WITH(FIELD_DIGEST);
    return (record->tags & needed) == needed;
}

static enum status get_token_text(struct token_record *record)
{
    enum status status = check_text(record->text, TOKEN_TEXT_MAX_BYTES, &record->tags);
    return status == STATUS_OK && !token_text_is_possible(record) ? STATUS_DAMAGED : status;
}

enum status record_get_token(struct bytes payload, struct bytes rest, struct token_record *record)
{
    struct bytes tails = bytes_slice(payload, 0, RECORD_TOKEN_KNOWN_BYTES);
    struct bytes behind = bytes_slice(payload, tails.size, payload.size);
    if (tails.size < RECORD_TOKEN_KNOWN_BYTES || (rest.data != NULL && behind.size != 0)) {
        return STATUS_DAMAGED;
    }
    rest = rest.data != NULL ? rest : behind;
    if (rest.size < AT_TEXT) {
        return STATUS_DAMAGED;
    }
    struct token *token = &record->token;
    const uint8_t *at = rest.data;
    *token = (struct token){.family = at[AT_FAMILY],
                            .flags = at[AT_FLAGS],
                            .permissions = at[AT_PERMISSIONS],
                            .signing_key = at[AT_SIGNING_KEY],
                            .created_s = load_u32(at + AT_CREATED),
                            .updated_s = load_u32(at + AT_UPDATED),
                            .expires_s = load_u32(at + AT_EXPIRES),
                            .revoked_s = load_u32(at + AT_REVOKED),
                            .last_used_s = load_u32(at + AT_LAST_USED),
                            .note = load_u32(at + AT_NOTE)};
    memcpy(token->id.bytes, at + AT_ID_HEAD, TOKEN_TAIL_AT);
    memcpy(token->id.bytes + TOKEN_TAIL_AT, tails.data, TOKEN_TAIL_BYTES);
    memcpy(token->key, at + AT_KEY_HEAD, TOKEN_TAIL_AT);
    memcpy(token->key + TOKEN_TAIL_AT, tails.data + TOKEN_TAIL_BYTES, TOKEN_TAIL_BYTES);
    memcpy(token->mac, at + AT_MAC, sizeof token->mac);
    memcpy(record->tenant.bytes, at + AT_TENANT, UUID_BYTES);
    memcpy(record->user.bytes, at + AT_USER, UUID_BYTES);
    record->text = bytes_slice(rest, AT_TEXT, rest.size);
    return token_is_possible(record) ? get_token_text(record) : STATUS_DAMAGED;
}

enum status record_get_change(struct bytes payload, struct change_record *record)
{
    struct reader reader = {payload, false};
    take_16(&reader, record->id.bytes);
    record->at_s = take_u32(&reader);
    return take_text(&reader, TOKEN_TEXT_MAX_BYTES, &record->text);
}

enum status record_get_rotated(struct bytes payload, struct rotated_record *record)
{
    struct reader reader = {payload, false};
    take_16(&reader, record->id.bytes);
    record->at_s = take_u32(&reader);
    record->previous_until_s = take_u32(&reader);
    take_16(&reader, record->mac);
    return take_text(&reader, TOKEN_TEXT_MAX_BYTES, &record->text);
}

enum status record_get_bulk(struct bytes payload, struct bulk_record *record)
{
    struct reader reader = {payload, false};
    record->number = take_u32(&reader);
    record->at_s = take_u32(&reader);
    take_16(&reader, record->tenant.bytes);
    take_16(&reader, record->user.bytes);
    record->family = take_u8(&reader);
    record->created_before_s = take_u32(&reader);
    if (record->family > TOKEN_PLATFORM && record->family != RECORD_ANY_FAMILY) {
        return STATUS_DAMAGED;
    }
    return take_text(&reader, TOKEN_TEXT_MAX_BYTES, &record->text);
}

enum status record_get_note(struct bytes payload, struct bulk_record *record)
{
    struct reader reader = {payload, false};
    *record = (struct bulk_record){.number = take_u32(&reader)};
    record->at_s = take_u32(&reader);
    return take_text(&reader, TOKEN_TEXT_MAX_BYTES, &record->text);
}
