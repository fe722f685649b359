/*
 * Power cuts on the real service: verbs of all families, compaction running.
 *
 * The checker is the service's model: a copy of it after each verb, and the rule that a boot must find the last acknowledged
 * copy or a later one, whole. Every token is then asked for: none lost, none alive again, none consumable twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"
#include "tests/sim/powercut_subjects.h"
#include "tests/unit/service_model.h"

#define COPIES_MAX   1200
#define FLASH_BLOCKS 16
#define SYNC_NS      1000ULL /* of a disk; NOR does not wait */

/* Copies after each verb; those of the runs below lie behind those of the runs above. */
static struct {
    struct model *copies;
    size_t first; /* of this run: true and acknowledged when it began */
    size_t count;
    size_t acknowledged;
} history;

static void note(void)
{
    if (history.copies == NULL)
        history.copies = calloc(COPIES_MAX, sizeof *history.copies);
    if (history.copies == NULL || history.count == COPIES_MAX)
        abort();
    history.copies[history.count++] = now;
}

/* The newest copy that is durable by the store's word. */
static void acknowledge(void)
{
    while (history.acknowledged + 1 < history.count &&
           history.copies[history.acknowledged + 1].position <= store_durable())
        history.acknowledged++;
}

static void start(void)
{
    history.first = history.count;
    history.acknowledged = history.count;
    note();
}

static struct checker_mark here(void)
{
    return (struct checker_mark){history.count, history.acknowledged};
}

struct kept {
    size_t first, count, acknowledged;
    struct model now;
};

static void *put_aside(void)
{
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL)
        abort();
    *kept = (struct kept){history.first, history.count, history.acknowledged, now};
    return kept;
}

static void take_back(void *context)
{
    struct kept *kept = context;
    history.first = kept->first;
    history.count = kept->count;
    history.acknowledged = kept->acknowledged;
    now = kept->now;
    free(kept);
}

static bool agrees(struct checker_mark mark, char *why, size_t why_bytes)
{
    size_t found = history.first;
    uint64_t newest = store_newest();
    for (size_t i = history.first; i < mark.noted; i++)
        found = history.copies[i].position <= newest ? i : found;
    if (history.copies[mark.acknowledged].position > newest) {
        snprintf(why, why_bytes, "lost: acknowledged up to record %llu, found %llu",
                 (unsigned long long)history.copies[mark.acknowledged].position, (unsigned long long)newest);
        return false;
    }
    now = history.copies[found];
    bool all_first = newest % 2 == 0; /* tokens are read in another order, and one by one, else */
    enum status status = all_first ? service_read_all() : STATUS_OK;
    if (status == STATUS_OK)
        check_all(); /* asserts */
    if (status == STATUS_OK)
        status = service_read_all();
    if (status != STATUS_OK)
        snprintf(why, why_bytes, "refused after the boot: %s", store_sentence());
    return status == STATUS_OK;
}

static bool turn(void)
{
    for (uint32_t verbs = 1 + cut_draw(4); verbs > 0; verbs--) {
        model_verb();
        note();
    }
    if (cut_draw(4) == 0)
        (void)service_read_some();
    if (cut_draw(4) == 0)
        (void)service_step(300);
    sim_advance_ns(cut_draw(3) * (SYNC_NS / 2));
    enum status status = store_flush_poll();
    acknowledge();
    store_flush_begin(service_now_s());
    if (status != STATUS_READ_ONLY)
        status = store_flush_poll();
    acknowledge();
    /* No group is sealed in a later second than its verbs: replay knows their time by it. */
    if (status == STATUS_OK)
        rig_advance_s(cut_draw(8));
    (void)store_step(service_now_s(), 1000);
    acknowledge();
    return status != STATUS_READ_ONLY;
}

static const struct cut_subject subject = {rig_try_reboot, turn, start, here, agrees, put_aside, take_back};

bool powercut_service(const struct cut_search *search)
{
    struct store_stats stats = {0};
    cut_random_state = cut_seed;
    rig.flash_model = search->model;
    rig_new_with(RIG_TABLE_BYTES, FLASH_BLOCKS);
    sim_flash_set_sync_ns(search->model == SIM_FLASH_NOR ? 0 : SYNC_NS);
    model_start(cut_seed);
    while (stats.erase_count < 3) {
        history.count = 0;
        start();
        if (!turn())
            return false;
        store_stats(&stats);
    }
    history.count = 0;
    start();
    return cut_search(search, &subject);
}
