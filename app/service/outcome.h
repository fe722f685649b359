/*
 * Outcomes of commands that went upstream under an Idempotency-Key. Private to this folder; the verbs are in service.h.
 *
 * An entry is written when a command is about to go (its answer is empty), and again with the answer. It counts for
 * IDEMPOTENCY_LIFE_S. Limits: SERVICE_OUTCOMES_MAX entries; the answers lie in the tables' pool.
 */
#ifndef JETON_SERVICE_OUTCOME_H
#define JETON_SERVICE_OUTCOME_H

#include "store/store.h"

void outcomes_start(void);
enum status outcomes_apply(const struct store_record *record) MUST_USE;
enum status outcomes_relocate(const struct store_record *record, struct buffer *payload) MUST_USE;

/* Does this key (struct memo's id) stand for a command? */
bool outcomes_have(const uint8_t id[16], int64_t now_s);

/* Forget those that no longer count. */
void outcomes_collect(int64_t now_s);

#endif
