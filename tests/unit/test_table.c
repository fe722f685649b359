/*
 * The tables: tokens against a plain array, lists, states, collection, memos, users.
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
#include "token/memo.h"
#include "token/principals.h"
#include "token/table.h"

#define REGION ((size_t)1024 * 1024)

static struct tables tables;
static void *region;
static uint64_t random_state = 1;

static int fresh(void **state)
{
    (void)state;
    free(region);
    region = aligned_alloc(4096, REGION);
    memset(region, 0xC3, REGION);
    tables_init(&tables, region, REGION);
    return 0;
}

static uint64_t draw(uint64_t end)
{
    return sim_random(&random_state) % end;
}

static struct uuid id_of(uint64_t number)
{
    uint8_t random[10] = {0};
    for (size_t i = 0; i < 8; i++) {
        random[2 + i] = (uint8_t)(number * 0x9E3779B97F4A7C15u >> (8 * i));
    }
    return uuid_v7(number, random);
}

/* ---- tokens against a plain array ---- */

static uint32_t add_token(uint64_t number, enum token_family family, uint32_t owner)
{
    uint8_t bytes[64];
    struct buffer text = buffer_over(bytes, sizeof bytes);
    fields_append(&text, FIELD_NAME, BYTES_LITERAL("sixteen letters!"));
    if (!tokens_have_room(&tables, POOL_ISSUE, text.size)) {
        return 0;
    }
    uint32_t ref = tokens_take(&tables, POOL_ISSUE);
    assert_int_not_equal(ref, 0);
    struct token *token = token_at(&tables, ref);
    token->id = id_of(number);
    memcpy(token->key, id_of(number ^ 0xFFFFFF).bytes, sizeof token->key);
    token->family = (uint8_t)family;
    token->tenant = 1;
    token->user = family == TOKEN_PLATFORM ? 0 : owner;
    token->created_s = 1000;
    token->expires_s = 2000;
    assert_true(pool_put_text(&tables.pool, POOL_ISSUE, buffer_view(&text), &token->text));
    tokens_link(&tables, ref, 1500);
    return ref;
}

static void the_table_agrees_with_an_array(void **state)
{
    (void)state;
    enum {
        COUNT = 1000
    };
    static uint64_t numbers[COUNT];
    static uint32_t refs[COUNT];
    uint64_t next = 1;
    memset(numbers, 0, sizeof numbers);
    struct uuid id = id_of(7);
    assert_int_equal(principals_add(&tables.tenants, &id), 1);
    for (uint64_t i = 0; i < 3; i++) {
        id = id_of(100 + i);
        assert_int_equal(principals_add(&tables.users, &id), i + 1);
    }
    for (int round = 0; round < 50000; round++) {
        size_t i = draw(COUNT);
        if (numbers[i] != 0) {
            struct uuid held = id_of(numbers[i]);
            struct uuid key = id_of(numbers[i] ^ 0xFFFFFF);
            enum token_family family = (enum token_family)(numbers[i] % 3);
            assert_int_equal(tokens_find_id(&tables, &held), refs[i]);
            assert_int_equal(tokens_find_key(&tables, family, key.bytes), refs[i]);
            assert_int_equal(tokens_find_key(&tables, (enum token_family)((numbers[i] + 1) % 3), key.bytes),
                             0);
            tokens_drop(&tables, refs[i]);
            assert_int_equal(tokens_find_id(&tables, &held), 0);
            numbers[i] = 0;
        } else {
            numbers[i] = next++;
            refs[i] = add_token(numbers[i], (enum token_family)(numbers[i] % 3),
                                1 + (uint32_t)(numbers[i] / 3 % 3));
            assert_int_not_equal(refs[i], 0);
        }
    }
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (numbers[i] != 0) {
            count++;
            tokens_drop(&tables, refs[i]);
        }
    }
    assert_true(count > 100 && tables.token_count == 0 && tables.pool.text_bytes == 0);
    for (size_t i = 0; i < 12; i++) {
        assert_true(tables.counts[i / 4][i % 4] == 0);
    }
}

