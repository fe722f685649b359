/*
 * GET /metrics: Prometheus text format 0.0.4, for a caller with VIEW.
 *
 * Counters live in RAM and begin at 0 with each boot, as Prometheus expects. A route's label is its pattern, "none" for
 * requests that reached none: nothing from outside becomes a label.
 */
#include "api/metrics.h"

#include <assert.h>

#include "api/handlers.h"
#include "api/rates.h"
#include "api/routes.h"
#include "store/store.h"

#define STATUS_SLOTS (sizeof(statuses) / sizeof(statuses[0]))
#define BUCKET_COUNT (sizeof(bucket_us) / sizeof(bucket_us[0]))

/* What our answers say; anything else counts as the last. */
static const uint16_t statuses[] = {200, 201, 204, 400, 401, 403, 404, 405, 409, 413,
                                    415, 417, 422, 429, 431, 501, 502, 503, 505, 500};

static const uint32_t bucket_us[] = {100,   250,   500,   1000,   2500,   5000,
                                     10000, 25000, 50000, 100000, 250000, 1000000};
static const char *const bucket_names[] = {"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
                                           "0.01",   "0.025",   "0.05",   "0.1",   "0.25",   "1"};
static_assert(sizeof(bucket_names) / sizeof(bucket_names[0]) == BUCKET_COUNT, "a name for each bucket");

struct route_metrics {
    uint64_t answers[STATUS_SLOTS];
    uint64_t buckets[BUCKET_COUNT]; /* not cumulated */
    uint64_t took_count;
    uint64_t took_us;
};
static struct route_metrics routes[API_ROUTES_MAX];
static void (*sources[API_METRIC_SOURCES_MAX])(struct buffer *out);
static size_t source_count;

/* ---- counting ---- */

static size_t slot_of(uint16_t status)
{
    size_t slot = 0;
    while (slot + 1 < STATUS_SLOTS && statuses[slot] != status) {
        slot++;
    }
    return slot;
}

void metrics_count(const struct api_answer *answer)
{
    assert(answer->route < API_ROUTES_MAX);
    routes[answer->route].answers[slot_of(answer->response.status)]++;
}

void metrics_discount(const struct api_answer *answer)
{
    assert(answer->route < API_ROUTES_MAX);
    uint64_t *count = &routes[answer->route].answers[slot_of(answer->response.status)];
    *count -= *count > 0;
}

void api_took(const struct api_answer *answer, uint64_t duration_us)
{
    assert(answer->route < API_ROUTES_MAX);
    struct route_metrics *route = &routes[answer->route];
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        if (duration_us <= bucket_us[i]) {
            route->buckets[i]++;
            break;
        }
    }
    route->took_count++;
    route->took_us += duration_us;
}

void api_add_metrics(void (*write)(struct buffer *out))
{
    assert(source_count < API_METRIC_SOURCES_MAX);
    sources[source_count++] = write;
}

/* ---- writing ---- */

static void write_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_append_string(out, "# HELP ");
    buffer_append_string(out, name);
    buffer_append_string(out, " ");
    buffer_append_string(out, help);
    buffer_append_string(out, "\n# TYPE ");
    buffer_append_string(out, name);
    buffer_append_string(out, " ");
    buffer_append_string(out, type);
    buffer_append_string(out, "\n");
}

static void write_value(struct buffer *out, uint64_t value)
{
    buffer_append_string(out, " ");
    buffer_append_u64(out, value);
    buffer_append_string(out, "\n");
}

void metrics_write(struct buffer *out, const char *name, const char *type, const char *help, uint64_t value)
{
    write_head(out, name, type, help);
    buffer_append_string(out, name);
    write_value(out, value);
}

/* name{method="...",route="..." and no closing brace. */
static void write_route(struct buffer *out, const char *name, size_t index)
{
    static const char *const methods[] = {
        [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};
    const struct route *route = route_at(index);
    buffer_append_string(out, name);
    buffer_append_string(out, "{method=\"");
    buffer_append_string(out, route != NULL ? methods[route->method] : "none");
    buffer_append_string(out, "\",route=\"");
    buffer_append_string(out, route != NULL ? route->pattern : "none");
    buffer_append_string(out, "\"");
}

static void write_requests(struct buffer *out)
{
    write_head(out, "jeton_http_requests_total", "counter", "Answered requests by route and status.");
    for (size_t i = 0; i < API_ROUTES_MAX; i++) {
        for (size_t slot = 0; slot < STATUS_SLOTS; slot++) {
            if (routes[i].answers[slot] > 0) {
                write_route(out, "jeton_http_requests_total", i);
                buffer_append_string(out, ",status=\"");
                buffer_append_u64(out, statuses[slot]);
                buffer_append_string(out, "\"}");
                write_value(out, routes[i].answers[slot]);
            }
        }
    }
}

static void write_bucket(struct buffer *out, size_t index, const char *le, uint64_t count)
{
    write_route(out, "jeton_http_request_duration_seconds_bucket", index);
    buffer_append_string(out, ",le=\"");
    buffer_append_string(out, le);
    buffer_append_string(out, "\"}");
    write_value(out, count);
}

/* Microseconds as seconds. */
static void write_seconds(struct buffer *out, uint64_t us)
{
    buffer_append_string(out, "} ");
    buffer_append_u64(out, us / 1000000);
    buffer_append_string(out, ".");
    for (uint64_t digit = 100000; digit > 0; digit /= 10) {
        buffer_append_u64(out, us / digit % 10);
    }
    buffer_append_string(out, "\n");
}

static void write_histogram(struct buffer *out, size_t index)
{
    const struct route_metrics *route = &routes[index];
    uint64_t sum = 0;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        sum += route->buckets[i];
        write_bucket(out, index, bucket_names[i], sum);
    }
    write_bucket(out, index, "+Inf", route->took_count);
    write_route(out, "jeton_http_request_duration_seconds_sum", index);
    write_seconds(out, route->took_us);
    write_route(out, "jeton_http_request_duration_seconds_count", index);
    buffer_append_string(out, "}");
    write_value(out, route->took_count);
}

