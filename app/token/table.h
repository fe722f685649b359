/*
 * The token table's operations: take and drop a slot, look up by id or key, state, expiry, collection.
 *
 * Ownership: pointers into the table live until the token is dropped. Blocking: none.
 * Failure: 0 when nothing is found or no slot is left.
 */
#ifndef JETON_TOKEN_TABLE_H
#define JETON_TOKEN_TABLE_H

#include <string.h>

#include "token/tables.h"

/* Would a token with a text of this size fit? */
bool tokens_have_room(const struct tables *tables, enum pool_class class, size_t text_bytes);

/* A zeroed slot, in no list yet. 0: full. */
uint32_t tokens_take(struct tables *tables, enum pool_class class);

/* Enter a slot with id and key, or their tails, into the chains. */
void tokens_chain(struct tables *tables, uint32_t ref);
/* A slot that nobody knows, whatever it holds, may be taken. */
void tokens_set_free(struct tables *tables, uint32_t ref);
/* Out of the chains: a slot that was never entered anywhere else is free. */
void tokens_free(struct tables *tables, uint32_t ref);

/* Enter a filled slot in the chains (family, owners, times) into its owner's list and the counts. */
void tokens_enter(struct tables *tables, uint32_t ref, int64_t now_s);

/* Both. */
void tokens_link(struct tables *tables, uint32_t ref, int64_t now_s);

/* Out of everything; text and memos are given back, the slot is free. */
void tokens_drop(struct tables *tables, uint32_t ref);

/* Who has this tail, in a chain; 0: nobody. */
static inline uint32_t tokens_in_chain(const struct tables *tables, uint32_t ref, const uint8_t *tail)
{
    while (ref != 0 && memcmp(tables->tokens[ref].id.bytes + TOKEN_TAIL_AT, tail, TOKEN_TAIL_BYTES) != 0) {
        ref = tables->tokens[ref].id_next;
    }
    return ref;
}

/* The token with this tail of its id, read or unread; among those in the chains only, or among all. */
uint32_t tokens_find_chained(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES]);
uint32_t tokens_find_tail(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES]);
/* In the chains, who has this tail of a key, one after the other; 0: no more. */
uint32_t tokens_first_with_key(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES]);
uint32_t tokens_next_with_key(const struct tables *tables, uint32_t ref);
uint32_t tokens_find_id(const struct tables *tables, const struct uuid *id);
uint32_t tokens_find_key(const struct tables *tables, enum token_family family, const uint8_t key[16]);

/* A key with this tail will be asked for: let the memory come meanwhile that leads to who may have it, and then theirs. */
void tokens_foresee_tail(const struct tables *tables, const uint8_t tail[TOKEN_TAIL_BYTES]);
void tokens_foresee_key(const struct tables *tables, const uint8_t key[16]);

/* Consumed and revoked win over expired. now_s 0 (unknown time): nothing expires. */
enum token_state token_state_at(const struct token *token, int64_t now_s);

/* Keep counts[] true after a change or when time has passed. */
void tokens_recount(struct tables *tables, struct token *token, int64_t now_s);

/* The list that the token is in. */
struct token_list *token_owner_list(const struct tables *tables, const struct token *token);

/* May it be forgotten? Action tokens after their expiry, others TOKEN_RETENTION_S after revocation or expiry; none while a
 * memo of it lives, never the root token. */
bool token_collectable(const struct tables *tables, const struct token *token, int64_t now_s);

/* Active family-1 tokens of a user in a tenant. */
uint32_t tokens_count_active(const struct tables *tables, uint32_t user_ref, uint32_t tenant_ref,
                             int64_t now_s);

/* Tokens that the region could hold now, with 16-character names. */
uint64_t tokens_capacity(const struct tables *tables);

/* What an answer may say. Views point into the table. */
void token_view_of(const struct tables *tables, uint32_t ref, int64_t now_s, struct token_view *view);

#endif
