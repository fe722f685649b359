/*
 * Token buckets: both sides of a rule, refilling, back-off, tables that are full, owners that try to push others out,
 * clocks that jump; and SipHash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "token/bucket.h"

#define US_PER_S   UINT64_C(1000000)
#define START_US   (1000 * US_PER_S)
#define SET_COUNT  16
#define OWNERS_MAX 4096

static struct bucket memory[SET_COUNT * BUCKET_WAYS];
static struct bucket_table table;
static const struct bucket_rule ten_a_second = {US_PER_S / 10, 20};
static const struct bucket_rule failures = {US_PER_S, 5};

static int start(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    table = (struct bucket_table){memory, SET_COUNT, {{0x0123456789abcdef, 0xfedcba9876543210}}};
    return 0;
}

static struct bucket *of(uint32_t owner, uint64_t now_us)
{
    return bucket_find(&table, bytes_of(&owner, sizeof(owner)), now_us);
}

/* How many it gives at once. */
static size_t take_all(struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_us)
{
    size_t count = 0;
    while (bucket_wait_us(bucket, rule, now_us) == 0) {
        bucket_take(bucket, rule, now_us);
        count++;
        assert_true(count <= rule->burst);
    }
    return count;
}

/* ---- one bucket ---- */

static void test_burst(void **state)
{
    (void)state;
    for (uint64_t burst = 1; burst <= 20; burst++) {
        struct bucket bucket = {0};
        struct bucket_rule rule = {US_PER_S / 10, burst};
        assert_int_equal(take_all(&bucket, &rule, START_US), burst);
        assert_int_equal(bucket_wait_us(&bucket, &rule, START_US), rule.interval_us);
    }
}

static void test_refill(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    (void)take_all(&bucket, &ten_a_second, START_US);
    assert_int_equal(bucket_wait_us(&bucket, &ten_a_second, START_US + 99999), 1);
    assert_int_equal(bucket_wait_us(&bucket, &ten_a_second, START_US + 100000), 0);
    assert_int_equal(take_all(&bucket, &ten_a_second, START_US + 100000), 1);
    assert_int_equal(take_all(&bucket, &ten_a_second, START_US + 600000), 5);
    assert_int_equal(take_all(&bucket, &ten_a_second, START_US + 600000), 0);
    assert_int_equal(take_all(&bucket, &ten_a_second, START_US + 2599999), 19);
    assert_int_equal(take_all(&bucket, &ten_a_second, START_US + 3600 * US_PER_S), 20);
}

/* Whatever the pattern of calls, no window gives more than its rate and one burst. */
static void test_rate_in_the_long_run(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    uint64_t now_us = START_US;
    uint64_t taken = 0;
    srand(7);
    while (now_us < START_US + 1000 * US_PER_S) {
        now_us += (uint64_t)(rand() % 30000);
        if (bucket_wait_us(&bucket, &ten_a_second, now_us) == 0) {
            bucket_take(&bucket, &ten_a_second, now_us);
            taken++;
        }
    }
    uint64_t allowed = 20 + (now_us - START_US) / ten_a_second.interval_us;
    assert_true(taken <= allowed);
    assert_true(taken >= allowed - 1); /* who asks often enough loses nothing */
}

static void test_clock_jumps(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    (void)take_all(&bucket, &ten_a_second, START_US);
    uint64_t wait_us = bucket_wait_us(&bucket, &ten_a_second, 5);
    assert_int_equal(wait_us, ten_a_second.interval_us); /* back: as an empty one, not for ever */
    assert_int_equal(take_all(&bucket, &ten_a_second, UINT64_MAX / 2), 20);
}

/* ---- failures ---- */

