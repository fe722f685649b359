/*
 * Differential test: random verbs, reboots and power cuts against a plain array of what must be true.
 *
 * The model is copied after each verb; after a reboot the copy that belongs to the newest record in the log is the truth,
 * and it must not be older than what was flushed. A small flash keeps compaction busy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_model.h"
#include "store/store.h"

#define COPIES      12 /* verbs between two flushes, and one */
#define BLOCKS      16
#define ROUNDS_EACH 2500

static struct model copies[COPIES]; /* [0]: as of the last flush */
static size_t copy_count;

static void flush(void)
{
    rig_flush();
    now.position = store_newest();
    copies[0] = now;
    copy_count = 1;
}

/* A few verbs, then a flush; background work in between. The cut, if one is set, comes somewhere in it. */
static void group(void *context)
{
    (void)context;
    uint64_t verbs = 1 + draw(COPIES - 1);
    for (uint64_t i = 0; i < verbs; i++) {
        model_verb();
        copies[copy_count++] = now;
        const struct model_token *token = pick_token();
        if (token != NULL) {
            check_token(token);
        }
    }
    if (draw(3) == 0) {
        (void)service_read_some();
    }
    if (draw(3) == 0) {
        (void)service_step(500);
    }
    flush();
    if (draw(2) == 0) {
        (void)store_step(service_now_s(), 2000);
    }
}

static void set_cut(uint64_t within)
{
    static const enum sim_cut_moment moments[] = {SIM_CUT_BEFORE, SIM_CUT_TORN, SIM_CUT_MIXED, SIM_CUT_AFTER};
    static const enum sim_settle settles[] = {SIM_SETTLE_LOST, SIM_SETTLE_KEPT, SIM_SETTLE_SEED};
    struct sim_cut cut = {.operation = sim_flash_counts().operations + draw(within),
                          .moment = moments[draw(4)],
                          .part = 1 + draw(20),
                          .settle = settles[draw(3)],
                          .settle_value = draw(1000)};
    sim_flash_cut(&cut);
}

static void start_again(void *context)
{
    (void)context;
    rig_reboot();
    rig_flush(); /* what recovery itself had to write */
}

/* Start again, and take the copy that the log has as the truth. */
static void reboot(void)
{
    struct store_stats stats;
    store_stats(&stats);
    tally.relocated += stats.relocated_count;
    while (draw(3) == 0) { /* power goes again while the log is read and mended */
        set_cut(3);
        struct sim_end end = sim_run(start_again, NULL);
        sim_flash_cut(NULL);
        tally.deep_cuts += end.kind == SIM_END_POWER_CUT;
    }
    rig_reboot();
    tally.reboots++;
    size_t found = 0;
    uint64_t newest = store_newest();
    assert_true(copies[0].position <= newest); /* nothing acknowledged is lost */
    for (size_t i = 0; i < copy_count; i++) {
        found = copies[i].position <= newest ? i : found;
    }
    tally.older += found + 1 < copy_count;
    now = copies[found];
    flush();
    check_all();
}

static void advance(void)
{
    uint64_t choice = draw(300);
    int64_t most_s = choice == 0 ? 80 * 86400 : choice < 6 ? 2 * 86400 : 20;
    rig_advance_s((int64_t)draw((uint64_t)most_s));
}

static void start(uint64_t seed)
{
    rig.jwt_es256 = false;
    rig.flash_model = seed % 2 == 0 ? SIM_FLASH_DISK : SIM_FLASH_NOR;
    rig_new_with(RIG_TABLE_BYTES, BLOCKS);
    model_start(seed);
    flush();
}

static void random_verbs_and_cuts_agree_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        start(seed);
        for (uint64_t round = 0; round < ROUNDS_EACH; round++) {
            advance();
            bool cut = draw(12) == 0;
            if (cut) {
                set_cut(4);
            }
            struct sim_end end = sim_run(group, NULL);
            sim_flash_cut(NULL);
            if (end.kind != SIM_END_RETURNED) {
                assert_int_equal(end.kind, SIM_END_POWER_CUT);
                tally.cuts++;
                reboot();
            } else if (draw(100) == 0) {
                reboot();
            }
        }
        reboot();
    }
    print_message("%llu verbs (%llu created, %llu consumed, %llu revoked), %llu reboots, %llu cuts and %llu "
                  "in recovery (%llu "
                  "lost writes that "
                  "nobody was promised), %llu checks, %llu relocated\n",
                  (unsigned long long)tally.verbs, (unsigned long long)tally.created,
                  (unsigned long long)tally.consumed, (unsigned long long)tally.revoked,
                  (unsigned long long)tally.reboots, (unsigned long long)tally.cuts,
                  (unsigned long long)tally.deep_cuts, (unsigned long long)tally.older,
                  (unsigned long long)tally.checked, (unsigned long long)tally.relocated);
    print_message("%llu refused for want of room\n", (unsigned long long)tally.full);
    assert_true(tally.consumed > 100 && tally.cuts > 100 && tally.older > 10 && tally.relocated > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_verbs_and_cuts_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
