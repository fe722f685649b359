/*
 * A table of proofs, a ring of questions.
 */
#include "net/neighbours.h"

#include <string.h>

#include "base/log.h"
#include "base/siphash.h"
#include "crypto/crypto.h"
#include "limits.h"
#include "net/addresses.h"
#include "net/frame.h"
#include "net/link.h"
#include "net/pace.h"
#include "platform/platform.h"

#define ARP_ASKS    1
#define ARP_ANSWERS 2

#define ICMP6_TOO_BIG     2
#define ICMP6_ECHO        128
#define ICMP6_MLD_QUERY   130
#define ICMP6_ROUTER      134
#define ICMP6_ASKS        135
#define ICMP6_ANSWERS     136
#define ND_HOP_LIMIT      255
#define ND_TARGET_AT      8
#define ND_OPTIONS_AT     24
#define ROUTER_OPTIONS_AT 16
#define ND_FLAGS_ASKED    0x60 /* solicited, override */
#define ND_FLAGS_UNASKED  0x20
#define OPTION_SOURCE     1
#define OPTION_TARGET     2
#define OPTION_PREFIX     3
#define OPTION_MTU        5
#define MLD_BYTES         24
#define IPV6_MTU_MIN      1280
#define IPV6_MTU_MAX      1500

struct proof {
    struct net_address address;
    uint8_t mac[MAC_BYTES];
    uint64_t time_ms; /* 0: none */
};

struct question {
    struct net_address address;
    uint64_t time_ms;
};

static struct siphash_key key;
static struct proof proofs[NEIGHBOUR_PROOFS];
static struct question questions[NEIGHBOUR_QUESTIONS];
static size_t next_question;
static struct pace routers;
static struct pace pings;
static struct pace others;
static uint64_t told_ms;

void neighbours_start(void)
{
    crypto_random(&key, sizeof key);
    memset(proofs, 0, sizeof proofs);
    memset(questions, 0, sizeof questions);
    routers = (struct pace){.per_s = NEIGHBOUR_ROUTERS_PER_S};
    pings = (struct pace){.per_s = GUARD_PINGS_PER_S};
    others = (struct pace){.per_s = NEIGHBOUR_OTHERS_PER_S};
    told_ms = 0;
}

static uint64_t now_ms(void)
{
    return platform_monotonic_ns() / 1000000 + 1; /* 0 stands for never */
}

/* ---- proofs and questions ---- */

static struct proof *proof_of(const struct net_address *address)
{
    return &proofs[siphash(&key, bytes_of(address, sizeof *address)) % NEIGHBOUR_PROOFS];
}

static bool is_lately(uint64_t time_ms, uint64_t period_ms)
{
    return time_ms != 0 && now_ms() - time_ms < period_ms;
}

/* The address is another station's by its proof. */
static bool is_taken(const struct net_address *address, const uint8_t *mac)
{
    const struct proof *proof = proof_of(address);
    return is_lately(proof->time_ms, NEIGHBOUR_PROOF_MS) && net_address_equal(&proof->address, address) &&
           memcmp(proof->mac, mac, MAC_BYTES) != 0;
}

static bool was_asked(const struct net_address *address)
{
    for (size_t i = 0; i < NEIGHBOUR_QUESTIONS; i++)
        if (is_lately(questions[i].time_ms, NEIGHBOUR_QUESTION_MS) &&
            net_address_equal(&questions[i].address, address))
            return true;
    return false;
}

bool neighbours_note_question(struct bytes bytes)
{
    struct question question = {.time_ms = now_ms()};
    const uint8_t *body = bytes.data + ETHERNET_BYTES;
    if (bytes.size >= ETHERNET_BYTES + ARP_BYTES && packet_get16(bytes.data + 12) == 0x0806 &&
        body[7] == ARP_ASKS)
        question.address = net_address_of_ipv4(body + 24);
    else if (bytes.size >= ETHERNET_BYTES + IPV6_BYTES + ND_OPTIONS_AT &&
             packet_get16(bytes.data + 12) == 0x86dd && body[6] == FRAME_ICMP6 &&
             body[IPV6_BYTES] == ICMP6_ASKS)
        memcpy(question.address.bytes, body + IPV6_BYTES + ND_TARGET_AT, 16);
    else
        return false;
    questions[next_question++ % NEIGHBOUR_QUESTIONS] = question;
    return true;
}

