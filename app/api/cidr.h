/*
 * Address ranges as text: IPv4 and IPv6 addresses and prefixes (RFC 4632, RFC 4291 section 2.3), written back in their
 * one canonical form (RFC 5952). A plain address is a range of one.
 *
 * Pure. Failure: STATUS_INVALID for anything that is no address or prefix, for leading zeros in IPv4 parts, and for bits
 * set beyond the prefix (10.0.0.1/8 is most often a mistake, so it is refused).
 */
#ifndef JETON_API_CIDR_H
#define JETON_API_CIDR_H

#include "token/types.h"

enum status cidr_read(struct bytes text, struct cidr *cidr) MUST_USE;

/* An IPv4 range is one within ::ffff:0:0/96. The prefix length is always written. */
void cidr_write(struct buffer *out, const struct cidr *cidr);

#endif
