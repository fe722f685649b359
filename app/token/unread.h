/*
 * Unread tokens: what a boot leaves on the flash has a slot that is found by the tails of its id and key (tables.h).
 *
 * A boot touches as little memory as it can, as waiting for that is what costs: it only lists what it meets, and reserves
 * the slots. The list stands where the first of these will be; it is a fifth as long. From the newest on, each entry
 * makes room for the slots of those before it, many at a time; one alone gets a slot elsewhere when a look-up means it.
 * Ownership: as table.h. Blocking: none. Failure: fewer are taken when the pool has no room for slots and the texts to come.
 * Limits: TOKENS_LOOSE_MAX, TOKENS_CHAINED_AT_ONCE.
 */
#ifndef JETON_TOKEN_UNREAD_H
#define JETON_TOKEN_UNREAD_H

#include "token/tables.h"

/* Where an unread token is. Its slot holds place and index in created_s and updated_s, and rest_bytes in expires_s. */
struct unread_token {
    uint8_t tails[2 * TOKEN_TAIL_BYTES]; /* of the id, then of the key */
    uint32_t place;
    uint32_t index;
    uint32_t rest_bytes; /* not 0 */
    uint32_t segment;
};

/* List tokens, newer than all that are in the table, with a slot for each. Of each one's rest all but `fixed_bytes` will go to
 * its text: the pool promises as much until it is read. Stops where there is no room, and where slots are free: loose tokens
 * stand in order. Returns how many were taken. */
size_t tokens_take_loose(struct tables *tables, const struct unread_token *list, size_t count,
                         size_t fixed_bytes);

/* A slot in the chains for an unread token that is not loose. No token may be loose. 0: no room. */
uint32_t tokens_take_unread(struct tables *tables, const struct unread_token *unread, size_t fixed_bytes);

/* What the pool promises for the text of such a token. */
size_t tokens_promised_bytes(uint32_t rest_bytes, size_t fixed_bytes);

/* The newest loose token before `ref` with this tail; 0: none. `ref` may be loose_end, or beyond. */
uint32_t tokens_loose_before(const struct tables *tables, uint32_t ref, enum token_tail which,
                             const uint8_t tail[TOKEN_TAIL_BYTES]);

struct unread_token tokens_loose_at(const struct tables *tables, uint32_t ref);

/* It is loose no more, but gone: its slot will be free. */
void tokens_strike(struct tables *tables, uint32_t ref);

/* Give this loose token a slot in the chains; the one reserved for it will be free. False: there is no other one. */
bool tokens_tie(struct tables *tables, uint32_t ref);

/* Make slots of the newest loose tokens, at most TOKENS_CHAINED_AT_ONCE, and enter them in the chains. Of tokens with the same
 * tail of an id the older ones go to `stale` (room for as many), to be dropped at once; returns how many. */
size_t tokens_tie_newest(struct tables *tables, uint32_t *stale);

#endif
