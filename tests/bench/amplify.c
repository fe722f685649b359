/*
 * Write amplification in steady state: bytes programmed for each byte of payload that the verbs appended, while the log
 * turns and compaction moves what is still needed.
 *
 * And how long a turn of the loop takes in the store meanwhile: the flush of a group and one step of upkeep as a busy
 * loop makes it, compaction included.
 *
 * A share of the store's capacity is live. `cold` percent of it are tokens that nobody touches; the rest are users whose
 * records are replaced at random, one after the other, in groups.
 */
#include <string.h>

#include "bench_app.h"
#include "service/state.h"

#define LIVE_PERCENT 70
#define TURNS        6 /* of the whole log; the first does not count */

static uint32_t user_count;
static uint32_t first_user;

static uint64_t live_permille(void)
{
    struct store_stats stats;
    store_stats(&stats);
    return stats.live_bytes * 1000 / stats.capacity_bytes;
}

static void write_user(uint32_t ref)
{
    char email[] = "user-0000000000-of-the-benchmark@example.com";
    uint32_t rest = user_count;
    for (size_t i = 14; rest != 0; i--, rest /= 10) {
        email[i] = (char)('0' + rest % 10);
    }
    struct user_input input = {.email = {NULL, 0}, .disabled = -1};
    struct user_view view;
    struct idempotency none = {0};
    enum status status;
    if (ref != 0) {
        status = service_change_user(ref, &input, &view);
    } else {
        struct bytes capability = BYTES_LITERAL("withdrawal.create");
        input = (struct user_input){.email = bytes_of_string(email),
                                    .tenant_refs = &bench_root()->tenant_ref,
                                    .tenant_count = 1,
                                    .has_tenants = true,
                                    .capabilities = &capability,
                                    .capability_count = 1,
                                    .has_capabilities = true,
                                    .disabled = 0};
        status = service_create_user(&input, &none, &view);
        user_count++;
    }
    bench_expect(status == STATUS_OK, "write of a user");
}

static void finish_group(void)
{
    service_clock_update();
    bench_flush();
    while (store_step(service_now_s(), 200)) {
    }
}

static void fill_to(uint64_t percent, uint64_t cold_percent)
{
    uint64_t cold_permille = percent * cold_percent / 10;
    uint64_t all_permille = percent * 10;
    for (uint64_t i = 0; live_permille() < all_permille; i++) {
        if (live_permille() < cold_permille) {
            bench_create(NULL);
        } else {
            write_user(0);
        }
        if (i % BENCH_GROUP == BENCH_GROUP - 1) {
            finish_group();
        }
    }
    finish_group();
}

static uint64_t next_random(void)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
}

/* Replace records until the log has turned once more. */
static void turn_log(uint64_t ring_bytes)
{
    struct store_stats stats;
    store_stats(&stats);
    uint64_t end_bytes = stats.programmed_bytes + ring_bytes;
    do {
        for (size_t i = 0; i < BENCH_GROUP; i++) {
            write_user(first_user + (uint32_t)(next_random() % user_count));
        }
        finish_group();
        store_stats(&stats);
    } while (stats.programmed_bytes < end_bytes);
}

void bench_amplify(void)
{
    (void)bench_start();
    first_user = service.tables.users.used_end;
    fill_to(bench_option("live", LIVE_PERCENT), bench_option("cold", 0));
    struct store_stats stats;
    store_stats(&stats);
    bench_say("users", user_count);
    for (size_t turn = 0; turn < TURNS; turn++) {
        struct store_stats before = {0};
        store_stats(&before);
        uint64_t appended_bytes = measured.appended_bytes;
        uint64_t relocated_bytes = measured.relocated_bytes;
        turn_log(stats.capacity_bytes);
        store_stats(&stats);
        if (turn >= 1) {
            bench_say("programmed_bytes", stats.programmed_bytes - before.programmed_bytes);
            bench_say("appended_bytes", measured.appended_bytes - appended_bytes);
            bench_say("relocated_bytes", measured.relocated_bytes - relocated_bytes);
            bench_say("live_permille", live_permille());
        }
    }
}

/* ---- how long a turn takes ---- */

#define STALL_TURNS 20000

static uint32_t scratch[STALL_TURNS];

