/*
 * Joining segments.
 */
#include "net/train.h"

#include <string.h>

#include <lwip/ip.h>
#include <lwip/pbuf.h>

#include "net/packet.h"

#define HEADERS_MAX_BYTES (ETHERNET_BYTES + IPV6_BYTES + TCP_BYTES)

/* Offsets in the headers of Ethernet and IP, and in that of TCP (RFC 9293 section 3.1). */
enum {
    AT_IPV4_SIZE = ETHERNET_BYTES + 2,
    AT_IPV4_SUM = ETHERNET_BYTES + 10,
    AT_IPV6_SIZE = ETHERNET_BYTES + 4,
    TCP_AT_SEQUENCE = 4,
    TCP_AT_LENGTH = 12,
    TCP_AT_FLAGS = 13,
    TCP_AT_SUM = 16
};
#define TCP_PSH          8
#define TCP_LENGTH_PLAIN 0x50 /* no options */

static struct {
    uint8_t bytes[PLATFORM_UNCUT_MAX_BYTES];
    size_t size; /* 0: no train */
    uint16_t tcp_offset;
    uint16_t segment_bytes; /* data of the first, and of all but the last */
    uint32_t next_sequence;
    uint8_t alike[HEADERS_MAX_BYTES]; /* the headers, but for what differs between segments */
} train;

static bool is_ipv4(uint16_t tcp_offset)
{
    return tcp_offset == ETHERNET_BYTES + IPV4_BYTES;
}

/* The headers without what cutting makes anew: lengths, IPv4's id and sum; sequence number, PSH, sum. */
static void take_alike(const uint8_t *headers, uint16_t tcp_offset, uint8_t out[HEADERS_MAX_BYTES])
{
    memset(out, 0, HEADERS_MAX_BYTES);
    memcpy(out, headers, tcp_offset + (size_t)TCP_BYTES);
    if (is_ipv4(tcp_offset)) {
        memset(out + AT_IPV4_SIZE, 0, 4);
        memset(out + AT_IPV4_SUM, 0, 2);
    } else {
        memset(out + AT_IPV6_SIZE, 0, 2);
    }
    uint8_t *tcp = out + tcp_offset;
    memset(tcp + TCP_AT_SEQUENCE, 0, 4);
    tcp[TCP_AT_FLAGS] &= (uint8_t)~TCP_PSH;
    memset(tcp + TCP_AT_SUM, 0, 2);
}

static bool begin(const struct pbuf *frame, uint16_t tcp_offset)
{
    const uint8_t *headers = frame->payload;
    const uint8_t *tcp = headers + tcp_offset;
    size_t data_bytes = (size_t)frame->tot_len - tcp_offset - TCP_BYTES;
    if (tcp[TCP_AT_LENGTH] != TCP_LENGTH_PLAIN || tcp[TCP_AT_FLAGS] != PACKET_ACK || data_bytes == 0)
        return false;
    pbuf_copy_partial(frame, train.bytes, frame->tot_len, 0);
    train.size = frame->tot_len;
    train.tcp_offset = tcp_offset;
    train.segment_bytes = (uint16_t)data_bytes;
    train.next_sequence = packet_get32(tcp + TCP_AT_SEQUENCE) + (uint32_t)data_bytes;
    take_alike(headers, tcp_offset, train.alike);
    return true;
}

static bool continues(const struct pbuf *frame, uint16_t tcp_offset)
{
    uint8_t alike[HEADERS_MAX_BYTES];
    const uint8_t *headers = frame->payload;
    size_t data_bytes = (size_t)frame->tot_len - tcp_offset - TCP_BYTES;
    if (tcp_offset != train.tcp_offset || data_bytes == 0 || data_bytes > train.segment_bytes ||
        packet_get32(headers + tcp_offset + TCP_AT_SEQUENCE) != train.next_sequence)
        return false;
    take_alike(headers, tcp_offset, alike);
    return memcmp(alike, train.alike, sizeof alike) == 0;
}

enum train_step train_join(const struct pbuf *frame, uint16_t tcp_offset)
{
    if (tcp_offset == 0)
        return TRAIN_REFUSED;
    if (train.size == 0)
        return begin(frame, tcp_offset) ? TRAIN_JOINED : TRAIN_REFUSED;
    if (!continues(frame, tcp_offset))
        return TRAIN_REFUSED;
    uint16_t headers_bytes = tcp_offset + TCP_BYTES;
    uint16_t data_bytes = frame->tot_len - headers_bytes;
    uint8_t flags = ((const uint8_t *)frame->payload)[tcp_offset + TCP_AT_FLAGS];
    pbuf_copy_partial(frame, train.bytes + train.size, data_bytes, headers_bytes);
    train.size += data_bytes;
    train.next_sequence += data_bytes;
    train.bytes[tcp_offset + TCP_AT_FLAGS] |= flags & TCP_PSH;
    bool is_last = data_bytes < train.segment_bytes || sizeof train.bytes - train.size < train.segment_bytes;
    return is_last ? TRAIN_COMPLETE : TRAIN_JOINED;
}

struct platform_offload train_leave_sum(uint8_t *headers, size_t size, uint16_t tcp_offset)
{
    const size_t addresses_bytes = is_ipv4(tcp_offset) ? 8 : 32; /* right before TCP */
    packet_put16(headers + tcp_offset + TCP_AT_SUM,
                 packet_sum(bytes_of(headers + tcp_offset - addresses_bytes, addresses_bytes),
                            IP_PROTO_TCP + (uint64_t)size - tcp_offset));
    return (struct platform_offload){
        .start_offset = tcp_offset, .sum_offset = TCP_AT_SUM, .by_ipv6 = !is_ipv4(tcp_offset)};
}

static void put_size(uint8_t *headers, size_t size, uint16_t tcp_offset)
{
    if (!is_ipv4(tcp_offset)) {
        packet_put16(headers + AT_IPV6_SIZE, (uint32_t)size - tcp_offset);
        return;
    }
    packet_put16(headers + AT_IPV4_SIZE, (uint32_t)size - ETHERNET_BYTES);
    packet_put16(headers + AT_IPV4_SUM, 0);
    packet_put16(headers + AT_IPV4_SUM,
                 (uint16_t)~packet_sum(bytes_of(headers + ETHERNET_BYTES, IPV4_BYTES), 0));
}

struct bytes train_take(struct platform_offload *offload)
{
    const struct bytes whole = bytes_of(train.bytes, train.size);
    const uint16_t headers_bytes = train.tcp_offset + TCP_BYTES;
    train.size = 0;
    if (whole.size == 0)
        return whole;
    put_size(train.bytes, whole.size, train.tcp_offset);
    *offload = train_leave_sum(train.bytes, whole.size, train.tcp_offset);
    offload->header_bytes = headers_bytes;
    offload->segment_bytes =
        whole.size > (size_t)headers_bytes + train.segment_bytes ? train.segment_bytes : 0;
    return whole;
}
