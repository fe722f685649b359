/*
 * Segments of strangers, and segments of connections.
 */
#include "net/segments.h"

#include <string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "crypto/crypto.h"
#include "limits.h"
#include "net/frame.h"
#include "net/link.h"
#include "net/neighbours.h"
#include "net/pace.h"
#include "net/pcbs.h"
#include "net/syn.h"
#include "platform/platform.h"

#define MSS_OPTION_BYTES 4
#define HOP_LIMIT        255 /* as lwIP's own segments have */

static struct segment_stats counts;
static struct pace resets;

void segments_start(void)
{
    counts = (struct segment_stats){0};
    resets = (struct pace){.per_s = SEGMENT_RESETS_PER_S};
    syn_start();
}

static uint64_t now_s(void)
{
    return platform_monotonic_ns() / 1000000000;
}

/* ---- answers that need no connection ---- */

struct answer {
    uint8_t flags;
    uint32_t sequence;
    uint32_t acknowledged;
    uint16_t window;
    uint16_t mss; /* 0: no option */
};

/* It goes back to the station that it came from: a flood of forged addresses must not make us look for them. */
static void send(const struct packet *packet, const struct answer *answer)
{
    uint8_t tcp[TCP_BYTES + MSS_OPTION_BYTES] = {0};
    size_t size = answer->mss != 0 ? sizeof tcp : TCP_BYTES;
    packet_put16(tcp, packet->tuple.local_port);
    packet_put16(tcp + 2, packet->tuple.remote_port);
    packet_put32(tcp + 4, answer->sequence);
    packet_put32(tcp + 8, answer->acknowledged);
    tcp[12] = (uint8_t)(size / 4 << 4);
    tcp[13] = answer->flags;
    packet_put16(tcp + 14, answer->window);
    tcp[20] = 2;
    tcp[21] = MSS_OPTION_BYTES;
    packet_put16(tcp + 22, answer->mss);
    uint8_t out[FRAME_HEAD_MAX_BYTES + sizeof tcp];
    const struct frame frame = {.source_mac = link_mac(),
                                .destination_mac = packet->source_mac,
                                .source = packet->tuple.local,
                                .destination = packet->tuple.remote,
                                .protocol = FRAME_TCP,
                                .hop_limit = HOP_LIMIT,
                                .id = (uint16_t)crypto_random_u32(),
                                .payload = bytes_of(tcp, size)};
    link_send(bytes_of(out, frame_build(&frame, out)));
}

static uint16_t own_mss(const struct packet *packet)
{
    return packet->is_ipv6 ? TCP_MSS - (IPV6_BYTES - IPV4_BYTES) : TCP_MSS;
}

static void answer_syn(const struct packet *packet)
{
    const struct answer answer = {.flags = PACKET_SYN | PACKET_ACK,
                                  .sequence = syn_cookie(packet, now_s()),
                                  .acknowledged = packet->sequence + 1,
                                  .window = TCP_WND,
                                  .mss = own_mss(packet)};
    counts.cookies_count++;
    send(packet, &answer);
}

/* RFC 9293 section 3.10.7.1; so many a second. */
static void refuse(const struct packet *packet)
{
    bool acknowledges = (packet->flags & PACKET_ACK) != 0;
    uint32_t length = (uint32_t)packet->data_bytes + ((packet->flags & PACKET_SYN) != 0) +
                      ((packet->flags & PACKET_FIN) != 0);
    const struct answer answer = {.flags = acknowledges ? PACKET_RST : PACKET_RST | PACKET_ACK,
                                  .sequence = packet->acknowledged,
                                  .acknowledged = acknowledges ? 0 : packet->sequence + length};
    if ((packet->flags & PACKET_RST) != 0 || !pace_allows(&resets))
        return;
    counts.resets_count++;
    send(packet, &answer);
}

/* ---- strangers ---- */

static bool is_listened_to(uint16_t port)
{
    for (const struct tcp_pcb_listen *pcb = tcp_listen_pcbs.listen_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->local_port == port)
            return true;
    return false;
}

/* The SYN that the cookie was for, made again from the segment that answers the cookie. */
static void repeat_syn(const struct packet *packet, uint16_t mss)
{
    uint8_t tcp[TCP_BYTES + MSS_OPTION_BYTES] = {0};
    packet_put16(tcp, packet->tuple.remote_port);
    packet_put16(tcp + 2, packet->tuple.local_port);
    packet_put32(tcp + 4, packet->sequence - 1);
    tcp[12] = sizeof tcp / 4 << 4;
    tcp[13] = PACKET_SYN;
    memcpy(tcp + 14, packet->payload.data + 14, 2); /* its window */
    tcp[20] = 2;
    tcp[21] = MSS_OPTION_BYTES;
    packet_put16(tcp + 22, mss);
    uint32_t cookie = packet->acknowledged - 1;
    uint8_t out[FRAME_HEAD_MAX_BYTES + sizeof tcp];
    const struct frame frame = {.source_mac = packet->source_mac,
                                .destination_mac = packet->destination_mac,
                                .source = packet->tuple.remote,
                                .destination = packet->tuple.local,
                                .protocol = FRAME_TCP,
                                .hop_limit = HOP_LIMIT,
                                .payload = bytes_of(tcp, sizeof tcp)};
    pcbs_present(NULL);
    link_take_in(bytes_of(out, frame_build(&frame, out)), &cookie);
    pcbs_restore();
}

