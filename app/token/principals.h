/*
 * Tenants and users: take, find, drop, walk in creation order.
 *
 * Ownership: pointers into the table live until the principal is dropped. Failure: 0 when not found or full.
 */
#ifndef JETON_TOKEN_PRINCIPALS_H
#define JETON_TOKEN_PRINCIPALS_H

#include "token/tables.h"

bool principals_have_room(const struct tables *tables, const struct principal_table *table,
                          size_t text_bytes);

/* A new principal with this id, at the end of the list. 0: full. */
uint32_t principals_add(struct principal_table *table, const struct uuid *id);

/* Out of the table, with its text and memos; it owns no tokens any more (assert). `owner` says which table. */
void users_drop(struct tables *tables, uint32_t ref);

uint32_t principals_find(const struct principal_table *table, const struct uuid *id);

/* By e-mail, without regard to ASCII case. */
uint32_t users_find_email(const struct tables *tables, struct bytes email);

/* Replay: the principal with this id, made as PRINCIPAL_AWAITED if it is not known yet. 0: full. */
uint32_t principals_await(struct principal_table *table, const struct uuid *id);

/* Give a user its text; the index by e-mail follows. False, and nothing changed, when there is no room. */
bool users_set_text(struct tables *tables, uint32_t ref, struct bytes text);

bool user_is_member(const struct tables *tables, uint32_t user_ref, uint32_t tenant_ref);
bool user_is_granted(const struct tables *tables, uint32_t user_ref, struct bytes capability);

void tenant_view_of(const struct tables *tables, uint32_t ref, struct tenant_view *view);
void user_view_of(const struct tables *tables, uint32_t ref, struct user_view *view);

#endif
