/*
 * Changes of tokens that a boot meets while tokens are loose (token/unread.h): they are held here, so that the loose need not
 * become slots before the boot is ready. Where a look-up means a token, what is held for it is applied first; the rest when no
 * token is loose any more. A later copy of a token has in it what was changed before: that is forgotten. So in every order
 * a token comes to what applying each change at its time would have made of it.
 *
 * A token is known by the tail of its id, as in the chains. Of last uses only the newest is held for each.
 * Blocking: none. Failure: held_keep says false when there is no room, or the record is nothing to be held; then the caller
 * ties all loose tokens (unread_settle), which empties this, and applies the record itself. A change that cannot be applied
 * leaves its status in service.held_status: the boot is refused, or nothing is answered any more.
 * Limits: HELD_CHANGES_MAX, HELD_BYTES_MAX in limits.h.
 */
#ifndef JETON_SERVICE_HELD_H
#define JETON_SERVICE_HELD_H

#include "store/store.h"
#include "token/tables.h"

/* Hold nothing; what was held is wiped. */
void held_start(void);

/* What of the tables' memory the changes may take until their tokens are read. */
size_t held_room_bytes(void);

/* Hold this change. False: it must be applied now, after all that is held. */
bool held_keep(const struct store_record *record) MUST_USE;

/* A copy of a token comes: what is held for its tail is in it. */
void held_forget(const uint8_t tail[TOKEN_TAIL_BYTES]);

/* Apply what is held for the token with this tail, which is not loose. True if there was something: slots may be gone. */
bool held_apply(const uint8_t tail[TOKEN_TAIL_BYTES]);

/* Apply all, in the order in which it came; no token is loose. */
void held_apply_all(void);

#endif
