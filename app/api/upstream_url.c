/*
 * Reading an upstream's URL.
 */
#include "api/upstream_url.h"

#include <string.h>

#define PORT_HTTP  80
#define PORT_HTTPS 443

static bool is_url_byte(uint8_t byte)
{
    return byte > 0x20 && byte < 0x7f && strchr("\"#<>?@\\^`{|}", byte) == NULL;
}

static bool is_host(struct bytes host)
{
    for (size_t i = 0; i < host.size; i++) {
        uint8_t byte = host.data[i];
        bool is_good = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_';
        if (!is_good) {
            return false;
        }
    }
    return host.size > 0 && host.size <= API_UPSTREAM_HOST_MAX_BYTES;
}

/* What is after the colon; a missing one is the scheme's own port. */
static bool read_port(struct bytes authority, struct upstream_url *url)
{
    uint64_t port = 0;
    url->port = url->is_https ? PORT_HTTPS : PORT_HTTP;
    if (url->host.size == authority.size) {
        return true;
    }
    struct bytes text = bytes_slice(authority, url->host.size + 1, authority.size);
    if (bytes_to_u64(text, &port) != STATUS_OK || port < 1 || port > UINT16_MAX) {
        return false;
    }
    url->port = (uint16_t)port;
    return true;
}

enum status upstream_url_read(struct bytes text, struct upstream_url *url)
{
    const struct bytes https = BYTES_LITERAL("https://");
    const struct bytes http = BYTES_LITERAL("http://");
    url->is_https = bytes_starts_with(text, https);
    if (text.size > POLICY_UPSTREAM_MAX_BYTES || (!url->is_https && !bytes_starts_with(text, http))) {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_url_byte(text.data[i])) {
            return STATUS_INVALID;
        }
    }
    struct bytes rest = bytes_slice(text, url->is_https ? https.size : http.size, text.size);
    url->authority = bytes_slice(rest, 0, bytes_find(rest, '/'));
    url->path = bytes_slice(rest, url->authority.size, rest.size);
    url->host = bytes_slice(url->authority, 0, bytes_find(url->authority, ':'));
    return is_host(url->host) && read_port(url->authority, url) ? STATUS_OK : STATUS_INVALID;
}