static void test_back_off_doubles(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    uint64_t now_us = START_US;
    for (size_t i = 0; i < failures.burst; i++) {
        bucket_fail(&bucket, &failures, now_us);
        assert_int_equal(bucket_blocked_us(&bucket, now_us), 0);
    }
    static const uint64_t seconds[] = {1, 2, 4, 8, 16, 32, 64, 64, 64};
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        bucket_fail(&bucket, &failures, now_us);
        assert_int_equal(bucket_blocked_us(&bucket, now_us), seconds[i] * US_PER_S);
        assert_int_equal(bucket_blocked_us(&bucket, now_us + seconds[i] * US_PER_S - 1), 1);
        now_us += seconds[i] * US_PER_S;
        assert_int_equal(bucket_blocked_us(&bucket, now_us), 0);
    }
}

/* Waiting out a block forgives nothing; a quiet second after it forgives one failure; being full forgives all. */
static void test_forgiving(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    for (size_t i = 0; i <= failures.burst; i++) {
        bucket_fail(&bucket, &failures, START_US);
    }
    uint64_t end_us = START_US + US_PER_S;
    bucket_fail(&bucket, &failures, end_us + failures.interval_us);
    assert_int_equal(bucket_blocked_us(&bucket, end_us + failures.interval_us), 0);
    bucket_fail(&bucket, &failures, end_us + failures.interval_us);
    assert_int_equal(bucket_blocked_us(&bucket, end_us + failures.interval_us), 2 * US_PER_S);
    uint64_t quiet_us = end_us + failures.interval_us + 2 * US_PER_S + failures.burst * failures.interval_us;
    for (size_t i = 0; i <= failures.burst; i++) {
        assert_int_equal(bucket_blocked_us(&bucket, quiet_us), 0);
        bucket_fail(&bucket, &failures, quiet_us);
    }
    assert_int_equal(bucket_blocked_us(&bucket, quiet_us), US_PER_S);
}

static void test_block_and_a_clock_that_jumps(void **state)
{
    (void)state;
    struct bucket *bucket = of(1, START_US);
    for (size_t i = 0; i < 20; i++) {
        bucket_fail(bucket, &failures, START_US);
    }
    uint64_t early_us = 10;
    assert_ptr_equal(of(1, early_us), bucket);
    assert_int_equal(bucket_blocked_us(bucket, early_us), BUCKET_BLOCK_MAX_US);
    assert_int_equal(bucket_blocked_us(of(1, early_us), early_us + BUCKET_BLOCK_MAX_US), 0);
    uint64_t later_us = early_us + BUCKET_BLOCK_MAX_US + BUCKET_FILL_MAX_US;
    assert_true(of(1, later_us)->full_at_us <= later_us);
}

/* ---- tables ---- */

static void test_owners_are_apart(void **state)
{
    (void)state;
    struct bucket *one = of(1, START_US);
    (void)take_all(one, &ten_a_second, START_US);
    assert_ptr_equal(of(1, START_US), one);
    assert_ptr_not_equal(of(2, START_US), one);
    assert_int_equal(take_all(of(2, START_US), &ten_a_second, START_US), 20);
    assert_int_equal(bucket_wait_us(of(1, START_US), &ten_a_second, START_US), ten_a_second.interval_us);
}

/* An attacker in back-off sends from any number of other addresses: its own bucket stays. */
static void test_no_flood_pushes_a_bucket_out(void **state)
{
    (void)state;
    struct bucket *attacker = of(0, START_US);
    for (size_t i = 0; i <= failures.burst; i++) {
        bucket_fail(attacker, &failures, START_US);
    }
    for (uint32_t owner = 1; owner < OWNERS_MAX; owner++) {
        bucket_fail(of(owner, START_US), &failures, START_US);
    }
    assert_ptr_equal(of(0, START_US), attacker);
    assert_int_equal(bucket_blocked_us(of(0, START_US), START_US), US_PER_S);
}

