/*
 * Every failure of the wire contract, told in the dialect of the family whose path was asked (WIRE.md section 1):
 *
 *   family 0  {"code","details"?,"message"}
 *   family 1  {"detail"}
 *   family 2  {"status","code","message","details"?}, also for paths of no family
 *
 * Ownership: texts given are copied into the answer. Failure: none.
 */
#ifndef JETON_API_ERRORS_H
#define JETON_API_ERRORS_H

#include "api/exchange.h"

enum fault {
    FAULT_INVALID,         /* 400 */
    FAULT_UNAUTHORIZED,    /* 401 with WWW-Authenticate */
    FAULT_FORBIDDEN,       /* 403 */
    FAULT_NOT_REVOCABLE,   /* 403, the root token */
    FAULT_NO_ROUTE,        /* 404, a path */
    FAULT_NO_TOKEN,        /* 404, a token */
    FAULT_METHOD,          /* 405; the caller adds Allow */
    FAULT_STATE_CONFLICT,  /* 409 */
    FAULT_KEY_CONFLICT,    /* 409, an Idempotency-Key with another payload */
    FAULT_BODY_SIZE,       /* 413 */
    FAULT_TARGET_SIZE,     /* 414 */
    FAULT_MEDIA_TYPE,      /* 415 */
    FAULT_EXPECTATION,     /* 417 */
    FAULT_NOT_ADMISSIBLE,  /* 422, family 0 */
    FAULT_RATE_LIMITED,    /* 429: by fail_rate */
    FAULT_HEAD_SIZE,       /* 431 */
    FAULT_INTERNAL,        /* 500 */
    FAULT_NOT_IMPLEMENTED, /* 501 */
    FAULT_UPSTREAM,        /* 502 */
    FAULT_UNAVAILABLE,     /* 503 with Retry-After */
    FAULT_HTTP_VERSION,    /* 505 */
    FAULT_COUNT
};

/* The failure in the family's own words. */
void fail(struct exchange *exchange, enum fault fault);

/* The same with details.reason in family 0; the other families say what fail() says. */
void fail_reason(struct exchange *exchange, enum fault fault, struct bytes reason);

/* 429: the same call may succeed after `wait_us`. With Retry-After, and details.retry_after_ms in family 0. */
void fail_rate(struct exchange *exchange, uint64_t wait_us);

/* Its Retry-After alone. */
void answer_retry_after(struct exchange *exchange, uint64_t wait_us);

/* Family 1: a status with its own detail. */
void fail_detail(struct exchange *exchange, uint16_t status, const char *detail);

/* The families 0 and 2: a fault with its own message. */
void fail_message(struct exchange *exchange, enum fault fault, const char *message);

/* What a verb of service.h came back with, other than STATUS_OK: no room, no clock and a failed device are 503. What the
 * handler knows to mean something else it answers itself. */
void fail_status(struct exchange *exchange, enum status status);

/* What an action token was good for, other than CONSUME_OK. Family 0. */
void fail_consume(struct exchange *exchange, enum consume_result result);

/* The fault that the HTTP parser means by a status. */
enum fault fault_of_refusal(uint16_t status);

#endif
