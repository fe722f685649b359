/*
 * Health tests of an entropy source (NIST SP 800-90B, 4.4): repetition count and adaptive proportion, over samples of
 * one byte, for a source that claims a number of bits of min-entropy in each sample. Pure: no hardware, no clock.
 *
 * Cutoffs are for a false alarm in 2^30 samples (repetition) or windows (proportion). A source that once failed stays
 * failed.
 */
#ifndef JETON_X86_64_ENTROPY_HEALTH_H
#define JETON_X86_64_ENTROPY_HEALTH_H

#include "platform/types.h"

#define HEALTH_WINDOW          512U  /* samples, as 4.4.2 asks for sources that are not binary */
#define HEALTH_STARTUP_SAMPLES 1024U /* 4.3: to be tested before the first is used */

/* What the source claims in each byte. */
enum health_claim {
    HEALTH_CLAIM_QUARTER_BIT,
    HEALTH_CLAIM_4_BITS
};

struct health {
    enum health_claim claim;
    bool failed;
    const char *failure; /* which test, in words; NULL before */
    uint32_t tested;     /* samples so far, at most HEALTH_STARTUP_SAMPLES */
    uint8_t last;        /* repetition: the sample, and how often in a row */
    uint32_t run;
    uint8_t first; /* proportion: the window's first sample, and how often it came */
    uint32_t seen;
    uint32_t window; /* samples of the window so far */
};

void health_init(struct health *health, enum health_claim claim);

/* Test `size` samples. False once the source has failed: none of them may be used. */
bool health_test(struct health *health, const uint8_t *samples, size_t size) MUST_USE;

/* True when enough samples were tested for the first ones to be used. */
bool health_started(const struct health *health) MUST_USE;

#endif
