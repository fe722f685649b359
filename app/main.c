/*
 * The boot list, one step a line, and the one event loop.
 *
 * Memory is taken here and nowhere else: one region for the token table, one heap for the libraries. The appliance
 * serves once it has an address, for its certificate names it; a new address gets a new certificate under the same key.
 */
#include <assert.h>
#include <string.h>

#include "api/api.h"
#include "api/rates.h"
#include "base/heap.h"
#include "base/log.h"
#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "net/addresses.h"
#include "net/link.h"
#include "net/metrics.h"
#include "net/server.h"
#include "net/tls.h"
#include "platform/platform.h"
#include "service/service.h"
#include "store/gather.h"
#include "store/store.h"

enum exit_code {
    EXIT_STOPPED = 0, /* asked to, everything durable */
    EXIT_NO_START = 2 /* a boot step failed; the console says which and what to do */
};

static struct heap main_heap;
static struct net_address served_ipv4;         /* in the certificate that is in use; all zero: none */
static struct net_address told[ADDRESSES_MAX]; /* on the console */
static size_t told_count;
static bool server_is_up;
static struct gather gather;
static uint64_t commit_ns;      /* when what is written has waited for more long enough; 0: it has not to */
static uint64_t flush_begin_ns; /* of the flush under way; 0: none was begun here */
static struct gather_flush flush;
static bool is_flushing;

/* The reading of what the boot has left on the flash. */
static struct {
    bool more;
    uint64_t quiet_ns; /* if nobody asks until then, it is time */
    uint64_t due_ns;   /* else it is then */
} reading;

/* ---- boot steps ---- */

static struct bytes option_or(const char *name, struct bytes fallback)
{
    struct bytes value = platform_option(name);
    return value.size > 0 ? value : fallback;
}

static struct bytes host_name(void)
{
    struct bytes name = option_or("hostname", BYTES_LITERAL("jeton"));
    return bytes_slice(name, 0, HOST_NAME_MAX_BYTES);
}

static void start_log(void)
{
    struct bytes level = platform_option("log");
    if (bytes_equal_string(level, "quiet"))
        log_set_level(LOG_QUIET);
    if (bytes_equal_string(level, "debug"))
        log_set_level(LOG_DEBUG);
}

/* A bad value is no reason to serve without a limit, nor not to serve. */
static uint32_t rate_option(const char *name, uint32_t fallback)
{
    struct bytes text = platform_option(name);
    uint64_t value = 0;
    if (text.data == NULL)
        return fallback;
    if (bytes_to_u64(text, &value) != STATUS_OK || value > RATE_MAX) {
        log_alert("boot option %s is no number from 0 to %u: it stays %u", name, (unsigned)RATE_MAX,
                  (unsigned)fallback);
        return fallback;
    }
    return (uint32_t)value;
}

static enum status start_rates(void)
{
    struct rates_options options = {
        .issue_per_s = rate_option("rate_issue", RATE_ISSUE_PER_S),
        .tenant_per_s = rate_option("rate_tenant", RATE_TENANT_PER_S),
        .failures_per_min = rate_option("rate_auth", RATE_FAILURES_PER_MIN),
    };
    rates_start(&options);
    return STATUS_OK;
}

/* Give the token table its share of what is left and the heap the rest. */
static enum status take_memory(struct service_options *service)
{
    size_t free_bytes = platform_memory_free_bytes();
    if (free_bytes < MEMORY_MIN_BYTES)
        return STATUS_FULL;
    service->table_bytes = free_bytes / 100 * MEMORY_TABLE_PERCENT;
    service->table_memory = platform_memory_take(service->table_bytes);
    size_t heap_bytes = platform_memory_free_bytes() - MEMORY_SPARE_BYTES;
    void *heap_memory = platform_memory_take(heap_bytes);
    if (service->table_memory == NULL || heap_memory == NULL)
        return STATUS_FULL;
    heap_init(&main_heap, heap_memory, heap_bytes);
    return STATUS_OK;
}

static void print_root(const struct service_root *root)
{
    char line[256];
    struct buffer out = buffer_over(line, sizeof(line));
    buffer_append_string(&out, "jeton: root client_id=");
    buffer_append_string(&out, root->client_id);
    buffer_append_string(&out, " client_secret=");
    buffer_append_string(&out, root->client_secret);
    buffer_append_string(&out, " tenant=");
    encode_uuid(&out, &root->tenant);
    buffer_append_string(&out, "\n");
    platform_console_write(buffer_view(&out));
    bytes_wipe(line, sizeof(line));
}

