/*
 * Group commit's patience: who waits, for how long, and clients that take turns becoming one group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "limits.h"
#include "store/gather.h"

#define MS       1000000ULL
#define SYNC_NS  (8 * MS)
#define START_NS (1000 * MS)

static void flushed(struct gather *gather, uint64_t records, uint64_t took_ns)
{
    const struct gather_flush flush = {records, took_ns, false};
    gather_flushed(gather, &flush);
}

/* A gather after a flush of so many records that took so long. */
static struct gather after(uint64_t records, uint64_t took_ns)
{
    struct gather gather = {0};
    flushed(&gather, records, took_ns);
    return gather;
}

/* So many records of some of a few clients, and nothing else to do. */
static uint64_t until(struct gather *gather, uint64_t pending, uint64_t now_ns)
{
    const struct gather_load load = {pending, pending, false};
    return gather_until_ns(gather, &load, now_ns);
}

static uint64_t until_of(struct gather *gather, uint64_t pending, uint64_t writers, uint64_t now_ns)
{
    const struct gather_load load = {pending, writers, false};
    return gather_until_ns(gather, &load, now_ns);
}

static uint64_t until_of_busy(struct gather *gather, uint64_t pending, uint64_t writers, uint64_t now_ns)
{
    const struct gather_load load = {pending, writers, true};
    return gather_until_ns(gather, &load, now_ns);
}

static void nothing_to_flush_waits_for_nothing(void **state)
{
    (void)state;
    struct gather gather = after(32, SYNC_NS);
    assert_int_equal(until(&gather, 0, START_NS), 0);
    assert_int_equal(gather.expected, 0);
}

static void a_lone_client_never_waits(void **state)
{
    (void)state;
    struct gather gather = {0};
    for (uint64_t round = 0; round < 10; round++) {
        assert_int_equal(until(&gather, 1, START_NS + round * 10 * MS), 0);
        flushed(&gather, 1, SYNC_NS);
    }
}

static void a_fast_device_does_not_idle_for_few(void **state)
{
    (void)state;
    struct gather gather = after(32, GATHER_FLUSH_MIN_NS - 1);
    assert_int_equal(until(&gather, 8, START_NS), 0);
    gather = after(32, GATHER_FLUSH_MIN_NS);
    assert_true(until(&gather, 8, START_NS) > START_NS);
}

/* Where serving all who write takes longer than a sync, there is no idling during it either. */
static void many_writers_make_a_device_fast(void **state)
{
    (void)state;
    struct gather gather = after(100, 2 * MS);
    assert_int_equal(until(&gather, 8, START_NS), 0);
    gather = after(100, 100 * GATHER_RECORD_NS + MS);
    assert_true(until(&gather, 8, START_NS) > START_NS);
}

/* While there is other work a group grows until all who write are in it, but not for long, and not for ever. */
static void a_busy_loop_shares_a_fast_device(void **state)
{
    (void)state;
    struct gather gather = after(32, MS / 4);
    assert_int_equal(until_of_busy(&gather, 3, 5, START_NS), START_NS + GATHER_FEW_NS);
    assert_int_equal(until_of_busy(&gather, 4, 5, START_NS + 1000), START_NS + GATHER_FEW_NS);
    assert_int_equal(until_of(&gather, 4, 5, START_NS + 2000), 0);
    assert_int_equal(until_of_busy(&gather, 5, 5, START_NS + 2000), 0);
    assert_int_equal(until_of_busy(&gather, GATHER_FAST_RECORDS, 64, START_NS + 2000), 0);
    assert_int_equal(until_of_busy(&gather, 4, 5, START_NS + GATHER_FEW_NS), 0);
    assert_int_equal(until_of_busy(&gather, 9, 64, START_NS + GATHER_FEW_NS), START_NS + GATHER_MANY_NS);
    assert_int_equal(until_of_busy(&gather, 9, 64, START_NS + GATHER_MANY_NS), 0);
    flushed(&gather, 1, MS / 4);
    assert_int_equal(until_of_busy(&gather, 1, 2, START_NS), 0); /* alone among readers */
}

/* Where many write, a fast sync waits for those who are not in it yet: while they come, and not for long. */
static void a_fast_device_waits_for_many_writers(void **state)
{
    (void)state;
    struct gather gather = after(6, MS / 4);
    assert_int_equal(until_of(&gather, 2, GATHER_MANY_WRITERS - 1, START_NS), 0);
    assert_int_equal(until_of(&gather, 2, 64, START_NS), START_NS + GATHER_MANY_QUIET_NS);
    assert_int_equal(until_of(&gather, 3, 64, START_NS + 1000), START_NS + 1000 + GATHER_MANY_QUIET_NS);
    assert_int_equal(until_of(&gather, 3, 64, START_NS + 1000 + GATHER_MANY_QUIET_NS), 0);
    assert_int_equal(until_of(&gather, 4, 64, START_NS + GATHER_MANY_NS - 1), START_NS + GATHER_MANY_NS);
    assert_int_equal(until_of(&gather, 5, 64, START_NS + GATHER_MANY_NS), 0);
    assert_int_equal(until_of(&gather, GATHER_FAST_RECORDS, 64, START_NS + 2000), 0);
    assert_int_equal(until_of(&gather, 12, 12, START_NS + 2000), 0); /* all are there */
    flushed(&gather, 1, MS / 4);
    assert_true(until_of(&gather, 1, 64, START_NS) > START_NS); /* one of many is not alone */
}

