/*
 * SipHash-2-4: a fast keyed hash for tables whose keys come from outside.
 *
 * Who does not know the key can neither choose inputs that collide nor tell which do. But for SYN cookies, which live for
 * seconds, it is no MAC for anything that leaves the appliance (crypto/ has those). Pure; failure: none.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
 */
#ifndef JETON_BASE_SIPHASH_H
#define JETON_BASE_SIPHASH_H

#include "platform/types.h"

struct siphash_key {
    uint64_t words[2]; /* random */
};

uint64_t siphash(const struct siphash_key *key, struct bytes text);

#endif
