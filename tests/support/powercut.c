/*
 * The engine of the power-cut runners: record a workload once, then cut at every operation, boot, compare, go deeper.
 */
#include "tests/support/powercut_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/sim/sim.h"
#include "store/store.h"

#define VARIANTS_MAX 4096 /* ways to cut at one operation */
#define OUTCOMES     12   /* pending sectors of the disk model: all outcomes up to that many, else draws */
#define MIXED_SEEDS  2
#define LATE_SEEDS   2 /* the next group whole, the one that is being synced in shreds */

/* ---- what is counted ---- */

struct cut_tally cut_tally;
struct cut_self cut_self;
uint64_t cut_seed = 1;
uint64_t cut_random_state;

uint32_t cut_draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&cut_random_state) % bound);
}

/* ---- a recorded run ---- */

struct step {
    const struct cut_subject *subject;
    struct sim_operation operation;
    struct checker_mark mark; /* when it began */
};

struct recording {
    const struct cut_subject *subject;
    struct step *steps;
    size_t count;
    size_t capacity;
};

static void record_operation(void *context, const struct sim_operation *operation)
{
    struct recording *recording = context;
    if (recording->count == recording->capacity) {
        recording->capacity = recording->capacity == 0 ? 256 : recording->capacity * 2;
        recording->steps = realloc(recording->steps, recording->capacity * sizeof *recording->steps);
        if (recording->steps == NULL)
            abort();
    }
    struct step *step = &recording->steps[recording->count++];
    *step = (struct step){recording->subject, *operation, recording->subject->here()};
    if (operation->data.size > 0) {
        uint8_t *copy = malloc(operation->data.size);
        if (copy == NULL)
            abort();
        memcpy(copy, operation->data.data, operation->data.size);
        step->operation.data.data = copy;
    }
}

static void recording_free(struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++) {
        union {
            const uint8_t *view;
            void *memory;
        } data = {.view = recording->steps[i].operation.data.data};
        free(data.memory);
    }
    free(recording->steps);
    *recording = (struct recording){0};
}

/* ---- runs ---- */

struct run {
    const struct cut_subject *subject;
    uint32_t turns;
    enum status boot_status;
    bool flushed;
};

static void run_workload(void *context)
{
    struct run *run = context;
    run->boot_status = run->subject->boot();
    run->flushed = true;
    if (run->boot_status != STATUS_OK)
        return;
    for (uint32_t i = 0; i < run->turns && run->flushed; i++)
        run->flushed = run->subject->turn();
}

/* ---- cuts ---- */

struct variant {
    enum sim_cut_moment moment;
    uint64_t part;
    enum sim_settle settle;
    uint64_t settle_value;
};

struct place {
    size_t operation[CUT_DEPTH_MAX + 1];
    struct variant variant[CUT_DEPTH_MAX + 1];
};

static void print_place(const struct place *place, uint32_t depth, const char *what)
{
    static const char *const moments[] = {"before", "torn", "mixed", "after"};
    fprintf(stderr, "powercut: seed %" PRIu64 ":", cut_seed);
    for (uint32_t d = 1; d <= depth; d++) {
        const struct variant *v = &place->variant[d];
        fprintf(stderr, " cut %s operation %zu (part %" PRIu64 ", settled %d/%" PRIu64 ")",
                moments[v->moment], place->operation[d], v->part, (int)v->settle, v->settle_value);
    }
    fprintf(stderr, ": %s\n", what);
}

static void boot_only(void *context)
{
    struct run *run = context;
    run->boot_status = run->subject->boot();
}

/* Boot in the state that a cut left, and compare. */
static bool check_cut(const struct cut_subject *subject, const struct place *place, uint32_t depth,
                      struct checker_mark mark)
{
    char why[240];
    struct run run = {.subject = subject};
    struct sim_end end = sim_run(boot_only, &run);
    cut_tally.cuts[cut_self.search][depth]++;
    if (end.kind != SIM_END_RETURNED) {
        cut_tally.misuse++;
        print_place(place, depth, end.sentence);
    } else if (run.boot_status != STATUS_OK) {
        cut_tally.refused++;
        print_place(place, depth, store_sentence());
    } else if (!subject->agrees(mark, why, sizeof why)) {
        cut_tally.resurrected += strncmp(why, "resurrected", 11) == 0;
        cut_tally.consumed_twice += strncmp(why, "consumed", 8) == 0;
        cut_tally.lost += strncmp(why, "lost", 4) == 0;
        print_place(place, depth, why);
    } else {
        return true;
    }
    return false;
}

