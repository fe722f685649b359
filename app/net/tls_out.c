/*
 * Client sessions on mbedTLS.
 */
#include "net/tls_out.h"

#include <string.h>

#include <mbedtls/platform.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>

#include "base/clocktext.h"
#include "base/log.h"
#include "service/service.h"

#define HOST_MAX_BYTES    253
#define ADDRESS_MAX_BYTES 16
#define RFC3339_BYTES     20
#define FUTURE_LEEWAY_S   60 /* a certificate just made by a machine whose clock is a little ahead */

struct tls_out {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt authorities;
    const struct tls_wire *wire;
    void *context;
    bool is_address; /* the host is an IP address: no server name in the hello (RFC 6066 section 3) */
    char host[HOST_MAX_BYTES + 1];
};

static const char *protocols[] = {"http/1.1", NULL};

/* ---- the wire ---- */

static int wire_write(void *context, const unsigned char *data, size_t size)
{
    struct tls_out *tls = context;
    size_t taken = tls->wire->write(tls->context, bytes_of(data, size));
    return taken > 0 ? (int)taken : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int wire_read(void *context, unsigned char *data, size_t capacity)
{
    struct tls_out *tls = context;
    bool ended = false;
    size_t size = tls->wire->read(tls->context, data, capacity, &ended);
    if (size == 0)
        return ended ? MBEDTLS_ERR_SSL_CONN_EOF : MBEDTLS_ERR_SSL_WANT_READ;
    return (int)size;
}

/* ---- certificates' times: the library's clock counts from boot (app/crypto), ours is the wall's ---- */

/* A time as the number that its digits make when they are read as one: 20260501100000. */
static uint64_t number_of(const mbedtls_x509_time *time)
{
    const int parts[] = {time->year, time->mon, time->day, time->hour, time->min, time->sec};
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        number = number * 100 + (uint64_t)parts[i];
    return number;
}

static uint64_t number_at(int64_t unix_s)
{
    uint8_t memory[RFC3339_BYTES];
    struct buffer text = buffer_over(memory, sizeof memory);
    uint64_t number = 0;
    time_write_rfc3339(&text, unix_s);
    for (size_t i = 0; i < text.size; i++)
        if (memory[i] >= '0' && memory[i] <= '9')
            number = number * 10 + (uint64_t)(memory[i] - '0');
    return number;
}

/* Called by the library for each certificate of the chain, with what it found wrong. */
static int judge_times(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *faults)
{
    (void)context;
    (void)depth;
    int64_t now_s = service_now_s();
    *faults &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (number_at(now_s + FUTURE_LEEWAY_S) < number_of(&certificate->valid_from))
        *faults |= MBEDTLS_X509_BADCERT_FUTURE;
    if (number_at(now_s) > number_of(&certificate->valid_to))
        *faults |= MBEDTLS_X509_BADCERT_EXPIRED;
    return 0;
}

/* ---- sessions ---- */

static int configure(struct tls_out *tls, const char *ca_pem)
{
    mbedtls_ssl_config *config = &tls->config;
    int failed = mbedtls_x509_crt_parse(&tls->authorities, (const unsigned char *)ca_pem, strlen(ca_pem) + 1);
    if (failed == 0)
        failed = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT);
    if (failed != 0)
        return failed;
    mbedtls_ssl_conf_rng(config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_verify(config, judge_times, NULL);
    mbedtls_ssl_conf_ca_chain(config, &tls->authorities, NULL);
    mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    failed = mbedtls_ssl_conf_alpn_protocols(config, protocols);
    if (failed == 0)
        failed = mbedtls_ssl_setup(&tls->ssl, config);
    if (failed == 0)
        failed = mbedtls_ssl_set_hostname(&tls->ssl, tls->is_address ? NULL : tls->host);
    mbedtls_ssl_set_bio(&tls->ssl, tls, wire_write, wire_read, NULL);
    return failed;
}

struct tls_out *tls_out_open(const char *host, const char *ca_pem, const struct tls_wire *wire, void *context)
{
    uint8_t address[ADDRESS_MAX_BYTES];
    size_t host_size = strlen(host);
    struct tls_out *tls = host_size > HOST_MAX_BYTES ? NULL : mbedtls_calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    memcpy(tls->host, host, host_size);
    tls->is_address = mbedtls_x509_crt_parse_cn_inet_pton(host, address) != 0;
    tls->wire = wire;
    tls->context = context;
    mbedtls_ssl_init(&tls->ssl);
    mbedtls_ssl_config_init(&tls->config);
    mbedtls_x509_crt_init(&tls->authorities);
    int failed = configure(tls, ca_pem);
    if (failed == 0)
        return tls;
    log_debug("no TLS session to an upstream: mbedTLS error -0x%04x", (unsigned)-failed);
    tls_out_free(tls);
    return NULL;
}

void tls_out_free(struct tls_out *tls)
{
    if (tls == NULL)
        return;
    mbedtls_ssl_free(&tls->ssl);
    mbedtls_ssl_config_free(&tls->config);
    mbedtls_x509_crt_free(&tls->authorities);
    bytes_wipe(tls, sizeof *tls);
    mbedtls_free(tls);
}

static enum tls_result result_of(const struct tls_out *tls, int returned)
{
    switch (returned) {
    case MBEDTLS_ERR_SSL_WANT_READ:
        return TLS_WANT_READ;
    case MBEDTLS_ERR_SSL_WANT_WRITE:
        return TLS_WANT_WRITE;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
        return TLS_CLOSED;
    default:
        if (returned >= 0)
            return TLS_OK;
        log_debug("TLS to an upstream failed: mbedTLS error -0x%04x, certificate faults 0x%x",
                  (unsigned)-returned, (unsigned)mbedtls_ssl_get_verify_result(&tls->ssl));
        return TLS_FAILED;
    }
}

/* The library checks names by the server name it sends; an address, which is never sent, is checked here. */
static bool address_is_proven(struct tls_out *tls)
{
    uint32_t flags = 0;
    const mbedtls_x509_crt *sent = mbedtls_ssl_get_peer_cert(&tls->ssl);
    if (sent == NULL)
        return false;
    mbedtls_x509_crt copy;
    mbedtls_x509_crt_init(&copy);
    int failed = mbedtls_x509_crt_parse_der(&copy, sent->raw.p, sent->raw.len);
    if (failed == 0 && sent->next != NULL)
        failed = mbedtls_x509_crt_parse_der(&copy, sent->next->raw.p, sent->next->raw.len);
    if (failed == 0)
        failed =
            mbedtls_x509_crt_verify(&copy, &tls->authorities, NULL, tls->host, &flags, judge_times, NULL);
    mbedtls_x509_crt_free(&copy);
    return failed == 0;
}

enum tls_result tls_out_handshake(struct tls_out *tls)
{
    enum tls_result result = result_of(tls, mbedtls_ssl_handshake(&tls->ssl));
    if (result != TLS_OK || !tls->is_address || address_is_proven(tls))
        return result;
    log_debug("an upstream's certificate is not for its address");
    (void)mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                         MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
    return TLS_FAILED;
}

enum tls_result tls_out_read(struct tls_out *tls, uint8_t *out, size_t capacity, size_t *size)
{
    *size = 0;
    int returned = mbedtls_ssl_read(&tls->ssl, out, capacity);
    if (returned > 0)
        *size = (size_t)returned;
    return returned == 0 ? TLS_FAILED : result_of(tls, returned);
}

enum tls_result tls_out_write(struct tls_out *tls, struct bytes bytes, size_t *size)
{
    size_t most = bytes.size < TLS_WRITE_MAX_BYTES ? bytes.size : TLS_WRITE_MAX_BYTES;
    *size = 0;
    int returned = mbedtls_ssl_write(&tls->ssl, bytes.data, most);
    if (returned > 0)
        *size = (size_t)returned;
    return result_of(tls, returned);
}

void tls_out_close(struct tls_out *tls)
{
    if (mbedtls_ssl_is_handshake_over(&tls->ssl))
        (void)mbedtls_ssl_close_notify(&tls->ssl);
}
