/*
 * Ids: UUIDv7 (RFC 9562 section 5.7) that only grow, also across reboots and within a millisecond. The 12 bits after the
 * milliseconds count (section 6.2, method 1); the other 62 are random.
 */
#include "service/state.h"

#define COUNTER_END 0x1000

static struct {
    uint64_t last_ms;
    uint32_t last_counter;
} ids;

void ids_start(void)
{
    ids.last_ms = 0;
    ids.last_counter = 0;
}

void ids_seen(const struct uuid *id)
{
    uint64_t id_ms = 0;
    for (size_t i = 0; i < 6; i++) {
        id_ms = id_ms << 8 | id->bytes[i];
    }
    uint32_t counter = (uint32_t)(id->bytes[6] & 0x0F) << 8 | id->bytes[7];
    if (id_ms > ids.last_ms || (id_ms == ids.last_ms && counter > ids.last_counter)) {
        ids.last_ms = id_ms;
        ids.last_counter = counter;
    }
}

void ids_not_before(uint64_t unix_ms)
{
    if (ids.last_ms < unix_ms) {
        ids.last_ms = unix_ms;
        ids.last_counter = 0;
    }
}

struct uuid ids_next(void)
{
    uint64_t now_ms = service_now_ms();
    if (now_ms > ids.last_ms) {
        ids.last_ms = now_ms;
        ids.last_counter = 0;
    } else if (++ids.last_counter == COUNTER_END) {
        ids.last_ms++;
        ids.last_counter = 0;
    }
    uint8_t random[10];
    crypto_random(random, sizeof random);
    random[0] = (uint8_t)(ids.last_counter >> 8);
    random[1] = (uint8_t)ids.last_counter;
    return uuid_v7(ids.last_ms, random);
}