static void write_durations(struct buffer *out)
{
    bool begun = false;
    for (size_t i = 0; i < API_ROUTES_MAX; i++) {
        if (routes[i].took_count > 0) {
            if (!begun) {
                write_head(out, "jeton_http_request_duration_seconds", "histogram",
                           "From a whole request to its answer's leave.");
            }
            begun = true;
            write_histogram(out, i);
        }
    }
}

static void write_tokens(struct buffer *out)
{
    static const char *const families[] = {"action", "api", "platform"};
    static const char *const states[] = {"active", "consumed", "revoked", "expired"};
    struct service_stats stats;
    service_need_all();
    service_stats(&stats);
    write_head(out, "jeton_tokens", "gauge", "Tokens in the table by family and state.");
    for (size_t i = 0; i < 12; i++) {
        buffer_append_string(out, "jeton_tokens{family=\"");
        buffer_append_string(out, families[i / 4]);
        buffer_append_string(out, "\",state=\"");
        buffer_append_string(out, states[i % 4]);
        buffer_append_string(out, "\"}");
        write_value(out, stats.tokens[i / 4][i % 4]);
    }
    metrics_write(out, "jeton_table_tokens", "gauge", "Tokens in the table.", stats.token_count);
    metrics_write(out, "jeton_table_tokens_max", "gauge", "Tokens that the table takes.",
                  stats.token_capacity);
    metrics_write(out, "jeton_table_text_bytes", "gauge", "Names and other texts in the table.",
                  stats.text_used_bytes);
    metrics_write(out, "jeton_table_text_max_bytes", "gauge", "Texts that the table takes.",
                  stats.text_capacity_bytes);
    metrics_write(out, "jeton_collected_tokens_total", "counter", "Tokens dropped after their time.",
                  stats.collected_count);
    metrics_write(out, "jeton_tenants", "gauge", "Tenants.", service_tenant_count());
    metrics_write(out, "jeton_users", "gauge", "Users.", service_user_count());
}

static void write_store(struct buffer *out)
{
    struct store_stats stats;
    store_stats(&stats);
    metrics_write(out, "jeton_store_capacity_bytes", "gauge", "Room for records.", stats.capacity_bytes);
    metrics_write(out, "jeton_store_used_bytes", "gauge", "Records, live and dead.", stats.used_bytes);
    metrics_write(out, "jeton_store_live_bytes", "gauge", "Records that are still needed, about.",
                  stats.live_bytes);
    metrics_write(out, "jeton_store_flushes_total", "counter", "Group commits.", stats.flush_count);
    metrics_write(out, "jeton_store_records_total", "counter", "Records written.", stats.record_count);
    metrics_write(out, "jeton_store_relocated_records_total", "counter", "Records that compaction moved.",
                  stats.relocated_count);
    metrics_write(out, "jeton_store_programmed_bytes_total", "counter", "Bytes programmed.",
                  stats.programmed_bytes);
    metrics_write(out, "jeton_store_erases_total", "counter", "Blocks erased.", stats.erase_count);
    metrics_write(out, "jeton_store_bad_blocks", "gauge", "Blocks mapped out.", stats.bad_block_count);
    metrics_write(out, "jeton_store_read_only", "gauge", "1 when nothing is written any more.",
                  stats.read_only);
}

void metrics(struct exchange *exchange)
{
    struct buffer *out = answer_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8");
    write_requests(out);
    write_durations(out);
    write_tokens(out);
    write_store(out);
    metrics_write(out, "jeton_clock_known", "gauge", "1 when the time is known.", service_clock_known());
    metrics_write(out, "jeton_clock_behind", "gauge", "1 when the hardware clock was older than the log.",
                  service_clock_behind());
    rates_write_metrics(out);
    for (size_t i = 0; i < source_count; i++) {
        sources[i](out);
    }
}
