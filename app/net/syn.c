/*
 * 32 bits: a hash of 29, and 3 that choose the MSS, which are under a hash too. A guess is right once in 2^28.
 */
#include "net/syn.h"

#include <string.h>

#include "base/siphash.h"
#include "crypto/crypto.h"
#include "limits.h"

#define SIZE_BITS 7U

/* The largest that does not exceed the client's is told; the first stands for smaller ones too. */
static const uint16_t sizes[SIZE_BITS + 1] = {SYN_MSS_MIN, SYN_MSS_DEFAULT, 1220, 1300, 1360, 1400, 1440,
                                              1460};

static struct siphash_key key;
static uint8_t answered[2][SYN_ANSWERED_BITS / 8]; /* of this period, and of the one before */
static uint64_t answered_period;

void syn_start(void)
{
    crypto_random(&key, sizeof key);
    memset(answered, 0, sizeof answered);
}

static uint64_t hash(const struct tuple *tuple, uint32_t client_sequence, uint64_t period)
{
    struct {
        struct tuple tuple;
        uint64_t client_sequence;
        uint64_t period;
    } input = {*tuple, client_sequence, period};
    return siphash(&key, bytes_of(&input, sizeof input));
}

static uint32_t size_index(uint16_t mss)
{
    uint32_t index = 0;
    if (mss == 0)
        mss = SYN_MSS_DEFAULT; /* RFC 9293 section 3.7.1 */
    while (index < SIZE_BITS && sizes[index + 1] <= mss)
        index++;
    return index;
}

static uint32_t cookie_of(uint64_t hashed, uint32_t index)
{
    return ((uint32_t)hashed & ~SIZE_BITS) | (((uint32_t)(hashed >> 32) ^ index) & SIZE_BITS);
}

/* The bit of a peer in the map of a period. */
static uint32_t bit_of(const struct tuple *tuple)
{
    return (uint32_t)hash(tuple, 0, UINT64_MAX) % SYN_ANSWERED_BITS;
}

static void turn_maps(uint64_t period)
{
    if (period == answered_period)
        return;
    if (period == answered_period + 1)
        memcpy(answered[1], answered[0], sizeof answered[0]);
    else
        memset(answered[1], 0, sizeof answered[1]);
    memset(answered[0], 0, sizeof answered[0]);
    answered_period = period;
}

uint32_t syn_cookie(const struct packet *packet, uint64_t now_s)
{
    uint32_t bit = bit_of(&packet->tuple);
    uint64_t period = now_s / SYN_COOKIE_LIFE_S;
    turn_maps(period);
    answered[0][bit / 8] = (uint8_t)(answered[0][bit / 8] | 1U << bit % 8);
    return cookie_of(hash(&packet->tuple, packet->sequence, period), size_index(packet->mss));
}

bool syn_cookie_is_answered(const struct packet *packet, uint64_t now_s, uint16_t *mss)
{
    uint64_t period = now_s / SYN_COOKIE_LIFE_S;
    uint32_t cookie = packet->acknowledged - 1;
    for (uint64_t age = 0; age <= 1 && age <= period; age++) {
        uint64_t hashed = hash(&packet->tuple, packet->sequence - 1, period - age);
        uint32_t index = (cookie ^ (uint32_t)(hashed >> 32)) & SIZE_BITS;
        if (cookie != cookie_of(hashed, index))
            continue;
        *mss = sizes[index];
        return true;
    }
    return false;
}

bool syn_was_answered(const struct packet *packet, uint64_t now_s)
{
    uint32_t bit = bit_of(&packet->tuple);
    turn_maps(now_s / SYN_COOKIE_LIFE_S);
    return ((answered[0][bit / 8] | answered[1][bit / 8]) >> bit % 8 & 1) != 0;
}
