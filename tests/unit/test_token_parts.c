/*
 * The parts of the token domain: pool, fields, texts of secrets, policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/sim/sim.h"
#include "token/fields.h"
#include "token/policy.h"
#include "token/pool.h"
#include "token/secret.h"

#define REGION TABLE_MEMORY_MIN_BYTES

static void *region;
static uint64_t random_state = 1;

static int fresh(void **state)
{
    (void)state;
    free(region);
    region = aligned_alloc(4096, REGION);
    memset(region, 0xC3, REGION);
    return 0;
}

static uint64_t draw(uint64_t end)
{
    return sim_random(&random_state) % end;
}

/* ---- pool ---- */

static void texts_keep_their_bytes_whatever_comes_and_goes(void **state)
{
    (void)state;
    enum {
        COUNT = 400
    };
    static uint32_t handles[COUNT];
    static uint8_t text[POOL_TEXT_MAX_BYTES];
    static size_t sizes[COUNT];
    static uint8_t fills[COUNT];
    struct pool pool;
    size_t refused = 0;
    memset(handles, 0, sizeof handles);
    pool_init(&pool, region, TABLE_MEMORY_MIN_BYTES);
    for (int round = 0; round < 40000; round++) {
        size_t i = draw(COUNT);
        struct bytes held = pool_text(&pool, handles[i]);
        for (size_t k = 0; handles[i] != 0 && k < held.size; k++) {
            assert_int_equal(held.data[k], fills[i]);
        }
        pool_free_text(&pool, handles[i]);
        sizes[i] = draw(50) == 0 ? draw(POOL_TEXT_MAX_BYTES) + 1 : draw(300) + 1;
        fills[i] = (uint8_t)draw(256);
        if (draw(100) == 0) {
            pool_merge_free(&pool);
        }
        memset(text, fills[i], sizes[i]);
        bool has_room = pool_has_room(&pool, POOL_ISSUE, 0, sizes[i]);
        assert_true(pool_put_text(&pool, POOL_ISSUE, bytes_of(text, sizes[i]), &handles[i]) == has_room);
        assert_true(pool_gap_bytes(&pool) >= pool.reserve_bytes);
        refused += !has_room;
    }
    assert_true(refused > 0);
    for (size_t i = 0; i < COUNT; i++) {
        pool_free_text(&pool, handles[i]);
    }
    assert_int_equal(pool.text_bytes, 0);
    size_t gap_bytes = pool_gap_bytes(&pool);
    pool_merge_free(&pool);
    assert_true(pool_gap_bytes(&pool) > gap_bytes);
    assert_int_equal(pool.back_bytes, TABLE_MEMORY_MIN_BYTES); /* as if nothing had been there */
}

/* Short texts fill the region; every second one goes, and then the others of one half. */
static void long_texts_find_room_where_short_ones_have_gone(void **state)
{
    (void)state;
    static uint32_t handles[4096];
    static uint8_t text[POOL_TEXT_MAX_BYTES];
    struct pool pool;
    size_t count = 0;
    uint32_t handle;
    pool_init(&pool, region, TABLE_MEMORY_MIN_BYTES);
    while (pool_put_text(&pool, POOL_ISSUE, bytes_of(text, 100), &handles[count])) {
        count++;
    }
    for (size_t i = 0; i < count; i += 2) {
        pool_free_text(&pool, handles[i]);
    }
    pool_merge_free(&pool);
    assert_false(pool_has_room(&pool, POOL_ISSUE, 0, 300)); /* no two are neighbours */
    for (size_t i = 1; i < count / 2; i += 2) {
        pool_free_text(&pool, handles[i]);
    }
    assert_false(pool_has_room(&pool, POOL_ISSUE, 0, sizeof text));
    pool_merge_free(&pool);
    size_t found = 0;
    while (pool_put_text(&pool, POOL_ISSUE, bytes_of(text, sizeof text), &handle)) {
        found++;
    }
    assert_in_range(found, count / 2 * 104 / sizeof text - 1, count / 2 * 104 / sizeof text);
    assert_true(pool_gap_bytes(&pool) >= pool.reserve_bytes);
    for (size_t i = count / 2 / 2 * 2 + 1; i < count; i += 2) {
        assert_int_equal(pool_text(&pool, handles[i]).size, 100);
    }
}

static void the_reserve_is_for_the_essential(void **state)
{
    (void)state;
    struct pool pool;
    uint32_t handle;
    uint8_t text[1000] = {0};
    pool_init(&pool, region, TABLE_MEMORY_MIN_BYTES);
    while (pool_put_text(&pool, POOL_ISSUE, bytes_of(text, sizeof text), &handle)) {
    }
    assert_int_equal(handle, 0);
    assert_null(pool_take_slots(&pool, POOL_ISSUE, 1004));
    assert_true(pool_put_text(&pool, POOL_ESSENTIAL, bytes_of(text, sizeof text), &handle));
    assert_non_null(pool_take_slots(&pool, POOL_ESSENTIAL, 1004));
    while (pool_put_text(&pool, POOL_ESSENTIAL, bytes_of(text, 1), &handle)) {
    }
    assert_true(pool_gap_bytes(&pool) < POOL_GRANULE_BYTES);
    assert_true(pool_put_text(&pool, POOL_ISSUE, (struct bytes){NULL, 0}, &handle));
}

