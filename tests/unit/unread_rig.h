/*
 * A rig for tokens that a boot leaves on the flash: LEFT_COUNT of them, in several frames, by number.
 *
 * Ownership: one set of tokens at a time, made by left_fresh(). Failure: asserts. Limits: as service_rig.h.
 */
#ifndef JETON_TESTS_UNREAD_RIG_H
#define JETON_TESTS_UNREAD_RIG_H

#include "service/state.h"
#include "service_rig.h"

#define LEFT_COUNT 300

struct left {
    uint32_t tenant_ref; /* after each left_reboot() its new one */
    struct uuid tenant_id;
    char headers[LEFT_COUNT][256];
    struct token_view made[LEFT_COUNT];
};
extern struct left left;

/* Make them on the flash that is. */
void left_make(void);

/* A blank flash, and the tokens on it; a cmocka setup. */
int left_fresh(void **state);

/* All is flushed, and the machine boots. */
void left_reboot(void);

/* Authenticate by token i. */
enum status left_sign_in(size_t i);

/* Find token i by its id: it must be there. */
void left_look_up(size_t i, struct token_view *view);

uint32_t left_loose_count(void);

/* No token is loose after it. */
void left_chain_all(void);

/* A record for which a boot ties all that is loose: the end of a user. */
void left_write_what_ties(void);

/* All are listed, in the order in which they were made. */
void left_expect_all_in_order(void);

/* Write a token's record with the tails of another, which it replaces: that one must have been gone. */
void left_write_one_like(const struct token_view *other, const char *name);

#endif
