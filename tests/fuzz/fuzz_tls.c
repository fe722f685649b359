/*
 * libFuzzer: what a TLS client sends. By the first byte: arbitrary bytes in the place of a client; a true TLS 1.2 or 1.3
 * client whose records are changed on their way, in the handshake or after it; or a true client that asks nonsense. However
 * it goes, the connection ends and gives back all of its memory, and the library's heap is what it was.
 */
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/conn_rig.h"

#define STEPS_MAX 400
#define STEP_MS   500

static size_t library_in_use;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    rig_start(NULL);
    /* The first handshake makes what stays, such as the tickets' keys. */
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    rig_close_both();
    library_in_use = library_heap.in_use_count;
    return 0;
}

/* Change what waits for the server: pairs of a distance from the last change and what is XORed there. */
static void change_records(struct bytes *changes, size_t *position)
{
    struct pipe *pipe = &wire.to_server;
    while (changes->size >= 2) {
        size_t next = *position + changes->data[0];
        if (pipe->start + next >= pipe->end) {
            *position -= pipe->end - pipe->start < *position ? pipe->end - pipe->start : *position;
            return;
        }
        pipe->data[pipe->start + next] ^= changes->data[1];
        *position = next;
        (void)input_part(changes, 2);
    }
}

static void run_client(mbedtls_ssl_protocol_version version, struct bytes changes)
{
    size_t position = 0;
    uint8_t answer[256];
    bool asked = false;
    require(rig_open_conn(HEAP_BYTES), "memory");
    tls_client_open(&client, &wire, version);
    for (unsigned i = 0; i < STEPS_MAX && conn.state < CONN_CLOSING; i++) {
        int result = mbedtls_ssl_handshake(&client.ssl);
        if (result == 0 && !asked) {
            asked = mbedtls_ssl_write(&client.ssl, (const uint8_t *)GET, sizeof GET - 1) > 0;
        } else if (result == 0 && mbedtls_ssl_read(&client.ssl, answer, sizeof answer) > 0) {
            break;
        } else if (result != 0 && result != MBEDTLS_ERR_SSL_WANT_READ) {
            wire.to_server.ended = true;
        }
        change_records(&changes, &position);
        rig_step();
        now_ms += STEP_MS;
    }
    rig_close_both();
}

/* The client's text is the input. */
static void run_request(struct bytes text)
{
    static char copy[8192];
    rig_open_both(MBEDTLS_SSL_VERSION_TLS1_3);
    size_t size = text.size < sizeof copy - 1 ? text.size : sizeof copy - 1;
    memcpy(copy, text.data, size);
    copy[size] = 0;
    rig_client_send(copy);
    (void)rig_client_read();
    rig_close_both();
}

static void run_bytes(struct bytes text)
{
    require(rig_open_conn(HEAP_BYTES), "memory");
    size_t piece = (size_t)input_byte(&text) * 16 + 1;
    while (text.size > 0 && conn.state < CONN_CLOSING) {
        pipe_put(&wire.to_server, input_part(&text, piece));
        rig_step();
    }
    wire.to_server.ended = true;
    rig_step();
    conn_end(&conn);
    require(conn_heap.in_use_count == 0, "the connection's memory came back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    switch (input_byte(&input) % 8) {
    case 0:
        run_client(MBEDTLS_SSL_VERSION_TLS1_2, input);
        break;
    case 1:
        run_client(MBEDTLS_SSL_VERSION_TLS1_3, input);
        break;
    case 2:
        run_request(input);
        break;
    default:
        run_bytes(input);
        break;
    }
    require(library_heap.in_use_count == library_in_use, "the library's memory came back");
    return 0;
}
