/*
 * The ring of signing keys. Private to service/.
 *
 * Kept in the setting "jwt_keys": for each key 1 byte number, 1 byte algorithm, 4 bytes creation time, 32 bytes secret
 * (HS256) or P-256 scalar (ES256), oldest first. The last key signs; the others verify until everything that they
 * signed has expired. A key that was not last never signs again.
 */
#ifndef JETON_SERVICE_SIGNING_H
#define JETON_SERVICE_SIGNING_H

#include "crypto/jose.h"
#include "service/service.h"

/* Load the keys; make one when there is none, or when the last one is of the other algorithm. */
enum status signing_start(bool es256) MUST_USE;

/* After a roll-back: the ring as it is durable. Where none is, that of this run stays: nobody saw it outlive a reboot. */
void signing_reload(void);

/* The key that signs now and its number. */
const struct jose_key *signing_key(uint8_t *number);

/* A key by number; NULL when it is gone. */
const struct jose_key *signing_key_numbered(uint8_t number);

/* All keys, the newest at index 0; NULL behind the last. */
const struct jose_key *signing_key_at(size_t index);

#endif
