/*
 * Settings: small secrets and texts under a name, one full record each.
 */
#include <assert.h>

#include "service/state.h"

struct setting {
    uint32_t name;  /* texts of the pool; 0: this place is free */
    uint32_t value; /* 0: empty */
    uint32_t segment;
};
static struct setting settings[SERVICE_SETTINGS_MAX];

void settings_start(void)
{
    for (size_t i = 0; i < SERVICE_SETTINGS_MAX; i++) {
        settings[i] = (struct setting){0};
    }
}

static struct setting *find(struct bytes name)
{
    for (size_t i = 0; i < SERVICE_SETTINGS_MAX; i++) {
        if (settings[i].name != 0 && bytes_equal(pool_text(&service.tables.pool, settings[i].name), name)) {
            return &settings[i];
        }
    }
    return NULL;
}

static struct setting *find_or_add(struct bytes name)
{
    struct setting *setting = find(name);
    for (size_t i = 0; setting == NULL && i < SERVICE_SETTINGS_MAX; i++) {
        if (settings[i].name == 0 &&
            pool_put_text(&service.tables.pool, POOL_ESSENTIAL, name, &settings[i].name)) {
            setting = &settings[i];
        }
    }
    return setting;
}

enum status settings_apply(const struct store_record *record)
{
    struct setting_record change;
    enum status status = record_get_setting(record->payload, &change);
    if (status != STATUS_OK) {
        return status;
    }
    if (change.value.size > SERVICE_SETTING_MAX_BYTES) {
        return STATUS_DAMAGED;
    }
    (void)apply_has_room(record, change.value.size);
    struct setting *setting = find_or_add(change.name);
    uint32_t value = 0;
    if (setting == NULL || !pool_put_text(&service.tables.pool, POOL_ESSENTIAL, change.value, &value)) {
        service.memory_too_small = true;
        return STATUS_FULL;
    }
    pool_free_text(&service.tables.pool, setting->value);
    setting->value = value;
    setting->segment = record->segment;
    return STATUS_OK;
}

enum status settings_relocate(const struct store_record *record, struct buffer *payload)
{
    struct setting_record old;
    enum status status = record_get_setting(record->payload, &old);
    struct setting *setting = status == STATUS_OK ? find(old.name) : NULL;
    if (setting == NULL || setting->segment != record->segment) {
        return status;
    }
    struct setting_record now = {old.name, pool_text(&service.tables.pool, setting->value)};
    record_put_setting(payload, &now);
    status = store_append(STORE_ESSENTIAL, RECORD_SETTING, buffer_view(payload), 0, &setting->segment);
    bytes_wipe(payload->data, payload->size);
    return status;
}

enum status service_setting_get(const char *name, struct bytes *value)
{
    struct setting *setting = find(bytes_of_string(name));
    if (setting == NULL) {
        *value = (struct bytes){NULL, 0};
        return STATUS_NOT_FOUND;
    }
    *value = pool_text(&service.tables.pool, setting->value);
    return STATUS_OK;
}

static bool has_place(struct bytes name)
{
    bool free_place = find(name) != NULL;
    for (size_t i = 0; i < SERVICE_SETTINGS_MAX; i++) {
        free_place = free_place || settings[i].name == 0;
    }
    return free_place;
}

static bool has_room(void)
{
    return pool_has_room(&service.tables.pool, POOL_ESSENTIAL,
                         TABLE_REPLAY_MARGIN_BYTES + unread_room_bytes(),
                         SERVICE_SETTING_NAME_MAX + SERVICE_SETTING_MAX_BYTES + 64);
}

enum status service_setting_set(const char *name, struct bytes value)
{
    struct setting_record record = {bytes_of_string(name), value};
    assert(record.name.size > 0 && record.name.size <= SERVICE_SETTING_NAME_MAX);
    assert(value.size <= SERVICE_SETTING_MAX_BYTES);
    if (has_place(record.name) && !has_room()) {
        seek_room();
    }
    if (!has_place(record.name) || !has_room()) {
        return STATUS_FULL;
    }
    struct buffer *payload = journal_payload();
    record_put_setting(payload, &record);
    enum status status = journal(STORE_ESSENTIAL, RECORD_SETTING);
    bytes_wipe(payload->data, payload->size);
    return status;
}
