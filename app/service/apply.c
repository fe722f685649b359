/*
 * What each record does to the tables: the one code for live verbs and for replay. And which records compaction must
 * keep.
 *
 * Deltas of entities that are not in the tables are ignored: their full record was relocated behind them, with the
 * delta's effect in it, or the entity is gone.
 */
#include <assert.h>
#include <string.h>

#include "service/held.h"
#include "service/outcome.h"
#include "service/state.h"
#include "token/words.h"

static uint8_t edit_bytes[PRINCIPAL_TEXT_MAX_BYTES];

enum status apply_no_room(void)
{
    service.memory_too_small = true;
    return STATUS_FULL;
}

/* When it is, as far as the log has told. */
static int64_t newest_s(const struct store_record *record)
{
    return record->written_s > service.replayed_s ? record->written_s : service.replayed_s;
}

static bool has_room(enum pool_class class, bool with_slot, size_t text_bytes)
{
    return with_slot ? tokens_have_room(&service.tables, class, text_bytes)
                     : pool_has_room(&service.tables.pool, class, 0, text_bytes);
}

/* What had left the table when this record came must not take what is kept for essential texts. */
static bool has_room_now(const struct store_record *record, bool with_slot, size_t text_bytes)
{
    if (!has_room(POOL_ISSUE, with_slot, text_bytes)) {
        sweep_for_room(newest_s(record)); /* not into the reserve, where the verb need not have gone */
    }
    if (!has_room(POOL_ESSENTIAL, with_slot, text_bytes)) {
        sweep_all(newest_s(record));
    }
    return has_room(POOL_ESSENTIAL, with_slot, text_bytes);
}

bool apply_has_room(const struct store_record *record, size_t text_bytes)
{
    return has_room_now(record, false, text_bytes);
}

/* ---- one token ---- */

static bool find_owners(struct token_record *record)
{
    struct tables *tables = &service.tables;
    record->token.tenant = principals_await(&tables->tenants, &record->tenant);
    if (record->token.family != TOKEN_PLATFORM) {
        record->token.user = principals_await(&tables->users, &record->user);
        return record->token.tenant != 0 && record->token.user != 0;
    }
    return record->token.tenant != 0;
}

static void set_flags(struct token_record *entry)
{
    entry->token.flags |= TOKEN_USED;
    if ((entry->tags & FIELDS_WITH(FIELD_CIDRS)) != 0) {
        entry->token.flags |= TOKEN_FLAG_RANGES;
    }
}

static void learn_memos(uint32_t ref, const struct token_record *entry)
{
    if ((entry->tags & FIELDS_WITH(FIELD_MEMO)) != 0) {
        (void)memos_learn(&service.tables, MEMO_TOKEN, ref, entry->token.text);
    }
}

/* What is beside the slot; entry->token becomes what the slot is to hold. */
static enum status prepare_token(struct token_record *entry, const struct store_record *record)
{
    struct tables *tables = &service.tables;
    (void)has_room_now(record, true, entry->text.size);
    if (!find_owners(entry) ||
        !pool_put_text(&tables->pool, POOL_ESSENTIAL, entry->text, &entry->token.text)) {
        return apply_no_room();
    }
    ids_seen(&entry->token.id);
    notes_seen(entry->token.note);
    set_flags(entry);
    entry->token.segment = record->segment;
    return STATUS_OK;
}

static enum status apply_whole_token(struct token_record *entry, const struct store_record *record)
{
    struct tables *tables = &service.tables;
    unread_drop_same(entry->token.id.bytes + TOKEN_TAIL_AT);
    enum status status = prepare_token(entry, record);
    uint32_t ref = status == STATUS_OK ? tokens_take(tables, POOL_ESSENTIAL) : 0;
    if (ref == 0) {
        return status == STATUS_OK ? apply_no_room() : status;
    }
    *token_at(tables, ref) = entry->token;
    tokens_link(tables, ref, 0);
    learn_memos(ref, entry);
    if ((entry->token.flags & TOKEN_FLAG_ROOT) != 0) {
        service.root_ref = ref;
    }
    return STATUS_OK;
}

/* Was it to be forgotten by the end of the log? It takes no room then, which there may not be. A change that waits for it may
 * mean that it was not. */
