/*
 * The pools' calls on their way.
 */
#include "tests/support/takes.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "service/state.h"
#include "token/principals.h"
#include "token/table.h"

struct takes takes;

static uint64_t first_failing;
static uint64_t number_failing;
static bool is_counting;
static struct {
    size_t slot_bytes;
    size_t text_bytes;
    size_t log_bytes;
    bool principal;
} promised;

void takes_fail(uint64_t first, uint64_t number)
{
    takes.count = 0;
    takes.failed = 0;
    first_failing = first;
    number_failing = number;
}

void takes_give(void)
{
    first_failing = 0;
}

void takes_begin(void)
{
    memset(&promised, 0, sizeof promised);
    is_counting = true;
}

void takes_end(void)
{
    is_counting = false;
}

static bool fails(enum take kind)
{
    if (service.unread_count > 0) {
        return false; /* what a boot left on the flash has its room promised by the pool */
    }
    if (!is_counting || (kind == TAKE_HEAP) != (takes.heap != NULL)) {
        return false;
    }
    takes.count++;
    bool now =
        first_failing != 0 && takes.count >= first_failing && takes.count - first_failing < number_failing;
    if (now) {
        takes.failed++;
        takes.kinds[kind]++;
        takes.last = kind;
    }
    return now;
}

static bool covers(size_t *bytes, size_t needed)
{
    bool enough = *bytes >= needed;
    *bytes -= enough ? needed : 0;
    return enough;
}

/* ---- the tables' region ---- */

bool __real_pool_has_room(const struct pool *pool, enum pool_class class, size_t slot_bytes,
                          size_t text_bytes);
bool __wrap_pool_has_room(const struct pool *pool, enum pool_class class, size_t slot_bytes,
                          size_t text_bytes);
bool __wrap_pool_has_room(const struct pool *pool, enum pool_class class, size_t slot_bytes,
                          size_t text_bytes)
{
    bool is_covered =
        promised.slot_bytes >= slot_bytes && promised.text_bytes >= text_bytes && slot_bytes + text_bytes > 0;
    if (!is_covered && fails(TAKE_TEXT)) {
        return false;
    }
    bool has_room = __real_pool_has_room(pool, class, slot_bytes, text_bytes);
    if (has_room && !is_covered) {
        promised.slot_bytes = slot_bytes;
        promised.text_bytes = text_bytes;
    }
    return has_room;
}

uint32_t __real_tokens_take(struct tables *tables, enum pool_class class);
uint32_t __wrap_tokens_take(struct tables *tables, enum pool_class class);
uint32_t __wrap_tokens_take(struct tables *tables, enum pool_class class)
{
    size_t slot_bytes = tables->free_token != 0 ? 0 : sizeof(struct token);
    bool fails_now = !covers(&promised.slot_bytes, slot_bytes) && fails(TAKE_SLOT);
    return fails_now ? 0 : __real_tokens_take(tables, class);
}

bool __real_pool_put_text(struct pool *pool, enum pool_class class, struct bytes text, uint32_t *handle);
bool __wrap_pool_put_text(struct pool *pool, enum pool_class class, struct bytes text, uint32_t *handle);
bool __wrap_pool_put_text(struct pool *pool, enum pool_class class, struct bytes text, uint32_t *handle)
{
    *handle = 0;
    if (!covers(&promised.text_bytes, text.size) && fails(TAKE_TEXT)) {
        return false;
    }
    return __real_pool_put_text(pool, class, text, handle);
}

/* ---- tenants and users ---- */

bool __real_principals_have_room(const struct tables *tables, const struct principal_table *table,
                                 size_t text_bytes);
bool __wrap_principals_have_room(const struct tables *tables, const struct principal_table *table,
                                 size_t text_bytes);
bool __wrap_principals_have_room(const struct tables *tables, const struct principal_table *table,
                                 size_t text_bytes)
{
    promised.principal = !fails(TAKE_PRINCIPAL) && __real_principals_have_room(tables, table, text_bytes);
    return promised.principal;
}

uint32_t __real_principals_add(struct principal_table *table, const struct uuid *id);
uint32_t __wrap_principals_add(struct principal_table *table, const struct uuid *id);
uint32_t __wrap_principals_add(struct principal_table *table, const struct uuid *id)
{
    return !promised.principal && fails(TAKE_PRINCIPAL) ? 0 : __real_principals_add(table, id);
}

uint32_t __real_principals_await(struct principal_table *table, const struct uuid *id);
uint32_t __wrap_principals_await(struct principal_table *table, const struct uuid *id);
uint32_t __wrap_principals_await(struct principal_table *table, const struct uuid *id)
{
    bool is_new = principals_find(table, id) == 0;
    return is_new && fails(TAKE_PRINCIPAL) ? 0 : __real_principals_await(table, id);
}

/* ---- the log ---- */

bool __real_store_has_room(enum store_class class, size_t payload_bytes);
bool __wrap_store_has_room(enum store_class class, size_t payload_bytes);
bool __wrap_store_has_room(enum store_class class, size_t payload_bytes)
{
    bool has_room = !fails(TAKE_LOG) && __real_store_has_room(class, payload_bytes);
    promised.log_bytes = has_room ? payload_bytes : 0;
    return has_room;
}

enum status __real_store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                                uint32_t *segment);
enum status __wrap_store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                                uint32_t *segment);
enum status __wrap_store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                                uint32_t *segment)
{
    if (!covers(&promised.log_bytes, payload.size) && fails(TAKE_LOG)) {
        return STATUS_FULL;
    }
    return __real_store_append(class, type, payload, rest_bytes, segment);
}

uint32_t __real_notes_next(void);
uint32_t __wrap_notes_next(void);
uint32_t __wrap_notes_next(void)
{
    return fails(TAKE_NOTE) ? 0 : __real_notes_next();
}

/* ---- the JSON arena, by the hooks that app/json gives to its library ---- */

static void *(*arena_take)(size_t size);

static void *counting_take(size_t size)
{
    return fails(TAKE_JSON) ? NULL : arena_take(size);
}

void __real_cJSON_InitHooks(cJSON_Hooks *hooks);
void __wrap_cJSON_InitHooks(cJSON_Hooks *hooks);
void __wrap_cJSON_InitHooks(cJSON_Hooks *hooks)
{
    if (hooks->malloc_fn == malloc) { /* a test's own tree */
        __real_cJSON_InitHooks(hooks);
        return;
    }
    arena_take = hooks->malloc_fn;
    __real_cJSON_InitHooks(&(cJSON_Hooks){counting_take, hooks->free_fn});
}

/* ---- chunks of a heap ---- */

void *__real_heap_take(struct heap *heap, size_t size_bytes);
void *__wrap_heap_take(struct heap *heap, size_t size_bytes);
void *__wrap_heap_take(struct heap *heap, size_t size_bytes)
{
    return heap == takes.heap && fails(TAKE_HEAP) ? NULL : __real_heap_take(heap, size_bytes);
}

void *__real_heap_take_zeroed(struct heap *heap, size_t count, size_t size_bytes);
void *__wrap_heap_take_zeroed(struct heap *heap, size_t count, size_t size_bytes);
void *__wrap_heap_take_zeroed(struct heap *heap, size_t count, size_t size_bytes)
{
    return heap == takes.heap && fails(TAKE_HEAP) ? NULL : __real_heap_take_zeroed(heap, count, size_bytes);
}
