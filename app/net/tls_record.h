/*
 * Follows the record headers (RFC 8446 section 5.1) in a stream of bytes, in whatever pieces it comes. Pure.
 */
#ifndef JETON_NET_TLS_RECORD_H
#define JETON_NET_TLS_RECORD_H

#include "base/bytes.h"

#define TLS_HEADER_BYTES 5

/* Zeroed at the start of the stream. */
struct tls_scan {
    uint8_t header[TLS_HEADER_BYTES]; /* of the newest record */
    uint8_t header_size;
    uint32_t body_left;
};

/* Take bytes off `rest` up to the end of the next header: true when one is complete in `scan`. */
bool tls_scan_next(struct tls_scan *scan, struct bytes *rest);

/* The alert for a header that no peer may send: unknown type, version or length; -1 when it is sound. */
int tls_scan_fault(const struct tls_scan *scan);

/* The alert for a record whose header is sound and whose content mbedTLS could make nothing of. */
uint8_t tls_scan_content_fault(const struct tls_scan *scan);

/* True if the record is an alert: by its type in the clear, by its length when TLS 1.3 hides the type. (A server sends
 * no other encrypted record of that length during a handshake or in place of one.) */
bool tls_scan_is_alert(const struct tls_scan *scan);

#endif