/* What issuing was promised a free chunk for may be put as essential. */
static void the_reserve_is_used_last(void **state)
{
    (void)state;
    struct pool pool;
    uint32_t handle;
    uint32_t last = 0;
    uint8_t text[1000] = {0};
    pool_init(&pool, region, TABLE_MEMORY_MIN_BYTES);
    while (pool_put_text(&pool, POOL_ISSUE, bytes_of(text, sizeof text), &handle)) {
        last = handle;
    }
    while (pool_put_text(&pool, POOL_ISSUE, bytes_of(text, 1), &handle)) {
    }
    pool_free_text(&pool, last);
    size_t gap_bytes = pool_gap_bytes(&pool);
    for (int i = 0; i < 3; i++) {
        assert_true(pool_has_room(&pool, POOL_ISSUE, 0, 300));
        assert_true(pool_put_text(&pool, POOL_ESSENTIAL, bytes_of(text, 300), &handle));
        assert_int_equal(pool_gap_bytes(&pool), gap_bytes);
    }
    assert_true(pool_put_text(&pool, POOL_ESSENTIAL, bytes_of(text, 300), &handle));
    assert_int_equal(pool_gap_bytes(&pool), gap_bytes - pool_chunk_bytes(300));
}

static void freed_texts_are_wiped(void **state)
{
    (void)state;
    struct pool pool;
    uint32_t handle;
    uint8_t secret[40];
    memset(secret, 0x77, sizeof secret);
    pool_init(&pool, region, TABLE_MEMORY_MIN_BYTES);
    assert_true(pool_put_text(&pool, POOL_ISSUE, bytes_of(secret, sizeof secret), &handle));
    const uint8_t *data = pool_text(&pool, handle).data;
    pool_free_text(&pool, handle);
    for (size_t i = 0; i < sizeof secret; i++) {
        assert_int_not_equal(data[i], 0x77);
    }
}

/* ---- fields ---- */

static void damaged_fields_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        enum status status;
    } cases[] = {
        {"", 0, STATUS_OK},
        {"\x01\x00\x00", 3, STATUS_OK},
        {"\x01\x01\x00x\x02\x00\x00", 7, STATUS_OK},
        {"\x0d\x00\x00\x0d\x00\x00", 6, STATUS_OK},
        {"\x01", 1, STATUS_DAMAGED},
        {"\x01\x00", 2, STATUS_DAMAGED},
        {"\x01\x01\x00", 3, STATUS_DAMAGED},
        {"\x01\x00\x01x", 4, STATUS_DAMAGED},
        {"\x00\x00\x00", 3, STATUS_DAMAGED},
        {"\x0e\x00\x00", 3, STATUS_DAMAGED},
        {"\xff\x00\x00", 3, STATUS_DAMAGED},
        {"\x01\x00\x00\x01\x00\x00", 6, STATUS_DAMAGED},
        {"\x06\x01\x00x", 4, STATUS_DAMAGED},
        {"\x07\x01\x00x", 4, STATUS_DAMAGED},
        {"\x08\x00\x00", 3, STATUS_DAMAGED},
        {"\x09\x00\x00", 3, STATUS_DAMAGED},
        {"\x0c\x01\x00x", 4, STATUS_DAMAGED},
    };
    uint32_t tags;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *exact = malloc(cases[i].size + 1); /* so that a read past the end is found */
        memcpy(exact, cases[i].bytes, cases[i].size);
        assert_int_equal(fields_check(bytes_of(exact, cases[i].size), &tags), cases[i].status);
        free(exact);
    }
}

static void empty_and_absent_fields_differ(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct buffer text = buffer_over(bytes, sizeof bytes);
    fields_append(&text, FIELD_DESCRIPTION, BYTES_LITERAL(""));
    fields_append(&text, FIELD_NAME, (struct bytes){NULL, 0});
    assert_non_null(fields_find(buffer_view(&text), FIELD_DESCRIPTION).data);
    assert_null(fields_find(buffer_view(&text), FIELD_NAME).data);
}

/* ---- secrets ---- */

static void action_tokens_carry_their_check(void **state)
{
    (void)state;
    uint8_t random[SECRET_RANDOM_BYTES] = {0};
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    secret_action_token(random, text);
    assert_int_equal(strlen(text), 44);
    assert_memory_equal(text, "act_tok_000000000000000000000000000000", 38);
    assert_true(secret_is_action_token(bytes_of_string(text)));
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof random; i++) {
            random[i] = (uint8_t)draw(256);
        }
        secret_action_token(random, text);
        assert_true(secret_is_action_token(bytes_of_string(text)));
        size_t at = draw(ACTION_TOKEN_TEXT_BYTES);
        char kept = text[at];
        text[at] = (char)draw(256);
        assert_true(secret_is_action_token(bytes_of(text, ACTION_TOKEN_TEXT_BYTES)) == (text[at] == kept));
        text[at] = kept;
    }
    assert_false(secret_is_action_token(bytes_of(text, ACTION_TOKEN_TEXT_BYTES - 1)));
    assert_false(secret_is_action_token((struct bytes){NULL, 0}));
}

