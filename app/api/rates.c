/*
 * Rate limits: the rules, the tables, and the credentials that were good lately.
 */
#include "api/rates.h"

#include <assert.h>
#include <string.h>

#include "api/metrics.h"
#include "crypto/crypto.h"
#include "token/bucket.h"

#define US_PER_S 1000000ULL

/* One kind of owner. */
struct limit {
    struct bucket_rule rule; /* interval_us 0: no limit */
    struct bucket_table table;
    uint64_t refused_count;
};

static struct bucket principal_buckets[RATE_PRINCIPAL_SETS * BUCKET_WAYS];
static struct bucket tenant_buckets[RATE_TENANT_SETS * BUCKET_WAYS];
static struct bucket address_buckets[RATE_ADDRESS_SETS * BUCKET_WAYS];
static struct limit principals;
static struct limit tenants;
static struct limit addresses;

static uint64_t known[RATE_KNOWN_SETS][RATE_KNOWN_WAYS]; /* hashes, the latest first */
static struct siphash_key known_key;
static uint64_t failure_count;

/* ---- start ---- */

static struct siphash_key random_key(void)
{
    struct siphash_key key;
    crypto_random(&key, sizeof(key));
    return key;
}

/* `per_period` each `period_us`, `burst` at once. */
static void start_limit(struct limit *limit, uint32_t per_period, uint64_t period_us, uint64_t burst)
{
    assert(per_period <= RATE_MAX);
    memset(limit->table.buckets, 0, limit->table.set_count * BUCKET_WAYS * sizeof(struct bucket));
    limit->table.key = random_key();
    if (per_period > 0) {
        limit->rule = (struct bucket_rule){period_us / per_period, burst};
    }
}

void rates_start(const struct rates_options *options)
{
    principals = (struct limit){.table = {.buckets = principal_buckets, .set_count = RATE_PRINCIPAL_SETS}};
    tenants = (struct limit){.table = {.buckets = tenant_buckets, .set_count = RATE_TENANT_SETS}};
    addresses = (struct limit){.table = {.buckets = address_buckets, .set_count = RATE_ADDRESS_SETS}};
    start_limit(&principals, options->issue_per_s, US_PER_S, RATE_ISSUE_BURST_S * options->issue_per_s);
    start_limit(&tenants, options->tenant_per_s, US_PER_S, RATE_ISSUE_BURST_S * options->tenant_per_s);
    start_limit(&addresses, options->failures_per_min, 60 * US_PER_S, options->failures_per_min);
    memset(known, 0, sizeof(known));
    known_key = random_key();
    failure_count = 0;
}

/* ---- credentials that were good lately ---- */

static uint64_t *known_set(uint64_t hash)
{
    return known[hash % RATE_KNOWN_SETS];
}

static bool known_has(uint64_t hash)
{
    const uint64_t *set = known_set(hash);
    for (size_t i = 0; i < RATE_KNOWN_WAYS; i++) {
        if (set[i] == hash) {
            return true;
        }
    }
    return false;
}

/* To the front; the one longest unused falls out of a full set. */
static void known_add(uint64_t hash)
{
    uint64_t *set = known_set(hash);
    uint64_t moved = hash;
    for (size_t i = 0; i < RATE_KNOWN_WAYS; i++) {
        uint64_t next = set[i];
        set[i] = moved;
        if (next == hash) {
            return;
        }
        moved = next;
    }
}

static void known_drop(uint64_t hash)
{
    uint64_t *set = known_set(hash);
    for (size_t i = 0; i < RATE_KNOWN_WAYS; i++) {
        if (set[i] == hash) {
            set[i] = 0;
        }
    }
}

void rates_issued(struct bytes bearer)
{
    if (addresses.rule.interval_us > 0) {
        known_add(siphash(&known_key, bearer));
    }
}

/* ---- wrong credentials ---- */

