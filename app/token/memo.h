/*
 * Memos of idempotency keys: which entity a key made (or consumed, or rotated), found by a MAC of caller and key.
 *
 * The memo itself is a field of the entity (FIELD_MEMO: what 1, time 4, id 16, payload digest 16), so that it is written
 * and collected with it; the index here finds it by id and lives in the pool. It counts for IDEMPOTENCY_LIFE_S.
 * Ownership: the tables. Failure: a full pool: memos_learn says false and the keys of this text are not remembered.
 */
#ifndef JETON_TOKEN_MEMO_H
#define JETON_TOKEN_MEMO_H

#include "token/tables.h"

enum memo_owner {
    MEMO_TOKEN,
    MEMO_TENANT,
    MEMO_USER
};

enum memo_what {
    MEMO_CREATED = 1,
    MEMO_CONSUMED = 2,
    MEMO_ROTATED = 3
};

struct memo {
    enum memo_what what;
    int64_t at_s;
    uint8_t id[16];     /* MAC of caller and key */
    uint8_t digest[16]; /* first half of the payload's digest */
    enum memo_owner owner;
    uint32_t ref;
};

/* Append the memo as a field. */
void memo_append(struct buffer *text, const struct memo *memo);

/* The memo with this id that still counts at now_s; false when there is none. */
bool memos_find(const struct tables *tables, const uint8_t id[16], int64_t now_s, struct memo *memo);

/* Memos in a text: all, and those that still count. */
size_t memos_count(struct bytes text);
size_t memos_count_alive(struct bytes text, int64_t now_s);

/* Append all fields of `text` but memos that no longer count. */
void memos_copy_alive(struct buffer *out, struct bytes text, int64_t now_s);

/* Index all memos of an entity's text; forget them before the text changes. */
bool memos_learn(struct tables *tables, enum memo_owner owner, uint32_t ref, uint32_t text);
void memos_forget(struct tables *tables, enum memo_owner owner, uint32_t ref, uint32_t text);

/* Give the entity a new text, memos included; *handle is the entity's. False, and nothing changed, when there is no
 * room. */
bool entity_set_text(struct tables *tables, enum memo_owner owner, uint32_t ref, uint32_t *handle,
                     struct bytes text);

#endif