/* A first boot's root credential, shown once, on the console only. It is shown before it is durable: a power cut between
 * the two makes the next boot a first boot again, with another credential; the other way round it would be lost. */
static enum status show_root(void)
{
    struct service_root root;
    enum status status = service_create_root(&root);
    if (status == STATUS_OK) {
        print_root(&root);
        status = store_flush(service_now_s());
    }
    bytes_wipe(&root, sizeof(root));
    return status;
}

/* ---- the certificate ---- */

static enum status load_key(uint8_t scalar[P256_PRIVATE_BYTES])
{
    struct bytes kept;
    if (service_setting_get("tls.key", &kept) == STATUS_OK && kept.size == P256_PRIVATE_BYTES) {
        memcpy(scalar, kept.data, P256_PRIVATE_BYTES);
        return STATUS_OK;
    }
    jose_generate_p256(scalar);
    return service_setting_set("tls.key", bytes_of(scalar, P256_PRIVATE_BYTES));
}

/* The kept certificate where it covers the names and the address, else a new one, durable before it is used. */
static void put_addresses(struct certificate_subject *subject)
{
    struct net_address ipv6[CERTIFICATE_ADDRESSES6_MAX];
    subject->address6_count = addresses_list_lasting_ipv6(ipv6);
    for (size_t i = 0; i < subject->address6_count; i++)
        memcpy(subject->addresses6[i], ipv6[i].bytes, sizeof ipv6[i].bytes);
    subject->addresses[subject->address_count++] = 0x7f000001;
    if (net_address_is_ipv4(&served_ipv4))
        subject->addresses[subject->address_count++] = packet_get32(served_ipv4.bytes + 12);
}

static enum status load_certificate(const uint8_t scalar[P256_PRIVATE_BYTES], struct buffer *der)
{
    struct certificate_subject subject = {
        .names = {host_name(), BYTES_LITERAL("localhost")},
        .name_count = 2,
        .not_before_s = CERTIFICATE_NOT_BEFORE_S,
        .not_after_s = CERTIFICATE_NOT_AFTER_S,
    };
    struct bytes kept;
    put_addresses(&subject);
    if (service_setting_get("tls.certificate", &kept) == STATUS_OK &&
        certificate_covers(kept, &subject, CERTIFICATE_NOT_BEFORE_S)) {
        buffer_append(der, kept);
        return STATUS_OK;
    }
    enum status status = certificate_make(scalar, &subject, der);
    if (status == STATUS_OK)
        status = service_setting_set("tls.certificate", buffer_view(der));
    if (status == STATUS_OK)
        status = store_flush(service_now_s());
    return status;
}

static enum status use_identity(void)
{
    uint8_t scalar[P256_PRIVATE_BYTES];
    uint8_t der_bytes[CERTIFICATE_MAX_BYTES];
    struct buffer der = buffer_over(der_bytes, sizeof(der_bytes));
    enum status status = load_key(scalar);
    if (status == STATUS_OK)
        status = load_certificate(scalar, &der);
    if (status == STATUS_OK) {
        struct tls_identity identity = {.certificate_der = buffer_view(&der)};
        memcpy(identity.scalar, scalar, sizeof(scalar));
        status = tls_start(&identity);
        bytes_wipe(&identity, sizeof(identity));
    }
    bytes_wipe(scalar, sizeof(scalar));
    return status;
}

/* ---- serving ---- */

static void write_url(struct buffer *out, const struct net_address *address)
{
    bool is_ipv4 = net_address_is_ipv4(address);
    buffer_append_string(out, is_ipv4 ? "https://" : "https://[");
    address_write(out, address);
    buffer_append_string(out, is_ipv4 ? ":" : "]:");
    buffer_append_u64(out, SERVER_PORT);
    buffer_append_byte(out, 0);
}

static void announce_ready(const struct net_address *address)
{
    uint8_t fingerprint[SHA256_BYTES];
    char url[URL_MAX_BYTES];
    char hex[2 * SHA256_BYTES + 1] = {0};
    struct buffer url_text = buffer_over(url, sizeof(url));
    struct buffer text = buffer_over(hex, sizeof(hex) - 1);
    tls_fingerprint(fingerprint);
    encode_hex(&text, bytes_of(fingerprint, sizeof(fingerprint)));
    write_url(&url_text, address);
    log_alert("ready url=%s fingerprint=sha256:%s", url, hex);
}

