/*
 * Measures the store and the tables by the service's own verbs; bench_app.h says how it is used.
 */
#include <string.h>

#include "base/encode.h"
#include "base/heap.h"
#include "bench_app.h"
#include "crypto/crypto.h"
#include "platform/platform.h"
#include "service/state.h"

#define HEAP_BYTES       ((size_t)2 * 1024 * 1024)
#define HEADER_BYTES     136 /* "Basic " and the base64 of a pair */
#define LOOKUPS          200000
#define FLUSHES_PER_TURN 256
#define FULL_TURNS       8
#define CREATE_TURNS     5
#define CREATE_GROUPS    32

struct measured measured;
static struct caller root;
static struct bytes table;
static uint64_t created_count;

/* ---- words ---- */

void bench_say(const char *name, uint64_t value)
{
    char line[80];
    struct buffer out = buffer_over(line, sizeof line);
    buffer_append_string(&out, name);
    buffer_append_string(&out, "=");
    buffer_append_u64(&out, value);
    buffer_append_string(&out, "\n");
    platform_console_write(buffer_view(&out));
}

void bench_expect(bool holds, const char *what)
{
    if (!holds) {
        platform_console_write(BYTES_LITERAL("bench failed: "));
        platform_console_write(bytes_of_string(what));
        platform_console_write(BYTES_LITERAL("\n"));
        platform_console_write(bytes_of_string(store_sentence()));
        platform_console_write(BYTES_LITERAL("\n"));
        platform_power_off(1);
    }
}

uint64_t bench_option(const char *name, uint64_t fallback)
{
    uint64_t value = fallback;
    struct bytes text = platform_option(name);
    bench_expect(text.data == NULL || bytes_to_u64(text, &value) == STATUS_OK, name);
    return value;
}

/* ---- the service ---- */

static void open_memory(void)
{
    static struct heap heap;
    void *heap_memory = platform_memory_take(HEAP_BYTES);
    bench_expect(heap_memory != NULL, "memory for the heap");
    heap_init(&heap, heap_memory, HEAP_BYTES);
    bench_expect(crypto_init(&heap) == STATUS_OK, "random numbers");
    size_t size = (size_t)bench_option("table", platform_memory_free_bytes() / 2);
    table = bytes_of(platform_memory_take(size), size);
    bench_expect(table.data != NULL, "memory for the table");
}

static enum status authenticate(struct bytes header, struct caller *caller)
{
    static const uint8_t address[16];
    return service_authenticate(header, address, caller);
}

static struct bytes header_of(const char pair[BENCH_PAIR_BYTES], uint8_t header[HEADER_BYTES])
{
    struct buffer out = buffer_over(header, HEADER_BYTES);
    buffer_append_string(&out, "Basic ");
    encode_base64(&out, bytes_of(pair, BENCH_PAIR_BYTES));
    bench_expect(!buffer_failed(&out), "room for a header");
    return buffer_view(&out);
}

static void make_root(void)
{
    struct service_root made;
    char pair[BENCH_PAIR_BYTES];
    uint8_t header[HEADER_BYTES];
    bench_expect(service_create_root(&made) == STATUS_OK, "root");
    memcpy(pair, made.client_id, CLIENT_ID_TEXT_BYTES);
    pair[CLIENT_ID_TEXT_BYTES] = ':';
    memcpy(pair + CLIENT_ID_TEXT_BYTES + 1, made.client_secret, CLIENT_SECRET_TEXT_BYTES);
    bench_flush();
    bench_expect(authenticate(header_of(pair, header), &root) == STATUS_OK, "root credential");
}

const struct caller *bench_root(void)
{
    return &root;
}

uint64_t bench_start(void)
{
    struct service_options options = {.table_memory = (void *)(uintptr_t)table.data,
                                      .table_bytes = table.size,
                                      .host_name = BYTES_LITERAL("jeton")};
    bool first_boot = false;
    uint64_t begin_ns = bench_clock_ns();
    bench_expect(service_start(&options, &first_boot) == STATUS_OK, "start of the service");
    uint64_t took_us = (bench_clock_ns() - begin_ns) / 1000;
    service_clock_update();
    if (first_boot) {
        make_root();
    }
    return took_us;
}

void bench_flush(void)
{
    bench_expect(store_flush(service_now_s()) == STATUS_OK, "flush");
}

void bench_create(char pair[BENCH_PAIR_BYTES])
{
    char name[] = "token-0000000000";
    uint64_t rest = created_count++;
    for (size_t i = sizeof name - 2; rest != 0; i--, rest /= 10) {
        name[i] = (char)('0' + rest % 10);
    }
    struct platform_input input = {
        .tenant_ref = root.tenant_ref, .name = bytes_of_string(name), .permissions = PERMISSION_VIEW};
    struct idempotency none = {0};
    struct token_view view;
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    bench_expect(service_create_platform(&root, &input, &none, &view, secret) == STATUS_OK, "create");
    if (pair != NULL) {
        struct buffer out = buffer_over(pair, BENCH_PAIR_BYTES);
        encode_hex(&out, bytes_of(view.client_id, sizeof view.client_id));
        buffer_append_string(&out, ":");
        buffer_append(&out, bytes_of(secret, CLIENT_SECRET_TEXT_BYTES));
        bench_expect(!buffer_failed(&out), "room for a pair");
    }
}

