/*
 * Tokens that a boot has left on the flash, so that it is ready in a fraction of the time that reading all would take.
 *
 * A boot reads of a token's record the tails of its id and key, and lists them with the place of its frame: the token is
 * loose (token/unread.h). Where a record comes that looks for tokens, all loose ones become unread slots first; so they do in
 * the background after the boot, and one by one where a look-up means them. What changes one of them is held meanwhile
 * (held.h). The whole frame is read when a look-up comes to a token of it, or in the background; what must see all tokens
 * (lists, limits, bulk revocation) has all of them read first.
 * Changes that a boot meets (revoked, consumed, ...) wait in the slot's text until the token is read; so in every order a
 * token comes to what a replay of everything would have made of it.
 */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "service/held.h"
#include "service/state.h"
#include "token/unread.h"

#define MET_AT_ONCE          32
#define WAITING_HEADER_BYTES 3 /* of a change: type, size of the payload */

/* ---- an unread token's slot: what its fields hold meanwhile ---- */

static bool is_at(const struct token *slot, const struct store_record *record)
{
    return slot->family == TOKEN_UNREAD && slot->created_s == record->place &&
           slot->updated_s == record->index;
}

/* What it would answer now might not be true. */
static void heed(enum status status)
{
    if (status != STATUS_OK && !service.reading_failed) {
        service.reading_failed = true;
        if (service.memory_too_small) {
            say_memory_is_short();
        }
        store_stop_answering();
    }
}

/* ---- what a boot meets ---- */

/* What of a rest goes elsewhere than to the token's text. */
#define REST_FIXED_BYTES (record_token_bytes(0) - RECORD_TOKEN_KNOWN_BYTES)

/* It is unread no more: nothing is kept for its text. */
static void uncount(uint32_t rest_bytes)
{
    service.unread_count--;
    pool_unpromise(&service.tables.pool, tokens_promised_bytes(rest_bytes, REST_FIXED_BYTES));
}

static void uncount_dropped(uint32_t rest_bytes)
{
    store_forget(RECORD_TOKEN_KNOWN_BYTES + rest_bytes);
    uncount(rest_bytes);
}

static void drop(uint32_t ref)
{
    struct tables *tables = &service.tables;
    struct token *slot = token_at(tables, ref);
    if (token_is_read(slot)) {
        forget_token(ref);
        tokens_drop(tables, ref);
    } else {
        uncount_dropped(slot->expires_s);
        tokens_free(tables, ref);
    }
}

static void drop_loose(uint32_t ref)
{
    uncount_dropped(tokens_loose_at(&service.tables, ref).rest_bytes);
    tokens_strike(&service.tables, ref);
}

static void drop_chained(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    uint32_t ref = tokens_find_chained(&service.tables, tail);
    if (ref != 0) {
        drop(ref);
    }
}

void unread_drop_same(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    uint32_t ref = tokens_find_tail(&service.tables, tail);
    if (ref != 0) {
        drop(ref);
    }
}

static void tie_newest(void)
{
    static uint32_t stale[TOKENS_CHAINED_AT_ONCE];
    size_t count = tokens_tie_newest(&service.tables, stale);
    for (size_t i = 0; i < count; i++) {
        drop(stale[i]);
    }
    if (!tokens_any_loose(&service.tables)) {
        held_apply_all();
    }
}

void unread_settle(void)
{
    while (tokens_any_loose(&service.tables)) {
        tie_newest();
    }
}

/* The newest of these takes the place of all others. False: none is loose. */
static bool tie_by_id(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    struct tables *tables = &service.tables;
    uint32_t newest = tokens_loose_before(tables, tables->loose_end, TAIL_OF_ID, tail);
    if (newest == 0) {
        return false;
    }
    for (uint32_t ref = newest; (ref = tokens_loose_before(tables, ref, TAIL_OF_ID, tail)) != 0;) {
        drop_loose(ref);
    }
    drop_chained(tail);
    if (!tokens_tie(tables, newest)) {
        unread_settle(); /* no room beside: each in its own place */
    }
    return true;
}