static void a_group_is_full(void **state)
{
    (void)state;
    struct gather gather = after(6, MS / 4);
    assert_int_equal(gather_room(&gather, 0), GATHER_FAST_RECORDS);
    assert_int_equal(gather_room(&gather, GATHER_FAST_RECORDS - 1), 1);
    assert_int_equal(gather_room(&gather, GATHER_FAST_RECORDS + 10), 1); /* never a standstill */
    gather = after(32, SYNC_NS);
    assert_true(gather_room(&gather, 1000) == UINT64_MAX);
}

/* However long it takes: nobody is awaited who cannot come, and everybody waits for it. */
static void who_stands_still_does_not_wait_too(void **state)
{
    (void)state;
    struct gather gather = {0};
    const struct gather_flush flush = {32, SYNC_NS, true};
    gather_flushed(&gather, &flush);
    assert_int_equal(until_of(&gather, 4, 5, START_NS), 0);
    assert_int_equal(until_of_busy(&gather, 8, 64, START_NS), START_NS + GATHER_MANY_NS);
    assert_int_equal(until_of_busy(&gather, GATHER_BLOCKING_RECORDS, 64, START_NS), 0);
    assert_int_equal(gather_room(&gather, 8), GATHER_BLOCKING_RECORDS - 8);
}

/* Now and then a fast device is held up: that alone makes nobody wait for company. */
static void one_slow_sync_is_no_slow_device(void **state)
{
    (void)state;
    struct gather gather = after(32, MS / 4);
    flushed(&gather, 32, SYNC_NS);
    assert_int_equal(until(&gather, 8, START_NS), 0);
    flushed(&gather, 32, SYNC_NS);
    assert_true(until(&gather, 8, START_NS) > START_NS);
    flushed(&gather, 32, MS / 4);
    assert_int_equal(until(&gather, 8, START_NS), 0);
}

static void two_groups_become_one(void **state)
{
    (void)state;
    struct gather gather = after(32, SYNC_NS);
    uint64_t now_ns = START_NS;
    for (uint64_t pending = 32; pending < 64; pending++, now_ns += 10000)
        assert_true(until(&gather, pending, now_ns) > now_ns);
    assert_int_equal(until(&gather, 64, now_ns), 0);
    flushed(&gather, 64, SYNC_NS);
    now_ns += SYNC_NS;
    for (uint64_t pending = 1; pending < 64; pending++, now_ns += 10000)
        assert_true(until(&gather, pending, now_ns) > now_ns);
    assert_int_equal(until(&gather, 65, now_ns), 0);
}

static void silence_ends_a_wait(void **state)
{
    (void)state;
    struct gather gather = after(32, SYNC_NS);
    uint64_t until_ns = until(&gather, 5, START_NS);
    assert_int_equal(until_ns, START_NS + SYNC_NS / GATHER_QUIET_SHARE);
    assert_int_equal(until(&gather, 5, until_ns - 1), until_ns);
    assert_int_equal(until(&gather, 5, until_ns), 0);
}

static void a_trickle_ends_in_time(void **state)
{
    (void)state;
    struct gather gather = after(200, SYNC_NS);
    uint64_t now_ns = START_NS, pending = 1, until_ns = 0;
    while ((until_ns = until(&gather, pending, now_ns)) != 0) {
        assert_true(until_ns > now_ns && until_ns <= START_NS + SYNC_NS / GATHER_ALL_SHARE);
        pending++;
        now_ns += SYNC_NS / GATHER_QUIET_SHARE / 2;
    }
    assert_true(now_ns >= START_NS + SYNC_NS / GATHER_ALL_SHARE);
}

/* A failed flush writes nothing: what is pending then must not wait for ever. */
static void a_failed_flush_changes_nothing(void **state)
{
    (void)state;
    struct gather gather = after(32, SYNC_NS);
    uint64_t until_ns = until(&gather, 5, START_NS);
    flushed(&gather, 0, SYNC_NS);
    assert_int_equal(gather.flushed, 32);
    for (uint64_t later_ns = 0; later_ns < 10 * MS; later_ns += MS)
        assert_int_equal(until(&gather, 5, until_ns + later_ns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_flush_waits_for_nothing),
        cmocka_unit_test(a_lone_client_never_waits),
        cmocka_unit_test(a_fast_device_does_not_idle_for_few),
        cmocka_unit_test(many_writers_make_a_device_fast),
        cmocka_unit_test(a_busy_loop_shares_a_fast_device),
        cmocka_unit_test(a_fast_device_waits_for_many_writers),
        cmocka_unit_test(a_group_is_full),
        cmocka_unit_test(who_stands_still_does_not_wait_too),
        cmocka_unit_test(one_slow_sync_is_no_slow_device),
        cmocka_unit_test(two_groups_become_one),
        cmocka_unit_test(silence_ends_a_wait),
        cmocka_unit_test(a_trickle_ends_in_time),
        cmocka_unit_test(a_failed_flush_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
