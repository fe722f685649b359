/*
 * The records' payloads: their bytes, every truncation, and arbitrary mutations applied to live tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/state.h"
#include "service_rig.h"

static uint64_t random_state = 3;

static uint64_t draw(uint64_t end)
{
    return sim_random(&random_state) % end;
}

static int fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    rig_new();
    return 0;
}

static const struct bytes NO_REST = {NULL, 0};

static struct uuid id_of(uint8_t fill)
{
    struct uuid id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

/* ---- bytes ---- */

static void a_token_record_is_as_described(void **state)
{
    (void)state;
    static const uint8_t name[] = {FIELD_NAME, 2, 0, 'h', 'i'};
    uint8_t bytes[256];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    struct token_record record = {.token = {.id = id_of(1),
                                            .created_s = 0x01020304,
                                            .updated_s = 5,
                                            .expires_s = 6,
                                            .revoked_s = 7,
                                            .last_used_s = 8,
                                            .note = 9,
                                            .family = TOKEN_JWT,
                                            .permissions = 0,
                                            .flags = TOKEN_USED | TOKEN_FLAG_TOUCHED,
                                            .signing_key = 3},
                                  .tenant = id_of(4),
                                  .user = id_of(5),
                                  .text = bytes_of(name, sizeof name)};
    memset(record.token.key, 2, 16);
    memset(record.token.mac, 3, 16);
    record_put_token(&out, &record);
    assert_int_equal(out.size, 108 + 5);
    assert_memory_equal(bytes, "\x01\x01\x01\x01\x02\x02\x02\x02\x01\x00\x00\x03", 12);
    for (size_t i = 0; i < 24; i++) {
        assert_int_equal(bytes[12 + i], 1 + i / 12);
    }
    for (size_t i = 0; i < 48; i++) {
        assert_int_equal(bytes[36 + i], 3 + i / 16);
    }
    assert_memory_equal(bytes + 84, "\x04\x03\x02\x01\x05\0\0\0\x06\0\0\0\x07\0\0\0\x08\0\0\0\x09\0\0\0", 24);
    assert_memory_equal(bytes + 108, name, sizeof name);
    struct token_record back;
    assert_int_equal(record_get_token(buffer_view(&out), NO_REST, &back), STATUS_OK);
    record.token.flags = 0;
    assert_memory_equal(&back.token, &record.token, sizeof back.token);
    assert_memory_equal(&back.tenant, &record.tenant, sizeof back.tenant);
    assert_true(bytes_equal(back.text, record.text));
}

static void impossible_tokens_are_damaged(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t value;
    } cases[] = {
        {8, 3},    /* family */
        {9, 1},    /* flags: used is not kept */
        {9, 0x20}, /* flags: unknown */
        {9, 2},    /* consumed, but of family 1 */
        {9, 4},    /* root, but of family 1 */
        {10, 8},   /* permissions */
        {8, 2},    /* family 2 with a user */
        {8, 0},    /* family 0 without action and digest */
        {108, 14}, /* an unknown field */
        {109, 3},  /* a field beyond the end */
    };
    static const uint8_t name[] = {FIELD_NAME, 2, 0, 'h', 'i'};
    uint8_t bytes[113];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    struct token_record record = {.token = {.family = TOKEN_JWT},
                                  .tenant = id_of(4),
                                  .user = id_of(5),
                                  .text = bytes_of(name, sizeof name)};
    struct token_record back;
    record_put_token(&out, &record);
    assert_int_equal(record_get_token(buffer_view(&out), NO_REST, &back), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t kept = bytes[cases[i].offset];
        bytes[cases[i].offset] = cases[i].value;
        assert_int_equal(record_get_token(buffer_view(&out), NO_REST, &back), STATUS_DAMAGED);
        bytes[cases[i].offset] = kept;
    }
    memset(bytes + 52, 0, 16); /* no tenant */
    assert_int_equal(record_get_token(buffer_view(&out), NO_REST, &back), STATUS_DAMAGED);
}

/* ---- a sample of each kind, as the verbs write them ---- */

enum {
    SAMPLES = 12,
    SAMPLE_MAX = 1024
};
struct sample {
    uint8_t type;
    size_t size;
    uint8_t bytes[SAMPLE_MAX];
};
static struct sample samples[SAMPLES];
static size_t sample_count;

static void keep(enum record_type type, const struct buffer *payload)
{
    struct sample *sample = &samples[sample_count++];
    assert_true(payload->size <= SAMPLE_MAX && sample_count <= SAMPLES);
    sample->type = (uint8_t)type;
    sample->size = payload->size;
    memcpy(sample->bytes, payload->data, payload->size);
}

static struct bytes sample_text(struct buffer *text)
{
    fields_append(text, FIELD_REVOKED_BY, BYTES_LITERAL("someone"));
    memo_append(text, &(struct memo){.what = MEMO_CONSUMED, .at_s = 1767225600, .id = {1}});
    return buffer_view(text);
}