/* False: all is as it was. */
static bool bring_by_id(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    bool tied = tie_by_id(tail);
    return held_apply(tail) || tied;
}

static bool bring_same(uint32_t ref)
{
    uint8_t tail[TOKEN_TAIL_BYTES]; /* the slot may be dropped */
    memcpy(tail, token_at(&service.tables, ref)->id.bytes + TOKEN_TAIL_AT, sizeof tail);
    return bring_by_id(tail);
}

/* Whoever has this key, loose or not, may have been replaced by a loose token with another key: its id decides. */
static void bring_by_key(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    struct tables *tables = &service.tables;
    for (uint32_t ref = tables->loose_end;
         (ref = tokens_loose_before(tables, ref, TAIL_OF_KEY, tail)) != 0;) {
        (void)bring_by_id(tokens_loose_at(tables, ref).tails);
    }
    for (uint32_t ref = tokens_first_with_key(tables, tail); ref != 0;) {
        ref = bring_same(ref) ? tokens_first_with_key(tables, tail) : tokens_next_with_key(tables, ref);
    }
}

void unread_bring(enum token_tail which, const uint8_t tail[TOKEN_TAIL_BYTES])
{
    service.has_searched = true;
    if (which == TAIL_OF_ID) {
        (void)bring_by_id(tail);
    } else {
        bring_by_key(tail);
    }
    heed(service.held_status);
}

/* Where memory is scarce, what is past has to go before the next comes: from here on tokens are read as they come. */
static void make_room(int64_t now_s)
{
    service.reads_at_once = true;
    unread_settle();
    if (unread_read() == STATUS_OK) {
        sweep_all(now_s);
    }
}

/* Changes that wait take more room than they will in the end: not the reserve, which what follows in the log may need. */
void unread_mind_room(void)
{
    const struct pool *pool = &service.tables.pool;
    bool has_unread = service.unread_count > 0 && !service.reads_at_once;
    if (has_unread && !pool_can_promise(pool, 0, pool->reserve_bytes + held_room_bytes())) {
        make_room(service.replayed_s);
    }
}

size_t unread_room_bytes(void)
{
    return service.tables.pool.promised_bytes + held_room_bytes();
}

bool unread_wants_rests(void)
{
    return service.reads_at_once;
}

static void describe(const struct store_record *record, struct unread_token *token)
{
    memcpy(token->tails, record->payload.data, RECORD_TOKEN_KNOWN_BYTES);
    token->place = record->place;
    token->index = record->index;
    token->rest_bytes = record->rest_bytes;
    token->segment = record->segment;
}

/* Into a slot that is free. */
static size_t meet_one(const struct unread_token *token)
{
    unread_settle();
    drop_chained(token->tails);
    return tokens_take_unread(&service.tables, token, REST_FIXED_BYTES) != 0 ? 1 : 0;
}

static enum status meet_some(const struct store_record *records, size_t count)
{
    struct unread_token tokens[MET_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        if (records[i].payload.size != RECORD_TOKEN_KNOWN_BYTES) {
            return STATUS_DAMAGED;
        }
        describe(&records[i], &tokens[i]);
        held_forget(tokens[i].tails);
    }
    bool has_made_room = false;
    for (size_t done = 0; done < count;) {
        size_t taken = tokens_take_loose(&service.tables, tokens + done, count - done, REST_FIXED_BYTES);
        taken += taken == 0 ? meet_one(&tokens[done]) : 0;
        done += taken;
        service.unread_count += (uint32_t)taken;
        if (taken == 0 && has_made_room) {
            service.memory_too_small = true;
            return STATUS_FULL;
        }
        has_made_room = taken == 0;
        if (has_made_room) {
            make_room(records[done].written_s);
        }
    }
    return STATUS_OK;
}

