/*
 * Starting: tables, store and replay, keys, clock, first sweep.
 */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "service/outcome.h"
#include "service/signing.h"
#include "service/state.h"

#define MS_PER_S 1000

struct service_state service;

static void derive(struct mac_key *key, const char *label)
{
    uint8_t secret[KEY_BYTES];
    store_derive_key(label, secret);
    mac_key_init(key, secret);
    bytes_wipe(secret, sizeof secret);
}

static void derive_keys(void)
{
    derive(&service.keys.action, "jeton action token");
    derive(&service.keys.client, "jeton client secret");
    derive(&service.keys.memo, "jeton idempotency key");
    derive(&service.keys.secret, "jeton derived secret");
    derive(&service.keys.text, "jeton text");
}

/* Where the tables lie, for a roll-back. */
static struct {
    void *memory;
    size_t size;
} table;

static void empty_tables(void)
{
    memset(&service, 0, sizeof service);
    tables_init(&service.tables, table.memory, table.size);
    service.tables.fetch = unread_fetch;
    service.tables.bring = unread_bring;
    service.unread_ref = 1;
    unread_start();
    settings_start();
    notes_start();
    outcomes_start();
}

/* All static state of this folder, as if the machine had just booted. */
static void start_anew(const struct service_options *options)
{
    table.memory = options->table_memory;
    table.size = options->table_bytes;
    empty_tables();
    ids_start();
    clock_start(0);
}

void say_memory_is_short(void)
{
    log_alert("the tokens on this flash need more memory than there is: start with a larger one");
}

enum status check_replay(void)
{
    if (service.memory_too_small) {
        say_memory_is_short();
        return STATUS_FULL;
    }
    if (service.tables.tenants.awaited_count != 0 || service.tables.users.awaited_count != 0) {
        log_alert("the log names tenants or users that it does not hold: restore the flash from a copy");
        return STATUS_DAMAGED;
    }
    tables_sort(&service.tables);
    return STATUS_OK;
}

/* The log was followed to its end; tokens are read later, unless memory is so scarce that some may have to go first. Their
 * ids are not known: new ones are later than the log. */
static enum status end_replay(enum status status)
{
    if (status == STATUS_OK) {
        unread_mind_room();
    }
    if (status == STATUS_OK && unread_is_short_of_room()) {
        status = unread_read();
    }
    if (status == STATUS_OK) {
        status = service.held_status;
    }
    if (status == STATUS_OK && service.unread_count > 0) {
        service.is_reading = true;
        uint64_t after_s = (uint64_t)store_newest_time_s() + 1;
        ids_not_before(after_s <= UINT32_MAX ? after_s * MS_PER_S : 0);
        return STATUS_OK;
    }
    return status == STATUS_OK || service.memory_too_small ? check_replay() : status;
}

enum status service_start(const struct service_options *options, bool *first_boot)
{
    start_anew(options);
    struct store_options store = {
        .owner = {.replay = apply_records, .relocate = relocate_record, .wants_rests = unread_wants_rests},
        .device_secret = options->device_secret,
    };
    bool formatted = false;
    enum status status = end_replay(store_open(&store, &formatted));
    if (status != STATUS_OK) {
        return status;
    }
    derive_keys();
    clock_start(store_newest_time_s());
    upkeep_start();
    *first_boot = service.root_ref == 0;
    return jwt_start(options);
}

void service_settle(void)
{
    if (!store_must_roll_back()) {
        return;
    }
    empty_tables();
    derive_keys(); /* requests are looked at even when nothing can be read */
    service.is_rolled_back = true;
    service.reads_at_once = true; /* a flash that fails may not be there later */
    if (end_replay(store_replay_durable()) != STATUS_OK) {
        log_alert("the flash cannot be read either: every request gets 503");
        return;
    }
    upkeep_start();
    signing_reload();
    log_alert("what was not durable when the flash failed is forgotten");
}

void service_mac(const char *purpose, struct bytes text, uint8_t out[32])
{
    struct bytes parts[] = {{(const uint8_t *)purpose, strlen(purpose) + 1}, text};
    mac_compute(&service.keys.text, parts, 2, out);
}
