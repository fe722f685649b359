/*
 * TLS sessions on mbedTLS. What mbedTLS leaves undone at a failure, the alert, is done here: the bytes that it writes are
 * watched for an alert record, and where none went out, the one that fits the error goes.
 */
#include "net/tls.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/error.h>
#include <mbedtls/platform.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_ticket.h>
#include <psa/crypto.h>

#include "base/log.h"
#include "net/tls_record.h"

#define HIGH_LEVEL_MASK 0xFF80 /* an mbedTLS error is a high-level code plus a low-level one */
#define ALERT_TRIES     3      /* the first ones may only flush what was written before */
#define NO_ALERT_YET    (-1)
#define USER_CANCELED   MBEDTLS_SSL_ALERT_MSG_USER_CANCELED

/* What sessions share: key, certificate and settings. Lives until the last session that uses it ends. */
struct identity {
    mbedtls_ssl_config config;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context pk;
    psa_key_id_t key;
    uint8_t fingerprint[SHA256_BYTES];
    unsigned use_count;
};

struct tls {
    mbedtls_ssl_context ssl;
    struct identity *identity;
    const struct tls_wire *wire;
    void *context;
    struct tls_scan incoming;
    struct tls_scan outgoing;
    int fault;       /* alert for a record header that is none, or NO_ALERT_YET */
    bool alert_sent; /* in the mbedTLS call that runs now */
    bool ended;      /* the wire will give no more */
    bool resumed;
};

static struct identity *identity_in_use;
static mbedtls_ssl_ticket_context tickets;
static bool tickets_ready;
static struct tls *session_in_handshake; /* for the ticket callback, which is not told of it */

/* In our order, which counts in TLS 1.2; third_party/mbedtls/suite_order.c does the same for TLS 1.3. */
static const int suites[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};
static const int suites_chacha_first[] = {
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    0,
};
static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
static const uint16_t signatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_NONE};
static const char *protocols[] = {"http/1.1", NULL};

/* ---- identity ---- */

static int take_ticket(void *context, mbedtls_ssl_session *session, unsigned char *text, size_t size)
{
    int failed = mbedtls_ssl_ticket_parse(context, session, text, size);
    if (failed == 0 && session_in_handshake != NULL)
        session_in_handshake->resumed = true;
    return failed;
}

static int start_tickets(void)
{
    if (tickets_ready)
        return 0;
    mbedtls_ssl_ticket_init(&tickets);
    int failed = mbedtls_ssl_ticket_setup(&tickets, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE,
                                          MBEDTLS_CIPHER_AES_256_GCM, TLS_TICKET_LIFE_S);
    tickets_ready = failed == 0;
    return failed;
}

static int load_key(struct identity *identity, const uint8_t scalar[P256_PRIVATE_BYTES])
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_ANY_HASH));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_HASH);
    if (psa_import_key(&attributes, scalar, P256_PRIVATE_BYTES, &identity->key) != PSA_SUCCESS)
        return -1;
    return mbedtls_pk_setup_opaque(&identity->pk, identity->key);
}