enum status unread_meet(const struct store_record *records, size_t count)
{
    enum status status = STATUS_OK;
    for (size_t done = 0; done < count && status == STATUS_OK; done += MET_AT_ONCE) {
        size_t rest = count - done;
        status = meet_some(records + done, rest < MET_AT_ONCE ? rest : MET_AT_ONCE);
    }
    return status;
}

bool unread_is_short_of_room(void)
{
    if (!pool_can_promise(&service.tables.pool, 0, 0)) {
        unread_settle(); /* loose tokens that others have replaced need none */
    }
    return service.unread_count > 0 && !pool_can_promise(&service.tables.pool, 0, 0);
}

/* ---- users that are gone ---- */

static struct uuid gone[SERVICE_GONE_MAX]; /* deleted while tokens were unread: some of these may be theirs */
static size_t gone_count;

enum status unread_user_gone(const struct uuid *user)
{
    enum status status = gone_count == SERVICE_GONE_MAX ? unread_read() : STATUS_OK;
    if (status == STATUS_OK && service.unread_count > 0) {
        gone[gone_count++] = *user;
    }
    return status;
}

bool unread_is_gone(const struct uuid *user)
{
    size_t i = 0;
    while (i < gone_count && !uuid_equal(&gone[i], user)) {
        i++;
    }
    return i < gone_count;
}

void unread_start(void)
{
    held_start();
    gone_count = 0;
}

/* ---- changes that wait ---- */

/* Not in the room that is promised to texts: else these would not fit in the end. */
static bool add_waiting(struct token *slot, const struct store_record *record)
{
    static uint8_t bytes[TOKEN_TEXT_MAX_BYTES];
    struct buffer waiting = buffer_over(bytes, sizeof bytes);
    struct pool *pool = &service.tables.pool;
    uint32_t text = 0;
    buffer_append(&waiting, pool_text(pool, slot->text));
    buffer_append_byte(&waiting, record->type);
    buffer_append_byte(&waiting, (uint8_t)record->payload.size);
    buffer_append_byte(&waiting, (uint8_t)(record->payload.size >> 8));
    buffer_append(&waiting, record->payload);
    bool added = !buffer_failed(&waiting) && pool_can_promise(pool, 0, waiting.size) &&
                 pool_put_text(pool, POOL_ESSENTIAL, buffer_view(&waiting), &text);
    if (added) {
        pool_free_text(pool, slot->text);
        slot->text = text;
    }
    return added;
}

bool unread_keeps(const struct store_record *record)
{
    if (service.unread_count == 0 || record->payload.size < UUID_BYTES) {
        return false;
    }
    uint32_t ref = tokens_find_tail(&service.tables, record->payload.data + TOKEN_TAIL_AT);
    return ref != 0 && token_at(&service.tables, ref)->family == TOKEN_UNREAD &&
           add_waiting(token_at(&service.tables, ref), record);
}

bool unread_touch(const struct uuid *id, uint32_t at_s)
{
    uint32_t ref = tokens_find_tail(&service.tables, id->bytes + TOKEN_TAIL_AT);
    struct token *slot = ref != 0 ? token_at(&service.tables, ref) : NULL;
    if (slot == NULL || slot->family != TOKEN_UNREAD) {
        return false;
    }
    slot->last_used_s = slot->last_used_s < at_s ? at_s : slot->last_used_s;
    return true;
}

/* What has waited, in the order in which it came. */
static enum status apply_waiting(uint32_t handle, struct store_record change)
{
    struct bytes waiting = pool_text(&service.tables.pool, handle);
    enum status status = STATUS_OK;
    while (waiting.size >= WAITING_HEADER_BYTES && status == STATUS_OK) {
        size_t size = (size_t)waiting.data[1] | (size_t)waiting.data[2] << 8;
        change.type = waiting.data[0];
        change.payload = bytes_slice(waiting, WAITING_HEADER_BYTES, size);
        waiting = bytes_slice(waiting, WAITING_HEADER_BYTES + size, waiting.size);
        status = apply_record(&change);
    }
    pool_free_text(&service.tables.pool, handle);
    return status;
}

