/*
 * Outcomes: exactly one trip upstream for each Idempotency-Key, and the same answer for a day.
 *
 * Entries are found by the MAC of caller and key, in buckets. One that was written by an earlier boot and has no answer
 * stands for a command whose outcome nobody knows: it is never sent again under this key.
 */
#include "service/outcome.h"

#include <assert.h>
#include <string.h>

#include "service/state.h"
#include "token/words.h"

#define BUCKET_COUNT 1024
#define FIXED_BYTES  36 /* id, digest, time */
#define HEAD_BYTES   3  /* status, length of the type */

struct entry {
    uint8_t id[16];
    uint8_t digest[16];
    uint32_t at_s;
    uint32_t segment; /* of its newest record */
    uint32_t answer;  /* text of the pool; 0: none yet */
    uint16_t next;    /* in its bucket, or in the list of free places; 0: end */
    bool used;
    bool under_way; /* sent, or about to be, since this boot */
};
static struct entry entries[SERVICE_OUTCOMES_MAX + 1]; /* the first is none */
static uint16_t buckets[BUCKET_COUNT];
static uint16_t free_head;
static_assert(SERVICE_OUTCOMES_MAX < UINT16_MAX, "entries are numbered by 16 bits");
static_assert(FIXED_BYTES + HEAD_BYTES + OUTCOME_TYPE_MAX_BYTES + OUTCOME_BODY_MAX_BYTES <=
                  STORE_RECORD_MAX_BYTES,
              "an outcome fits a record");
static_assert(HEAD_BYTES + OUTCOME_TYPE_MAX_BYTES + OUTCOME_BODY_MAX_BYTES <= POOL_TEXT_MAX_BYTES,
              "its answer fits a text");
static_assert(OUTCOME_TYPE_MAX_BYTES <= UINT8_MAX, "its length is one byte");

/* ---- the table ---- */

void outcomes_start(void)
{
    memset(entries, 0, sizeof entries);
    memset(buckets, 0, sizeof buckets);
    for (uint16_t i = 1; i < SERVICE_OUTCOMES_MAX; i++) {
        entries[i].next = (uint16_t)(i + 1);
    }
    free_head = 1;
}

static uint16_t *bucket_of(const uint8_t id[16])
{
    return &buckets[load_u32(id) % BUCKET_COUNT];
}

/* Where the number of the entry with this id stands; the end of its bucket when there is none. */
static uint16_t *place_of(const uint8_t id[16])
{
    uint16_t *place = bucket_of(id);
    while (*place != 0 && memcmp(entries[*place].id, id, 16) != 0) {
        place = &entries[*place].next;
    }
    return place;
}

static bool counts(const struct entry *entry, int64_t now_s)
{
    return entry->under_way || (int64_t)entry->at_s + IDEMPOTENCY_LIFE_S > now_s;
}

/* The entry that counts now, or NULL. */
static struct entry *find(const uint8_t id[16], int64_t now_s)
{
    uint16_t number = *place_of(id);
    return number != 0 && counts(&entries[number], now_s) ? &entries[number] : NULL;
}

bool outcomes_have(const uint8_t id[16], int64_t now_s)
{
    return find(id, now_s) != NULL;
}

static size_t record_bytes(const struct entry *entry)
{
    return FIXED_BYTES + pool_text(&service.tables.pool, entry->answer).size;
}

static void drop(uint16_t *place)
{
    uint16_t number = *place;
    struct entry *entry = &entries[number];
    store_forget(record_bytes(entry));
    pool_free_text(&service.tables.pool, entry->answer);
    *place = entry->next;
    *entry = (struct entry){.next = free_head};
    free_head = number;
}

void outcomes_collect(int64_t now_s)
{
    for (uint16_t number = 1; number <= SERVICE_OUTCOMES_MAX; number++) {
        if (entries[number].used && !counts(&entries[number], now_s)) {
            drop(place_of(entries[number].id));
        }
    }
}

