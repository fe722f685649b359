/*
 * Compaction's question: is this record of the oldest segment still the newest full one of its entity? Then the entity
 * is written again as it is now.
 *
 * Its own buffers: compaction may run between a verb's records.
 */
#include "service/outcome.h"
#include "service/state.h"

static uint8_t payload_bytes[STORE_RECORD_MAX_BYTES];
static uint8_t text_bytes[PRINCIPAL_TEXT_MAX_BYTES];

static enum status append_again(enum record_type type, const struct buffer *payload, uint32_t *segment)
{
    struct bytes view = buffer_view(payload);
    return store_append(STORE_ESSENTIAL, (uint8_t)type, view, record_rest_bytes(type, view), segment);
}

/* The fields without memos that no longer count. */
static struct bytes text_now(uint32_t handle)
{
    struct buffer text = buffer_over(text_bytes, sizeof text_bytes);
    memos_copy_alive(&text, pool_text(&service.tables.pool, handle), clock_bound_s());
    return buffer_view(&text);
}

static enum status relocate_principal(const struct store_record *record, struct principal_table *table,
                                      struct buffer *payload)
{
    struct principal_record old;
    enum status status = record_get_principal(record->payload, &old);
    uint32_t ref = status == STATUS_OK ? principals_find(table, &old.id) : 0;
    if (ref == 0 || principal_at(table, ref)->segment != record->segment) {
        return status;
    }
    struct principal *principal = principal_at(table, ref);
    record_put_principal(payload, &(struct principal_record){
                                      .id = principal->id,
                                      .created_s = principal->created_s,
                                      .updated_s = principal->updated_s,
                                      .stopped = (principal->flags & PRINCIPAL_STOPPED) != 0,
                                      .text = text_now(principal->text),
                                  });
    return append_again((enum record_type)record->type, payload, &principal->segment);
}

static enum status relocate_token(const struct store_record *record, struct buffer *payload)
{
    struct tables *tables = &service.tables;
    struct token_record old;
    enum status status = record_get_token(record->payload, record->rest, &old);
    uint32_t ref = status == STATUS_OK ? tokens_find_id(tables, &old.token.id) : 0;
    if (ref == 0 || token_at(tables, ref)->segment != record->segment) {
        return status;
    }
    struct token *token = token_at(tables, ref);
    struct token_record now = {
        .token = *token,
        .tenant = principal_at(&tables->tenants, token->tenant)->id,
        .text = text_now(token->text),
    };
    if (token->user != 0) {
        now.user = principal_at(&tables->users, token->user)->id;
    }
    record_put_token(payload, &now);
    return append_again(RECORD_TOKEN, payload, &token->segment);
}

enum status relocate_record(const struct store_record *record)
{
    struct buffer payload = buffer_over(payload_bytes, sizeof payload_bytes);
    switch (record->type) {
    case RECORD_SETTING:
        return settings_relocate(record, &payload);
    case RECORD_TENANT:
        return relocate_principal(record, &service.tables.tenants, &payload);
    case RECORD_USER:
        return relocate_principal(record, &service.tables.users, &payload);
    case RECORD_TOKEN:
        return relocate_token(record, &payload);
    case RECORD_REVOKED_MANY:
    case RECORD_NOTE:
        return notes_relocate(record, &payload);
    case RECORD_OUTCOME:
        return outcomes_relocate(record, &payload);
    default:
        return STATUS_OK;
    }
}
