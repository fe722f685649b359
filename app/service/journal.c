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

enum status journal(enum store_class class, enum record_type type)
{
    assert(!buffer_failed(&payload_buffer));
    struct store_record record = {
        .type = (uint8_t)type,
        .written_s = clock_bound_s(),
        .payload = buffer_view(&payload_buffer),
    };
    enum status status = store_append(class, record.type, record.payload, &record.segment);
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
