/*
 * What a route asks of its caller, checked before its handler runs.
 *
 * Order of checks, the same for all routes: credential (401), then x-business-id in family 1 (401, 400), then membership,
 * permission or capability (403), then, for creates, how many there were (429). Wrong credentials that were too many are
 * 429 too, before all. Content type and body come after it, in the handler. Family 0's capabilities depend on
 * the body: its handlers check them.
 */
#ifndef JETON_API_AUTH_H
#define JETON_API_AUTH_H

#include "api/exchange.h"

enum needs {
    NEEDS_NOTHING,
    NEEDS_CALLER,   /* any credential (family 0) */
    NEEDS_BUSINESS, /* a user by Bearer, and x-business-id its tenant (family 1) */
    NEEDS_VIEW,     /* a service principal with this permission (family 2) */
    NEEDS_MANAGE,
    NEEDS_ADMIN, /* the operator plane */
    ISSUES = 8   /* beside one of the others: a create, bounded by rates.h */
};

/* Fill exchange->caller, or answer the failure and return false. */
bool authorize(struct exchange *exchange, enum needs needs);

#endif
