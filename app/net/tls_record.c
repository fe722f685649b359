/*
 * Record headers.
 */
#include "net/tls_record.h"

#include <mbedtls/ssl.h>

#define TEXT_MAX_BYTES     16384
#define BODY_MAX_BYTES     (16384 + 2048) /* RFC 5246 section 6.2.3; TLS 1.3's own limit is lower */
#define HIDDEN_ALERT_BYTES (2 + 1 + 16)   /* level and description, the type, the tag */
#define NO_FAULT           (-1)
#define VERSION_MAJOR      3

static uint32_t body_size(const struct tls_scan *scan)
{
    return (uint32_t)scan->header[3] << 8 | scan->header[4];
}

bool tls_scan_next(struct tls_scan *scan, struct bytes *rest)
{
    size_t skipped = scan->body_left < rest->size ? scan->body_left : rest->size;
    scan->body_left -= (uint32_t)skipped;
    *rest = bytes_slice(*rest, skipped, rest->size);
    while (rest->size > 0) {
        scan->header[scan->header_size++] = rest->data[0];
        *rest = bytes_slice(*rest, 1, rest->size);
        if (scan->header_size == TLS_HEADER_BYTES) {
            scan->header_size = 0;
            scan->body_left = body_size(scan);
            return true;
        }
    }
    return false;
}

int tls_scan_fault(const struct tls_scan *scan)
{
    uint8_t type = scan->header[0];
    if (type < MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC || type > MBEDTLS_SSL_MSG_APPLICATION_DATA)
        return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    if (scan->header[1] != VERSION_MAJOR)
        return MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION;
    bool hidden = type == MBEDTLS_SSL_MSG_APPLICATION_DATA;
    if (body_size(scan) > (hidden ? BODY_MAX_BYTES : TEXT_MAX_BYTES))
        return MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW;
    if (body_size(scan) == 0 && !hidden)
        return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    return NO_FAULT;
}

uint8_t tls_scan_content_fault(const struct tls_scan *scan)
{
    if (body_size(scan) > TEXT_MAX_BYTES)
        return MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW;
    if (scan->header[0] == MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC)
        return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    return MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR;
}

_Static_assert(MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY == 1, "padding would hide an alert's length");

bool tls_scan_is_alert(const struct tls_scan *scan)
{
    return scan->header[0] == MBEDTLS_SSL_MSG_ALERT ||
           (scan->header[0] == MBEDTLS_SSL_MSG_APPLICATION_DATA && body_size(scan) == HIDDEN_ALERT_BYTES);
}