static void make_samples(const struct action_case *c)
{
    uint8_t bytes[SAMPLE_MAX];
    uint8_t text_bytes[SAMPLE_MAX];
    struct buffer text = buffer_over(text_bytes, sizeof text_bytes);
    struct bytes some = sample_text(&text);
    struct buffer out = buffer_over(bytes, sizeof bytes);
    const struct tables *tables = &service.tables;
    const struct token *token = token_at(tables, c->token.ref);
    const struct uuid *tenant = &principal_at(&tables->tenants, token->tenant)->id;
    const struct uuid *user = &principal_at(&tables->users, token->user)->id;
    sample_count = 0;
    record_put_token(
        &out, &(struct token_record){*token, *tenant, *user, pool_text(&tables->pool, token->text), 0});
    keep(RECORD_TOKEN, &out);
    out.size = 0;
    struct bytes tenant_text = pool_text(&tables->pool, principal_at(&tables->tenants, token->tenant)->text);
    record_put_principal(&out, &(struct principal_record){*tenant, 1, 2, true, tenant_text});
    keep(RECORD_TENANT, &out);
    out.size = 0;
    struct bytes user_text = pool_text(&tables->pool, principal_at(&tables->users, token->user)->text);
    record_put_principal(&out, &(struct principal_record){*user, 1, 2, false, user_text});
    keep(RECORD_USER, &out);
    out.size = 0;
    record_put_change(&out, &(struct change_record){token->id, 1767225700, some});
    keep(RECORD_REVOKED, &out);
    keep(RECORD_CONSUMED, &out);
    out.size = 0;
    record_put_change(&out, &(struct change_record){.id = *user, .at_s = 1767225700});
    keep(RECORD_USER_DELETED, &out);
    out.size = 0;
    record_put_rotated(
        &out, &(struct rotated_record){.id = c->consumer.principal, .at_s = 9, .previous_until_s = 10});
    keep(RECORD_ROTATED, &out);
    out.size = 0;
    uint8_t cut_bytes[FIELD_HEADER_BYTES + FIELD_CUT_BYTES];
    struct buffer cut = buffer_over(cut_bytes, sizeof cut_bytes);
    fields_append(&cut, FIELD_ACCESS_CUT, bytes_of(token->id.bytes, UUID_BYTES));
    record_put_change(&out, &(struct change_record){c->consumer.principal, 9, buffer_view(&cut)});
    keep(RECORD_ACCESS_CUT, &out);
    out.size = 0;
    record_put_touched(&out, &token->id, 1767225800);
    record_put_touched(&out, &c->consumer.principal, 1767225800);
    keep(RECORD_TOUCHED, &out);
    out.size = 0;
    record_put_bulk(&out,
                    &(struct bulk_record){
                        .number = 1, .at_s = 1767225700, .tenant = *tenant, .family = 0xFF, .text = some});
    keep(RECORD_REVOKED_MANY, &out);
    out.size = 0;
    record_put_note(&out, &(struct bulk_record){.number = 1, .at_s = 1767225700, .text = some});
    keep(RECORD_NOTE, &out);
    out.size = 0;
    record_put_setting(&out, &(struct setting_record){BYTES_LITERAL("name"), BYTES_LITERAL("value")});
    keep(RECORD_SETTING, &out);
}

static enum status apply(uint8_t type, const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size + 1); /* so that a read past the end is found */
    if (size > 0) {
        memcpy(exact, bytes, size);
    }
    struct store_record record = {
        .type = type, .segment = 1, .written_s = 1767225900, .payload = {exact, size}};
    enum status status = apply_record(&record);
    free(exact);
    return status;
}

static void every_truncation_is_refused_or_sound(void **state)
{
    (void)state;
    struct action_case c;
    rig_action(&c);
    make_samples(&c);
    for (size_t i = 0; i < sample_count; i++) {
        size_t refused = 0;
        for (size_t size = 0; size <= samples[i].size; size++) {
            enum status status = apply(samples[i].type, samples[i].bytes, size);
            assert_true(status == STATUS_OK || status == STATUS_DAMAGED);
            refused += status == STATUS_DAMAGED;
        }
        assert_true(refused >= 4);
        assert_int_equal(apply(samples[i].type, samples[i].bytes, samples[i].size), STATUS_OK);
    }
    assert_int_equal(apply(0, samples[0].bytes, samples[0].size), STATUS_DAMAGED);
    assert_int_equal(apply(RECORD_TYPE_END, samples[0].bytes, samples[0].size), STATUS_DAMAGED);
}

/* Whatever the log says, the tables stay in one piece. Sanitizers and asserts watch; the walk touches everything. */
static void walk_tables(void)
{
    static struct token_page page;
    for (uint32_t tenant = service_next_tenant(0); tenant != 0; tenant = service_next_tenant(tenant)) {
        struct token_query query = {.family = TOKEN_PLATFORM, .tenant_ref = tenant, .include_revoked = true};
        service_list(&query, TOKEN_PAGE_MAX, &page);
    }
    for (uint32_t ref = 1; ref < service.tables.token_end; ref++) {
        struct token_view view;
        if ((token_at(&service.tables, ref)->flags & TOKEN_USED) != 0) {
            view_token(ref, &view);
            assert_int_equal(tokens_find_id(&service.tables, &view.id), ref);
        }
    }
    sweep_all(1767225900);
}

static void mutated_records_break_nothing(void **state)
{
    (void)state;
    struct action_case c;
    size_t taken = 0;
    rig_action(&c);
    make_samples(&c);
    for (int round = 0; round < 60000; round++) {
        struct sample sample = samples[draw(sample_count)];
        for (uint64_t changes = draw(4); changes > 0; changes--) {
            sample.bytes[draw(sample.size)] = (uint8_t)(draw(2) == 0 ? draw(256) : draw(16));
        }
        taken +=
            apply(sample.type, sample.bytes, draw(4) == 0 ? draw(sample.size + 1) : sample.size) == STATUS_OK;
        if (round % 500 == 0) {
            tables_sort(&service.tables);
            walk_tables();
        }
        if (service.memory_too_small) {
            assert_int_equal(fresh(NULL), 0);
            rig_action(&c);
            make_samples(&c);
        }
    }
    assert_true(taken > 10000);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_record_is_as_described),
        TEST(impossible_tokens_are_damaged),
        TEST(every_truncation_is_refused_or_sound),
        TEST(mutated_records_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
