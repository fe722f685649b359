/*
 * Power cuts on the store with the dictionary as its owner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "platform/sim/sim.h"
#include "tests/sim/powercut_subjects.h"
#include "tests/support/dictionary.h"

#define START_S INT64_C(1800000000)
#define IDS     600
#define SYNC_NS 1000000ULL /* of a disk; NOR does not wait */

/* ---- the workload ---- */

static int64_t now_s;

static enum status boot(void)
{
    bool formatted;
    struct store_options options = dictionary_start((struct bytes){NULL, 0});
    enum status status = store_open(&options, &formatted);
    return status == STATUS_OK ? dictionary_read_rests() : status;
}

static void do_verb(void)
{
    uint32_t id = cut_draw(IDS);
    enum status status = STATUS_FULL;
    uint32_t what = cut_draw(10);
    if (dictionary[id].version == 0 || what < 3)
        status = dictionary_create(id, cut_draw(10) == 0 ? cut_draw(1500) : cut_draw(300),
                                   now_s + 20 + cut_draw(1500));
    else if (what < 6 && !dictionary[id].is_consumed)
        status = dictionary_consume(id);
    else
        status = dictionary_update(id);
    if (status == STATUS_OK)
        checker_note(id);
}

/* One turn of the loop: some verbs, perhaps while a sync is under way, a flush, some background work. */
static bool turn(void)
{
    for (uint32_t verbs = cut_draw(4) == 0 ? 1 + cut_draw(12) : 1; verbs > 0; verbs--)
        do_verb();
    sim_advance_ns(cut_draw(3) * (SYNC_NS / 2));
    if (!checker_flush(now_s))
        return false;
    now_s += cut_draw(3);
    if (cut_draw(8) == 0)
        dictionary_collect(now_s);
    store_step(now_s, 100 + cut_draw(1000));
    checker_acknowledge(); /* a step may have ended a flush */
    return true;
}

static bool agrees(struct checker_mark mark, char *why, size_t why_bytes)
{
    return checker_agrees_at(mark, now_s, why, why_bytes);
}

/* ---- the subject ---- */

struct kept {
    struct checker_state *checker;
    int64_t now_s;
};

static void *put_aside(void)
{
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL)
        abort();
    *kept = (struct kept){checker_save(), now_s};
    return kept;
}

static void take_back(void *context)
{
    struct kept *kept = context;
    checker_restore(kept->checker);
    now_s = kept->now_s;
    free(kept);
}

static const struct cut_subject subject = {boot,   turn,      checker_start, checker_here,
                                           agrees, put_aside, take_back};

/* ---- the searches ---- */

static bool start_crypto(void)
{
    static struct heap heap;
    static _Alignas(16) uint8_t region[1024 * 1024];
    sim_reset();
    heap_init(&heap, region, sizeof region);
    return crypto_init(&heap) == STATUS_OK;
}

static void make_flash(enum sim_flash_model model)
{
    if (model == SIM_FLASH_NOR)
        sim_flash_create(model, 4096, 4 + 12 * 8);
    else
        sim_flash_create(model, 32768, 4 + 12);
    sim_flash_set_sync_ns(model == SIM_FLASH_NOR ? 0 : SYNC_NS);
    now_s = START_S;
    cut_random_state = cut_seed;
}

/* A flash that has been in use for a few turns of the log, so that every segment is compacted and erased as we go. */
static bool age(enum sim_flash_model model)
{
    struct store_stats stats = {0};
    uint64_t enough = model == SIM_FLASH_NOR ? 160 : 20;
    make_flash(model);
    bool good = boot() == STATUS_OK;
    while (good && stats.erase_count < enough) {
        checker_start();
        good = turn();
        store_stats(&stats);
    }
    if (!good)
        fprintf(stderr, "powercut: the aging stopped: %s\n", store_sentence());
    checker_start();
    return good;
}

bool powercut_first_boot(const struct cut_search *search)
{
    if (!start_crypto())
        return false;
    make_flash(search->model);
    dictionary_start((struct bytes){NULL, 0});
    checker_start();
    return cut_search(search, &subject);
}

bool powercut_store(const struct cut_search *search)
{
    return start_crypto() && age(search->model) && cut_search(search, &subject);
}
