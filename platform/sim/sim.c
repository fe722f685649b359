/*
 * The simulated machine: clock, memory, entropy, options, console and the ways a run ends. See sim.h.
 * The wire is in sim_wire.c, the flash in sim_flash.c.
 */
#include "platform/sim/sim.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/sim/sim_parts.h"

#define NS_PER_S         UINT64_C(1000000000)
#define WALL_CLOCK_MIN_S INT64_C(1577836800) /* 2020-01-01: what is before is plainly wrong */

struct run {
    jmp_buf escape;
    struct sim_end end;
    struct run *outer;
};

struct option {
    char name[SIM_OPTION_NAME_MAX];
    char value[SIM_OPTION_VALUE_MAX];
    size_t value_size;
};

struct take {
    void *data;
    size_t size;
};

static struct {
    struct run *run;

    uint64_t now_ns;
    uint64_t tick_ns;
    uint64_t sleep_count;
    bool has_wall_clock;
    int64_t wall_clock_s;      /* at wall_clock_set_ns */
    int64_t wall_clock_set_ns; /* negative after a reboot: set that long before it */
    bool stop_requested;
    uint64_t generation;
    void (*sleep_hook)(void *context, uint64_t deadline_ns);
    void *sleep_context;

    uint64_t entropy_state;
    bool entropy_fails;

    size_t memory_total_bytes;
    size_t memory_taken_bytes;
    size_t take_count;
    size_t fail_take_in; /* 0: no take fails */
    struct take takes[SIM_MEMORY_TAKES_MAX];

    struct option options[SIM_OPTIONS_MAX];
    size_t option_count;

    char *console;
    size_t console_size;
    size_t console_capacity;
    bool console_echo;
} sim = {
    .has_wall_clock = true,
    .wall_clock_s = SIM_DEFAULT_WALL_CLOCK_S,
    .entropy_state = 1,
    .memory_total_bytes = SIM_DEFAULT_MEMORY_BYTES,
};

void *sim_allocate(size_t size)
{
    void *data = calloc(1, size == 0 ? 1 : size);
    if (data == NULL) {
        fputs("sim: the host has no memory left\n", stderr);
        abort();
    }
    return data;
}

void *sim_grow(void *data, size_t size)
{
    void *grown = realloc(data, size);
    if (grown == NULL) {
        fputs("sim: the host has no memory left\n", stderr);
        abort();
    }
    return grown;
}

/* ---- the machine ---- */

void sim_reset(void)
{
    sim.now_ns = 0;
    sim.tick_ns = 0;
    sim.sleep_count = 0;
    sim.stop_requested = false;
    sim.sleep_hook = NULL;
    sim.entropy_state = 1;
    sim.entropy_fails = false;
    sim.memory_total_bytes = SIM_DEFAULT_MEMORY_BYTES;
    sim.memory_taken_bytes = 0;
    sim.take_count = 0;
    sim.fail_take_in = 0;
    sim.option_count = 0;
    sim.console_echo = false;
    sim_set_wall_clock_s(SIM_DEFAULT_WALL_CLOCK_S);
    sim_console_clear();
    sim_wire_reset();
    sim_set_nic(true, true, 1500);
}

void sim_reboot(void)
{
    sim.wall_clock_set_ns -= (int64_t)sim.now_ns;
    sim.now_ns = 0;
    sim.stop_requested = false;
    sim.memory_taken_bytes = 0;
    sim.take_count = 0;
    sim_wire_clear();
}

/* ---- memory ---- */

void sim_set_memory_bytes(size_t total_bytes)
{
    sim.memory_total_bytes = total_bytes;
}

void sim_fail_memory_take(size_t k)
{
    sim.fail_take_in = k;
}

size_t platform_memory_free_bytes(void)
{
    return sim.memory_total_bytes > sim.memory_taken_bytes ? sim.memory_total_bytes - sim.memory_taken_bytes
                                                           : 0;
}

/* Each take is an allocation of its own, so that AddressSanitizer sees its end. A reboot that takes the same sizes again
 * gets the same pages again: rebooting a million times must be cheap. */
