/*
 * The dictionary and its checker.
 */
#include "tests/support/dictionary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/frame.h"

enum {
    TYPE_FULL = 1,
    TYPE_UPDATE,
    TYPE_CONSUME
};
#define FULL_BYTES  21
#define DELTA_BYTES 8
#define NOTES_MAX   (1 << 20)

struct entry dictionary[DICTIONARY_ENTRIES_MAX];

static uint64_t relocations;
static uint32_t highest; /* entries beyond were never used */

static void fail(const char *what)
{
    fprintf(stderr, "dictionary: %s\n", what);
    abort();
}

/* Bytes 7 apart, modulo 256, from one that depends on the id: all fillers are parts of one sequence. */
#define FILLER_STEP         7
#define FILLER_STEP_INVERSE 183 /* modulo 256 */

static const uint8_t *filler_of(uint32_t id)
{
    static uint8_t sequence[256 + STORE_RECORD_MAX_BYTES];
    if (sequence[1] == 0) {
        for (size_t i = 0; i < sizeof sequence; i++)
            sequence[i] = (uint8_t)(i * FILLER_STEP);
    }
    return sequence + (uint8_t)((id * 31 + 3) * FILLER_STEP_INVERSE);
}

/* ---- records ---- */

static size_t write_full(uint32_t id, const struct entry *entry, uint8_t *out)
{
    put_le32(out, id);
    put_le32(out + 4, entry->version);
    put_le32(out + 8, entry->filler_bytes);
    put_le64(out + 12, (uint64_t)entry->expires_s);
    out[20] = entry->is_consumed;
    memcpy(out + FULL_BYTES, filler_of(id), entry->filler_bytes);
    return FULL_BYTES + entry->filler_bytes;
}

static void check_filler(uint32_t id, struct bytes filler)
{
    if (filler.size > STORE_RECORD_MAX_BYTES || memcmp(filler.data, filler_of(id), filler.size) != 0)
        fail("a full record with wrong contents");
}

static void read_full(const struct store_record *record, struct entry *entry)
{
    struct bytes payload = record->payload;
    if (payload.size < FULL_BYTES ||
        payload.size + record->rest_bytes != FULL_BYTES + get_le32(payload.data + 8))
        fail("a full record of the wrong size");
    check_filler(get_le32(payload.data), bytes_slice(payload, FULL_BYTES, payload.size));
    entry->is_unread = record->rest_bytes > 0;
    entry->place = record->place;
    entry->index = record->index;
    entry->version = get_le32(payload.data + 4);
    entry->filler_bytes = get_le32(payload.data + 8);
    entry->expires_s = (int64_t)get_le64(payload.data + 12);
    entry->is_consumed = payload.data[20] != 0;
}

static struct entry *entry_of(struct bytes payload)
{
    if (payload.size < DELTA_BYTES || get_le32(payload.data) >= DICTIONARY_ENTRIES_MAX)
        fail("a record of no entry");
    uint32_t id = get_le32(payload.data);
    if (id >= highest)
        highest = id + 1;
    return &dictionary[id];
}

static enum status take_rest(const struct store_record *record, struct entry *entry)
{
    check_filler(get_le32(record->payload.data), record->rest);
    if (entry->is_unread && entry->place == record->place && entry->index == record->index)
        entry->is_unread = false;
    return STATUS_OK;
}

static enum status replay_one(const struct store_record *record)
{
    struct entry *entry = entry_of(record->payload);
    if (record->rest.data != NULL && record->rest_bytes > 0)
        return take_rest(record, entry);
    switch (record->type) {
    case TYPE_FULL:
        if (entry->version != 0)
            store_forget(FULL_BYTES + entry->filler_bytes);
        read_full(record, entry);
        entry->segment = record->segment;
        return STATUS_OK;
    case TYPE_UPDATE:
        if (entry->version != 0)
            entry->version = get_le32(record->payload.data + 4);
        return STATUS_OK;
    case TYPE_CONSUME:
        entry->is_consumed = true;
        return STATUS_OK;
    default:
        return STATUS_DAMAGED;
    }
}

static enum status replay(const struct store_record *records, size_t count)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = replay_one(&records[i]);
    return status;
}

static enum status append_full(uint32_t id, enum store_class class)
{
    static uint8_t payload[STORE_RECORD_MAX_BYTES];
    struct entry *entry = &dictionary[id];
    return store_append(class, TYPE_FULL, bytes_of(payload, write_full(id, entry, payload)),
                        id % 2 == 1 ? entry->filler_bytes : 0, &entry->segment);
}