static void lists_come_into_order_after_a_shuffled_replay(void **state)
{
    (void)state;
    struct uuid id = id_of(7);
    assert_int_equal(principals_await(&tables.tenants, &id), 1);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_not_equal(add_token(1 + i * 7919 % 1009, TOKEN_PLATFORM, 0), 0);
    }
    tables_sort(&tables);
    const struct token_list *list = &principal_at(&tables.tenants, 1)->tokens;
    uint32_t before = 0;
    size_t count = 0;
    for (uint32_t ref = list->first; ref != 0; ref = token_at(&tables, ref)->owner_next) {
        assert_int_equal(token_at(&tables, ref)->owner_prev, before);
        assert_true(before == 0 ||
                    uuid_compare(&token_at(&tables, before)->id, &token_at(&tables, ref)->id) < 0);
        before = ref;
        count++;
    }
    assert_int_equal(list->last, before);
    assert_int_equal(count, 1000);
}

static void a_full_table_says_so_and_takes_again_after_a_drop(void **state)
{
    (void)state;
    struct uuid id = id_of(7);
    assert_int_equal(principals_add(&tables.tenants, &id), 1);
    uint64_t capacity = tokens_capacity(&tables);
    uint64_t number = 1;
    uint32_t last = 0;
    for (uint32_t ref = add_token(number, TOKEN_PLATFORM, 0); ref != 0;
         ref = add_token(++number, TOKEN_PLATFORM, 0)) {
        last = ref;
    }
    assert_true(number - 1 >= capacity - 2 && number - 1 <= capacity + 2);
    assert_true(capacity * 160 >= REGION * 85 / 100); /* the principals' share and the reserve are small */
    tokens_drop(&tables, last);
    assert_int_not_equal(add_token(++number, TOKEN_PLATFORM, 0), 0);
    assert_int_equal(add_token(++number, TOKEN_PLATFORM, 0), 0);
}

static void states_change_on_the_second(void **state)
{
    (void)state;
    struct token token = {.expires_s = 100};
    assert_int_equal(token_state_at(&token, 99), TOKEN_ACTIVE);
    assert_int_equal(token_state_at(&token, 100), TOKEN_EXPIRED);
    assert_int_equal(token_state_at(&token, 0), TOKEN_ACTIVE);
    token.revoked_s = 50;
    assert_int_equal(token_state_at(&token, 200), TOKEN_REVOKED);
    token.flags = TOKEN_FLAG_CONSUMED;
    assert_int_equal(token_state_at(&token, 200), TOKEN_CONSUMED);
    struct token endless = {.expires_s = 0};
    assert_int_equal(token_state_at(&endless, INT64_MAX), TOKEN_ACTIVE);
}

static void only_old_dead_tokens_are_collected(void **state)
{
    (void)state;
    struct token action = {.family = TOKEN_ACTION, .expires_s = 100};
    struct token endless = {.family = TOKEN_PLATFORM};
    struct token root = {.family = TOKEN_PLATFORM, .expires_s = 1, .flags = TOKEN_FLAG_ROOT};
    struct token jwt = {.family = TOKEN_JWT, .expires_s = 100};
    assert_false(token_collectable(&tables, &action, 99));
    assert_true(token_collectable(&tables, &action, 100));
    assert_false(token_collectable(&tables, &endless, INT64_MAX));
    assert_false(token_collectable(&tables, &root, INT64_MAX));
    assert_false(token_collectable(&tables, &jwt, 99 + TOKEN_RETENTION_S));
    assert_true(token_collectable(&tables, &jwt, 100 + TOKEN_RETENTION_S));
    jwt.revoked_s = 50;
    assert_true(token_collectable(&tables, &jwt, 50 + TOKEN_RETENTION_S));
    uint8_t bytes[64];
    struct buffer text = buffer_over(bytes, sizeof bytes);
    memo_append(&text, &(struct memo){.what = MEMO_CONSUMED, .at_s = 90});
    assert_true(pool_put_text(&tables.pool, POOL_ISSUE, buffer_view(&text), &action.text));
    assert_false(token_collectable(&tables, &action, 89 + IDEMPOTENCY_LIFE_S));
    assert_true(token_collectable(&tables, &action, 90 + IDEMPOTENCY_LIFE_S));
}