/* In a full set newcomers share what the set has left: together they get one bucket, not one each. */
static void test_newcomers_to_a_full_table_share(void **state)
{
    (void)state;
    uint64_t taken = 0;
    for (uint32_t owner = 0; owner < OWNERS_MAX; owner++) {
        taken += take_all(of(owner, START_US), &ten_a_second, START_US);
    }
    assert_int_equal(taken, SET_COUNT * BUCKET_WAYS * ten_a_second.burst);
    for (uint32_t owner = OWNERS_MAX; owner < 2 * OWNERS_MAX; owner++) {
        assert_true(bucket_wait_us(of(owner, START_US), &ten_a_second, START_US) > 0);
    }
    uint64_t later_us = START_US + ten_a_second.burst * ten_a_second.interval_us;
    for (uint32_t owner = 2 * OWNERS_MAX; owner < 2 * OWNERS_MAX + 8; owner++) {
        assert_int_equal(take_all(of(owner, later_us), &ten_a_second, later_us), ten_a_second.burst);
    }
}

/* What made the table full goes when it is idle, and not a moment before. */
static void test_idle_buckets_make_room(void **state)
{
    (void)state;
    for (uint32_t owner = 0; owner < OWNERS_MAX; owner++) {
        struct bucket *bucket = of(owner, START_US);
        if (bucket_wait_us(bucket, &ten_a_second, START_US) == 0) {
            bucket_take(bucket, &ten_a_second, START_US);
        }
    }
    struct bucket before[SET_COUNT * BUCKET_WAYS];
    memcpy(before, memory, sizeof(memory));
    (void)of(OWNERS_MAX, START_US + ten_a_second.interval_us - 1);
    assert_memory_equal(before, memory, sizeof(memory));
    (void)of(OWNERS_MAX, START_US + ten_a_second.interval_us);
    assert_memory_not_equal(before, memory, sizeof(memory));
}

static void test_blocked_count(void **state)
{
    (void)state;
    assert_int_equal(bucket_blocked_count(&table, START_US), 0);
    for (uint32_t owner = 0; owner < 7; owner++) {
        for (size_t i = 0; i <= failures.burst; i++) {
            bucket_fail(of(owner, START_US), &failures, START_US);
        }
    }
    assert_int_equal(bucket_blocked_count(&table, START_US), 7);
    assert_int_equal(bucket_blocked_count(&table, START_US + US_PER_S), 0);
}

/* Another key puts owners elsewhere: who shares a set cannot be worked out from outside. */
static void test_key_decides_the_place(void **state)
{
    (void)state;
    size_t moved = 0;
    for (uint32_t owner = 0; owner < 64; owner++) {
        table.key.words[0] = 1;
        ptrdiff_t first = (of(owner, START_US) - memory) / BUCKET_WAYS;
        table.key.words[0] = 2;
        moved += (of(owner, START_US) - memory) / BUCKET_WAYS != first;
    }
    assert_in_range(moved, 48, 64);
}

/* ---- SipHash ---- */

/* The vectors of the reference implementation: key 00..0f, input 00, 01, ... */
static void test_siphash_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},  {8, 0x93f5f5799a932462},
        {9, 0x9e0082df0ba9e4b0}, {15, 0xa129ca6149be45e5}, {16, 0x3f2acc7f57c29bdb}, {63, 0x958a324ceb064572},
    };
    struct siphash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    uint8_t text[64];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_true(siphash(&key, bytes_of(text, vectors[i].size)) == vectors[i].hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_refill),
        cmocka_unit_test(test_rate_in_the_long_run),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_back_off_doubles),
        cmocka_unit_test(test_forgiving),
        cmocka_unit_test_setup(test_block_and_a_clock_that_jumps, start),
        cmocka_unit_test_setup(test_owners_are_apart, start),
        cmocka_unit_test_setup(test_no_flood_pushes_a_bucket_out, start),
        cmocka_unit_test_setup(test_newcomers_to_a_full_table_share, start),
        cmocka_unit_test_setup(test_idle_buckets_make_room, start),
        cmocka_unit_test_setup(test_blocked_count, start),
        cmocka_unit_test_setup(test_key_decides_the_place, start),
        cmocka_unit_test(test_siphash_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