static bool is_past(uint32_t ref, const struct token_record *entry)
{
    return token_at(&service.tables, ref)->text == 0 &&
           token_collectable(&service.tables, &entry->token, service.replayed_s) &&
           memos_count_alive(entry->text, service.replayed_s) == 0;
}

/* The rest of a token that a boot has met is read. */
static enum status apply_read_token(uint32_t ref, struct token_record *entry,
                                    const struct store_record *record)
{
    bool is_gone = entry->token.family != TOKEN_PLATFORM && unread_is_gone(&entry->user);
    if (is_gone || is_past(ref, entry)) {
        unread_drop_same(record->payload.data);
        return STATUS_OK;
    }
    enum status status = prepare_token(entry, record);
    if (status != STATUS_OK) {
        return status;
    }
    learn_memos(ref, entry);
    return unread_fill(ref, &entry->token, record);
}

static enum status apply_token(const struct store_record *record)
{
    struct token_record entry;
    uint32_t ref = record->is_fetched ? unread_slot_of(record) : 0;
    if (record->is_fetched && ref == 0) {
        return STATUS_OK; /* a later copy has taken its place */
    }
    enum status status = record_get_token(record->payload, record->rest, &entry);
    if (status != STATUS_OK) {
        return status;
    }
    return ref != 0 ? apply_read_token(ref, &entry, record) : apply_whole_token(&entry, record);
}

/* The token's text without the fields under `a` and `b` and with `added`. False when the pool has no room: the old text
 * stays. A revocation never fails for its reason's sake, nor a consumption for its key's: what they mean is in the slot. */
static bool edit_text(uint32_t ref, enum field_tag a, enum field_tag b, struct bytes added)
{
    struct token *token = token_at(&service.tables, ref);
    struct buffer edit = buffer_over(edit_bytes, sizeof edit_bytes);
    struct bytes text = pool_text(&service.tables.pool, token->text);
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        if (field.tag != a && field.tag != b) {
            fields_append(&edit, field.tag, field.value);
        }
    }
    if (edit.size == text.size && added.size == 0) {
        return true; /* not to another place, where that would split what is free */
    }
    buffer_append(&edit, added);
    return !buffer_failed(&edit) && edit.size <= TOKEN_TEXT_MAX_BYTES &&
           entity_set_text(&service.tables, MEMO_TOKEN, ref, &token->text, buffer_view(&edit));
}

/* The token with this id, with room for that much more text if there can be. */
static uint32_t find_with_room(const struct store_record *record, const struct uuid *id, size_t added_bytes)
{
    uint32_t ref = tokens_find_id(&service.tables, id);
    if (ref != 0) {
        struct bytes text = pool_text(&service.tables.pool, token_at(&service.tables, ref)->text);
        (void)apply_has_room(record, text.size + added_bytes); /* the token itself may be past */
        ref = tokens_find_id(&service.tables, id);
    }
    return ref;
}

static void revoke(struct token *token, uint32_t at_s)
{
    token->revoked_s = at_s;
    if (token->family != TOKEN_ACTION) {
        token->updated_s = at_s;
    }
    tokens_recount(&service.tables, token, at_s);
}

static enum status apply_revoked(const struct store_record *record)
{
    struct change_record change;
    enum status status = record_get_change(record->payload, &change);
    uint32_t ref = status == STATUS_OK ? tokens_find_id(&service.tables, &change.id) : 0;
    if (ref != 0) {
        (void)edit_text(ref, FIELD_REASON, FIELD_REVOKED_BY, change.text);
        revoke(token_at(&service.tables, ref), change.at_s);
    }
    return status;
}

static enum status apply_consumed(const struct store_record *record)
{
    struct change_record change;
    enum status status = record_get_change(record->payload, &change);
    uint32_t ref = status == STATUS_OK ? tokens_find_id(&service.tables, &change.id) : 0;
    if (ref != 0) {
        struct token *token = token_at(&service.tables, ref);
        if (token->family != TOKEN_ACTION) {
            return STATUS_DAMAGED;
        }
        if (change.text.size > 0) {
            (void)edit_text(ref, FIELD_TAG_END, FIELD_TAG_END, change.text);
        }
        token->flags |= TOKEN_FLAG_CONSUMED;
        token->updated_s = change.at_s;
        tokens_recount(&service.tables, token, change.at_s);
    }
    return status;
}