static void the_check_is_crc32_in_base62(void **state)
{
    (void)state;
    /* Computed by zlib.crc32 and base62 (0-9A-Za-z) elsewhere. */
    assert_true(secret_is_action_token(BYTES_LITERAL("act_tok_abcdefghijklmnopqrstuvwxyz01230hmHP3")));
}

static void ranges_contain_by_prefix(void **state)
{
    (void)state;
    struct cidr all = {{0}, 0};
    struct cidr one = {{0xfe, 0x80}, 128};
    struct cidr odd = {{0xfe, 0x80}, 9};
    uint8_t address[16] = {0xfe, 0x80};
    assert_true(cidr_contains(&all, address) && cidr_contains(&one, address) && cidr_contains(&odd, address));
    address[15] = 1;
    assert_false(cidr_contains(&one, address));
    address[1] = 0xff;
    assert_true(cidr_contains(&odd, address));
    address[1] = 0x7f;
    assert_false(cidr_contains(&odd, address));
}

/* ---- policy ---- */

static void amounts_compare_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        int order; /* 2: one is no number */
    } cases[] = {
        {"1", "1", 0},
        {"1.0", "1", 0},
        {"1000", "1e3", 0},
        {"1000.00", "1000.01", -1},
        {"1000.01", "1000", 1},
        {"0.1", "1e-1", 0},
        {"0", "0.000", 0},
        {"-0", "0", 0},
        {"0e999999999999", "0", 0},
        {"-5", "4", 1},
        {"-5", "5", 0},
        {"0.30000000000000004", "0.3", 1},
        {"9007199254740993", "9007199254740992", 1},
        {"99999999999999999999999999", "1e26", -1},
        {"1e26", "99999999999999999999999999", 1},
        {"00012", "12", 0},
        {"1e400", "1e401", -1},
        {"1e-400", "0", 1},
        {"1e99999999999999999999", "1e99999999999999999999", 0},
        {"12E+2", "1200", 0},
        {"10", "9.99", 1},
        {"0.09", "0.1", -1},
        {"", "1", 2},
        {".5", "1", 2},
        {"1.", "1", 2},
        {"1e", "1", 2},
        {"+1", "1", 2},
        {"1 ", "1", 2},
        {"0x1", "1", 2},
        {"NaN", "1", 2},
        {"--1", "1", 2},
        {"1e+-1", "1", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int order = 7;
        struct bytes a = bytes_of_string(cases[i].a);
        struct bytes b = bytes_of_string(cases[i].b);
        enum status status = policy_compare_amounts(a, b, &order);
        assert_int_equal(status, cases[i].order == 2 ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(order, cases[i].order == 2 ? 0 : cases[i].order);
        assert_true(policy_amount_within(a, b) == (cases[i].order < 1));
        if (cases[i].order != 2) {
            assert_int_equal(policy_compare_amounts(b, a, &order), STATUS_OK);
            assert_int_equal(order, -cases[i].order);
        }
    }
}

static void actions_and_lives(void **state)
{
    (void)state;
    struct bytes member;
    assert_true(policy_action_is_builtin(BYTES_LITERAL("withdrawal.create")));
    assert_false(policy_action_is_builtin(BYTES_LITERAL("withdrawal.creat")));
    assert_true(policy_action_is_wellformed(BYTES_LITERAL("pay-out.create_2"), &member));
    assert_true(bytes_equal_string(member, "pay-out"));
    static const char *const bad[] = {"", ".", "a", "a.", ".b", "a.b.c", "A.b", "a b.c", "a\"b.c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(policy_action_is_wellformed(bytes_of_string(bad[i]), NULL));
    }
    assert_int_equal(policy_action_life_s(0), 300);
    assert_int_equal(policy_action_life_s(29), 30);
    assert_int_equal(policy_action_life_s(30), 30);
    assert_int_equal(policy_action_life_s(900), 900);
    assert_int_equal(policy_action_life_s(UINT64_MAX), 900);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_keep_their_bytes_whatever_comes_and_goes),
        TEST(long_texts_find_room_where_short_ones_have_gone),
        TEST(the_reserve_is_for_the_essential),
        TEST(the_reserve_is_used_last),
        TEST(freed_texts_are_wiped),
        TEST(damaged_fields_are_refused),
        TEST(empty_and_absent_fields_differ),
        TEST(action_tokens_carry_their_check),
        TEST(the_check_is_crc32_in_base62),
        TEST(ranges_contain_by_prefix),
        TEST(amounts_compare_exactly),
        TEST(actions_and_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