/* The ways to cut at one operation. NOR: torn at every grain, mixed, after. Disk: with what is pending lost, kept, or any
 * mix, and with a part of the operation issued. `stride` > 1 leaves torn grains out, but never the first and the last. */
struct variants {
    struct variant list[VARIANTS_MAX];
    size_t count;
};

static void add_variant(struct variants *variants, struct variant variant)
{
    if (variants->count < sizeof variants->list / sizeof variants->list[0])
        variants->list[variants->count++] = variant;
}

static void add_settlements(struct variants *variants, enum sim_cut_moment moment, uint64_t part,
                            uint64_t outcomes)
{
    if (outcomes <= OUTCOMES) {
        for (uint64_t i = 0; i < outcomes; i++)
            add_variant(variants, (struct variant){moment, part, SIM_SETTLE_INDEX, i});
        return;
    }
    add_variant(variants, (struct variant){moment, part, SIM_SETTLE_LOST, 0});
    add_variant(variants, (struct variant){moment, part, SIM_SETTLE_KEPT, 0});
    for (uint64_t i = 0; i <= LATE_SEEDS; i++)
        add_variant(variants, (struct variant){moment, part, SIM_SETTLE_LATE,
                                               i == 0 ? 0 : sim_random(&cut_random_state) | 1});
    for (uint64_t i = 1; i <= (cut_self.is_long ? 10 : 4); i++)
        add_variant(variants,
                    (struct variant){moment, part, SIM_SETTLE_SEED, sim_random(&cut_random_state) | i});
}

static void list_nor(const struct sim_operation *operation, uint64_t stride, struct variants *variants)
{
    uint64_t parts = sim_flash_torn_parts(operation);
    if (operation->kind == SIM_OPERATION_SYNC || operation->kind == SIM_OPERATION_SYNC_BEGIN)
        return;
    for (uint64_t part = 1; part <= parts; part++) {
        if (part % stride == 1 % stride || part == parts)
            add_variant(variants, (struct variant){SIM_CUT_TORN, part, SIM_SETTLE_KEPT, 0});
    }
    for (uint64_t i = 1; i <= MIXED_SEEDS && parts > 1; i++)
        add_variant(variants,
                    (struct variant){SIM_CUT_MIXED, sim_random(&cut_random_state) | 1, SIM_SETTLE_KEPT, 0});
    add_variant(variants, (struct variant){SIM_CUT_AFTER, 0, SIM_SETTLE_KEPT, 0});
}

static void list_disk(const struct sim_operation *operation, uint64_t stride,
                      const struct sim_flash_snapshot *before, struct variants *variants)
{
    uint64_t parts = sim_flash_torn_parts(operation);
    sim_flash_restore(before);
    if (operation->kind == SIM_OPERATION_SYNC_BEGIN) /* leaves what the operation before it left */
        return;
    sim_flash_apply(operation, SIM_CUT_AFTER, 0);
    add_settlements(variants, SIM_CUT_AFTER, 0, sim_flash_outcome_count());
    for (uint64_t part = 1; part <= parts; part++) {
        if (part % stride != 1 % stride)
            continue;
        add_variant(variants, (struct variant){SIM_CUT_TORN, part, SIM_SETTLE_KEPT, 0});
        add_variant(variants,
                    (struct variant){SIM_CUT_TORN, part, SIM_SETTLE_SEED, sim_random(&cut_random_state)});
    }
}

static void apply_variant(const struct sim_operation *operation, const struct variant *variant)
{
    sim_flash_apply(operation, variant->moment, variant->part);
    sim_flash_settle(variant->settle, variant->settle_value);
}

/* ---- states seen ---- */

/* What the cuts at one operation left behind. */
struct seen {
    uint64_t prints[VARIANTS_MAX];
    size_t count;
};

static bool is_new_state(struct seen *seen, const struct sim_flash_snapshot *before)
{
    uint64_t print = sim_flash_difference(before);
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->prints[i] == print)
            return false;
    }
    seen->prints[seen->count++] = print;
    return true;
}

/* ---- the search ---- */

