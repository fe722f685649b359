/*
 * The URL of an upstream: http(s)://host[:port][/path], of visible ASCII, without user information, query and fragment.
 * The host is a name or an IPv4 address. Pure.
 */
#ifndef JETON_API_UPSTREAM_URL_H
#define JETON_API_UPSTREAM_URL_H

#include "base/bytes.h"
#include "limits.h"

struct upstream_url {
    bool is_https;
    struct bytes authority; /* as written: what Host says */
    struct bytes host;
    uint16_t port;
    struct bytes path; /* empty: none was given */
};

/* The parts are views of `text`. STATUS_INVALID when it is no such URL, or longer than POLICY_UPSTREAM_MAX_BYTES. */
enum status upstream_url_read(struct bytes text, struct upstream_url *url) MUST_USE;

#endif
