/*
 * What the files of the store bench share. The bench is an app_main() of its own, linked in the place of app/main.c with
 * either platform: build/bench/store (a process) and build/bench/store.elf (an image), and build/bench/store_whole, which
 * measures no calls. Boot options choose what it does:
 *
 *   bench=fill|replay|lookup|amplify|stall|creates   count=N (tokens)   table=BYTES (of the token table)
 *   changes=N (fill: revocations behind the tokens)
 *   live=PERCENT (amplify, stall: of the store's capacity)    cold=PERCENT (amplify: of the live part)
 *   turns=N (stall: of one series)    series=N (stall)    group=N (stall: records of a flush)
 *
 * It says `name=number` on the console, a line each.
 */
#ifndef JETON_BENCH_APP_H
#define JETON_BENCH_APP_H

#include "service/service.h"
#include "store/store.h"

/* Nanoseconds to measure by: of this process on a processor, or of the machine. */
uint64_t bench_clock_ns(void);

void bench_say(const char *name, uint64_t value);
/* End the run with a line of what did not hold. */
void bench_expect(bool holds, const char *what);

/* Start the service; with a blank flash its root becomes the caller of bench_create(). Microseconds that it took. */
uint64_t bench_start(void);
void bench_flush(void);
uint64_t bench_option(const char *name, uint64_t fallback);

/* A family-2 token with a 16-character name; "id:secret" into `pair` unless NULL. */
#define BENCH_PAIR_BYTES (CLIENT_ID_TEXT_BYTES + 1 + CLIENT_SECRET_TEXT_BYTES)
#define BENCH_GROUP      64 /* creates of one flush */
void bench_create(char pair[BENCH_PAIR_BYTES]);
const struct caller *bench_root(void);

/* ---- measured calls (measured.c): what the linker puts in between, by --wrap; all 0 in a program without it ---- */

struct measured {
    uint64_t flash_ns;        /* inside of flash_read, flash_program, flash_erase and flash_sync */
    uint64_t program_ns;      /* of that in flash_program */
    uint64_t appended_bytes;  /* payloads of records that the service asked for */
    uint64_t relocated_bytes; /* and of those that compaction moved */
    int64_t clock_shift_s;    /* added to the wall clock */
};
extern struct measured measured;

void bench_amplify(void);
void bench_stall(void);

#endif
