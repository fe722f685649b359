/*
 * Rate limits: who may issue how much, and how many wrong credentials an address may send.
 *
 * Issuing (every create of every family and of the operator plane, rotation, /oauth/token) is bounded per principal and,
 * so that many credentials of one tenant do not add up, per tenant. Nothing else is: reading, introspecting, consuming
 * and above all revoking must go on while someone issues too much. A call counts when its caller is good and has the
 * right, whatever its body is.
 *
 * Wrong credentials are counted by source address, an IPv6 address by its /64. An address that sent too many is in
 * back-off (token/bucket.h): its credentials get 429 before any of the costly work of checking them. Secrets of 128 bits
 * need no protection from guessing, so the back-off is there for the processor, and it must not lock out who shares an
 * address with the guesser: credentials that were good lately, from any address, are still checked, and calls without
 * credentials are answered as ever. What is left out is a credential's very first use from such an address; it waits.
 * A success does not forgive failures, or one good credential would buy any number of wrong ones. GET /verify is outside
 * of it: the address there is a proxy's, which speaks for strangers and understands 200, 401 and 403 only.
 *
 * The state is in RAM and begins anew with each boot; WIRE.md names no rate state that must be durable, and nothing is
 * gained by cutting the power: a boot takes longer than a bucket.
 * Ownership: static memory, all bounds in limits.h. Blocking: none. Failure: none.
 */
#ifndef JETON_API_RATES_H
#define JETON_API_RATES_H

#include "api/exchange.h"

/* 0: not limited; at most RATE_MAX. */
struct rates_options {
    uint32_t issue_per_s;      /* each principal */
    uint32_t tenant_per_s;     /* each tenant */
    uint32_t failures_per_min; /* each address */
};

/* At boot; forgets everything. Before it nothing is limited. */
void rates_start(const struct rates_options *options);

/* service_authenticate() of the exchange's peer and caller, or STATUS_AGAIN: not for wait_us more. */
enum status rates_authenticate(struct exchange *exchange, struct bytes authorization,
                               uint64_t *wait_us) MUST_USE;

/* This bearer token was just issued: its first use is not a stranger's. */
void rates_issued(struct bytes bearer);

/* May the exchange's caller issue? If so it is counted, else it has to wait. */
bool rates_may_issue(const struct exchange *exchange, uint64_t *wait_us);

/* For GET /metrics. */
void rates_write_metrics(struct buffer *out);

#endif
