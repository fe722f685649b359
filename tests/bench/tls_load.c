/*
 * One client for all servers of the bench: many TLS connections in one thread, each with one request at a time; every
 * answer is checked. Words `name=value`:
 *
 *   address=IPV4 port=N ca=FILE      where, and the certificate to trust
 *   mode=keep|full|resumed           requests on kept connections; or a connection a request, by a full TLS handshake or
 *                                    by a resumed one
 *   protocol=http|redis status=N     what an answer is (keep_alive is taken for granted)
 *   request=FILE expect=TEXT         the request (a run of twelve '#' becomes a serial number) and what its answer's
 *                                    body contains
 *   connections=N seconds=N limit=N  how many at a time, and for how long or how many answers at most
 *
 * It connects (keep) or fetches a ticket for each connection (resumed), says "ready", waits for a line on its input, runs,
 * and says what it saw as one line of JSON; it disconnects at the end of its input, so that whoever runs it can look at
 * the server's processor time in between. TLS 1.3, TLS_AES_128_GCM_SHA256, X25519, ECDSA with P-256: never another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX   4096
#define REQUEST_MAX_BYTES 16384
#define ANSWER_MAX_BYTES  32768
#define SERIAL_DIGITS     12
#define LATENCIES_MAX     (1 << 22)
#define EVENTS_MAX        256
#define STUCK_MS          10000 /* nothing at all came for so long: the server is taken for dead */

enum mode {
    MODE_KEEP,
    MODE_FULL,
    MODE_RESUMED
};
enum phase {
    CONNECTING,
    HANDSHAKING,
    WRITING,
    READING,
    IDLE
};

struct client {
    enum phase phase;
    int descriptor;
    uint32_t events; /* asked of epoll */
    SSL *tls;
    SSL_SESSION *session; /* the newest ticket */
    uint64_t begin_ns;
    size_t size; /* of what came of the answer */
    char answer[ANSWER_MAX_BYTES + 1];
};

static struct {
    struct sockaddr_in address;
    enum mode mode;
    bool redis;
    const char *expect, *status, *ca;
    char request[REQUEST_MAX_BYTES + 1];
    char *serial_place; /* in it; NULL: nowhere */
    size_t request_size;
    size_t connections;
    uint64_t limit;
    double seconds;
} options = {.connections = 1, .seconds = 1, .status = "200", .expect = "", .limit = UINT64_MAX};

static struct client *clients;
static SSL_CTX *context;
static int poller;
static bool measuring; /* answers count, and call for the next request */
static uint64_t end_ns, serial, answers;
static uint32_t *latencies_us; /* of the first LATENCIES_MAX answers */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The bench is over: a wrong answer, or none, makes every figure worthless. */
static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("tls_load: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n", stderr);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* ---- one connection ---- */

static void watch(struct client *client, uint32_t events)
{
    if (client->events == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = client};
    int verb = client->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(poller, verb, client->descriptor, &event) != 0)
        fail("epoll_ctl: %s", strerror(errno));
    client->events = events;
}

static void open_connection(struct client *client)
{
    client->begin_ns = now_ns();
    client->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->descriptor < 0)
        fail("socket: %s", strerror(errno));
    int on = 1;
    setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const struct sockaddr *to = (const struct sockaddr *)&options.address;
    if (connect(client->descriptor, to, sizeof(options.address)) != 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    client->tls = SSL_new(context);
    if (client->tls == NULL || SSL_set_fd(client->tls, client->descriptor) != 1)
        fail("SSL_new");
    SSL_set_app_data(client->tls, (char *)client);
    if (client->session != NULL && options.mode == MODE_RESUMED)
        SSL_set_session(client->tls, client->session);
    SSL_set_connect_state(client->tls);
    client->phase = CONNECTING;
    watch(client, EPOLLOUT);
}

static void close_connection(struct client *client)
{
    SSL_shutdown(client->tls); /* sends close_notify; the server's is not waited for */
    SSL_free(client->tls);
    close(client->descriptor);
    client->events = 0;
    client->tls = NULL;
    client->phase = IDLE;
}

static int keep_session(SSL *tls, SSL_SESSION *session)
{
    struct client *client = (struct client *)SSL_get_app_data(tls);
    SSL_SESSION_free(client->session);
    client->session = session;
    return 1;
}

/* False when it waits for the network; `result` is of the SSL call before. */
static bool tls_done(struct client *client, int result)
{
    if (result > 0)
        return true;
    switch (SSL_get_error(client->tls, result)) {
    case SSL_ERROR_WANT_READ:
        watch(client, EPOLLIN);
        return false;
    case SSL_ERROR_WANT_WRITE:
        watch(client, EPOLLOUT);
        return false;
    default:
        fail("the connection ended in phase %d after %llu answers (%s)", client->phase,
             (unsigned long long)answers, strerror(errno));
    }
}

