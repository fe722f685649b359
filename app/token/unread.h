/*
 * Unread tokens: what a boot leaves on the flash has a slot that is found by the tails of its id and key (tables.h).
 *
 * A boot comes here for each of its tokens, so both steps take many at a time: what costs is waiting for memory, at random
 * places of the buckets, not the work.
 * Ownership: as table.h. Blocking: none. Failure: fewer are taken when the pool has no room for slots and the texts to come.
 * Limits: TOKENS_CHAINED_AT_ONCE.
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

/* Slots for unread tokens, in no chain yet. Stops where there is no room; returns how many were taken. */
size_t tokens_take_unread(struct tables *tables, const struct unread_token *list, size_t count,
                          uint32_t *refs);

/* Enter them in the chains by their tails, at most TOKENS_CHAINED_AT_ONCE. Tokens whose id has the tail of one that came
 * later go to `stale` (room for `count`), to be dropped at once; returns how many. */
size_t tokens_chain_unread(struct tables *tables, const uint32_t *refs, size_t count, uint32_t *stale);

#endif