/* ---- memos ---- */

static void memos_are_found_for_a_day(void **state)
{
    (void)state;
    struct uuid tenant = id_of(7);
    struct memo memo = {.what = MEMO_CREATED, .at_s = 1000, .id = {1, 2, 3}, .digest = {4}};
    struct memo found;
    uint8_t bytes[128];
    struct buffer text = buffer_over(bytes, sizeof bytes);
    assert_int_equal(principals_add(&tables.tenants, &tenant), 1);
    uint32_t ref = add_token(1, TOKEN_PLATFORM, 0);
    memo_append(&text, &memo);
    assert_true(entity_set_text(&tables, MEMO_TOKEN, ref, &token_at(&tables, ref)->text, buffer_view(&text)));
    assert_true(memos_find(&tables, memo.id, 999 + IDEMPOTENCY_LIFE_S, &found));
    assert_true(found.ref == ref && found.owner == MEMO_TOKEN && found.what == MEMO_CREATED &&
                found.at_s == 1000);
    assert_memory_equal(found.digest, memo.digest, sizeof memo.digest);
    assert_false(memos_find(&tables, memo.id, 1000 + IDEMPOTENCY_LIFE_S, &found));
    memo.id[15] = 1;
    assert_false(memos_find(&tables, memo.id, 1000, &found));
    tokens_drop(&tables, ref);
    memo.id[15] = 0;
    assert_false(memos_find(&tables, memo.id, 1000, &found));
    assert_true(tables.memo_count == 0 && tables.pool.text_bytes == 0);
}

/* ---- users ---- */

static uint32_t add_user(uint64_t number, const char *email)
{
    uint8_t bytes[300];
    struct buffer text = buffer_over(bytes, sizeof bytes);
    struct uuid id = id_of(number);
    fields_append(&text, FIELD_EMAIL, bytes_of_string(email));
    uint32_t ref = principals_add(&tables.users, &id);
    assert_true(ref == 0 || users_set_text(&tables, ref, buffer_view(&text)));
    return ref;
}

static void users_are_found_by_address_in_any_case(void **state)
{
    (void)state;
    uint32_t a = add_user(1, "Ann@Example.org");
    uint32_t b = add_user(2, "bob@example.org");
    assert_int_equal(users_find_email(&tables, BYTES_LITERAL("ann@example.ORG")), a);
    assert_int_equal(users_find_email(&tables, BYTES_LITERAL("bob@example.org")), b);
    assert_int_equal(users_find_email(&tables, BYTES_LITERAL("bob@example.or")), 0);
    users_drop(&tables, a);
    assert_int_equal(users_find_email(&tables, BYTES_LITERAL("ann@example.org")), 0);
    assert_int_equal(tables.users.first, b);
    assert_int_equal(add_user(3, "c@d"), a); /* the slot is used again */
    assert_int_equal(tables.users.last, a);
    uint64_t number = 4;
    while (add_user(number++, "x") != 0) {
    }
    assert_int_equal(tables.users.count, tables.users.capacity);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_agrees_with_an_array),
        TEST(lists_come_into_order_after_a_shuffled_replay),
        TEST(a_full_table_says_so_and_takes_again_after_a_drop),
        TEST(states_change_on_the_second),
        TEST(only_old_dead_tokens_are_collected),
        TEST(memos_are_found_for_a_day),
        TEST(users_are_found_by_address_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