/* ---- one exchange ---- */

/* Into the one buffer that all share: TLS has copied what another connection still has to send. */
static void number_request(void)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%0*llu", SERIAL_DIGITS, (unsigned long long)serial++);
    if (options.serial_place != NULL)
        memcpy(options.serial_place, digits, SERIAL_DIGITS);
}

/* The answer cannot be there yet: to ask for it at once would only cost a call. */
static void write_request(struct client *client)
{
    if (!tls_done(client, SSL_write(client->tls, options.request, (int)options.request_size)))
        return;
    client->size = 0;
    client->phase = READING;
    watch(client, EPOLLIN);
}

/* Whether the answer is whole; a wrong one ends the run. */
static bool redis_answered(const struct client *client)
{
    size_t size = strlen(options.expect);
    if (client->size < size + 2)
        return false;
    if (client->size != size + 2 || memcmp(client->answer, options.expect, size) != 0)
        fail("answer: %s", client->answer);
    return true;
}

static bool http_answered(const struct client *client)
{
    const char *body = strstr(client->answer, "\r\n\r\n");
    if (body == NULL)
        return false;
    const char *length = strcasestr(client->answer, "\r\nContent-Length:");
    if (length == NULL || length > body || memcmp(client->answer, "HTTP/1.1 ", 9) != 0)
        fail("answer: %s", client->answer);
    size_t whole = (size_t)(body + 4 - client->answer) + strtoul(length + 17, NULL, 10);
    if (client->size < whole)
        return false;
    if (client->size > whole || memcmp(client->answer + 9, options.status, 3) != 0 ||
        strstr(body, options.expect) == NULL)
        fail("answer: %s", client->answer);
    return true;
}

static bool read_answer(struct client *client)
{
    for (;;) {
        size_t room = ANSWER_MAX_BYTES - client->size;
        if (room == 0)
            fail("an answer is longer than %d bytes", ANSWER_MAX_BYTES);
        int count = SSL_read(client->tls, client->answer + client->size, (int)room);
        if (!tls_done(client, count))
            return false;
        client->size += (size_t)count;
        client->answer[client->size] = '\0';
        if (options.redis ? redis_answered(client) : http_answered(client))
            return true;
    }
}

/* An answer is in; the next request, or the next connection, while there is time. */
static void finish_exchange(struct client *client)
{
    if (measuring) {
        if (answers < LATENCIES_MAX)
            latencies_us[answers] = (uint32_t)((now_ns() - client->begin_ns) / 1000);
        answers++;
    }
    bool more = measuring && answers < options.limit && now_ns() < end_ns;
    client->phase = IDLE;
    if (options.mode != MODE_KEEP)
        close_connection(client);
    if (more && options.mode != MODE_KEEP)
        open_connection(client);
    if (more && options.mode == MODE_KEEP)
        client->phase = WRITING;
}

static bool finish_handshake(struct client *client)
{
    if (!tls_done(client, SSL_do_handshake(client->tls)))
        return false;
    if (measuring && (SSL_session_reused(client->tls) != 0) != (options.mode == MODE_RESUMED))
        fail("a handshake was %s", options.mode == MODE_RESUMED ? "full, not resumed" : "resumed, not full");
    client->phase = options.mode == MODE_KEEP ? IDLE : WRITING;
    return true;
}

/* Everything that it can do without waiting. */
static void step(struct client *client)
{
    bool went_on = true;
    while (went_on) {
        switch (client->phase) {
        case CONNECTING:
            client->phase = HANDSHAKING;
            break;
        case HANDSHAKING:
            went_on = finish_handshake(client);
            break;
        case WRITING:
            if (options.mode == MODE_KEEP)
                client->begin_ns = now_ns();
            number_request();
            write_request(client);
            return;
        case READING:
            went_on = read_answer(client);
            if (went_on)
                finish_exchange(client);
            went_on = client->phase == WRITING;
            break;
        case IDLE:
            return;
        }
    }
}

/* ---- all of them ---- */

static size_t busy_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < options.connections; i++)
        count += clients[i].phase != IDLE;
    return count;
}

/* Until every connection is idle. */
static void run_all(void)
{
    struct epoll_event events[EVENTS_MAX];
    while (busy_count() > 0) {
        int count = epoll_wait(poller, events, EVENTS_MAX, STUCK_MS);
        if (count <= 0)
            fail("nothing came for %d ms, after %llu answers", STUCK_MS, (unsigned long long)answers);
        for (int i = 0; i < count; i++)
            step(events[i].data.ptr);
    }
}