static enum status apply_rotated(const struct store_record *record)
{
    struct rotated_record change;
    enum status status = record_get_rotated(record->payload, &change);
    const size_t added_max = 2 * FIELD_HEADER_BYTES + FIELD_PREVIOUS_BYTES + FIELD_MEMO_BYTES;
    uint32_t ref = status == STATUS_OK ? find_with_room(record, &change.id, added_max) : 0;
    if (ref == 0) {
        return status;
    }
    struct token *token = token_at(&service.tables, ref);
    uint8_t added_bytes[FIELD_HEADER_BYTES + FIELD_PREVIOUS_BYTES + FIELD_HEADER_BYTES + FIELD_MEMO_BYTES];
    struct buffer added = buffer_over(added_bytes, sizeof added_bytes);
    if (change.previous_until_s != 0) {
        uint8_t previous[FIELD_PREVIOUS_BYTES];
        memcpy(previous, token->mac, sizeof token->mac);
        store_u32(previous + sizeof token->mac, change.previous_until_s);
        fields_append(&added, FIELD_PREVIOUS, bytes_of(previous, sizeof previous));
    }
    buffer_append(&added, change.text);
    if (buffer_failed(&added)) {
        return STATUS_DAMAGED;
    }
    if (!edit_text(ref, FIELD_PREVIOUS, FIELD_PREVIOUS, buffer_view(&added))) {
        return apply_no_room(); /* the former secret works for its overlap: that was promised */
    }
    memcpy(token->mac, change.mac, sizeof token->mac);
    token->updated_s = change.at_s;
    return STATUS_OK;
}

/* Access tokens are not in the table; their ids grow, so that one id voids all that a credential was given up to it. */
static enum status apply_access_cut(const struct store_record *record)
{
    struct change_record change;
    enum status status = record_get_change(record->payload, &change);
    struct bytes cut = status == STATUS_OK ? fields_find(change.text, FIELD_ACCESS_CUT) : change.text;
    if (status == STATUS_OK && cut.data == NULL) {
        return STATUS_DAMAGED;
    }
    uint32_t ref = status == STATUS_OK ? find_with_room(record, &change.id, change.text.size) : 0;
    if (ref != 0) {
        struct uuid jti;
        memcpy(jti.bytes, cut.data, UUID_BYTES);
        ids_seen(&jti);
        if (!edit_text(ref, FIELD_ACCESS_CUT, FIELD_ACCESS_CUT, change.text)) {
            return apply_no_room(); /* without the cut, what was revoked would come back */
        }
    }
    return status;
}

/* ---- many tokens ---- */

static enum status apply_touched(const struct store_record *record)
{
    if (record->payload.size % TOUCHED_ITEM_BYTES != 0) {
        return STATUS_DAMAGED;
    }
    for (size_t offset = 0; offset < record->payload.size; offset += TOUCHED_ITEM_BYTES) {
        struct uuid id;
        memcpy(id.bytes, record->payload.data + offset, UUID_BYTES);
        uint32_t at_s = load_u32(record->payload.data + offset + UUID_BYTES);
        uint32_t ref = unread_touch(&id, at_s) ? 0 : tokens_find_id(&service.tables, &id);
        if (ref != 0 && token_at(&service.tables, ref)->last_used_s < at_s) {
            token_at(&service.tables, ref)->last_used_s = at_s;
        }
    }
    return STATUS_OK;
}

struct bulk_match {
    uint32_t tenant;
    uint32_t user;
    const struct bulk_record *record;
};

static struct bulk_match bulk_match_of(const struct bulk_record *record)
{
    return (struct bulk_match){principals_find(&service.tables.tenants, &record->tenant),
                               principals_find(&service.tables.users, &record->user), record};
}

/* A selected user who is not in the table (replay: deleted later) has no token here; family 2 has no user at all. */
static bool bulk_matches(const struct bulk_match *match, const struct token *token)
{
    const struct bulk_record *record = match->record;
    return (token->flags & TOKEN_USED) != 0 && (token->flags & TOKEN_FLAG_ROOT) == 0 &&
           token_state_at(token, record->at_s) == TOKEN_ACTIVE &&
           (uuid_is_zero(&record->tenant) || token->tenant == match->tenant) &&
           (uuid_is_zero(&record->user) || (match->user != 0 && token->user == match->user)) &&
           (record->family == RECORD_ANY_FAMILY || token->family == record->family) &&
           (record->created_before_s == 0 || token->created_s < record->created_before_s);
}