static void fill(uint64_t count, char (*pairs)[BENCH_PAIR_BYTES])
{
    for (uint64_t i = 0; i < count; i++) {
        bench_create(pairs == NULL ? NULL : pairs[i]);
        if (i % BENCH_GROUP == BENCH_GROUP - 1) {
            service_clock_update();
            if (i % (BENCH_GROUP * FLUSHES_PER_TURN) == BENCH_GROUP * FLUSHES_PER_TURN - 1) {
                bench_flush();
            }
        }
    }
    bench_flush();
}

/* ---- what is measured ---- */

/* Every so-manieth token is revoked: as many records behind those of the tokens. */
static void revoke_some(uint64_t changes, uint64_t count)
{
    for (uint64_t i = 0; i < changes; i++) {
        struct token_view token;
        bool already;
        uint32_t ref = (uint32_t)(2 + i * (count / changes)); /* 1 is the root's */
        bench_expect(service_revoke(&root, ref, BYTES_LITERAL("no longer needed"), &already, &token) ==
                         STATUS_OK,
                     "revocation");
    }
    bench_flush();
}

/* A store with `count` tokens, and what of the table they take. */
static void bench_fill(void)
{
    uint64_t count = bench_option("count", 1000);
    (void)bench_start();
    uint64_t begin_ns = bench_clock_ns();
    fill(count, NULL);
    bench_say("create_ns", (bench_clock_ns() - begin_ns) / count);
    revoke_some(bench_option("changes", 0), count);
    bench_say("table_bytes", table.size);
    bench_say("table_used_bytes", table.size - pool_gap_bytes(&service.tables.pool));
    struct store_stats stats;
    store_stats(&stats);
    bench_say("store_used_bytes", stats.used_bytes);
    bench_say("store_capacity_bytes", stats.capacity_bytes);
}

static void bench_replay(void)
{
    uint64_t ready_us = bench_start();
    uint64_t begin_ns = bench_clock_ns();
    bench_expect(service_read_all() == STATUS_OK, "reading what the boot left");
    bench_say("ready_us", ready_us);
    bench_say("replay_us", ready_us + (bench_clock_ns() - begin_ns) / 1000);
    bench_say("flash_us", measured.flash_ns / 1000);
    struct service_stats stats;
    service_stats(&stats);
    bench_say("tokens", stats.token_count);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Headers of tokens drawn at random, one after the other in memory, as they would come in requests. */
static void look_up(uint64_t count, char (*pairs)[BENCH_PAIR_BYTES], uint8_t (*headers)[HEADER_BYTES])
{
    uint64_t random = 1;
    size_t header_bytes = 0;
    for (size_t i = 0; i < LOOKUPS; i++) {
        header_bytes = header_of(pairs[next_random(&random) % count], headers[i]).size;
    }
    for (size_t turn = 0; turn < FULL_TURNS; turn++) {
        uint64_t begin_ns = bench_clock_ns();
        for (size_t i = 0; i < LOOKUPS; i++) {
            struct caller caller;
            bench_expect(authenticate(bytes_of(headers[i], header_bytes), &caller) == STATUS_OK, "look-up");
        }
        bench_say("lookup_ns", (bench_clock_ns() - begin_ns) / LOOKUPS);
    }
}

/* Turns of look-ups in a table of `count` tokens. */
static void bench_lookup(void)
{
    uint64_t count = bench_option("count", 1000);
    char(*pairs)[BENCH_PAIR_BYTES] = platform_memory_take(count * sizeof *pairs);
    uint8_t(*headers)[HEADER_BYTES] = platform_memory_take(LOOKUPS * sizeof *headers);
    bench_expect(pairs != NULL && headers != NULL, "memory for credentials");
    (void)bench_start();
    fill(count, pairs);
    look_up(count, pairs, headers);
}

/* Creates in groups, each group acknowledged by one flush; the time inside of the flash's calls. */
static void bench_creates(void)
{
    (void)bench_start();
    for (size_t turn = 0; turn < CREATE_TURNS; turn++) {
        uint64_t flash_ns = measured.flash_ns;
        uint64_t begin_ns = bench_clock_ns();
        for (size_t i = 0; i < CREATE_GROUPS * BENCH_GROUP; i++) {
            bench_create(NULL);
            if (i % BENCH_GROUP == BENCH_GROUP - 1) {
                bench_flush();
            }
        }
        bench_say("creates", CREATE_GROUPS * BENCH_GROUP);
        bench_say("device_us", (measured.flash_ns - flash_ns) / 1000);
        bench_say("all_us", (bench_clock_ns() - begin_ns) / 1000);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} benches[] = {{"fill", bench_fill},       {"replay", bench_replay}, {"lookup", bench_lookup},
               {"amplify", bench_amplify}, {"stall", bench_stall},   {"creates", bench_creates}};

int app_main(void)
{
    open_memory();
    struct bytes wanted = platform_option("bench");
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        if (bytes_equal_string(wanted, benches[i].name)) {
            benches[i].run();
            platform_console_write(BYTES_LITERAL("bench done\n"));
            return 0;
        }
    }
    bench_expect(false, "bench= names none");
    return 1;
}
