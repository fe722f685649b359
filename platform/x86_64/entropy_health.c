/*
 * Cutoffs, for H bits in a sample and a false alarm in 2^30: repetition 1 + 30 / H, rounded up; proportion the least
 * count that a binomial of 512 trials with probability 2^-H reaches with at most that probability.
 */
#include "platform/x86_64/entropy_health.h"

struct cutoffs {
    uint32_t run, seen;
};

static struct cutoffs cutoffs_of(enum health_claim claim)
{
    return claim == HEALTH_CLAIM_QUARTER_BIT ? (struct cutoffs){121, 477} : (struct cutoffs){9, 71};
}

void health_init(struct health *health, enum health_claim claim)
{
    *health = (struct health){.claim = claim};
}

static void fail(struct health *health, const char *failure)
{
    health->failed = true;
    health->failure = failure;
}

/* 4.4.1: the same sample again and again. */
static void test_repetition(struct health *health, uint8_t sample)
{
    health->run = health->run > 0 && sample == health->last ? health->run + 1 : 1;
    health->last = sample;
    if (health->run >= cutoffs_of(health->claim).run) {
        fail(health, "it repeats itself");
    }
}

/* 4.4.2: the window's first sample comes too often in it. */
static void test_proportion(struct health *health, uint8_t sample)
{
    if (health->window == 0) {
        health->first = sample;
        health->seen = 0;
    }
    health->seen += sample == health->first;
    health->window = (health->window + 1) % HEALTH_WINDOW;
    if (health->seen >= cutoffs_of(health->claim).seen) {
        fail(health, "it prefers a value");
    }
}

bool health_test(struct health *health, const uint8_t *samples, size_t size)
{
    for (size_t i = 0; i < size && !health->failed; i++) {
        test_repetition(health, samples[i]);
        if (!health->failed) {
            test_proportion(health, samples[i]);
        }
        health->tested += health->tested < HEALTH_STARTUP_SAMPLES;
    }
    return !health->failed;
}

bool health_started(const struct health *health)
{
    return !health->failed && health->tested >= HEALTH_STARTUP_SAMPLES;
}