static enum status relocate(const struct store_record *record)
{
    relocations++;
    const struct entry *entry = entry_of(record->payload);
    if (record->type != TYPE_FULL || entry->version == 0 || entry->segment != record->segment)
        return STATUS_OK;
    return append_full(get_le32(record->payload.data), STORE_ESSENTIAL);
}

struct store_options dictionary_start(struct bytes device_secret)
{
    memset(dictionary, 0, highest * sizeof(struct entry));
    highest = 0;
    relocations = 0;
    return (struct store_options){.owner = {.replay = replay, .relocate = relocate},
                                  .device_secret = device_secret};
}

static int by_place(const void *left, const void *right)
{
    uint32_t a = dictionary[*(const uint32_t *)left].place, b = dictionary[*(const uint32_t *)right].place;
    return (a > b) - (a < b);
}

/* In the order of the flash: the store reads ahead. */
enum status dictionary_read_rests(void)
{
    static uint32_t unread[DICTIONARY_ENTRIES_MAX];
    size_t count = 0;
    for (uint32_t id = 0; id < highest; id++) {
        if (dictionary[id].is_unread)
            unread[count++] = id;
    }
    qsort(unread, count, sizeof unread[0], by_place);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &dictionary[unread[i]];
        enum status status = entry->is_unread ? store_read_rests(entry->place) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        if (entry->is_unread)
            fail("a rest is not where its record was");
    }
    return STATUS_OK;
}

enum status dictionary_create(uint32_t id, uint32_t filler_bytes, int64_t expires_s)
{
    struct entry before = dictionary[id];
    struct entry made = {.version = 1, .filler_bytes = filler_bytes, .expires_s = expires_s};
    dictionary[id] = made;
    enum status status = append_full(id, STORE_ISSUE);
    if (status != STATUS_OK)
        dictionary[id] = before;
    else if (before.version != 0)
        store_forget(FULL_BYTES + before.filler_bytes);
    if (status == STATUS_OK && id >= highest)
        highest = id + 1;
    return status;
}

static enum status append_delta(uint8_t type, uint32_t id, uint32_t version)
{
    uint8_t payload[DELTA_BYTES];
    put_le32(payload, id);
    put_le32(payload + 4, version);
    return store_append(STORE_ESSENTIAL, type, bytes_of(payload, sizeof(payload)), 0, NULL);
}

enum status dictionary_update(uint32_t id)
{
    enum status status = append_delta(TYPE_UPDATE, id, dictionary[id].version + 1);
    if (status == STATUS_OK)
        dictionary[id].version++;
    return status;
}

enum status dictionary_consume(uint32_t id)
{
    enum status status = append_delta(TYPE_CONSUME, id, 0);
    if (status == STATUS_OK)
        dictionary[id].is_consumed = true;
    return status;
}

void dictionary_collect(int64_t now_s)
{
    for (uint32_t id = 0; id < highest; id++) {
        struct entry *entry = &dictionary[id];
        if (entry->version != 0 && entry->expires_s <= now_s) {
            store_forget(FULL_BYTES + entry->filler_bytes);
            *entry = (struct entry){0};
        }
    }
}

uint64_t dictionary_relocations(void)
{
    return relocations;
}

/* ---- the checker ---- */

struct note {
    uint32_t id;
    struct entry entry;
    uint64_t position; /* of the store */
};

static struct {
    struct note notes[NOTES_MAX];
    size_t noted;
    size_t acknowledged;
    struct entry base[DICTIONARY_ENTRIES_MAX];  /* before all notes */
    struct entry model[DICTIONARY_ENTRIES_MAX]; /* scratch of a check */
    uint32_t entries;
} checker;

void checker_start(void)
{
    checker.noted = 0;
    checker.acknowledged = 0;
    uint32_t used = checker.entries > highest ? checker.entries : highest;
    memcpy(checker.base, dictionary, used * sizeof(struct entry));
    checker.entries = highest;
}

void checker_note(uint32_t id)
{
    if (checker.noted == NOTES_MAX)
        fail("too many notes");
    checker.notes[checker.noted++] = (struct note){id, dictionary[id], store_newest()};
    if (id >= checker.entries)
        checker.entries = id + 1;
}

void checker_undo(size_t count)
{
    checker.noted -= count;
}

void checker_acknowledge(void)
{
    while (checker.acknowledged < checker.noted &&
           checker.notes[checker.acknowledged].position <= store_durable())
        checker.acknowledged++;
}