static void *take_block(struct take *take, size_t size)
{
    if (take->data != NULL && take->size == size) {
        memset(take->data, 0, size);
        return take->data;
    }
    free(take->data);
    take->data = NULL;
    if (posix_memalign(&take->data, 4096, size == 0 ? 1 : size) != 0)
        take->data = NULL;
    take->size = size;
    if (take->data != NULL)
        memset(take->data, 0, size);
    return take->data;
}

void *platform_memory_take(size_t size_bytes)
{
    size_t rounded = (size_bytes + 4095) & ~(size_t)4095;

    if (sim.fail_take_in != 0 && --sim.fail_take_in == 0)
        return NULL;
    if (rounded < size_bytes || rounded > platform_memory_free_bytes() ||
        sim.take_count == SIM_MEMORY_TAKES_MAX)
        return NULL;
    void *data = take_block(&sim.takes[sim.take_count], size_bytes);
    if (data == NULL)
        return NULL;
    sim.take_count++;
    sim.memory_taken_bytes += rounded;
    return data;
}

/* ---- how a run ends ---- */

struct sim_end sim_run(void (*body)(void *context), void *context)
{
    struct run run;

    memset(&run, 0, sizeof run);
    run.outer = sim.run;
    sim.run = &run;
    if (setjmp(run.escape) == 0)
        body(context);
    sim.run = run.outer;
    return run.end; /* all zero is SIM_END_RETURNED */
}

void sim_end_run(enum sim_end_kind kind, int exit_code, const char *sentence)
{
    if (sim.run == NULL) {
        fprintf(stderr, "sim: the machine ended outside sim_run(): kind %d, exit code %d: %s\n", (int)kind,
                exit_code, sentence);
        abort();
    }
    sim.run->end.kind = kind;
    sim.run->end.exit_code = exit_code;
    snprintf(sim.run->end.sentence, sizeof sim.run->end.sentence, "%s", sentence);
    longjmp(sim.run->escape, 1);
}

void sim_stop_run(void)
{
    sim_end_run(SIM_END_STOPPED, 0, "stopped by the test");
}

void sim_misuse(const char *sentence)
{
    sim_end_run(SIM_END_MISUSE, 0, sentence);
}

void platform_power_off(int exit_code)
{
    sim_end_run(SIM_END_POWER_OFF, exit_code, "power off");
}

void platform_panic(const char *sentence)
{
    sim_end_run(SIM_END_PANIC, 0, sentence);
}

/* ---- time ---- */

void sim_advance_ns(uint64_t duration_ns)
{
    sim.now_ns += duration_ns;
}

uint64_t sim_now_ns(void)
{
    return sim.now_ns;
}

void sim_set_tick_ns(uint64_t tick_ns)
{
    sim.tick_ns = tick_ns;
}

void sim_set_wall_clock_s(int64_t unix_s)
{
    sim.has_wall_clock = true;
    sim.wall_clock_s = unix_s;
    sim.wall_clock_set_ns = (int64_t)sim.now_ns;
}

void sim_clear_wall_clock(void)
{
    sim.has_wall_clock = false;
}

void sim_set_sleep_hook(void (*hook)(void *context, uint64_t deadline_ns), void *context)
{
    sim.sleep_hook = hook;
    sim.sleep_context = context;
}

uint64_t sim_sleep_count(void)
{
    return sim.sleep_count;
}

void sim_request_stop(void)
{
    sim.stop_requested = true;
}

uint64_t platform_monotonic_ns(void)
{
    sim.now_ns += sim.tick_ns;
    return sim.now_ns;
}

enum status platform_wall_clock_s(int64_t *unix_s)
{
    struct bytes option = platform_option("time");

    if (option.size != 0)
        *unix_s = strtoll((const char *)option.data, NULL, 10) + (int64_t)(sim.now_ns / NS_PER_S);
    else if (sim.has_wall_clock)
        *unix_s = sim.wall_clock_s + ((int64_t)sim.now_ns - sim.wall_clock_set_ns) / (int64_t)NS_PER_S;
    else
        return STATUS_NO_CLOCK;
    return *unix_s < WALL_CLOCK_MIN_S ? STATUS_NO_CLOCK : STATUS_OK;
}

