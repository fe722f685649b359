/*
 * What the tests of the store share: a flash, a boot, verbs of the dictionary that must succeed, and the check against
 * what was acknowledged. Everything asserts by cmocka.
 */
#ifndef JETON_TESTS_SUPPORT_STORE_LAB_H
#define JETON_TESTS_SUPPORT_STORE_LAB_H

#include "platform/sim/sim_flash.h"
#include "tests/support/dictionary.h"

#define NOW_S    INT64_C(1800000000)
#define FOREVER  INT64_C(4000000000)
#define NO_BYTES ((struct bytes){NULL, 0})

/* For cmocka_run_group_tests: a machine with working cryptography. */
int lab_start(void **state);

/* A blank flash with so many segments of 32 KiB (NOR) or 64 KiB (disk). */
void lab_make_flash(enum sim_flash_model model, uint32_t segments);
void lab_each_model(void (*body)(enum sim_flash_model));

enum status lab_boot_with(struct bytes secret, bool *formatted);
void lab_boot(bool expect_formatted);
/* Boot must say `status`, with `words` in its sentence, and change nothing. */
void lab_expect_refusal(struct bytes secret, enum status status, const char *words);

void lab_flush(void);
void lab_create(uint32_t id, uint32_t filler_bytes);
void lab_update(uint32_t id);
void lab_consume(uint32_t id);
void lab_check(void);

/* A number below `bound`, of a generator that each test program starts alike. */
uint32_t lab_draw(uint32_t bound);
void lab_draw_from(uint64_t seed);

struct store_stats lab_stats(void);

/* Create until live records take `percent` of the capacity; how many entries there are. */
uint32_t lab_fill(uint32_t percent);
/* Step until there is nothing to do. */
void lab_idle(int64_t now_s);

#endif
