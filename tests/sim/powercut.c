/*
 * Power cuts, exhaustively: a workload is run once on the simulated flash and its operations are recorded; then, for
 * every operation and every way a cut can leave it, the flash is put into that state, the store boots, and a checker that
 * knows only what was asked for and what was acknowledged compares. From chosen states the run goes on for a few verbs and is
 * cut again (depth 2), and again (depth 3).
 *
 *   powercut [--long] [--seed N]
 *
 * The short run is part of `make test`; the long one is `make powercut`. The last line counts distinct cuts and what went
 * wrong; any wrong outcome is printed with what is needed to repeat it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "tests/support/dictionary.h"

#define START_S     INT64_C(1800000000)
#define IDS         1200
#define WORKERS     2
#define OUTCOMES    12 /* pending sectors of the disk model: all outcomes up to that many, else draws */
#define DEPTH_MAX   3
#define MIXED_SEEDS 2

/* ---- what is counted ---- */

struct tally {
    uint64_t cuts[DEPTH_MAX + 1];
    uint64_t wrong;   /* lost, resurrected or consumed twice: the checker disagreed */
    uint64_t refused; /* boots */
    uint64_t misuse;  /* rules of the flash broken */
};

static struct tally tally;
static uint64_t seed = 1;
static uint64_t random_state;
static bool is_long;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&random_state) % bound);
}

/* ---- a recorded run ---- */

struct step {
    struct sim_operation operation;
    struct checker_mark mark; /* when it began */
};