/* The entry of this id, made when there is none; NULL when there is no place. */
static struct entry *find_or_add(const uint8_t id[16])
{
    uint16_t *place = place_of(id);
    if (*place != 0 || free_head == 0) {
        return *place != 0 ? &entries[*place] : NULL;
    }
    uint16_t number = free_head;
    free_head = entries[number].next;
    entries[number] = (struct entry){.used = true};
    memcpy(entries[number].id, id, 16);
    *place = number;
    return &entries[number];
}

/* ---- records: id, digest, time; then status, length of the type, type, body, or nothing while it is open ---- */

static void put_record(struct buffer *out, const struct entry *entry, struct bytes answer)
{
    uint8_t at[4];
    store_u32(at, entry->at_s);
    buffer_append(out, bytes_of(entry->id, 16));
    buffer_append(out, bytes_of(entry->digest, 16));
    buffer_append(out, bytes_of(at, sizeof at));
    buffer_append(out, answer);
}

static bool answer_is_sound(struct bytes answer)
{
    size_t type_size = answer.size < HEAD_BYTES ? 0 : answer.data[2];
    return answer.size == 0 ||
           (answer.size >= HEAD_BYTES + type_size && type_size <= OUTCOME_TYPE_MAX_BYTES &&
            answer.size <= HEAD_BYTES + type_size + OUTCOME_BODY_MAX_BYTES);
}

enum status outcomes_apply(const struct store_record *record)
{
    struct bytes payload = record->payload;
    struct bytes answer = bytes_slice(payload, FIXED_BYTES, payload.size);
    if (payload.size < FIXED_BYTES || !answer_is_sound(answer)) {
        return STATUS_DAMAGED;
    }
    bool has_place = free_head != 0 || *place_of(payload.data) != 0;
    if (!apply_has_room(record, answer.size) || !has_place) {
        sweep_all(record->written_s); /* replay: what had been forgotten when this one came */
    }
    uint32_t text = 0;
    struct entry *entry = find_or_add(payload.data);
    if (entry == NULL || !pool_put_text(&service.tables.pool, POOL_ESSENTIAL, answer, &text)) {
        service.memory_too_small = true;
        return STATUS_FULL;
    }
    if (entry->segment != 0 && entry->answer == 0 && text != 0) {
        store_forget(FIXED_BYTES);
    }
    pool_free_text(&service.tables.pool, entry->answer);
    memcpy(entry->digest, payload.data + 16, 16);
    entry->at_s = load_u32(payload.data + 32);
    entry->answer = text;
    entry->segment = record->segment;
    return STATUS_OK;
}

enum status outcomes_relocate(const struct store_record *record, struct buffer *payload)
{
    if (record->payload.size < FIXED_BYTES) {
        return STATUS_DAMAGED;
    }
    struct entry *entry = &entries[*place_of(record->payload.data)];
    if (!entry->used || entry->segment != record->segment) {
        return STATUS_OK;
    }
    put_record(payload, entry, pool_text(&service.tables.pool, entry->answer));
    return store_append(STORE_ESSENTIAL, RECORD_OUTCOME, buffer_view(payload), 0, &entry->segment);
}

/* ---- verbs ---- */

static void read_answer(struct bytes answer, struct outcome *outcome)
{
    size_t type_size = answer.data[2];
    outcome->status = (uint16_t)(answer.data[0] | answer.data[1] << 8);
    outcome->content_type = bytes_slice(answer, HEAD_BYTES, type_size);
    outcome->body = bytes_slice(answer, HEAD_BYTES + type_size, answer.size);
}

