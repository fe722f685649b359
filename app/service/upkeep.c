/*
 * Work in the background: last-used times to the log, expired tokens out of the table, old memos forgotten.
 *
 * A token that is used joins a ring; a minute later its newest time is written, so that it costs the log one entry a
 * minute at most. When the ring is full the time is exact in RAM only.
 */
#include "platform/platform.h"
#include "service/outcome.h"
#include "service/state.h"

#define NS_PER_US         1000u
#define TOUCHED_IN_RECORD 64

struct touched {
    uint32_t ref;
    uint32_t since_s;
};
static struct touched ring[SERVICE_TOUCHED_MAX];
static size_t ring_first;
static size_t ring_count;
static uint32_t sweep_ref; /* next slot to look at; 0: no sweep is going on */
static int64_t next_sweep_s;
static uint8_t edit_bytes[TOKEN_TEXT_MAX_BYTES];

/* ---- last use ---- */

void touch(uint32_t ref)
{
    struct token *token = token_at(&service.tables, ref);
    token->last_used_s = (uint32_t)clock_bound_s();
    if ((token->flags & TOKEN_FLAG_TOUCHED) == 0 && ring_count < SERVICE_TOUCHED_MAX) {
        ring[(ring_first + ring_count) % SERVICE_TOUCHED_MAX] = (struct touched){ref, token->last_used_s};
        ring_count++;
        token->flags |= TOKEN_FLAG_TOUCHED;
    }
}

static bool touched_is_due(int64_t now_s)
{
    return ring_count > 0 && (int64_t)ring[ring_first].since_s + SERVICE_TOUCH_PERIOD_S <= now_s;
}

/* The slot may have another token by now; then its own time is written, which does no harm. */
static void write_touched(int64_t now_s)
{
    struct buffer *payload = journal_payload();
    for (size_t i = 0; i < TOUCHED_IN_RECORD && touched_is_due(now_s); i++) {
        struct token *token = token_at(&service.tables, ring[ring_first].ref);
        ring_first = (ring_first + 1) % SERVICE_TOUCHED_MAX;
        ring_count--;
        if ((token->flags & TOKEN_FLAG_TOUCHED) != 0) {
            token->flags &= (uint8_t)~TOKEN_FLAG_TOUCHED;
            record_put_touched(payload, &token->id, token->last_used_s);
        }
    }
    if (payload->size > 0 && journal(STORE_ISSUE, RECORD_TOUCHED) != STATUS_OK) {
        return; /* a full store: the times stay in RAM */
    }
}

void service_stop(void)
{
    while (touched_is_due(INT64_MAX)) {
        write_touched(INT64_MAX);
    }
}

/* ---- sweep ---- */

static void forget_memos(uint32_t ref, struct token *token, int64_t now_s)
{
    struct bytes text = pool_text(&service.tables.pool, token->text);
    if (memos_count(text) > memos_count_alive(text, now_s)) {
        struct buffer edit = buffer_over(edit_bytes, sizeof edit_bytes);
        memos_copy_alive(&edit, text, now_s);
        (void)entity_set_text(&service.tables, MEMO_TOKEN, ref, &token->text, buffer_view(&edit));
    }
}

static void look_at(uint32_t ref, int64_t now_s)
{
    if (token_is_loose(&service.tables, ref)) {
        return;
    }
    struct token *token = token_at(&service.tables, ref);
    if ((token->flags & TOKEN_USED) == 0 || !token_is_read(token)) {
        return;
    }
    if (token_collectable(&service.tables, token, now_s)) {
        forget_token(ref);
        tokens_drop(&service.tables, ref);
        service.collected_count++;
        return;
    }
    tokens_recount(&service.tables, token, now_s);
    forget_memos(ref, token, now_s);
}

static void sweep_some(int64_t now_s)
{
    for (size_t i = 0; i < SERVICE_SWEEP_SLOTS && sweep_ref != 0; i++) {
        if (sweep_ref >= service.tables.token_end) {
            sweep_ref = 0;
            next_sweep_s = now_s + SERVICE_SWEEP_PERIOD_S;
            notes_collect(now_s);
            outcomes_collect(now_s);
            return;
        }
        look_at(sweep_ref++, now_s);
    }
}

void sweep_all(int64_t now_s)
{
    outcomes_collect(now_s);
    for (uint32_t ref = 1; ref < service.tables.token_end; ref++) {
        look_at(ref, now_s);
    }
    pool_merge_free(&service.tables.pool);
}

void sweep_for_room(int64_t now_s)
{
    if (now_s != service.swept_for_room_s) {
        service.swept_for_room_s = now_s;
        sweep_all(now_s);
    }
}

void seek_room(void)
{
    service_need_all();
    sweep_for_room(clock_bound_s());
}

void upkeep_start(void)
{
    service.swept_for_room_s = 0;
    ring_first = 0;
    ring_count = 0;
    sweep_ref = 0;
    next_sweep_s = 0;
    if (!service.is_reading) {
        sweep_all(clock_bound_s());
    }
}

bool service_step(uint32_t budget_us)
{
    uint64_t end_ns = platform_monotonic_ns() + (uint64_t)budget_us * NS_PER_US;
    if (!service_clock_known()) {
        return false;
    }
    int64_t now_s = service_now_s();
    if (sweep_ref == 0 && now_s >= next_sweep_s && !service.is_reading) {
        sweep_ref = 1;
    }
    do {
        if (touched_is_due(now_s)) {
            write_touched(now_s);
        } else if (sweep_ref != 0) {
            sweep_some(now_s);
        } else {
            return false;
        }
    } while (platform_monotonic_ns() < end_ns);
    return sweep_ref != 0 || touched_is_due(now_s);
}
