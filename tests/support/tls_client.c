/*
 * A TLS client over a wire in memory.
 */
#include "tests/support/tls_client.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/psa_util.h>

struct bytes pipe_view(const struct pipe *pipe)
{
    return bytes_of(pipe->data + pipe->start, pipe->end - pipe->start);
}

void pipe_put(struct pipe *pipe, struct bytes bytes)
{
    memmove(pipe->data, pipe->data + pipe->start, pipe->end - pipe->start);
    pipe->end -= pipe->start;
    pipe->start = 0;
    assert(bytes.size <= PIPE_BYTES - pipe->end);
    memcpy(pipe->data + pipe->end, bytes.data, bytes.size);
    pipe->end += bytes.size;
}

size_t pipe_take(struct pipe *pipe, uint8_t *out, size_t capacity)
{
    struct bytes taken = bytes_slice(pipe_view(pipe), 0, capacity);
    memcpy(out, taken.data, taken.size);
    pipe->start += taken.size;
    return taken.size;
}

void memory_wire_reset(struct memory_wire *wire)
{
    wire->to_server = (struct pipe){.start = 0};
    wire->to_client = (struct pipe){.start = 0};
    wire->most_read = PIPE_BYTES;
    wire->most_write = PIPE_BYTES;
    wire->room = PIPE_BYTES;
    wire->finished = false;
    wire->flush_count = 0;
}

/* ---- the server's end ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t server_write(void *context, struct bytes bytes)
{
    struct memory_wire *wire = context;
    size_t size = smaller(smaller(bytes.size, wire->most_write), wire->room);
    pipe_put(&wire->to_client, bytes_slice(bytes, 0, size));
    wire->room -= size;
    return size;
}

static size_t server_read(void *context, uint8_t *out, size_t capacity, bool *ended)
{
    struct memory_wire *wire = context;
    *ended = wire->to_server.ended && pipe_view(&wire->to_server).size == 0;
    return pipe_take(&wire->to_server, out, smaller(capacity, wire->most_read));
}

static void server_flush(void *context)
{
    struct memory_wire *wire = context;
    wire->flush_count++;
}

static void server_finish(void *context)
{
    struct memory_wire *wire = context;
    wire->finished = true;
    wire->to_client.ended = true;
}

const struct conn_wire memory_conn_wire = {
    .bytes = {.write = server_write, .read = server_read},
    .flush = server_flush,
    .finish = server_finish,
};

/* ---- the client's end ---- */

static int client_write(void *context, const unsigned char *data, size_t size)
{
    struct tls_client *client = context;
    pipe_put(&client->wire->to_server, bytes_of(data, size));
    return (int)size;
}

static int client_read(void *context, unsigned char *data, size_t capacity)
{
    struct tls_client *client = context;
    size_t size = pipe_take(&client->wire->to_client, data, capacity);
    if (size == 0)
        return client->wire->to_client.ended ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
    return (int)size;
}

void tls_client_open(struct tls_client *client, struct memory_wire *wire,
                     mbedtls_ssl_protocol_version version)
{
    client->wire = wire;
    mbedtls_ssl_config_init(&client->config);
    mbedtls_ssl_init(&client->ssl);
    int failed = mbedtls_ssl_config_defaults(&client->config, MBEDTLS_SSL_IS_CLIENT,
                                             MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&client->config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(&client->config, version);
    mbedtls_ssl_conf_max_tls_version(&client->config, version);
    mbedtls_ssl_conf_authmode(&client->config, MBEDTLS_SSL_VERIFY_NONE);
    failed |= mbedtls_ssl_setup(&client->ssl, &client->config);
    failed |= mbedtls_ssl_set_hostname(&client->ssl, "jeton.test");
    assert(failed == 0);
    mbedtls_ssl_set_bio(&client->ssl, client, client_write, client_read, NULL);
}

void tls_client_close(struct tls_client *client)
{
    mbedtls_ssl_free(&client->ssl);
    mbedtls_ssl_config_free(&client->config);
}
