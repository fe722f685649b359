/*
 * Opening the store, and its small calls.
 */
#include "store/store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/state.h"

struct store_state store_state;

/* ---- sentences ---- */

static void set_sentence(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void set_sentence(const char *format, va_list arguments)
{
    vsnprintf(store_state.sentence, sizeof(store_state.sentence), format, arguments);
}

enum status store_refuse(enum status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_sentence(format, arguments);
    va_end(arguments);
    return status;
}

enum status store_give_up(const char *format, ...)
{
    va_list arguments;
    if (store_state.phase == PHASE_READ_ONLY)
        return STATUS_READ_ONLY;
    va_start(arguments, format);
    set_sentence(format, arguments);
    va_end(arguments);
    if (store_state.phase == PHASE_OPEN) {
        store_state.phase = PHASE_READ_ONLY;
        log_alert("read-only from now on: %s", store_state.sentence);
    }
    return STATUS_READ_ONLY;
}

void store_forbid_writes(const char *sentence)
{
    (void)store_give_up("%s", sentence);
}

const char *store_sentence(void)
{
    return store_state.sentence;
}

/* ---- open ---- */

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static enum status open_device(void)
{
    struct flash_geometry *geometry = &store_state.geometry;
    enum status status = flash_open(geometry);
    if (status == STATUS_NOT_FOUND)
        return store_refuse(status, "there is no flash: attach a disk or a flash file");
    if (status != STATUS_OK)
        return store_refuse(status, "the flash cannot be opened: check the device");
    if (geometry->name == NULL)
        geometry->name = "flash";
    if (!is_power_of_two(geometry->block_bytes) || geometry->block_bytes < 4096 ||
        !is_power_of_two(geometry->program_bytes) || geometry->program_bytes > STORE_PROGRAM_MAX_BYTES ||
        geometry->program_bytes < 16 || geometry->block_count <= STORE_HEADER_BLOCKS)
        return store_refuse(STATUS_FOREIGN, "the flash %s has a geometry that this program cannot use",
                            geometry->name);
    return STATUS_OK;
}

static void start_keys(void)
{
    uint8_t key[KEY_BYTES];
    store_derive_key("jeton store 1: frames", key);
    aead_key_init(&store_state.frame_key, key);
    bytes_wipe(key, sizeof(key));
    store_state.has_keys = true;
    crypto_random(store_state.nonce_salt, sizeof(store_state.nonce_salt));
    store_state.nonce_generation = crypto_generation();
}

/* What was replayed may still lie in a device's cache when only this program was restarted: nothing is served from it
 * before it is durable. A bad header copy is mended now, when the log is known to be good. */
static enum status settle(bool needs_repair)
{
    if (flash_sync() != STATUS_OK)
        return store_refuse(STATUS_IO,
                            "the flash %s failed to make writes durable: save a copy of it and replace it",
                            store_state.geometry.name);
    if (needs_repair && header_repair() != STATUS_OK)
        log_alert("one of the two header copies of the flash is bad and cannot be mended");
    return STATUS_OK;
}

static void drop_keys(void)
{
    if (store_state.has_keys)
        aead_key_wipe(&store_state.frame_key);
    bytes_wipe(store_state.device_key, sizeof(store_state.device_key));
    store_state.has_keys = false;
}

enum status store_open(const struct store_options *options, bool *formatted)
{
    bool needs_repair = false;
    drop_keys();
    memset(&store_state, 0, sizeof(store_state));
    store_state.owner = options->owner;
    enum status status = open_device();
    if (status == STATUS_OK)
        status = header_open(options->device_secret, &needs_repair);
    if (status == STATUS_OK) {
        start_keys();
        store_state.phase = PHASE_REPLAY;
        status = replay_log();
    }
    if (status == STATUS_OK)
        status = settle(needs_repair);
    header_forget();
    if (status != STATUS_OK) {
        drop_keys();
        store_state.phase = PHASE_CLOSED;
        return status;
    }
    compact_reset();
    store_state.now_s = store_state.chain.time_s;
    store_state.phase = PHASE_OPEN;
    *formatted = store_state.chain.record_count == 0;
    return STATUS_OK;
}

/* ---- the small calls ---- */

void store_derive_key(const char *label, uint8_t out[32])
{
    crypto_derive(store_state.device_key, label, out);
}

bool store_has_room(enum store_class class, size_t payload_bytes)
{
    return store_state.phase == PHASE_OPEN && payload_bytes <= STORE_RECORD_MAX_BYTES &&
           writer_has_room(class, payload_bytes);
}

uint64_t store_newest(void)
{
    return store_state.newest_record;
}

uint64_t store_durable(void)
{
    return store_state.durable_record;
}

bool store_must_roll_back(void)
{
    if (store_state.phase != PHASE_READ_ONLY)
        return false;
    /* What was under way when another call failed may still save what it covers. */
    if (writer_end(true) == STATUS_OK && store_state.newest_record == store_state.durable_record)
        return false;
    if (store_state.newest_change > store_state.durable_record)
        return !store_state.roll_back_failed;
    store_state.newest_record = store_state.durable_record;
    return false;
}

enum status store_replay_durable(void)
{
    assert(store_state.phase == PHASE_READ_ONLY && !store_state.sync.is_under_way);
    char sentence[STORE_SENTENCE_MAX_BYTES];
    memcpy(sentence, store_state.sentence, sizeof(sentence));
    enum status status = replay_durable();
    memcpy(store_state.sentence, sentence, sizeof(sentence)); /* why it is read-only stays true */
    if (status == STATUS_OK && store_state.chain.record_count != store_state.durable_record)
        status = STATUS_DAMAGED;
    store_state.roll_back_failed = status != STATUS_OK;
    if (status == STATUS_OK)
        store_state.newest_record = store_state.durable_record;
    return status;
}

void store_stop_answering(void)
{
    if (store_state.phase == PHASE_OPEN)
        store_state.phase = PHASE_READ_ONLY;
    log_alert("every request gets 503 from now on: %s", store_state.sentence);
    store_state.roll_back_failed = true;
    store_state.newest_record = UINT64_MAX;
    store_state.newest_change = UINT64_MAX;
}

void store_note_time(int64_t now_s)
{
    if (now_s > store_state.now_s)
        store_state.now_s = now_s;
}

int64_t store_newest_time_s(void)
{
    return store_state.chain.time_s;
}

void store_forget(size_t payload_bytes)
{
    store_state.forgotten_bytes += payload_bytes;
    compact_note_garbage(payload_bytes);
}

void store_stats(struct store_stats *stats)
{
    *stats = store_state.stats;
    stats->capacity_bytes = writer_capacity_bytes();
    stats->live_bytes = writer_live_bytes();
    stats->used_bytes = 0;
    for (uint32_t p = 0; p < store_state.segment_count; p++)
        stats->used_bytes += store_state.segments[p].end_bytes;
    stats->record_count = store_state.newest_record;
    stats->segment_count = store_state.segment_count;
    stats->read_only = store_state.phase == PHASE_READ_ONLY;
    stats->device = store_state.geometry.name;
}
