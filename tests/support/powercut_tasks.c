/*
 * The processes of the power-cut runners: each search is divided into shares, a process each, some at a time; what they
 * counted is added up and printed.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/powercut_parts.h"

static bool is_chosen(const struct cut_search *search, const char *word)
{
    return word == NULL || strstr(search->name, word) != NULL;
}

/* One search's share of cuts, in a process of its own. */
struct task {
    const struct cut_search *search;
    pid_t child;
    int end; /* of the pipe that its tally comes through */
};

static struct task start_task(const struct cut_list *list, size_t search, uint32_t share)
{
    int ends[2];
    if (pipe(ends) != 0)
        exit(2);
    fflush(stdout);
    struct task task = {&list->searches[search], fork(), ends[0]};
    if (task.child < 0)
        exit(2);
    if (task.child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* who stops the runner stops them all */
        cut_self.search = search;
        cut_self.share = share;
        bool good = task.search->run(task.search);
        fflush(stdout);
        _exit(write(ends[1], &cut_tally, sizeof cut_tally) == sizeof cut_tally && good ? 0 : 2);
    }
    close(ends[1]);
    return task;
}

static void add_tally(struct cut_tally *sum, const struct cut_tally *one)
{
    for (size_t i = 0; i < CUT_SEARCHES_MAX; i++) {
        for (uint32_t d = 1; d <= CUT_DEPTH_MAX; d++)
            sum->cuts[i][d] += one->cuts[i][d];
    }
    sum->lost += one->lost;
    sum->resurrected += one->resurrected;
    sum->consumed_twice += one->consumed_twice;
    sum->refused += one->refused;
    sum->misuse += one->misuse;
}

/* Wait for any of the tasks, take its counts, and free its place. False: it failed. */
static bool end_task(struct task tasks[CUT_WORKERS], struct cut_tally *sum)
{
    struct cut_tally one;
    int exit_status = 0;
    pid_t child = wait(&exit_status);
    for (int i = 0; i < CUT_WORKERS; i++) {
        if (child <= 0 || tasks[i].child != child)
            continue;
        bool good = read(tasks[i].end, &one, sizeof one) == sizeof one && exit_status == 0;
        close(tasks[i].end);
        tasks[i].child = 0;
        if (good)
            add_tally(sum, &one);
        else
            fprintf(stderr, "powercut: %s: the workload stopped or its process died (wait status %d)\n",
                    tasks[i].search->name, exit_status);
        return good;
    }
    exit(2);
}

/* All chosen searches, CUT_WORKERS processes at a time. */
static bool run_searches(const struct cut_list *list, const char *word, struct cut_tally *sum)
{
    struct task tasks[CUT_WORKERS] = {{0}};
    bool good = true;
    int running = 0;
    for (uint32_t i = 0; i < list->count * CUT_SHARES; i++) {
        if (!is_chosen(&list->searches[i / CUT_SHARES], word))
            continue;
        if (running == CUT_WORKERS)
            good = end_task(tasks, sum) && good;
        else
            running++;
        int place = 0;
        while (tasks[place].child != 0)
            place++;
        tasks[place] = start_task(list, i / CUT_SHARES, i % CUT_SHARES);
    }
    for (; running > 0; running--)
        good = end_task(tasks, sum) && good;
    return good;
}

/* The table, and the one line that counts. Returns how many cuts there were. */
static uint64_t print_counts(const struct cut_list *list, const char *word, const struct cut_tally *sum)
{
    uint64_t all = 0;
    printf("%-20s %10s %10s %10s\n", "cuts", "depth 1", "depth 2", "depth 3");
    for (size_t i = 0; i < list->count; i++) {
        const uint64_t *cuts = sum->cuts[i];
        all += cuts[1] + cuts[2] + cuts[3];
        if (is_chosen(&list->searches[i], word))
            printf("%-20s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", list->searches[i].name, cuts[1],
                   cuts[2], cuts[3]);
    }
    if (sum->misuse > 0)
        printf("%" PRIu64 " runs broke a rule of the flash or stopped\n", sum->misuse);
    printf("%" PRIu64 " distinct cuts, %" PRIu64 " lost, %" PRIu64 " resurrected, %" PRIu64
           " consumed twice, %" PRIu64 " refused boots\n",
           all, sum->lost, sum->resurrected, sum->consumed_twice, sum->refused);
    return all;
}

int cut_main(int argc, char **argv, const struct cut_list lists[2])
{
    struct cut_tally sum = {0};
    const char *word = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0)
            cut_self.is_long = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            cut_seed = strtoull(argv[++i], NULL, 10);
        else
            word = argv[i];
    }
    const struct cut_list *list = &lists[cut_self.is_long];
    bool good = run_searches(list, word, &sum);
    uint64_t count = print_counts(list, word, &sum);
    if (word == NULL && count < list->cuts_min)
        fprintf(stderr, "powercut: at least %" PRIu64 " cuts were wanted\n", list->cuts_min);
    return good && (word != NULL || count >= list->cuts_min) &&
                   sum.lost + sum.resurrected + sum.consumed_twice + sum.refused + sum.misuse == 0
               ? 0
               : 1;
}
