/*
 * Notes: by whom and why a bulk revocation was made, kept once for all of its tokens.
 *
 * Tokens name their note by number. A note lives as long as revoked tokens stay listed; its place in the array is its
 * number modulo SERVICE_NOTES_MAX; a revocation that finds the next place taken is made without who and why (number 0).
 */
#include "service/state.h"

struct note {
    uint32_t number; /* 0: free */
    uint32_t at_s;
    uint32_t segment;
    uint32_t text;
};
static struct note notes[SERVICE_NOTES_MAX];
static uint32_t newest_number;

void notes_start(void)
{
    newest_number = 0;
    for (size_t i = 0; i < SERVICE_NOTES_MAX; i++) {
        notes[i] = (struct note){0};
    }
}

void notes_seen(uint32_t number)
{
    newest_number = number > newest_number ? number : newest_number;
}

static struct note *find(uint32_t number)
{
    struct note *note = &notes[number % SERVICE_NOTES_MAX];
    return number != 0 && note->number == number ? note : NULL;
}

static void free_note(struct note *note)
{
    pool_free_text(&service.tables.pool, note->text);
    *note = (struct note){0};
}

void notes_keep(const struct bulk_record *record, uint32_t segment)
{
    if (record->number == 0) {
        return;
    }
    notes_seen(record->number);
    struct note *note = &notes[record->number % SERVICE_NOTES_MAX];
    free_note(note);
    *note = (struct note){.number = record->number, .at_s = record->at_s, .segment = segment};
    if (!pool_put_text(&service.tables.pool, POOL_ESSENTIAL, record->text, &note->text)) {
        note->number = 0; /* the revocation holds without its reason */
    }
}

enum status notes_relocate(const struct store_record *record, struct buffer *payload)
{
    struct bulk_record old;
    enum status status = record->type == RECORD_NOTE ? record_get_note(record->payload, &old)
                                                     : record_get_bulk(record->payload, &old);
    struct note *note = status == STATUS_OK ? find(old.number) : NULL;
    if (note == NULL || note->segment != record->segment) {
        return status;
    }
    record_put_note(payload, &(struct bulk_record){.number = note->number,
                                                   .at_s = note->at_s,
                                                   .text = pool_text(&service.tables.pool, note->text)});
    return store_append(STORE_ESSENTIAL, RECORD_NOTE, buffer_view(payload), 0, &note->segment);
}

void notes_collect(int64_t now_s)
{
    for (size_t i = 0; i < SERVICE_NOTES_MAX; i++) {
        if (notes[i].number != 0 &&
            (int64_t)notes[i].at_s + TOKEN_RETENTION_S + SERVICE_SWEEP_PERIOD_S < now_s) {
            free_note(&notes[i]);
        }
    }
}

uint32_t notes_next(void)
{
    uint32_t number = newest_number + 1;
    const struct note *place = &notes[number % SERVICE_NOTES_MAX];
    if (place->number != 0) {
        notes_collect(clock_bound_s());
    }
    return place->number == 0 ? number : 0;
}

struct bytes note_text(uint32_t number)
{
    struct note *note = find(number);
    return note != NULL ? pool_text(&service.tables.pool, note->text) : (struct bytes){NULL, 0};
}