static enum status serve_at(const struct net_address *address)
{
    if (net_address_is_ipv4(address))
        served_ipv4 = *address;
    enum status status = use_identity();
    if (status == STATUS_OK && !server_is_up) {
        struct server_options options = {
            .heap = &main_heap, .port = SERVER_PORT, .dns_server = platform_option("dns")};
        status = server_start(&options);
        server_is_up = status == STATUS_OK;
        net_metrics_start(&main_heap);
    }
    if (status == STATUS_OK)
        announce_ready(address);
    return status;
}

/* The first IPv4 address is waited for: it is in the certificate, and most clients come by it. A new one gets a new
 * certificate. */
static bool wants_certificate(const struct net_address *address)
{
    if (net_address_is_ipv4(address))
        return !net_address_equal(address, &served_ipv4);
    return !server_is_up && platform_monotonic_ns() > SERVER_IPV4_WAIT_NS;
}

static bool was_told(const struct net_address *address)
{
    for (size_t i = 0; i < told_count; i++)
        if (net_address_equal(&told[i], address))
            return true;
    return false;
}

static void tell_of(const struct net_address *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char url[URL_MAX_BYTES];
        struct buffer text = buffer_over(url, sizeof(url));
        write_url(&text, &list[i]);
        if (!net_address_is_ipv4(&list[i]) && !was_told(&list[i]))
            log_info("also at %s", url);
    }
    memcpy(told, list, count * sizeof(*list));
    told_count = count;
}

/* A new lease or advertisement may bring a new address at any time. */
static void follow_addresses(void)
{
    struct net_address list[ADDRESSES_MAX];
    size_t count = addresses_list(list, ADDRESSES_MAX);
    if (count > 0 && wants_certificate(&list[0]) && serve_at(&list[0]) != STATUS_OK)
        platform_panic("The certificate for the new address could not be made or kept: look at the flash.");
    if (server_is_up && (count != told_count || memcmp(list, told, count * sizeof(*list)) != 0))
        tell_of(list, count);
}

static uint64_t pending_records(void)
{
    return store_newest() - store_durable();
}

/* Has the flush under way ended? */
static enum status look_at_flush(void)
{
    bool was_flushing = is_flushing;
    enum status status = store_flush_poll();
    is_flushing = status == STATUS_AGAIN;
    if (!is_flushing && flush_begin_ns != 0) {
        flush.took_ns = platform_monotonic_ns() - flush_begin_ns;
        flush.blocked = !was_flushing;
        gather_flushed(&gather, &flush);
        flush_begin_ns = 0;
    }
    return status;
}

/* Begin to make durable what was written, unless more may soon share it. */
static void begin_flush(bool busy)
{
    uint64_t now_ns = platform_monotonic_ns();
    struct gather_load load = {pending_records(), server_writer_count(), busy};
    commit_ns = gather_until_ns(&gather, &load, now_ns);
    if (commit_ns != 0)
        return;
    flush_begin_ns = now_ns;
    flush.records = load.pending; /* without what compaction adds */
    store_flush_begin(service_now_s());
}

/* Make what was written durable together. While one group is being made durable the next one is gathered, and its own
 * flush begins before the answers to the first one are let go, which takes a while; a device that does not wait has ended
 * at once. Where nothing will become durable any more, answers become refusals. */
static void commit(bool busy)
{
    static uint64_t released;
    enum status status = look_at_flush();
    if (status == STATUS_OK) {
        begin_flush(busy);
        status = look_at_flush();
    }
    uint64_t durable = store_durable();
    if (durable != released || status == STATUS_READ_ONLY)
        server_release(status != STATUS_READ_ONLY);
    released = durable;
}

/* Two machines must not go on with one TLS session: both would use the same nonces under the same keys. */
static void heed_clone(void)
{
    static uint64_t served_generation;
    uint64_t generation = crypto_generation();
    if (generation == served_generation)
        return;
    served_generation = generation;
    log_alert("this machine is a copy, or was resumed: random numbers start afresh, connections end");
    if (server_is_up)
        server_drop_all();
}

/* One turn: take what came, answer it, make it durable together, let the answers go. True if there was work. */
static bool turn(void)
{
    heed_clone();
    service_clock_update();
    service_settle();
    bool busy = link_poll();
    follow_addresses();
    if (server_is_up) {
        busy |= server_step(is_flushing ? UINT64_MAX : gather_room(&gather, pending_records()));
        commit(busy);
    }
    link_end_turn();
    return busy;
}