static bool something_waits(void)
{
    return sim.stop_requested || sim_wire_waiting();
}

void platform_sleep_until(uint64_t deadline_ns)
{
    uint64_t sync_end_ns = sim_flash_wake_ns();

    sim.sleep_count++;
    deadline_ns = deadline_ns < sync_end_ns ? deadline_ns : sync_end_ns;
    if (something_waits() || deadline_ns <= sim.now_ns)
        return;
    if (sim.sleep_hook != NULL)
        sim.sleep_hook(sim.sleep_context, deadline_ns);
    if (something_waits() || deadline_ns <= sim.now_ns)
        return;
    if (deadline_ns == UINT64_MAX)
        sim_end_run(SIM_END_ASLEEP, 0, "asleep without a deadline and nothing is left to wake it");
    sim.now_ns = deadline_ns;
}

bool platform_stop_requested(void)
{
    return sim.stop_requested;
}

void platform_alive(void)
{
}

uint64_t platform_generation(void)
{
    return sim.generation;
}

void sim_clone(void)
{
    sim.generation++;
}

struct platform_crashes platform_crashes(void)
{
    return (struct platform_crashes){0};
}

/* ---- entropy ---- */

/* splitmix64 (Steele, Lea, Flood 2014): one addition and a mix, any seed is good. */
uint64_t sim_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void sim_seed(uint64_t seed)
{
    sim.entropy_state = seed;
}

void sim_fail_entropy(bool on)
{
    sim.entropy_fails = on;
}

enum status platform_entropy(uint8_t *out, size_t size)
{
    if (sim.entropy_fails)
        return STATUS_IO;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = sim_random(&sim.entropy_state);
        memcpy(out + i, &word, size - i < 8 ? size - i : 8);
    }
    return STATUS_OK;
}

/* ---- options ---- */

static struct option *find_option(const char *name)
{
    for (size_t i = 0; i < sim.option_count; i++) {
        if (strcmp(sim.options[i].name, name) == 0)
            return &sim.options[i];
    }
    return NULL;
}

void sim_set_option(const char *name, const char *value)
{
    struct option *option = find_option(name);

    if (value == NULL) {
        if (option != NULL)
            *option = sim.options[--sim.option_count];
        return;
    }
    if (strlen(name) >= SIM_OPTION_NAME_MAX || strlen(value) >= SIM_OPTION_VALUE_MAX)
        sim_misuse("an option's name or value is too long for the simulator");
    if (option == NULL) {
        if (sim.option_count == SIM_OPTIONS_MAX)
            sim_misuse("too many options for the simulator");
        option = &sim.options[sim.option_count++];
    }
    snprintf(option->name, sizeof option->name, "%s", name);
    snprintf(option->value, sizeof option->value, "%s", value);
    option->value_size = strlen(value);
}

struct bytes platform_option(const char *name)
{
    const struct option *option = find_option(name);

    if (option == NULL)
        return (struct bytes){NULL, 0};
    return (struct bytes){(const uint8_t *)option->value, option->value_size};
}

/* ---- console ---- */

void platform_console_write(struct bytes text)
{
    if (sim.console_size + text.size + 1 > sim.console_capacity) {
        sim.console_capacity = (sim.console_size + text.size + 1) * 2;
        sim.console = sim_grow(sim.console, sim.console_capacity);
    }
    if (text.size != 0)
        memcpy(sim.console + sim.console_size, text.data, text.size);
    sim.console_size += text.size;
    sim.console[sim.console_size] = '\0';
    if (sim.console_echo && text.size != 0)
        fwrite(text.data, 1, text.size, stderr);
}

struct bytes sim_console(void)
{
    platform_console_write((struct bytes){NULL, 0}); /* makes sure that there is a buffer */
    return (struct bytes){(const uint8_t *)sim.console, sim.console_size};
}

void sim_console_clear(void)
{
    sim.console_size = 0;
}

bool sim_console_has(const char *text)
{
    return strstr((const char *)sim_console().data, text) != NULL;
}

void sim_console_echo(bool on)
{
    sim.console_echo = on;
}