/* A few at a time: a server may be slow at handshakes, and its queue short. */
static void connect_all(void)
{
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&clients[i]);
        if (i % 16 == 15 || i + 1 == options.connections)
            run_all();
    }
}

static int compare_latencies(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void report(double seconds)
{
    size_t count = answers < LATENCIES_MAX ? (size_t)answers : LATENCIES_MAX;
    if (count == 0)
        fail("no answer came in time");
    qsort(latencies_us, count, sizeof(*latencies_us), compare_latencies);
    printf("{\"answers\": %llu, \"seconds\": %.6f, \"p50_us\": %u, \"p99_us\": %u}\n",
           (unsigned long long)answers, seconds, latencies_us[count / 2],
           latencies_us[count - 1 - count / 100]);
    fflush(stdout);
}

static void run(void)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        exit(1); /* whoever started it is gone */
    measuring = true;
    uint64_t begin_ns = now_ns();
    end_ns = begin_ns + (uint64_t)(options.seconds * 1e9);
    for (size_t i = 0; i < options.connections; i++) {
        if (options.mode != MODE_KEEP) {
            open_connection(&clients[i]);
            continue;
        }
        clients[i].phase = WRITING;
        step(&clients[i]);
    }
    run_all();
    report((double)(now_ns() - begin_ns) / 1e9);
    while (fgets(line, sizeof(line), stdin) != NULL)
        continue;
}

/* ---- setting up ---- */

static void read_request(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("%s: %s", path, strerror(errno));
    options.request_size = fread(options.request, 1, REQUEST_MAX_BYTES, file);
    fclose(file);
    options.serial_place = strstr(options.request, "############");
}

static void set_mode(const char *value)
{
    static const char *const names[] = {"keep", "full", "resumed"};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            options.mode = (enum mode)i;
            return;
        }
    }
    fail("mode=%s", value);
}

static void set_option(const char *name, const char *value)
{
    if (strcmp(name, "address") == 0 && inet_pton(AF_INET, value, &options.address.sin_addr) == 1)
        options.address.sin_family = AF_INET;
    else if (strcmp(name, "port") == 0)
        options.address.sin_port = htons((uint16_t)strtoul(value, NULL, 10));
    else if (strcmp(name, "ca") == 0)
        options.ca = value;
    else if (strcmp(name, "mode") == 0)
        set_mode(value);
    else if (strcmp(name, "protocol") == 0)
        options.redis = strcmp(value, "redis") == 0;
    else if (strcmp(name, "status") == 0)
        options.status = value;
    else if (strcmp(name, "request") == 0)
        read_request(value);
    else if (strcmp(name, "expect") == 0)
        options.expect = value;
    else if (strcmp(name, "connections") == 0)
        options.connections = strtoul(value, NULL, 10);
    else if (strcmp(name, "seconds") == 0)
        options.seconds = strtod(value, NULL);
    else if (strcmp(name, "limit") == 0)
        options.limit = strtoull(value, NULL, 10);
    else
        fail("%s=%s is no option", name, value);
}

static void set_options(int count, char **words)
{
    for (int i = 1; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (value == NULL)
            fail("%s: name=value", words[i]);
        *value = '\0';
        set_option(words[i], value + 1);
    }
    bool placed =
        options.address.sin_family == AF_INET && options.address.sin_port != 0 && options.ca != NULL;
    if (!placed || options.request_size == 0 || options.connections < 1 ||
        options.connections > CONNECTIONS_MAX)
        fail("address, port, ca, request and connections (at most %d) are needed", CONNECTIONS_MAX);
}

static void prepare_tls(void)
{
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519") != 1 ||
        SSL_CTX_set1_sigalgs_list(context, "ECDSA+SHA256") != 1 ||
        SSL_CTX_load_verify_locations(context, options.ca, NULL) != 1)
        fail("TLS cannot be set up");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(context, 1); /* a record by one call, not its header first */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    set_options(count, words);
    prepare_tls();
    poller = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc(options.connections, sizeof(*clients));
    latencies_us = calloc(LATENCIES_MAX, sizeof(*latencies_us));
    if (poller < 0 || clients == NULL || latencies_us == NULL)
        fail("no memory");
    for (size_t i = 0; i < options.connections; i++)
        clients[i].phase = IDLE;
    if (options.mode != MODE_FULL)
        connect_all(); /* in resumed mode: a first exchange each, for its ticket */
    run();
    for (size_t i = 0; i < options.connections; i++) {
        if (clients[i].tls != NULL)
            close_connection(&clients[i]);
    }
    return 0;
}
