/*
 * One record of a verb: into the log, then into the tables.
 */
#include <assert.h>

#include "service/state.h"

static uint8_t payload_bytes[STORE_RECORD_MAX_BYTES];
static uint8_t text_bytes[PRINCIPAL_TEXT_MAX_BYTES];
static struct buffer payload_buffer;
static struct buffer text_buffer;

struct buffer *journal_payload(void)
{
    payload_buffer = buffer_over(payload_bytes, sizeof payload_bytes);
    return &payload_buffer;
}

struct buffer *journal_text(void)
{
    text_buffer = buffer_over(text_bytes, sizeof text_bytes);
    return &text_buffer;
}

/* What of an entity's text its newest full record holds for certain: what came later may or may not be in it. Telling the
 * store too little corrects itself when the record's segment is emptied; too much would not. */
static size_t certain_text_bytes(struct bytes text)
{
    size_t size = 0;
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        bool later = field.tag == FIELD_REASON || field.tag == FIELD_REVOKED_BY ||
                     field.tag == FIELD_PREVIOUS || field.tag == FIELD_MEMO || field.tag == FIELD_ACCESS_CUT;
        size += later ? 0 : FIELD_HEADER_BYTES + field.value.size;
    }
    return size;
}

void forget_token(uint32_t ref)
{
    const struct token *token = token_at(&service.tables, ref);
    store_forget(record_token_bytes(certain_text_bytes(pool_text(&service.tables.pool, token->text))));
}

void forget_principal(const struct principal *principal)
{
    if ((principal->flags & PRINCIPAL_STOPPED) ==
        0) { /* a stop is written as essential, which the store does not count */
        store_forget(
            record_principal_bytes(certain_text_bytes(pool_text(&service.tables.pool, principal->text))));
    }
}

enum status journal(enum store_class class, enum record_type type)
{
    assert(!buffer_failed(&payload_buffer));
    struct store_record record = {
        .type = (uint8_t)type,
        .written_s = clock_bound_s(),
        .payload = buffer_view(&payload_buffer),
    };
    store_note_time(service_now_s()); /* a replay lets go of what is past by then, as the verb may */
    enum status status = store_append(class, record.type, record.payload,
                                      record_rest_bytes(type, record.payload), &record.segment);
    if (status != STATUS_OK) {
        return status;
    }
    if (class == STORE_ISSUE && (type == RECORD_TOUCHED || type == RECORD_ROTATED)) {
        store_forget(record.payload.size); /* no full record: nothing of it is kept by compaction */
    }
    status = apply_record(&record);
    assert(status == STATUS_OK); /* the verb has checked that it fits */
    return status;
}