/* What the peer would send to ask for us: lwIP notes the station that asks. */
static void introduce(const struct packet *packet)
{
    uint8_t frame[FRAME_HEAD_MAX_BYTES + ND_OPTIONS_AT + 8];
    struct frame question = {.source_mac = packet->source_mac,
                             .destination_mac = packet->destination_mac,
                             .source = packet->tuple.remote,
                             .destination = packet->tuple.local,
                             .protocol = FRAME_ICMP6,
                             .hop_limit = ND_HOP_LIMIT};
    if (!packet->is_ipv6) {
        link_take_in(bytes_of(frame, frame_build_arp(&question, ARP_ASKS, frame)), NULL);
        return;
    }
    uint8_t body[ND_OPTIONS_AT + 8] = {ICMP6_ASKS};
    memcpy(body + ND_TARGET_AT, packet->tuple.local.bytes, 16);
    body[ND_OPTIONS_AT] = OPTION_SOURCE;
    body[ND_OPTIONS_AT + 1] = 1;
    memcpy(body + ND_OPTIONS_AT + 2, packet->source_mac, MAC_BYTES);
    question.payload = bytes_of(body, sizeof body);
    link_take_in(bytes_of(frame, frame_build(&question, frame)), NULL);
}

void neighbours_note_proof(const struct packet *packet)
{
    struct net_address address = packet->tuple.remote;
    bool on_link = addresses_are_local(&address);
    if (!on_link && !addresses_router(&address, packet->source_mac, &address))
        return;
    struct proof *proof = proof_of(&address);
    bool same = net_address_equal(&proof->address, &address) &&
                memcmp(proof->mac, packet->source_mac, MAC_BYTES) == 0;
    if (same && is_lately(proof->time_ms, NEIGHBOUR_REFRESH_MS))
        return;
    proof->address = address;
    memcpy(proof->mac, packet->source_mac, MAC_BYTES);
    proof->time_ms = now_ms();
    if (on_link)
        introduce(packet);
}

/* ---- ARP ---- */

static void tell_of_conflict(void)
{
    if (told_ms != 0 && is_lately(told_ms, NEIGHBOUR_TELL_MS))
        return;
    told_ms = now_ms();
    log_alert("another station claims our IPv4 address");
}

static void answer_arp(const struct packet *packet)
{
    uint8_t frame[ETHERNET_BYTES + ARP_BYTES];
    const struct frame answer = {.source_mac = link_mac(),
                                 .destination_mac = packet->source_mac,
                                 .source = packet->tuple.local,
                                 .destination = packet->tuple.remote};
    link_send(bytes_of(frame, frame_build_arp(&answer, ARP_ANSWERS, frame)));
}

bool neighbours_take_arp(const struct packet *packet)
{
    uint8_t operation = packet->payload.data[7];
    if (packet->payload.data[6] != 0)
        return false;
    if (addresses_have(&packet->tuple.remote)) {
        tell_of_conflict();
        return false;
    }
    if (operation == ARP_ASKS && addresses_have(&packet->tuple.local))
        answer_arp(packet);
    return operation == ARP_ANSWERS && !packet->to_group && addresses_have(&packet->tuple.local) &&
           was_asked(&packet->tuple.remote) && !is_taken(&packet->tuple.remote, packet->source_mac);
}

/* ---- Neighbor Discovery and the rest of ICMPv6 ---- */

/* Options of a message, each within it and of its type's size (RFC 4861 section 4.6). `mac`: that of the station, if told. */
static bool options_are_sound(struct bytes options, const uint8_t **mac)
{
    *mac = NULL;
    while (options.size > 0) {
        size_t size = options.size >= 2 ? (size_t)options.data[1] * 8 : 0;
        uint8_t type = options.data[0];
        if (size == 0 || size > options.size ||
            ((type == OPTION_SOURCE || type == OPTION_TARGET || type == OPTION_MTU) && size != 8) ||
            (type == OPTION_PREFIX && size != 32))
            return false;
        if (type == OPTION_SOURCE || type == OPTION_TARGET)
            *mac = options.data + 2;
        options = bytes_slice(options, size, options.size);
    }
    return *mac == NULL || ((*mac)[0] & 1) == 0;
}