static void cut_everywhere(const struct cut_search *search, uint32_t depth, const struct recording *recording,
                           struct place *place);

/* The flash is in the state that a cut left, and boots well: go on from there, and cut again. */
static void go_deeper(const struct cut_search *search, const struct cut_subject *subject, uint32_t depth,
                      struct place *place)
{
    struct recording recording = {.subject = subject};
    struct run run = {.subject = subject, .turns = search->turns[depth]};
    void *kept = subject->put_aside();
    struct sim_flash_snapshot *state = sim_flash_save();
    subject->start(); /* what this boot found is what the next must keep; it was compared just now */
    sim_flash_set_operation_hook(record_operation, &recording);
    struct sim_end end = sim_run(run_workload, &run);
    sim_flash_set_operation_hook(NULL, NULL);
    if (end.kind != SIM_END_RETURNED || run.boot_status != STATUS_OK || !run.flushed) {
        cut_tally.misuse++;
        print_place(place, depth - 1, end.kind == SIM_END_RETURNED ? store_sentence() : end.sentence);
    }
    sim_flash_restore(state);
    cut_everywhere(search, depth, &recording, place);
    sim_flash_snapshot_free(state);
    recording_free(&recording);
    subject->take_back(kept);
}

/* Cut at one operation in all listed ways; `before` is the flash when it began. */
static void cut_operation(const struct cut_search *search, uint32_t depth, const struct step *step,
                          const struct sim_flash_snapshot *before, struct place *place)
{
    static struct variants listed[CUT_DEPTH_MAX + 1];
    static struct seen seen[CUT_DEPTH_MAX + 1];
    struct variants *variants = &listed[depth];
    variants->count = 0;
    seen[depth].count = 0;
    if (search->model == SIM_FLASH_NOR)
        list_nor(&step->operation, search->stride[depth], variants);
    else
        list_disk(&step->operation, search->stride[depth], before, variants);
    bool mine = depth > 1 || place->operation[depth] % CUT_SHARES == cut_self.share;
    for (size_t v = 0; mine && v < variants->count; v++) {
        place->variant[depth] = variants->list[v];
        sim_flash_restore(before);
        apply_variant(&step->operation, &variants->list[v]);
        if (!is_new_state(&seen[depth], before))
            continue;
        bool good = check_cut(step->subject, place, depth, step->mark);
        if (good && depth < CUT_DEPTH_MAX && search->deeper[depth] != 0 &&
            cut_draw(search->deeper[depth]) == 0)
            go_deeper(search, step->subject, depth + 1, place);
    }
}

/* Cut at every operation of a recording whose start the flash is in now. */
static void cut_everywhere(const struct cut_search *search, uint32_t depth, const struct recording *recording,
                           struct place *place)
{
    struct sim_flash_snapshot *before = sim_flash_save();
    for (size_t k = 0; k < recording->count; k++) {
        place->operation[depth] = k;
        cut_operation(search, depth, &recording->steps[k], before, place);
        sim_flash_restore(before);
        sim_flash_apply(&recording->steps[k].operation, SIM_CUT_AFTER, 0);
        sim_flash_snapshot_free(before);
        before = sim_flash_save();
    }
    sim_flash_snapshot_free(before);
}

bool cut_search(const struct cut_search *search, const struct cut_subject *subject)
{
    struct recording recording = {.subject = subject};
    struct place place = {0};
    struct run run = {.subject = subject, .turns = search->turns[1]};
    struct sim_flash_snapshot *state = sim_flash_save();
    sim_flash_set_operation_hook(record_operation, &recording);
    run_workload(&run);
    sim_flash_set_operation_hook(NULL, NULL);
    if (run.boot_status != STATUS_OK || !run.flushed) {
        fprintf(stderr, "%s: the workload stopped: %s\n", search->name, store_sentence());
        return false;
    }
    struct store_stats stats;
    store_stats(&stats);
    if (cut_self.share == 0)
        printf("%s: %" PRIu32 " groups, %zu verbs, %zu flash operations, %" PRIu64 " records compacted\n",
               search->name, run.turns, subject->here().noted, recording.count, stats.relocated_count);
    fflush(stdout);
    sim_flash_restore(state);
    cut_everywhere(search, 1, &recording, &place);
    sim_flash_snapshot_free(state);
    recording_free(&recording);
    return true;
}