/* A segment that acknowledges, of no connection. NULL, or the connection that it makes: its peer receives what we send to
 * where it came from. */
static struct tcp_pcb *meet(const struct packet *packet, struct tcp_pcb *old)
{
    uint16_t mss;
    if (!syn_cookie_is_answered(packet, now_s(), &mss))
        return NULL;
    if (old != NULL)
        tcp_abandon(old, 0);
    neighbours_note_proof(packet);
    repeat_syn(packet, mss);
    return pcbs_find(&packet->tuple);
}

static struct tcp_pcb *take_of_stranger(const struct packet *packet)
{
    if (packet->flags & PACKET_RST)
        return NULL;
    if (!is_listened_to(packet->tuple.local_port)) {
        refuse(packet);
        return NULL;
    }
    if (!(packet->flags & PACKET_ACK)) {
        answer_syn(packet);
        return NULL;
    }
    struct tcp_pcb *made = packet->flags & PACKET_SYN ? NULL : meet(packet, NULL);
    if (made == NULL && !syn_was_answered(packet, now_s()))
        refuse(packet);
    return made;
}

/* ---- connections ---- */

static bool is_within(uint32_t number, uint32_t first, uint32_t size)
{
    return number - first <= size;
}

/* RFC 5961 sections 3.2, 4.2 and 5.2. */
static void challenge(struct tcp_pcb *pcb)
{
    uint32_t now_ms = (uint32_t)(platform_monotonic_ns() / 1000000);
    if (now_ms - pcbs_challenged_ms(pcb) < SEGMENT_CHALLENGE_MS)
        return;
    pcbs_set_challenged_ms(pcb, now_ms);
    counts.challenges_count++;
    tcp_ack_now(pcb);
    (void)tcp_output(pcb);
}

static bool fits(const struct packet *packet, struct tcp_pcb *pcb)
{
    if (packet->flags & PACKET_RST) {
        if (packet->sequence != pcb->rcv_nxt && is_within(packet->sequence, pcb->rcv_nxt, pcb->rcv_wnd))
            challenge(pcb);
        return packet->sequence == pcb->rcv_nxt;
    }
    uint32_t oldest = pcb->lastack - pcb->snd_wnd_max;
    bool sound =
        !(packet->flags & PACKET_SYN) && is_within(packet->acknowledged, oldest, pcb->snd_nxt - oldest);
    if (!sound)
        challenge(pcb);
    return sound;
}

/* Of a connection that we began: only what answers our SYN. */
static bool answers_ours(const struct packet *packet, const struct tcp_pcb *pcb)
{
    return (packet->flags & (PACKET_SYN | PACKET_RST)) != 0 && (packet->flags & PACKET_ACK) != 0 &&
           packet->acknowledged == pcb->snd_nxt;
}

/* RFC 1122 section 4.2.2.13: a new connection from a port in TIME_WAIT ends that state, once its peer has shown that it is
 * there. */
static struct tcp_pcb *take_of_ended(const struct packet *packet, struct tcp_pcb *pcb)
{
    bool is_newer = (int32_t)(packet->sequence - pcb->rcv_nxt) > 0;
    if ((packet->flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN && is_newer) {
        answer_syn(packet);
        return NULL;
    }
    if ((packet->flags & (PACKET_SYN | PACKET_RST)) == 0 && is_newer) {
        struct tcp_pcb *made = meet(packet, pcb);
        return made != NULL ? made : pcbs_find(&packet->tuple);
    }
    return pcb;
}

static struct tcp_pcb *take_of_connection(const struct packet *packet, struct tcp_pcb *pcb)
{
    if (!fits(packet, pcb))
        return NULL;
    if (is_within(packet->sequence, pcb->rcv_nxt, pcb->rcv_wnd))
        neighbours_note_proof(packet);
    return pcb;
}

struct tcp_pcb *segments_take(const struct packet *packet)
{
    struct tcp_pcb *pcb = pcbs_find(&packet->tuple);
    if (pcb == NULL)
        return take_of_stranger(packet);
    switch (pcb->state) {
    case TIME_WAIT:
        return take_of_ended(packet, pcb);
    case SYN_SENT:
        return answers_ours(packet, pcb) ? pcb : NULL;
    case SYN_RCVD:
        return pcb; /* made from a cookie a moment ago, for this segment's like */
    default:
        return take_of_connection(packet, pcb);
    }
}

void segments_stats(struct segment_stats *stats)
{
    *stats = counts;
}
