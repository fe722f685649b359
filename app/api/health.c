/*
 * GET /health/alive, /health/ready and /health/state, for anyone: no secrets, no counts.
 *
 * Alive: the loop answers. Ready: every verb works; else 503 and why. The states, the gravest first:
 *   read_only      the flash failed, or the machine crashes again and again; tokens are checked, nothing is written
 *   clock_not_set  no time yet: nothing is issued
 *   full           no room: nothing is issued, revoking and consuming go on
 *   clock_behind   the hardware clock is older than the log: time goes on from the log's newest (ready)
 *   operational
 */
#include "api/errors.h"
#include "api/handlers.h"
#include "store/store.h"

struct health {
    const char *state;
    bool ready;
    const char *message; /* when not ready */
};

static bool is_full(void)
{
    struct service_stats stats;
    service_stats(&stats);
    return stats.token_count >= stats.token_capacity || stats.text_used_bytes >= stats.text_capacity_bytes ||
           !store_has_room(STORE_ISSUE, TOKEN_TEXT_MAX_BYTES);
}

static struct health look(void)
{
    struct store_stats store;
    store_stats(&store);
    if (store.read_only) {
        return (struct health){"read_only", false, "Nothing can be written: the console says why."};
    }
    if (!service_clock_known()) {
        return (struct health){"clock_not_set", false, "The clock is not set: nothing is issued."};
    }
    if (is_full()) {
        return (struct health){"full", false, "There is no room: nothing is issued."};
    }
    return (struct health){service_clock_behind() ? "clock_behind" : "operational", true, NULL};
}

static void answer_state(struct exchange *exchange, const char *state)
{
    struct json_writer *json = answer_begin(exchange, 200);
    json_member_literal(json, "state", state);
    answer_end(exchange);
}

void health_alive(struct exchange *exchange)
{
    answer_state(exchange, "alive");
}

void health_ready(struct exchange *exchange)
{
    struct health health = look();
    if (health.ready) {
        answer_state(exchange, health.state);
    } else {
        fail_message(exchange, FAULT_UNAVAILABLE, health.message);
    }
}

void health_state(struct exchange *exchange)
{
    answer_state(exchange, look().state);
}