uint64_t bulk_count(const struct bulk_record *record, size_t *text_bytes)
{
    service_need_all();
    struct bulk_match match = bulk_match_of(record);
    uint64_t count = 0;
    *text_bytes = 0;
    for (uint32_t ref = 1; ref < service.tables.token_end; ref++) {
        const struct token *token = token_at(&service.tables, ref);
        if (bulk_matches(&match, token)) {
            count++;
            *text_bytes +=
                pool_chunk_bytes(pool_text(&service.tables.pool, token->text).size + record->text.size);
        }
    }
    return count;
}

/* Few tokens keep who and why themselves (number 0); many share a note, or have nothing told of it. */
static enum status apply_revoked_many(const struct store_record *record)
{
    struct bulk_record bulk;
    enum status status = record_get_bulk(record->payload, &bulk);
    if (status == STATUS_OK) {
        status = unread_read();
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct bulk_match match = bulk_match_of(&bulk);
    for (uint32_t ref = 1; ref < service.tables.token_end; ref++) {
        struct token *token = token_at(&service.tables, ref);
        if (!bulk_matches(&match, token)) {
            continue;
        }
        if (bulk.number == 0 && bulk.text.size > 0) {
            (void)edit_text(ref, FIELD_REASON, FIELD_REVOKED_BY, bulk.text);
        }
        token->note = bulk.number;
        revoke(token, bulk.at_s);
    }
    notes_keep(&bulk, record->segment);
    return STATUS_OK;
}

static enum status apply_note(const struct store_record *record)
{
    struct bulk_record note;
    enum status status = record_get_note(record->payload, &note);
    if (status == STATUS_OK) {
        notes_keep(&note, record->segment);
    }
    return status;
}

static bool changes_one_token(uint8_t type)
{
    return type == RECORD_REVOKED || type == RECORD_CONSUMED || type == RECORD_ROTATED ||
           type == RECORD_ACCESS_CUT;
}

enum status apply_record(const struct store_record *record)
{
    if (changes_one_token(record->type) && unread_keeps(record)) {
        return STATUS_OK;
    }
    switch (record->type) {
    case RECORD_SETTING:
        return settings_apply(record);
    case RECORD_TENANT:
        return apply_principal(record, &service.tables.tenants);
    case RECORD_USER:
        return apply_principal(record, &service.tables.users);
    case RECORD_TOKEN:
        return apply_token(record);
    case RECORD_REVOKED:
        return apply_revoked(record);
    case RECORD_CONSUMED:
        return apply_consumed(record);
    case RECORD_ROTATED:
        return apply_rotated(record);
    case RECORD_TOUCHED:
        return apply_touched(record);
    case RECORD_REVOKED_MANY:
        return apply_revoked_many(record);
    case RECORD_NOTE:
        return apply_note(record);
    case RECORD_USER_DELETED:
        return apply_user_deleted(record);
    case RECORD_ACCESS_CUT:
        return apply_access_cut(record);
    case RECORD_OUTCOME:
        return outcomes_apply(record);
    default:
        return STATUS_DAMAGED;
    }
}

static bool looks_for_tokens(const struct store_record *record)
{
    uint8_t type = record->type;
    return !record->is_fetched && type != RECORD_SETTING && type != RECORD_TENANT && type != RECORD_USER &&
           type != RECORD_NOTE && type != RECORD_OUTCOME;
}

static bool is_to_be_met(const struct store_record *record)
{
    return record->type == RECORD_TOKEN && record->rest_bytes > 0 && record->rest.data == NULL;
}

enum status apply_records(const struct store_record *records, size_t count)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK;) {
        size_t run = 0;
        service.replayed_s = newest_s(&records[i]);
        if (!records[i].is_fetched) {
            unread_mind_room();
        }
        while (i + run < count && is_to_be_met(&records[i + run])) {
            run++;
        }
        if (run > 0) {
            status = unread_meet(records + i, run);
        } else if (!tokens_any_loose(&service.tables) || !held_keep(&records[i])) {
            if (looks_for_tokens(&records[i])) {
                unread_settle();
            }
            status = apply_record(&records[i]);
        }
        i += run > 0 ? run : 1;
    }
    return status;
}