bool checker_flush(int64_t now_s)
{
    enum status status = store_flush_poll();
    if (status == STATUS_OK) {
        store_flush_begin(now_s);
        status = store_flush_poll();
    }
    checker_acknowledge();
    return status != STATUS_READ_ONLY;
}

struct checker_mark checker_here(void)
{
    return (struct checker_mark){checker.noted, checker.acknowledged};
}

static bool same(const struct entry *a, const struct entry *b, int64_t now_s)
{
    bool a_lives = a->version != 0 && a->expires_s > now_s;
    bool b_lives = b->version != 0 && b->expires_s > now_s;
    return a_lives == b_lives &&
           (!a_lives || (a->version == b->version && a->is_consumed == b->is_consumed &&
                         a->expires_s == b->expires_s && a->filler_bytes == b->filler_bytes));
}

static uint32_t count_differences(int64_t now_s, uint32_t *first)
{
    uint32_t differences = 0;
    uint32_t end = highest > checker.entries ? highest : checker.entries;
    for (uint32_t id = 0; id < end; id++) {
        if (!same(&checker.model[id], &dictionary[id], now_s) && differences++ == 0)
            *first = id;
    }
    return differences;
}

bool checker_agrees_at(struct checker_mark mark, int64_t now_s, char *why, size_t why_bytes)
{
    uint32_t first = 0;
    memcpy(checker.model, checker.base,
           sizeof(struct entry) * (highest > checker.entries ? highest : checker.entries));
    for (size_t i = 0; i < mark.acknowledged; i++)
        checker.model[checker.notes[i].id] = checker.notes[i].entry;
    uint32_t differences = count_differences(now_s, &first);
    const struct entry wanted = checker.model[first];
    for (size_t i = mark.acknowledged; i < mark.noted && differences > 0; i++) {
        const struct note *note = &checker.notes[i];
        struct entry *model = &checker.model[note->id];
        bool was = same(model, &dictionary[note->id], now_s);
        *model = note->entry;
        bool is = same(model, &dictionary[note->id], now_s);
        differences = differences + (was && !is) - (!was && is);
    }
    const struct entry *found = &dictionary[first];
    bool is_gone = found->version == 0 || found->expires_s <= now_s;
    bool was_gone = wanted.version == 0 || wanted.expires_s <= now_s;
    bool is_fresh_again = wanted.is_consumed && !found->is_consumed;
    if (differences > 0)
        snprintf(
            why, why_bytes,
            "%s: entry %u: acknowledged version %u consumed %d, found version %u consumed %d (%u differ, "
            "%zu of %zu "
            "acknowledged)",
            !is_gone && is_fresh_again ? "consumed twice"
            : was_gone && !is_gone     ? "resurrected"
                                       : "lost",
            (unsigned)first, (unsigned)wanted.version, wanted.is_consumed,
            (unsigned)dictionary[first].version, dictionary[first].is_consumed, (unsigned)differences,
            mark.acknowledged, mark.noted);
    return differences == 0;
}

bool checker_agrees(int64_t now_s, char *why, size_t why_bytes)
{
    return checker_agrees_at(checker_here(), now_s, why, why_bytes);
}

/* ---- histories put aside ---- */

struct checker_state {
    size_t noted;
    size_t acknowledged;
    uint32_t entries;
    struct entry *base;
    struct note *notes;
};

static void *copy_of(const void *data, size_t size)
{
    void *copy = malloc(size + 1);
    if (copy == NULL)
        fail("out of memory");
    memcpy(copy, data, size);
    return copy;
}

struct checker_state *checker_save(void)
{
    struct checker_state state = {
        .noted = checker.noted,
        .acknowledged = checker.acknowledged,
        .entries = checker.entries,
        .base = copy_of(checker.base, checker.entries * sizeof(struct entry)),
        .notes = copy_of(checker.notes, checker.noted * sizeof(struct note)),
    };
    return copy_of(&state, sizeof state);
}

void checker_restore(struct checker_state *state)
{
    if (checker.entries > state->entries)
        memset(checker.base + state->entries, 0, (checker.entries - state->entries) * sizeof(struct entry));
    memcpy(checker.base, state->base, state->entries * sizeof(struct entry));
    memcpy(checker.notes, state->notes, state->noted * sizeof(struct note));
    checker.noted = state->noted;
    checker.acknowledged = state->acknowledged;
    checker.entries = state->entries;
    free(state->base);
    free(state->notes);
    free(state);
}