/* ---- reading ---- */

uint32_t unread_slot_of(const struct store_record *record)
{
    /* As a rule the slots of a frame's tokens follow each other. */
    uint32_t next = service.filled_ref + 1;
    bool is_slot = next < service.tables.token_end && !token_is_loose(&service.tables, next);
    if (is_slot && is_at(token_at(&service.tables, next), record)) {
        return next;
    }
    uint32_t ref = record->payload.size == RECORD_TOKEN_KNOWN_BYTES
                       ? tokens_find_chained(&service.tables, record->payload.data)
                       : 0;
    return ref != 0 && is_at(token_at(&service.tables, ref), record) ? ref : 0;
}

enum status unread_fill(uint32_t ref, const struct token *token, const struct store_record *record)
{
    struct token *slot = token_at(&service.tables, ref);
    struct token unread = *slot;
    uncount(slot->expires_s);
    service.filled_ref = ref;
    *slot = *token;
    slot->id_next = unread.id_next;
    slot->key_next = unread.key_next;
    slot->segment = unread.segment;
    slot->last_used_s = token->last_used_s < unread.last_used_s ? unread.last_used_s : token->last_used_s;
    tokens_enter(&service.tables, ref, service.replayed_s);
    struct store_record change = {.segment = record->segment, .written_s = record->written_s};
    return apply_waiting(unread.text, change);
}

/* The frame of this unread token; what it has for others is welcome. */
static enum status read_frame_of(uint32_t ref)
{
    enum status status = store_read_rests(token_at(&service.tables, ref)->created_s);
    bool is_read = token_is_read(token_at(&service.tables, ref));
    return status == STATUS_OK && !is_read ? STATUS_DAMAGED : status;
}

/* The frame of the next unread token, in the order of slots: about that of the log. */
static enum status read_next(void)
{
    const struct tables *tables = &service.tables;
    while (token_at(tables, service.unread_ref)->family != TOKEN_UNREAD) {
        service.unread_ref = service.unread_ref + 1 < tables->token_end ? service.unread_ref + 1 : 1;
    }
    return read_frame_of(service.unread_ref);
}

enum status unread_read(void)
{
    enum status status = service.reading_failed ? STATUS_IO : STATUS_OK;
    unread_settle();
    status = status == STATUS_OK ? service.held_status : status;
    while (service.unread_count > 0 && status == STATUS_OK) {
        status = read_next();
    }
    gone_count = status == STATUS_OK ? 0 : gone_count;
    return status;
}

/* Read what is left, if look-ups have left anything: the replay has come to its end. What is past goes with the first
 * sweep, which has waited for this. */
enum status service_read_all(void)
{
    enum status status = service.is_reading ? unread_read() : STATUS_OK;
    if (!service.is_reading || status != STATUS_OK) {
        return status;
    }
    service.is_reading = false;
    return check_replay();
}

void unread_fetch(uint32_t ref)
{
    if (!service.reading_failed) {
        heed(read_frame_of(ref));
    }
}

/* Who counts or lists them does not want those that are past. */
void service_need_all(void)
{
    bool was_reading = service.is_reading;
    heed(service_read_all());
    if (was_reading && !service.is_reading) {
        sweep_all(clock_bound_s());
    }
}

bool service_reading_is_urgent(void)
{
    return tokens_any_loose(&service.tables) && service.has_searched;
}

bool service_read_some(void)
{
    if (!service.is_reading || service.reading_failed) {
        return false;
    }
    if (tokens_any_loose(&service.tables)) {
        tie_newest();
        heed(service.held_status);
    } else if (service.unread_count > 0) {
        heed(read_next());
    } else {
        heed(service_read_all());
    }
    return service.is_reading && !service.reading_failed;
}