/* A host may pick any address of its IPv6 subnet, but not its subnet. */
static struct bytes network_of(const uint8_t address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_ipv4 = memcmp(address, mapped, sizeof(mapped)) == 0;
    return bytes_of(address, is_ipv4 ? 16 : 8);
}

/* An Authorization header without its scheme. */
static struct bytes credential_of(struct bytes authorization)
{
    size_t space = bytes_find(authorization, ' ');
    return bytes_trim(bytes_slice(authorization, space, authorization.size));
}

enum status rates_authenticate(struct exchange *exchange, struct bytes authorization, uint64_t *wait_us)
{
    *wait_us = 0;
    if (authorization.size == 0 || addresses.rule.interval_us == 0) {
        return service_authenticate(authorization, exchange->peer_address, &exchange->caller);
    }
    uint64_t now_us = service_monotonic_us();
    uint64_t hash = siphash(&known_key, credential_of(authorization));
    struct bucket *bucket = bucket_find(&addresses.table, network_of(exchange->peer_address), now_us);
    *wait_us = bucket_blocked_us(bucket, now_us);
    if (*wait_us > 0 && !known_has(hash)) {
        addresses.refused_count++;
        return STATUS_AGAIN;
    }
    enum status status = service_authenticate(authorization, exchange->peer_address, &exchange->caller);
    if (status == STATUS_DENIED) {
        failure_count++;
        bucket_fail(bucket, &addresses.rule, now_us);
        known_drop(hash);
    } else {
        known_add(hash);
    }
    return status;
}

/* ---- issuing ---- */

/* The bucket of an owner, NULL where there is no limit. */
static struct bucket *bucket_of(struct limit *limit, struct bytes owner, uint64_t now_us)
{
    return limit->rule.interval_us > 0 ? bucket_find(&limit->table, owner, now_us) : NULL;
}

static uint64_t wait_of(struct limit *limit, const struct bucket *bucket, uint64_t now_us)
{
    uint64_t wait_us = bucket != NULL ? bucket_wait_us(bucket, &limit->rule, now_us) : 0;
    limit->refused_count += wait_us > 0;
    return wait_us;
}

bool rates_may_issue(const struct exchange *exchange, uint64_t *wait_us)
{
    const struct caller *caller = &exchange->caller;
    uint64_t now_us = service_monotonic_us();
    struct bytes tenant_owner = bytes_of(&caller->tenant_ref, sizeof(caller->tenant_ref));
    struct bucket *principal = bucket_of(&principals, bytes_of(&caller->principal, 16), now_us);
    struct bucket *tenant = bucket_of(&tenants, tenant_owner, now_us);
    uint64_t principal_us = wait_of(&principals, principal, now_us);
    uint64_t tenant_us = wait_of(&tenants, tenant, now_us);
    *wait_us = principal_us > tenant_us ? principal_us : tenant_us;
    if (*wait_us > 0) {
        return false;
    }
    if (principal != NULL) {
        bucket_take(principal, &principals.rule, now_us);
    }
    if (tenant != NULL) {
        bucket_take(tenant, &tenants.rule, now_us);
    }
    return true;
}

/* ---- metrics ---- */

void rates_write_metrics(struct buffer *out)
{
    uint64_t blocked_count =
        addresses.rule.interval_us > 0 ? bucket_blocked_count(&addresses.table, service_monotonic_us()) : 0;
    metrics_write(out, "jeton_rate_limited_principal_total", "counter",
                  "Issuing calls refused for their principal's rate.", principals.refused_count);
    metrics_write(out, "jeton_rate_limited_tenant_total", "counter",
                  "Issuing calls refused for their tenant's rate.", tenants.refused_count);
    metrics_write(out, "jeton_rate_limited_address_total", "counter",
                  "Calls refused because their address is in back-off.", addresses.refused_count);
    metrics_write(out, "jeton_rate_failures_total", "counter",
                  "Wrong credentials counted against an address.", failure_count);
    metrics_write(out, "jeton_rate_blocked_addresses", "gauge", "Addresses in back-off now.", blocked_count);
}
