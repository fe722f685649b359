/*
 * The health tests of entropy sources against sources that are stuck, biased, repeating, or good. A good source must
 * pass for long, a bad one fail soon: within what SP 800-90B's tests promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/x86_64/entropy_health.h"

#define LONG_RUN 2000000U

static uint64_t seed;

static uint8_t random_byte(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint8_t)(seed >> 56);
}

/* Samples until the source fails; LONG_RUN when it does not. */
static uint32_t samples_to_failure(enum health_claim claim, uint8_t (*next)(uint32_t index))
{
    struct health health;
    health_init(&health, claim);
    for (uint32_t i = 0; i < LONG_RUN; i++) {
        uint8_t sample = next(i);
        if (!health_test(&health, &sample, 1)) {
            assert_true(health.failed && health.failure != NULL);
            return i + 1;
        }
    }
    return LONG_RUN;
}

static uint8_t good(uint32_t index)
{
    (void)index;
    return random_byte();
}

static uint8_t one_good_bit(uint32_t index)
{
    (void)index;
    return random_byte() & 1;
}

static uint8_t stuck_low(uint32_t index)
{
    (void)index;
    return 0;
}

static uint8_t stuck_high(uint32_t index)
{
    (void)index;
    return 0xff;
}

static uint8_t stuck_later(uint32_t index)
{
    return index < 10000 ? random_byte() : 0x5a;
}

static uint8_t biased(uint32_t index)
{
    (void)index;
    return random_byte() < 80 ? 7 : random_byte();
}

static uint8_t period_2(uint32_t index)
{
    return index & 1 ? 0xaa : 0x55;
}

static uint8_t period_4(uint32_t index)
{
    return (uint8_t)(index & 3);
}

static uint8_t mostly_stuck_bit(uint32_t index)
{
    (void)index;
    return random_byte() < 8 ? 1 : 0;
}

static void test_good_sources_pass(void **state)
{
    (void)state;
    assert_int_equal(samples_to_failure(HEALTH_CLAIM_4_BITS, good), LONG_RUN);
    assert_int_equal(samples_to_failure(HEALTH_CLAIM_QUARTER_BIT, good), LONG_RUN);
    assert_int_equal(samples_to_failure(HEALTH_CLAIM_QUARTER_BIT, one_good_bit), LONG_RUN);
}

static void test_stuck_sources_fail_at_the_cutoff(void **state)
{
    (void)state;
    assert_int_equal(samples_to_failure(HEALTH_CLAIM_4_BITS, stuck_low), 9);
    assert_int_equal(samples_to_failure(HEALTH_CLAIM_4_BITS, stuck_high), 9);
    assert_int_equal(samples_to_failure(HEALTH_CLAIM_QUARTER_BIT, stuck_low), 121);
    assert_in_range(samples_to_failure(HEALTH_CLAIM_4_BITS, stuck_later), 10008, 10009);
}

static void test_biased_and_repeating_sources_fail(void **state)
{
    (void)state;
    assert_in_range(samples_to_failure(HEALTH_CLAIM_4_BITS, biased), 71, 100 * HEALTH_WINDOW);
    assert_in_range(samples_to_failure(HEALTH_CLAIM_4_BITS, period_2), 71, HEALTH_WINDOW);
    assert_in_range(samples_to_failure(HEALTH_CLAIM_4_BITS, period_4), 71, HEALTH_WINDOW);
    assert_in_range(samples_to_failure(HEALTH_CLAIM_4_BITS, one_good_bit), 9, HEALTH_WINDOW);
    assert_in_range(samples_to_failure(HEALTH_CLAIM_QUARTER_BIT, mostly_stuck_bit), 121, 10 * HEALTH_WINDOW);
}

static void test_start_up_takes_1024_samples(void **state)
{
    (void)state;
    struct health health;
    health_init(&health, HEALTH_CLAIM_4_BITS);
    for (uint32_t i = 0; i < HEALTH_STARTUP_SAMPLES; i++) {
        uint8_t sample = random_byte();
        assert_false(health_started(&health));
        assert_true(health_test(&health, &sample, 1));
    }
    assert_true(health_started(&health));
}

static void test_a_failure_is_for_ever(void **state)
{
    (void)state;
    struct health health;
    uint8_t same[16] = {0};
    uint8_t fresh[64];
    for (size_t i = 0; i < sizeof(fresh); i++) {
        fresh[i] = random_byte();
    }
    health_init(&health, HEALTH_CLAIM_4_BITS);
    assert_true(health_test(&health, fresh, sizeof(fresh)));
    assert_false(health_test(&health, same, sizeof(same)));
    assert_false(health_test(&health, fresh, sizeof(fresh)));
    assert_false(health_started(&health));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_sources_pass),
        cmocka_unit_test(test_stuck_sources_fail_at_the_cutoff),
        cmocka_unit_test(test_biased_and_repeating_sources_fail),
        cmocka_unit_test(test_start_up_takes_1024_samples),
        cmocka_unit_test(test_a_failure_is_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