struct recording {
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
    *step = (struct step){*operation, checker_here()};
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

/* ---- the workload ---- */

static int64_t now_s;

static enum status boot(void)
{
    bool formatted;
    struct store_options options = dictionary_start((struct bytes){NULL, 0});
    return store_open(&options, &formatted);
}

static void do_verb(void)
{
    uint32_t id = draw(IDS);
    enum status status = STATUS_FULL;
    uint32_t what = draw(10);
    if (dictionary[id].version == 0 || what < 3)
        status = dictionary_create(id, draw(10) == 0 ? draw(1500) : draw(300), now_s + 20 + draw(1500));
    else if (what < 6 && !dictionary[id].is_consumed)
        status = dictionary_consume(id);
    else
        status = dictionary_update(id);
    if (status == STATUS_OK)
        checker_note(id);
}

/* One turn of the loop: some verbs, one flush, some background work. */
static bool turn(void)
{
    for (uint32_t verbs = draw(4) == 0 ? 1 + draw(12) : 1; verbs > 0; verbs--)
        do_verb();
    if (store_flush(now_s) != STATUS_OK)
        return false;
    checker_acknowledge();
    now_s += draw(3);
    if (draw(8) == 0)
        dictionary_collect(now_s);
    store_step(now_s, 100 + draw(1000));
    if (store_newest() == store_durable()) /* a step may have flushed for us */
        checker_acknowledge();
    return true;
}

struct run {
    uint32_t turns;
    enum status boot_status;
    bool flushed;
};

static void run_workload(void *context)
{
    struct run *run = context;
    run->boot_status = boot();
    run->flushed = true;
    if (run->boot_status != STATUS_OK)
        return;
    for (uint32_t i = 0; i < run->turns && run->flushed; i++)
        run->flushed = turn();
}

/* ---- cuts ---- */

struct variant {
    enum sim_cut_moment moment;
    uint64_t part;
    enum sim_settle settle;
    uint64_t settle_value;
};

struct place {
    size_t operation[DEPTH_MAX + 1];
    struct variant variant[DEPTH_MAX + 1];
};

static void print_place(const struct place *place, uint32_t depth, const char *what)
{
    static const char *const moments[] = {"before", "torn", "mixed", "after"};
    fprintf(stderr, "powercut: seed %" PRIu64 ":", seed);
    for (uint32_t d = 1; d <= depth; d++) {
        const struct variant *v = &place->variant[d];
        fprintf(stderr, " cut %s operation %zu (part %" PRIu64 ", settled %d/%" PRIu64 ")",
                moments[v->moment], place->operation[d], v->part, (int)v->settle, v->settle_value);
    }
    fprintf(stderr, ": %s\n", what);
}

static void boot_only(void *context)
{
    *(enum status *)context = boot();
}

/* Boot in the state that a cut left, and compare. */
static bool check_cut(const struct place *place, uint32_t depth, struct checker_mark mark)
{
    char why[240];
    enum status status = STATUS_OK;
    struct sim_end end = sim_run(boot_only, &status);
    tally.cuts[depth]++;
    if (end.kind != SIM_END_RETURNED) {
        tally.misuse++;
        print_place(place, depth, end.sentence);
    } else if (status != STATUS_OK) {
        tally.refused++;
        print_place(place, depth, store_sentence());
    } else if (!checker_agrees_at(mark, now_s, why, sizeof why)) {
        tally.wrong++;
        print_place(place, depth, why);
    } else {
        return true;
    }
    return false;
}

/* The ways to cut at one operation. NOR: torn at every grain, mixed, after. Disk: with what is pending lost, kept, or any
 * mix, and with a part of the operation issued. `stride` > 1 leaves torn grains out, but never the first and the last. */
struct variants {
    struct variant list[4096];
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
    for (uint64_t i = 1; i <= (is_long ? 10 : 4); i++)
        add_variant(variants, (struct variant){moment, part, SIM_SETTLE_SEED, sim_random(&random_state) | i});
}

static void list_nor(const struct sim_operation *operation, uint64_t stride, struct variants *variants)
{
    uint64_t parts = sim_flash_torn_parts(operation);
    if (operation->kind == SIM_OPERATION_SYNC)
        return;
    for (uint64_t part = 1; part <= parts; part++) {
        if (part % stride == 1 % stride || part == parts)
            add_variant(variants, (struct variant){SIM_CUT_TORN, part, SIM_SETTLE_KEPT, 0});
    }
    for (uint64_t i = 1; i <= MIXED_SEEDS && parts > 1; i++)
        add_variant(variants,
                    (struct variant){SIM_CUT_MIXED, sim_random(&random_state) | 1, SIM_SETTLE_KEPT, 0});
    add_variant(variants, (struct variant){SIM_CUT_AFTER, 0, SIM_SETTLE_KEPT, 0});
}

static void list_disk(const struct sim_operation *operation, uint64_t stride,
                      const struct sim_flash_snapshot *before, struct variants *variants)
{
    uint64_t parts = sim_flash_torn_parts(operation);
    sim_flash_restore(before);
    if (operation->kind == SIM_OPERATION_SYNC) {
        add_variant(variants, (struct variant){SIM_CUT_AFTER, 0, SIM_SETTLE_KEPT, 0});
        return;
    }
    sim_flash_apply(operation, SIM_CUT_AFTER, 0);
    add_settlements(variants, SIM_CUT_AFTER, 0, sim_flash_outcome_count());
    for (uint64_t part = 1; part <= parts; part++) {
        if (part % stride != 1 % stride)
            continue;
        add_variant(variants, (struct variant){SIM_CUT_TORN, part, SIM_SETTLE_KEPT, 0});
        add_variant(variants,
                    (struct variant){SIM_CUT_TORN, part, SIM_SETTLE_SEED, sim_random(&random_state)});
    }
}

static void apply_variant(const struct sim_operation *operation, const struct variant *variant)
{
    sim_flash_apply(operation, variant->moment, variant->part);
    sim_flash_settle(variant->settle, variant->settle_value);
}

/* ---- the search ---- */

struct search {
    enum sim_flash_model model;
    uint64_t stride[DEPTH_MAX + 1]; /* torn grains: every so many */
    uint32_t deeper[DEPTH_MAX + 1]; /* one of so many states is cut again; 0: none */
    uint32_t turns[DEPTH_MAX + 1];  /* of the workload at that depth */
    uint32_t worker;
};

static void cut_everywhere(const struct search *search, uint32_t depth, const struct recording *recording,
                           struct place *place);

/* The flash is in the state that a cut left, and boots well: go on from there, and cut again. */
static void go_deeper(const struct search *search, uint32_t depth, struct place *place)
{
    struct recording recording = {0};
    struct run run = {.turns = search->turns[depth]};
    int64_t before_s = now_s;
    struct sim_flash_snapshot *state = sim_flash_save();
    checker_start(); /* what this boot found is what the next must keep; it was compared just now */
    sim_flash_set_operation_hook(record_operation, &recording);
    struct sim_end end = sim_run(run_workload, &run);
    sim_flash_set_operation_hook(NULL, NULL);
    if (end.kind != SIM_END_RETURNED || run.boot_status != STATUS_OK || !run.flushed) {
        tally.misuse++;
        print_place(place, depth - 1, end.kind == SIM_END_RETURNED ? store_sentence() : end.sentence);
    }
    sim_flash_restore(state);
    cut_everywhere(search, depth, &recording, place);
    sim_flash_snapshot_free(state);
    recording_free(&recording);
    now_s = before_s;
}

/* Cut at every operation of a recording whose start the flash is in now. */
static void cut_everywhere(const struct search *search, uint32_t depth, const struct recording *recording,
                           struct place *place)
{
    static struct variants listed[DEPTH_MAX + 1];
    struct variants *variants = &listed[depth];
    struct sim_flash_snapshot *before = sim_flash_save();
    for (size_t k = 0; k < recording->count; k++) {
        const struct step *step = &recording->steps[k];
        bool mine = depth > 1 || k % WORKERS == search->worker;
        variants->count = 0;
        if (search->model == SIM_FLASH_NOR)
            list_nor(&step->operation, search->stride[depth], variants);
        else
            list_disk(&step->operation, search->stride[depth], before, variants);
        for (size_t v = 0; mine && v < variants->count; v++) {
            place->operation[depth] = k;
            place->variant[depth] = variants->list[v];
            sim_flash_restore(before);
            apply_variant(&step->operation, &variants->list[v]);
            bool good = check_cut(place, depth, step->mark);
            if (good && depth < DEPTH_MAX && search->deeper[depth] != 0 && draw(search->deeper[depth]) == 0) {
                struct checker_state *kept = checker_save();
                go_deeper(search, depth + 1, place);
                checker_restore(kept);
            }
        }
        sim_flash_restore(before);
        sim_flash_apply(&step->operation, SIM_CUT_AFTER, 0);
        sim_flash_snapshot_free(before);
        before = sim_flash_save();
    }
    sim_flash_snapshot_free(before);
}

/* A flash that has been in use for a few turns of the log, so that every segment is compacted and erased as we go. */
static void age(enum sim_flash_model model)
{
    struct run run = {.turns = 0};
    if (model == SIM_FLASH_NOR)
        sim_flash_create(model, 4096, 4 + 12 * 8);
    else
        sim_flash_create(model, 32768, 4 + 12);
    checker_start();
    run_workload(&run);
    struct store_stats stats = {0};
    while (stats.erase_count < 8 * 20) {
        if (!turn()) {
            fprintf(stderr, "powercut: the aging stopped: %s\n", store_sentence());
            exit(2);
        }
        store_stats(&stats);
        if (model == SIM_FLASH_DISK && stats.erase_count >= 20)
            break;
    }
}

static void search_model(const struct search *search)
{
    struct recording recording = {0};
    struct place place = {0};
    struct run run = {.turns = search->turns[1]};
    now_s = START_S;
    random_state = seed;
    age(search->model);
    checker_start();
    struct sim_flash_snapshot *state = sim_flash_save();
    sim_flash_set_operation_hook(record_operation, &recording);
    uint64_t relocated = dictionary_relocations();
    run_workload(&run);
    sim_flash_set_operation_hook(NULL, NULL);
    if (run.boot_status != STATUS_OK || !run.flushed) {
        fprintf(stderr, "powercut: the workload stopped: %s\n", store_sentence());
        exit(2);
    }
    relocated = dictionary_relocations();
    if (search->worker == 0)
        printf("%s: %" PRIu32 " groups, %zu verbs, %zu flash operations, %" PRIu64 " records compacted\n",
               search->model == SIM_FLASH_NOR ? "NOR" : "disk", run.turns, checker_here().noted,
               recording.count, relocated);
    fflush(stdout);
    sim_flash_restore(state);
    cut_everywhere(search, 1, &recording, &place);
    sim_flash_snapshot_free(state);
    recording_free(&recording);
}

/* Cuts while a blank flash is formatted, all depths exhaustively: never a refusal. */
static void search_format(enum sim_flash_model model, uint32_t worker)
{
    struct search search = {model, {1, 1, 1, 1}, {0, 1, 0, 0}, {0, 1, 1, 1}, worker};
    struct recording recording = {0};
    struct place place = {0};
    struct run run = {.turns = 1};
    now_s = START_S;
    random_state = seed;
    if (model == SIM_FLASH_NOR)
        sim_flash_create(model, 4096, 4 + 12 * 8);
    else
        sim_flash_create(model, 32768, 4 + 12);
    dictionary_start((struct bytes){NULL, 0});
    checker_start();
    struct sim_flash_snapshot *state = sim_flash_save();
    sim_flash_set_operation_hook(record_operation, &recording);
    run_workload(&run);
    sim_flash_set_operation_hook(NULL, NULL);
    sim_flash_restore(state);
    cut_everywhere(&search, 1, &recording, &place);
    sim_flash_snapshot_free(state);
    recording_free(&recording);
}

static void search_all(uint32_t worker)
{
    struct search nor = {SIM_FLASH_NOR,
                         {1, is_long ? 1 : 16, is_long ? 4 : 32, 32},
                         {0, is_long ? 60 : 300, 400, 0},
                         {0, 300, 5, 3},
                         worker};
    struct search disk = {
        SIM_FLASH_DISK, {1, 1, 2, 8}, {0, is_long ? 60 : 300, 400, 0}, {0, 300, 5, 3}, worker};
    search_format(SIM_FLASH_NOR, worker);
    search_format(SIM_FLASH_DISK, worker);
    search_model(&nor);
    search_model(&disk);
}

/* ---- workers ---- */

static void start_machine(void)
{
    static struct heap heap;
    static _Alignas(16) uint8_t region[1024 * 1024];
    sim_reset();
    heap_init(&heap, region, sizeof region);
    if (crypto_init(&heap) != STATUS_OK)
        exit(2);
}

static int start_worker(uint32_t worker)
{
    int ends[2];
    if (pipe(ends) != 0)
        exit(2);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        exit(2);
    if (child == 0) {
        close(ends[0]);
        start_machine();
        search_all(worker);
        fflush(stdout);
        _exit(write(ends[1], &tally, sizeof tally) == sizeof tally ? 0 : 2);
    }
    close(ends[1]);
    return ends[0];
}

static bool add_worker(int end, struct tally *sum)
{
    struct tally one;
    int exit_status = 0;
    bool good = read(end, &one, sizeof one) == sizeof one;
    close(end);
    if (wait(&exit_status) < 0 || exit_status != 0 || !good)
        return false;
    for (uint32_t d = 1; d <= DEPTH_MAX; d++)
        sum->cuts[d] += one.cuts[d];
    sum->wrong += one.wrong;
    sum->refused += one.refused;
    sum->misuse += one.misuse;
    return true;
}

int main(int argc, char **argv)
{
    struct tally sum = {0};
    int ends[WORKERS];
    bool good = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0)
            is_long = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        ends[i] = start_worker(i);
    for (uint32_t i = 0; i < WORKERS; i++)
        good = add_worker(ends[i], &sum) && good;
    printf("depth 1: %" PRIu64 ", depth 2: %" PRIu64 ", depth 3: %" PRIu64 " cuts; %" PRIu64 " broken runs\n",
           sum.cuts[1], sum.cuts[2], sum.cuts[3], sum.misuse);
    printf("%" PRIu64 " distinct cuts, %" PRIu64 " lost, resurrected or consumed twice, %" PRIu64
           " refused boots\n",
           sum.cuts[1] + sum.cuts[2] + sum.cuts[3], sum.wrong, sum.refused);
    return good && sum.wrong + sum.refused + sum.misuse == 0 ? 0 : 1;
}
