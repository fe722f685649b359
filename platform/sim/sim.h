/*
 * The simulated machine: platform.h under the control of a test. Nothing here depends on real time, on real
 * randomness or on a network, so that a run is the same each time.
 *
 * A test calls sim_reset(), sets what it wants to differ, then calls the code under test, through sim_run() where
 * that code may end the machine (power-off, panic, power cut) or sleep for ever. The flash is sim_flash.h's.
 *
 * Ownership: one machine per process; memory taken by platform_memory_take() dies at the next sim_reset() or
 *   sim_reboot(). Views returned by the functions below live until the next call on the same thing.
 * Blocking: nothing blocks; sleeping moves the virtual clock.
 * Failure: misuse of the platform (a frame too large, a flash rule broken) ends the run with SIM_END_MISUSE, or
 *   aborts with the sentence when no sim_run() is active.
 * Limits: SIM_* below.
 */
#ifndef JETON_PLATFORM_SIM_SIM_H
#define JETON_PLATFORM_SIM_SIM_H

#include "platform/types.h"

#define SIM_OPTIONS_MAX          32
#define SIM_OPTION_NAME_MAX      32
#define SIM_OPTION_VALUE_MAX     4096
#define SIM_MEMORY_TAKES_MAX     256
#define SIM_WIRE_FRAMES_MAX      2048
#define SIM_DEFAULT_MEMORY_BYTES ((size_t)256 * 1024 * 1024)
#define SIM_DEFAULT_WALL_CLOCK_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* ---- the machine ---- */

/* A new machine: clock at 0, seed 1, default wall clock and memory, no options, empty console and wire, interface
 * up with MAC 02:00:00:00:00:01, no hooks. The flash is not touched. */
void sim_reset(void);

/* Switch off and on: memory is taken anew, the wire is empty, the monotonic clock starts at 0 again, nobody has asked
 * to stop. The wall clock goes on; options, seed position, hooks and the console's text stay. */
void sim_reboot(void);

/* Total that platform_memory_take() can give from now on. */
void sim_set_memory_bytes(size_t total_bytes);

/* The k-th next take (1 = the next one) gives NULL, once. 0 switches this off. */
void sim_fail_memory_take(size_t k);

/* ---- how a run ends ---- */

enum sim_end_kind {
    SIM_END_RETURNED,  /* the body returned */
    SIM_END_POWER_OFF, /* platform_power_off(exit_code) */
    SIM_END_PANIC,     /* platform_panic(sentence) */
    SIM_END_POWER_CUT, /* the flash model cut the power as scripted */
    SIM_END_ASLEEP,    /* slept without a deadline, and nothing is left to wake it */
    SIM_END_STOPPED,   /* the test's own hook called sim_stop_run() */
    SIM_END_MISUSE     /* a rule of the platform was broken; the sentence says which */
};

struct sim_end {
    enum sim_end_kind kind;
    int exit_code;
    char sentence[256];
};

/* Run body(context) until it returns or the machine ends. Memory that the body took from malloc is the body's own
 * worry when it is cut. Runs may nest; the innermost one catches. */
struct sim_end sim_run(void (*body)(void *context), void *context);

/* From a hook: end the innermost run with SIM_END_STOPPED. */
_Noreturn void sim_stop_run(void);

/* For the parts of the simulator: end the innermost run. Aborts with the sentence when there is none. */
_Noreturn void sim_end_run(enum sim_end_kind kind, int exit_code, const char *sentence);

/* ---- time ---- */

void sim_advance_ns(uint64_t duration_ns);

/* Each platform_monotonic_ns() call moves the clock by this much (0 at reset): for code that polls it. */
void sim_set_tick_ns(uint64_t tick_ns);

/* The wall clock reads `unix_s` now and goes on with the virtual clock. */
void sim_set_wall_clock_s(int64_t unix_s);

/* The machine has no wall clock. */
void sim_clear_wall_clock(void);

/* Called when the app sleeps with no frame waiting: the test may put frames, advance the clock, request the stop.
 * When the hook leaves nothing to wake up for, the clock jumps to the deadline. NULL removes it. */
void sim_set_sleep_hook(void (*hook)(void *context, uint64_t deadline_ns), void *context);

/* How often platform_sleep_until() was called since the reset. */
uint64_t sim_sleep_count(void);

void sim_request_stop(void);

/* ---- entropy ---- */

/* Same seed, same bytes (splitmix64; not a secret of any kind). */
void sim_seed(uint64_t seed);

/* platform_entropy() answers STATUS_IO while on. */
void sim_fail_entropy(bool on);

/* From now on the machine is a copy of what it was: platform_generation() has gone on. */
void sim_clone(void);

/* The simulator's generator for tests that want more of its kind: the state moves on. */
uint64_t sim_random(uint64_t *state);

/* ---- options and console ---- */

/* Set option `name`, or remove it where value is NULL. Both are copied. */
void sim_set_option(const char *name, const char *value);

/* All that was written to the console since the reset or the last clear, with a NUL after it. */
struct bytes sim_console(void);
void sim_console_clear(void);

/* True when the console's text contains `text`. */
bool sim_console_has(const char *text);

/* Copy the console to stderr too. */
void sim_console_echo(bool on);

/* ---- the wire ---- */

/* Replace the interface's state. */
void sim_set_nic(bool present, bool link_up, uint16_t mtu_bytes);

/* Does the interface fill in check sums that the app leaves out? Not after a reset. */
void sim_set_fills_sums(bool fills);

/* And cuts between segments of TCP, as struct platform_offload says; then it fills sums in too. */
void sim_set_cuts_segments(bool cuts);

/* A frame arrives for the app. STATUS_FULL when SIM_WIRE_FRAMES_MAX wait, STATUS_TOO_LARGE past 64 KiB. */
enum status sim_wire_put(struct bytes frame) MUST_USE;

/* The oldest frame that the app sent and flushed; STATUS_AGAIN when there is none. The view lives until the next
 * sim_wire_take() or reset. */
enum status sim_wire_take(struct bytes *frame) MUST_USE;

/* The app's send queue takes `frames` unflushed and untaken frames before it answers STATUS_AGAIN. */
void sim_set_send_queue(size_t frames);

/* Frames sent but not flushed yet: a missing platform_nic_flush() shows here. */
size_t sim_wire_unflushed(void);

#endif