/* Something of each turn of a series. */
struct stall {
    const char *names[3]; /* of the median, of the most but a thousandth, of the most */
    uint32_t unit;        /* what is said is in so many */
    uint32_t turns[STALL_TURNS];
};

/* By four bytes, the lowest first. */
static void sort(uint32_t *values, size_t count)
{
    uint32_t *from = values;
    uint32_t *to = scratch;
    for (int shift = 0; shift < 32; shift += 8) {
        size_t starts[257] = {0};
        for (size_t i = 0; i < count; i++) {
            starts[(from[i] >> shift & 255) + 1]++;
        }
        for (size_t i = 1; i < 257; i++) {
            starts[i] += starts[i - 1];
        }
        for (size_t i = 0; i < count; i++) {
            to[starts[from[i] >> shift & 255]++] = from[i];
        }
        uint32_t *swapped = from;
        from = to;
        to = swapped;
    }
}

static void say_stall(struct stall *stall, size_t count)
{
    const size_t places[] = {count / 2, count - count / 1000 - 1, count - 1};
    sort(stall->turns, count);
    for (size_t i = 0; i < 3; i++) {
        bench_say(stall->names[i], stall->turns[places[i]] / stall->unit);
    }
}

/* What of the flash's time in a turn compaction takes: reading, erasing, and its share of what is programmed. */
static uint64_t compaction_ns(const struct measured *before)
{
    uint64_t appended_bytes = measured.appended_bytes - before->appended_bytes;
    uint64_t relocated_bytes = measured.relocated_bytes - before->relocated_bytes;
    uint64_t program_ns = measured.program_ns - before->program_ns;
    return measured.flash_ns - before->flash_ns -
           program_ns * appended_bytes / (appended_bytes + relocated_bytes);
}

/* A turn of the loop: so many requests, made durable together. */
static void time_turns(size_t count, size_t group)
{
    static struct stall all = {{"median_us", "p999_us", "max_us"}, 1000, {0}};
    static struct stall device = {{"device_median_us", "device_p999_us", "device_max_us"}, 1000, {0}};
    static struct stall compaction = {
        {"compaction_median_us", "compaction_p999_us", "compaction_max_us"}, 1000, {0}};
    static struct stall programmed = {{"programmed_median", "programmed_p999", "programmed_max"}, 1, {0}};
    struct store_stats before;
    struct store_stats after;
    const struct measured first = measured;
    store_stats(&after);
    uint64_t programmed_bytes = after.programmed_bytes;
    for (size_t turn = 0; turn < count; turn++) {
        const struct measured start = measured;
        for (size_t i = 0; i < group; i++) {
            write_user(first_user + (uint32_t)(next_random() % user_count));
        }
        service_clock_update();
        store_stats(&before);
        uint64_t begin_ns = bench_clock_ns();
        bench_flush();
        (void)store_step(service_now_s(), UPKEEP_BUSY_US);
        all.turns[turn] = (uint32_t)(bench_clock_ns() - begin_ns);
        device.turns[turn] = (uint32_t)(measured.flash_ns - start.flash_ns);
        compaction.turns[turn] = (uint32_t)compaction_ns(&start);
        store_stats(&after);
        programmed.turns[turn] = (uint32_t)(after.programmed_bytes - before.programmed_bytes);
    }
    bench_say("relocated_bytes", measured.relocated_bytes - first.relocated_bytes);
    bench_say("program_ns_a_kib",
              (measured.program_ns - first.program_ns) * 1024 / (after.programmed_bytes - programmed_bytes));
    say_stall(&all, count);
    say_stall(&device, count);
    say_stall(&compaction, count);
    say_stall(&programmed, count);
}

void bench_stall(void)
{
    size_t turns = (size_t)bench_option("turns", STALL_TURNS);
    bench_expect(turns > 0 && turns <= STALL_TURNS, "turns");
    size_t group = (size_t)bench_option("group", BENCH_GROUP);
    (void)bench_start();
    first_user = service.tables.users.used_end;
    fill_to(bench_option("live", LIVE_PERCENT), 0);
    struct store_stats stats;
    store_stats(&stats);
    turn_log(stats.capacity_bytes);
    for (uint64_t series = bench_option("series", 1); series > 0; series--) {
        time_turns(turns, group);
    }
}