static void answer_neighbour(const struct packet *packet, const struct net_address *target)
{
    static const struct net_address nobody;
    static const struct net_address all_nodes = {.bytes = {0xff, 2, [15] = 1}};
    static const uint8_t all_nodes_mac[MAC_BYTES] = {0x33, 0x33, 0, 0, 0, 1};
    bool unasked = net_address_equal(&packet->tuple.remote, &nobody);
    uint8_t frame[FRAME_HEAD_MAX_BYTES + ND_OPTIONS_AT + 8];
    uint8_t body[ND_OPTIONS_AT + 8] = {ICMP6_ANSWERS};
    body[4] = unasked ? ND_FLAGS_UNASKED : ND_FLAGS_ASKED;
    memcpy(body + ND_TARGET_AT, target->bytes, 16);
    body[ND_OPTIONS_AT] = OPTION_TARGET;
    body[ND_OPTIONS_AT + 1] = 1;
    memcpy(body + ND_OPTIONS_AT + 2, link_mac(), MAC_BYTES);
    const struct frame answer = {.source_mac = link_mac(),
                                 .destination_mac = unasked ? all_nodes_mac : packet->source_mac,
                                 .source = *target,
                                 .destination = unasked ? all_nodes : packet->tuple.remote,
                                 .protocol = FRAME_ICMP6,
                                 .hop_limit = ND_HOP_LIMIT,
                                 .payload = bytes_of(body, sizeof body)};
    link_send(bytes_of(frame, frame_build(&answer, frame)));
}

/* A question or an answer. Only conflicts over an address that is not ours yet, and answers to questions, are lwIP's. */
static bool take_neighbour(const struct packet *packet)
{
    struct net_address target;
    const uint8_t *mac;
    struct bytes body = packet->payload;
    if (packet->hop_limit != ND_HOP_LIMIT || body.size < ND_OPTIONS_AT || body.data[1] != 0 ||
        !options_are_sound(bytes_slice(body, ND_OPTIONS_AT, body.size), &mac))
        return false;
    memcpy(target.bytes, body.data + ND_TARGET_AT, 16);
    if (target.bytes[0] == 0xff)
        return false;
    if (addresses_try(&target))
        return true;
    if (body.data[0] == ICMP6_ANSWERS)
        return was_asked(&target) && mac != NULL && !is_taken(&target, mac);
    if (addresses_have(&target) && !addresses_have(&packet->tuple.remote))
        answer_neighbour(packet, &target);
    return false;
}

static bool take_router(const struct packet *packet)
{
    const uint8_t *mac;
    struct bytes body = packet->payload;
    return packet->hop_limit == ND_HOP_LIMIT && body.size >= ROUTER_OPTIONS_AT && body.data[1] == 0 &&
           packet->tuple.remote.bytes[0] == 0xfe && (packet->tuple.remote.bytes[1] & 0xc0) == 0x80 &&
           options_are_sound(bytes_slice(body, ROUTER_OPTIONS_AT, body.size), &mac) && pace_allows(&routers);
}

bool neighbours_take_icmp6(const struct packet *packet)
{
    struct bytes body = packet->payload;
    if (body.size < 8)
        return false;
    switch (body.data[0]) {
    case ICMP6_ASKS:
    case ICMP6_ANSWERS:
        return take_neighbour(packet);
    case ICMP6_ROUTER:
        return take_router(packet);
    case ICMP6_ECHO:
        return body.data[1] == 0 && !packet->to_group && addresses_have(&packet->tuple.local) &&
               pace_allows(&pings);
    case ICMP6_MLD_QUERY:
        return body.size >= MLD_BYTES && packet->hop_limit == 1 && pace_allows(&others);
    case ICMP6_TOO_BIG:
        return body.size >= 8 + IPV6_BYTES && packet_get32(body.data + 4) >= IPV6_MTU_MIN &&
               packet_get32(body.data + 4) <= IPV6_MTU_MAX && !packet->to_group && pace_allows(&others);
    default:
        return false;
    }
}