static int configure(struct identity *identity)
{
    mbedtls_ssl_config *config = &identity->config;
    int failed = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_ciphersuites(config, crypto_prefers_chacha() ? suites_chacha_first : suites);
    mbedtls_ssl_conf_groups(config, groups);
    mbedtls_ssl_conf_sig_algs(config, signatures);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_tls13_key_exchange_modes(config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
    mbedtls_ssl_conf_session_tickets_cb(config, mbedtls_ssl_ticket_write, take_ticket, &tickets);
    if (failed == 0)
        failed = mbedtls_ssl_conf_alpn_protocols(config, protocols);
    if (failed == 0)
        failed = mbedtls_ssl_conf_own_cert(config, &identity->certificate, &identity->pk);
    return failed;
}

static void release_identity(struct identity *identity)
{
    if (--identity->use_count > 0)
        return;
    mbedtls_ssl_config_free(&identity->config);
    mbedtls_x509_crt_free(&identity->certificate);
    mbedtls_pk_free(&identity->pk);
    (void)psa_destroy_key(identity->key);
    mbedtls_free(identity);
}

enum status tls_start(const struct tls_identity *given)
{
    struct bytes der = given->certificate_der;
    struct identity *identity = mbedtls_calloc(1, sizeof *identity);
    if (identity == NULL)
        return STATUS_FULL;
    identity->use_count = 1;
    mbedtls_ssl_config_init(&identity->config);
    mbedtls_x509_crt_init(&identity->certificate);
    mbedtls_pk_init(&identity->pk);
    crypto_sha256(&der, 1, identity->fingerprint);
    int failed = mbedtls_x509_crt_parse_der(&identity->certificate, der.data, der.size);
    if (failed == 0)
        failed = load_key(identity, given->scalar);
    if (failed == 0)
        failed = start_tickets();
    if (failed == 0)
        failed = configure(identity);
    if (failed != 0) {
        release_identity(identity);
        return STATUS_INVALID;
    }
    if (identity_in_use != NULL)
        release_identity(identity_in_use);
    identity_in_use = identity;
    return STATUS_OK;
}

void tls_fingerprint(uint8_t out[32])
{
    assert(identity_in_use != NULL);
    memcpy(out, identity_in_use->fingerprint, SHA256_BYTES);
}

/* ---- the wire, as mbedTLS wants it ---- */

static int wire_write(void *context, const unsigned char *data, size_t size)
{
    struct tls *tls = context;
    size_t taken = tls->wire->write(tls->context, bytes_of(data, size));
    struct bytes rest = bytes_of(data, taken);
    while (tls_scan_next(&tls->outgoing, &rest))
        tls->alert_sent |= tls_scan_is_alert(&tls->outgoing);
    return taken > 0 ? (int)taken : MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* A header that can't be one of a record ends the session here, with the alert that says why. */
static int wire_read(void *context, unsigned char *data, size_t capacity)
{
    struct tls *tls = context;
    size_t size = tls->wire->read(tls->context, data, capacity, &tls->ended);
    struct bytes rest = bytes_of(data, size);
    while (tls->fault == NO_ALERT_YET && tls_scan_next(&tls->incoming, &rest))
        tls->fault = tls_scan_fault(&tls->incoming);
    if (tls->fault != NO_ALERT_YET)
        return MBEDTLS_ERR_SSL_INVALID_RECORD;
    if (size == 0)
        return tls->ended ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
    return (int)size;
}

/* ---- failures ---- */

/* The alert for an error after which mbedTLS sent none (RFC 8446 section 6.2). */
static uint8_t alert_of(int error)
{
    static const struct {
        int error;
        uint8_t alert;
    } alerts[] = {
        {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION},
        {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE},
        {MBEDTLS_ERR_SSL_DECODE_ERROR, MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR},
        {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER},
        {MBEDTLS_ERR_SSL_BAD_INPUT_DATA, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER},
        {MBEDTLS_ERR_SSL_INVALID_MAC, MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC},
        {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE},
        {MBEDTLS_ERR_SSL_UNEXPECTED_RECORD, MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE},
        {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL},
        {MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME, MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME},
        {MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_EXT},
        {MBEDTLS_ERR_ECP_INVALID_KEY, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER},
        {MBEDTLS_ERR_ECP_BAD_INPUT_DATA, MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER},
    };
    int high = -(-error & HIGH_LEVEL_MASK);
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
        if (alerts[i].error == high)
            return alerts[i].alert;
    return MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
}

static enum tls_result fail(struct tls *tls, int error)
{
    uint8_t alert = alert_of(error);
    if (tls->fault != NO_ALERT_YET)
        alert = (uint8_t)tls->fault;
    else if (error == MBEDTLS_ERR_SSL_INVALID_RECORD)
        alert = tls_scan_content_fault(&tls->incoming);
    bool given = tls->alert_sent;
    for (unsigned i = 0; i < ALERT_TRIES && !tls->alert_sent; i++)
        (void)mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert);
    log_debug("TLS session failed: mbedTLS error -0x%04x, alert %s", (unsigned)-error,
              given ? "of the library" : "of ours");
    return TLS_FAILED;
}

static enum tls_result result_of(struct tls *tls, int returned)
{
    switch (returned) {
    case MBEDTLS_ERR_SSL_WANT_READ:
        return TLS_WANT_READ;
    case MBEDTLS_ERR_SSL_WANT_WRITE:
        return TLS_WANT_WRITE;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    case MBEDTLS_ERR_SSL_CONN_EOF:
        return TLS_CLOSED;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return TLS_FAILED;
    default:
        return returned >= 0 ? TLS_OK : fail(tls, returned);
    }
}

/* ---- sessions ---- */

struct tls *tls_open(const struct tls_wire *wire, void *context)
{
    assert(identity_in_use != NULL);
    struct tls *tls = mbedtls_calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    tls->identity = identity_in_use;
    tls->identity->use_count++;
    tls->wire = wire;
    tls->context = context;
    tls->fault = NO_ALERT_YET;
    mbedtls_ssl_init(&tls->ssl);
    if (mbedtls_ssl_setup(&tls->ssl, &tls->identity->config) != 0) {
        tls_free(tls);
        return NULL;
    }
    mbedtls_ssl_set_bio(&tls->ssl, tls, wire_write, wire_read, NULL);
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    mbedtls_ssl_free(&tls->ssl);
    release_identity(tls->identity);
    bytes_wipe(tls, sizeof *tls);
    mbedtls_free(tls);
}

enum tls_result tls_handshake(struct tls *tls)
{
    session_in_handshake = tls;
    tls->alert_sent = false;
    enum tls_result result = result_of(tls, mbedtls_ssl_handshake(&tls->ssl));
    session_in_handshake = NULL;
    return result;
}

bool tls_was_resumed(const struct tls *tls)
{
    return tls->resumed;
}

enum tls_result tls_read(struct tls *tls, uint8_t *out, size_t capacity, size_t *size)
{
    tls->alert_sent = false;
    *size = 0;
    int returned = mbedtls_ssl_read(&tls->ssl, out, capacity);
    if (returned == 0)
        return TLS_CLOSED;
    if (returned > 0)
        *size = (size_t)returned;
    return result_of(tls, returned);
}

enum tls_result tls_write(struct tls *tls, struct bytes bytes, size_t *size)
{
    size_t most = bytes.size < TLS_WRITE_MAX_BYTES ? bytes.size : TLS_WRITE_MAX_BYTES;
    tls->alert_sent = false;
    *size = 0;
    int returned = mbedtls_ssl_write(&tls->ssl, bytes.data, most);
    if (returned > 0)
        *size = (size_t)returned;
    return result_of(tls, returned);
}

enum tls_result tls_close(struct tls *tls)
{
    if (mbedtls_ssl_is_handshake_over(&tls->ssl))
        return result_of(tls, mbedtls_ssl_close_notify(&tls->ssl));
    int returned = mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING, USER_CANCELED);
    if (returned == 0)
        returned = mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                                  MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
    return returned == 0 ? TLS_OK : TLS_FAILED;
}

struct bytes tls_refusal(void)
{
    static const uint8_t record[] = {MBEDTLS_SSL_MSG_ALERT,
                                     3,
                                     3,
                                     0,
                                     2,
                                     MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                     MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR};
    return bytes_of(record, sizeof record);
}
