/*
 * A small owner for the store: a dictionary of numbered entries, each with a version, an end of life and a flag
 * "consumed"; and a checker that knows nothing of the store, only what was asked for and what was acknowledged.
 *
 * The owner keeps the rules that service/ keeps: journal first, then the table; one full record for each entry, deltas
 * after it; relocate appends the current state; an expired entry is dropped and forgotten. Entries with odd numbers have
 * their filler in the record's rest.
 * Ownership: one dictionary, static. Blocking: none but the store's.
 * Failure: contents that contradict the payload's own pattern abort with a message.
 */
#ifndef JETON_TESTS_SUPPORT_DICTIONARY_H
#define JETON_TESTS_SUPPORT_DICTIONARY_H

#include "store/store.h"
#include "tests/support/powercut.h"

#define DICTIONARY_ENTRIES_MAX (1 << 18)

struct entry {
    uint32_t segment;
    uint32_t version; /* 0: never created */
    uint32_t filler_bytes;
    int64_t expires_s;
    bool is_consumed;
    bool is_unread; /* its filler is still on the flash, in the frame at `place` */
    uint32_t place;
    uint32_t index;
};

extern struct entry dictionary[DICTIONARY_ENTRIES_MAX];

/* Forget the table (as a power cut does), and give the options to open the store with. */
struct store_options dictionary_start(struct bytes device_secret);

/* Read the rests that are unread. Statuses of store_read_rests. */
enum status dictionary_read_rests(void);

/* Create entry `id` anew: version 1, not consumed. */
enum status dictionary_create(uint32_t id, uint32_t filler_bytes, int64_t expires_s);
enum status dictionary_update(uint32_t id); /* version + 1, by a delta */
enum status dictionary_consume(uint32_t id);

/* Drop what has expired. */
void dictionary_collect(int64_t now_s);

/* Times that relocate was called since the start. */
uint64_t dictionary_relocations(void);

/* ---- the checker ---- */

/* Forget all history: entries as they are in the table now, all of it acknowledged. */
void checker_start(void);
/* After each accepted call above: the entry's state belongs to store position store_newest(). */
void checker_note(uint32_t id);
/* Take the newest notes back. */
void checker_undo(size_t count);
/* What is noted and durable by the store's word is acknowledged. */
void checker_acknowledge(void);
/* As the event loop does: acknowledge what has become durable, and begin the next flush. False: the store is read-only. */
bool checker_flush(int64_t now_s);
/* Is the table what it must be: acknowledged, plus a first part of what was not? Entries past their end count as gone.
 * A message in `why` if not. */
bool checker_agrees(int64_t now_s, char *why, size_t why_bytes);

struct checker_mark checker_here(void);
/* As if the run had ended when so much was noted and acknowledged. */
bool checker_agrees_at(struct checker_mark mark, int64_t now_s, char *why, size_t why_bytes);

/* Put the checker's history aside, and take it back (which frees it). */
struct checker_state;
struct checker_state *checker_save(void);
void checker_restore(struct checker_state *state);

#endif
