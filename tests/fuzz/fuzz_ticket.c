/*
 * libFuzzer: session tickets. A client comes back with a ticket that was changed, cut or made up: it is served by a full
 * handshake, and never resumes. Only the unchanged ticket resumes.
 */
#include <mbedtls/ssl_ticket.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/conn_rig.h"

#define TICKET_MAX 2048

static mbedtls_ssl_session sessions[2]; /* of TLS 1.2, 1.3 */
static uint8_t good[2][TICKET_MAX];
static size_t good_bytes[2];
static const mbedtls_ssl_protocol_version versions[2] = {MBEDTLS_SSL_VERSION_TLS1_2,
                                                         MBEDTLS_SSL_VERSION_TLS1_3};

static void fetch_ticket(size_t which)
{
    mbedtls_ssl_session *session = &sessions[which];
    require(rig_open_conn(HEAP_BYTES), "memory");
    tls_client_open(&client, &wire, versions[which]);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &client.config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    require(rig_shake_hands(), "handshake");
    rig_client_send(GET);
    (void)rig_client_read();
    mbedtls_ssl_session_init(session);
    require(mbedtls_ssl_get_session(&client.ssl, session) == 0, "a session");
    good_bytes[which] = session->MBEDTLS_PRIVATE(ticket_len);
    require(good_bytes[which] > 0 && good_bytes[which] <= TICKET_MAX, "a ticket");
    memcpy(good[which], session->MBEDTLS_PRIVATE(ticket), good_bytes[which]);
    rig_close_both();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    rig_start(NULL);
    fetch_ticket(0);
    fetch_ticket(1);
    return 0;
}

/* True when the ticket is still the good one. */
static bool make_ticket(size_t which, bool made_up, struct bytes input)
{
    mbedtls_ssl_session *session = &sessions[which];
    uint8_t *ticket = session->MBEDTLS_PRIVATE(ticket);
    size_t size = good_bytes[which];
    memcpy(ticket, good[which], size);
    if (made_up && input.size > 0) { /* an empty one is no ticket: RFC 8446 section 4.2.11 refuses it */
        struct bytes text = input_part(&input, size);
        size = text.size;
        memcpy(ticket, text.data, size);
    }
    while (input.size > 0 && size > 0) {
        size_t position = input_u16(&input) % size;
        ticket[position] ^= input_byte(&input);
    }
    session->MBEDTLS_PRIVATE(ticket_len) = size;
    return size == good_bytes[which] && memcmp(ticket, good[which], size) == 0;
}

/* Connect with the session. */
static bool resumes(size_t which)
{
    require(rig_open_conn(HEAP_BYTES), "memory");
    tls_client_open(&client, &wire, versions[which]);
    if (mbedtls_ssl_set_session(&client.ssl, &sessions[which]) != 0) {
        rig_close_both();
        return false;
    }
    require(rig_shake_hands(), "served whatever the ticket");
    bool resumed = shared.resumed_count == 1;
    rig_close_both();
    return resumed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    uint8_t how = input_byte(&input);
    size_t which = how & 1;
    bool is_good = make_ticket(which, (how & 2) != 0, input);
    require(resumes(which) == is_good, "only the good ticket resumes");
    return 0;
}