enum status service_find_outcome(const struct caller *caller, const struct idempotency *idempotency,
                                 enum outcome_state *state, struct outcome *outcome)
{
    struct plan plan;
    struct memo other;
    *state = OUTCOME_NONE;
    *outcome = (struct outcome){0};
    if (!plan_identify(caller, idempotency, &plan)) {
        return STATUS_OK;
    }
    if (memos_find(&service.tables, plan.memo.id, plan.memo.at_s, &other)) {
        return STATUS_CONFLICT;
    }
    const struct entry *entry = find(plan.memo.id, plan.memo.at_s);
    if (entry == NULL) {
        return STATUS_OK;
    }
    if (memcmp(entry->digest, plan.memo.digest, sizeof entry->digest) != 0) {
        return STATUS_CONFLICT;
    }
    *state = entry->under_way ? OUTCOME_UNDER_WAY : OUTCOME_UNKNOWN;
    if (entry->answer != 0) {
        *state = OUTCOME_KNOWN;
        read_answer(pool_text(&service.tables.pool, entry->answer), outcome);
    }
    return STATUS_OK;
}

/* What beginning and ending an entry will take. */
static bool has_room(void)
{
    const size_t answer_bytes = HEAD_BYTES + OUTCOME_TYPE_MAX_BYTES + OUTCOME_BODY_MAX_BYTES;
    return free_head != 0 && store_has_room(STORE_ISSUE, FIXED_BYTES + answer_bytes) &&
           pool_has_room(&service.tables.pool, POOL_ISSUE, 0, answer_bytes);
}

static bool make_room(void)
{
    if (!has_room()) {
        seek_room();
    }
    return has_room();
}

/* The key is remembered with no answer yet. */
static enum status open_entry(const struct plan *plan, uint32_t *number)
{
    struct entry fresh = {.at_s = (uint32_t)service_now_s()};
    memcpy(fresh.id, plan->memo.id, sizeof fresh.id);
    memcpy(fresh.digest, plan->memo.digest, sizeof fresh.digest);
    uint16_t *expired = place_of(fresh.id);
    if (*expired != 0) {
        drop(expired);
    }
    put_record(journal_payload(), &fresh, (struct bytes){NULL, 0});
    enum status status = journal(STORE_ISSUE, RECORD_OUTCOME);
    if (status == STATUS_OK) {
        *number = *place_of(fresh.id);
        entries[*number].under_way = true;
    }
    return status;
}

enum status service_begin_outcome(const struct caller *caller, const struct consume_input *input,
                                  const struct idempotency *idempotency, struct outcome_begin *begin)
{
    struct plan plan;
    *begin = (struct outcome_begin){.consumed = CONSUME_OK};
    if (!service_clock_known()) {
        return STATUS_NO_CLOCK;
    }
    bool has_key = plan_identify(caller, idempotency, &plan);
    if (has_key && !make_room()) {
        return STATUS_FULL;
    }
    if (input != NULL) {
        enum status status = service_consume(caller, input, NULL, &begin->consumed, &begin->token);
        if (status != STATUS_OK || begin->consumed != CONSUME_OK) {
            return status;
        }
    }
    return has_key ? open_entry(&plan, &begin->number) : STATUS_OK;
}

enum status service_end_outcome(uint32_t number, const struct outcome *outcome)
{
    if (service.is_rolled_back) {
        return STATUS_READ_ONLY; /* numbers may have changed, and nothing can be kept */
    }
    assert(number < SERVICE_OUTCOMES_MAX + 1 && entries[number].under_way);
    assert(outcome->content_type.size <= OUTCOME_TYPE_MAX_BYTES);
    assert(outcome->body.size <= OUTCOME_BODY_MAX_BYTES);
    uint8_t head[HEAD_BYTES] = {(uint8_t)outcome->status, (uint8_t)(outcome->status >> 8),
                                (uint8_t)outcome->content_type.size};
    struct entry *entry = &entries[number];
    entry->under_way = false;
    size_t answer_bytes = sizeof head + outcome->content_type.size + outcome->body.size;
    if (!pool_has_room(&service.tables.pool, POOL_ISSUE, 0, answer_bytes)) {
        return STATUS_FULL;
    }
    struct buffer *payload = journal_payload();
    put_record(payload, entry, bytes_of(head, sizeof head));
    buffer_append(payload, outcome->content_type);
    buffer_append(payload, outcome->body);
    return journal(STORE_ISSUE, RECORD_OUTCOME);
}