/* Upkeep gets its turn under load too, a short one. True if there is more to do. */
static bool do_upkeep(uint32_t budget_us)
{
    bool more = service_step(budget_us);
    more |= store_step(service_now_s(), budget_us);
    return more;
}

/* Read on in what the boot has left on the flash: while nobody asks, and now and then while somebody does. */
static void read_on(bool busy)
{
    uint64_t begin_ns = platform_monotonic_ns();
    if (busy)
        reading.quiet_ns = begin_ns + READING_QUIET_NS;
    bool due = begin_ns >= min_u64(reading.quiet_ns, reading.due_ns) || service_reading_is_urgent();
    if (!reading.more || !due)
        return;
    reading.more = service_read_some();
    uint64_t end_ns = platform_monotonic_ns();
    reading.due_ns = end_ns + READING_BUSY_SHARE * (end_ns - begin_ns);
}

/* When the loop has to look around again although nothing comes. */
static uint64_t next_deadline_ns(void)
{
    uint64_t deadline_ns = min_u64(link_next_deadline_ns(), server_next_deadline_ns());
    deadline_ns = min_u64(deadline_ns, platform_monotonic_ns() + IDLE_TICK_NS);
    if (commit_ns != 0)
        deadline_ns = min_u64(deadline_ns, commit_ns);
    return reading.more ? min_u64(deadline_ns, min_u64(reading.quiet_ns, reading.due_ns)) : deadline_ns;
}

static void serve(void)
{
    reading.more = true;
    read_on(true);
    while (!platform_stop_requested()) {
        platform_alive();
        bool busy = turn();
        bool waits = busy || commit_ns != 0 || is_flushing;
        bool more = do_upkeep(waits ? UPKEEP_BUSY_US : UPKEEP_IDLE_US);
        read_on(waits);
        if (!busy && !more)
            platform_sleep_until(next_deadline_ns());
    }
}

/* ---- the list ---- */

static enum status start_link(void)
{
    struct link_options options = {
        .heap = &main_heap,
        .host_name = host_name(),
        .addresses = {.ip = platform_option("ip"),
                      .netmask = platform_option("netmask"),
                      .gateway = platform_option("gateway"),
                      .ip6 = platform_option("ip6"),
                      .gateway6 = platform_option("gateway6")},
    };
    return link_start(&options);
}

static enum status start_service(struct service_options *options)
{
    bool first_boot = false;
    options->device_secret = platform_option("device_secret");
    options->host_name = host_name();
    options->jwt_es256 = bytes_equal_string(platform_option("jwt"), "ES256");
    enum status status = service_start(options, &first_boot);
    if (status != STATUS_OK) {
        log_alert("%s", store_sentence());
        return status;
    }
    service_clock_update();
    if (service_clock_behind())
        log_alert("the hardware clock is older than the newest record; time goes on from the record");
    if (!service_clock_known())
        log_alert("time is not known: nothing is issued; set the clock or give the boot option time=<Unix "
                  "seconds>");
    return first_boot ? show_root() : STATUS_OK;
}

/* With log=debug the console tells how long each step took. */
static bool step_done(const char *step, enum status status)
{
    log_debug("%s: %u us since power-on", step, (unsigned)(platform_monotonic_ns() / 1000));
    if (status != STATUS_OK)
        log_alert("not started: %s (status %d)", step, (int)status);
    return status == STATUS_OK;
}

static bool boot(void)
{
    struct service_options service = {0};
    start_log();
    return step_done("memory", take_memory(&service)) &&
           step_done("random numbers", crypto_init(&main_heap)) && step_done("rate limits", start_rates()) &&
           step_done("store", start_service(&service)) && step_done("network", start_link());
}

/* What crashes thrice in a minute may be what is written, or may damage what is written: serve what there is. */
static void heed_crashes(void)
{
    struct platform_crashes crashes = platform_crashes();
    if (crashes.storm)
        store_forbid_writes("the machine crashed three times within a minute; it writes again after the next "
                            "restart");
}

int app_main(void)
{
    if (!boot())
        return EXIT_NO_START;
    heed_crashes();
    serve();
    service_stop();
    log_info("stopped");
    return store_flush(service_now_s()) == STATUS_OK ? EXIT_STOPPED : EXIT_NO_START;
}
