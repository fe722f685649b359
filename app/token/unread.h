/*
 * Unread tokens: what a boot leaves on the flash has a slot that is found by the tails of its id and key (tables.h).
 *
 * A boot takes slots for all, and chains as few as it can: what costs is waiting for memory at random places of the buckets.
 * The loose ones are chained many at a time, or one by one where a look-up means them.
 * Ownership: as table.h. Blocking: none. Failure: fewer are taken when the pool has no room for slots and the texts to come.
 * Limits: TOKENS_LOOSE_MAX, TOKENS_CHAINED_AT_ONCE.
 */
#ifndef JETON_TOKEN_UNREAD_H
#define JETON_TOKEN_UNREAD_H

#include "token/tables.h"

/* Where an unread token is, and what room it will need. Its slot holds place and index in created_s and updated_s, and
 * rest_bytes in expires_s. */
struct unread_token {
    uint8_t tails[2 * TOKEN_TAIL_BYTES]; /* of the id, then of the key */
    uint32_t place;
    uint32_t index;
    uint32_t rest_bytes;
    uint32_t segment;
    size_t text_bytes; /* promised by the pool until it is read */
};

static inline bool tokens_any_loose(const struct tables *tables)
{
    return tables->loose_first != tables->loose_end;
}

/* Slots for loose tokens, newer than all that are. Stops where there is no room, and where slots are free: with those, loose
 * tokens would not stand in order. Returns how many were taken. */
size_t tokens_take_loose(struct tables *tables, const struct unread_token *list, size_t count);

/* A slot, of a free one's place if there is any, for an unread token that is to be chained at once. No token may be loose.
 * 0: no room. */
uint32_t tokens_take_unread(struct tables *tables, const struct unread_token *unread);

/* The newest loose token before `ref` with this tail; 0: none. `ref` may be loose_end. */
uint32_t tokens_loose_before(const struct tables *tables, uint32_t ref, enum token_tail which,
                             const uint8_t tail[TOKEN_TAIL_BYTES]);

/* Enter this loose token in the chains. */
void tokens_tie(struct tables *tables, uint32_t ref);

/* Enter the oldest loose tokens in the chains, at most TOKENS_CHAINED_AT_ONCE. Tokens whose id has the tail of one that came
 * later go to `stale` (room for as many), to be dropped at once; returns how many. */
size_t tokens_tie_oldest(struct tables *tables, uint32_t *stale);

#endif
