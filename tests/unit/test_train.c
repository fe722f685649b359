/*
 * Trains of segments (net/train.h): whatever comes, an interface that cuts them puts out the segments that came, in their
 * order, and so few calls are made as can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lwip/pbuf.h>

#include "net/frame.h"
#include "net/train.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"

#define PSH           8
#define ROUNDS        20000
#define CONNECTIONS   3
#define WAITING_MAX   64
#define HEADERS_BYTES (ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES)

struct segment {
    bool by_ipv6;
    uint16_t port;
    uint32_t sequence;
    uint32_t acknowledged;
    uint8_t flags;
    uint16_t window;
    uint8_t option_words;
    size_t data_bytes;
};

static uint64_t seed = 1;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&seed) % bound);
}

/* ---- frames ---- */

static uint8_t data_byte(uint32_t sequence)
{
    return (uint8_t)(sequence * 31 + (sequence >> 8));
}

static size_t build(const struct segment *segment, uint8_t *out)
{
    static const uint8_t macs[2][6] = {{2, 1}, {2, 2}};
    uint8_t tcp[PLATFORM_FRAME_MAX_BYTES] = {0};
    size_t head_bytes = TCP_BYTES + (size_t)segment->option_words * 4;
    packet_put16(tcp, 443);
    packet_put16(tcp + 2, segment->port);
    packet_put32(tcp + 4, segment->sequence);
    packet_put32(tcp + 8, segment->acknowledged);
    tcp[12] = (uint8_t)(head_bytes / 4 << 4);
    tcp[13] = segment->flags;
    packet_put16(tcp + 14, segment->window);
    memset(tcp + TCP_BYTES, 1, head_bytes - TCP_BYTES); /* options that do nothing */
    for (size_t i = 0; i < segment->data_bytes; i++)
        tcp[head_bytes + i] = data_byte(segment->sequence + (uint32_t)i);
    struct net_address ours = {{0xfe, 0x80, [15] = 1}}, theirs = {{0xfe, 0x80, [15] = 2}};
    const uint8_t four[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
    const struct frame frame = {.source_mac = macs[0],
                                .destination_mac = macs[1],
                                .source = segment->by_ipv6 ? ours : net_address_of_ipv4(four[0]),
                                .destination = segment->by_ipv6 ? theirs : net_address_of_ipv4(four[1]),
                                .protocol = FRAME_TCP,
                                .hop_limit = 255,
                                .id = (uint16_t)segment->sequence,
                                .payload = {tcp, head_bytes + segment->data_bytes}};
    return frame_build(&frame, out);
}

/* What came, in its order; the interface's frames are compared with it. */
static struct {
    struct segment segments[WAITING_MAX];
    size_t first;
    size_t count;
    size_t sent; /* calls */
} expected;

/* The same but for IPv4's id, which cutting counts up, PSH, which only the last one of a train has, and sums. */
static void compare(struct bytes frame)
{
    uint8_t wanted[PLATFORM_FRAME_MAX_BYTES];
    struct packet packet;
    assert_true(expected.first < expected.count);
    const struct segment *segment = &expected.segments[expected.first++];
    assert_int_equal(frame.size, build(segment, wanted));
    packet_read(frame, false, &packet); /* looks at all lengths and sums */
    assert_true(packet.kind == (segment->option_words == 0 ? PACKET_TCP : packet.kind));
    if (!segment->by_ipv6) {
        memcpy(wanted + ETHERNET_BYTES + 4, frame.data + ETHERNET_BYTES + 4, 2);
        memcpy(wanted + ETHERNET_BYTES + 10, frame.data + ETHERNET_BYTES + 10, 2);
    }
    size_t tcp = ETHERNET_BYTES + (segment->by_ipv6 ? IPV6_BYTES : IPV4_BYTES);
    memcpy(wanted + tcp + 16, frame.data + tcp + 16, 2);
    wanted[tcp + 13] = (uint8_t)((wanted[tcp + 13] & ~PSH) | (frame.data[tcp + 13] & PSH));
    assert_memory_equal(frame.data, wanted, frame.size);
}

static void take_frames(void)
{
    struct bytes frame;
    platform_nic_flush();
    while (sim_wire_take(&frame) == STATUS_OK)
        compare(frame);
}

/* ---- as net/link.c does ---- */

static void send_train(void)
{
    struct platform_offload offload;
    const struct bytes whole = train_take(&offload);
    if (whole.size == 0)
        return;
    expected.sent++;
    assert_int_equal(platform_nic_send(&whole, 1, &offload), STATUS_OK);
    take_frames();
}

static void send_alone(const uint8_t *frame, size_t size)
{
    const struct bytes part = {frame, size};
    expected.sent++;
    assert_int_equal(platform_nic_send(&part, 1, NULL), STATUS_OK);
    take_frames();
}

static void put(const struct segment *segment)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    size_t size = build(segment, frame);
    uint16_t tcp = ETHERNET_BYTES + (segment->by_ipv6 ? IPV6_BYTES : IPV4_BYTES);
    struct pbuf data = {.payload = frame + tcp + TCP_BYTES,
                        .len = (u16_t)(size - tcp - TCP_BYTES),
                        .tot_len = (u16_t)(size - tcp - TCP_BYTES)};
    struct pbuf head = {
        .payload = frame, .len = (u16_t)(tcp + TCP_BYTES), .tot_len = (u16_t)size, .next = &data};
    if (expected.count == WAITING_MAX) {
        memmove(expected.segments, expected.segments + expected.first,
                (expected.count - expected.first) * sizeof expected.segments[0]);
        expected.count -= expected.first;
        expected.first = 0;
    }
    expected.segments[expected.count++] = *segment;
    enum train_step step = train_join(&head, tcp);
    if (step == TRAIN_REFUSED) {
        send_train();
        step = train_join(&head, tcp);
    }
    if (step == TRAIN_COMPLETE)
        send_train();
    else if (step == TRAIN_REFUSED)
        send_alone(frame, size);
}

static int start(void **state)
{
    (void)state;
    sim_reset();
    sim_set_cuts_segments(true);
    memset(&expected, 0, sizeof expected);
    return 0;
}

static int end(void **state)
{
    (void)state;
    send_train();
    assert_int_equal(expected.first, expected.count);
    return 0;
}

/* ---- tests ---- */

static struct segment plain(size_t data_bytes)
{
    return (struct segment){
        .port = 5000, .sequence = 100, .flags = PACKET_ACK, .window = 999, .data_bytes = data_bytes};
}

static void put_many(struct segment *segment, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        put(segment);
        segment->sequence += (uint32_t)segment->data_bytes;
    }
}

static void test_one_call_for_many(void **state)
{
    (void)state;
    for (int by_ipv6 = 0; by_ipv6 <= 1; by_ipv6++) {
        struct segment segment = plain(1000);
        expected.sent = 0;
        segment.by_ipv6 = by_ipv6;
        put_many(&segment, 9);
        assert_int_equal(expected.sent, 0);
        segment.flags |= PSH; /* of a record; the next one follows */
        put_many(&segment, 1);
        assert_int_equal(expected.sent, 0);
        segment.data_bytes = 1;
        put_many(&segment, 1);
        assert_int_equal(expected.sent, 1);
        assert_int_equal(expected.first, expected.count);
    }
}

/* Who says all in one segment waits for nobody. */
static void test_pushed_goes_alone(void **state)
{
    (void)state;
    struct segment segment = plain(700);
    segment.flags |= PSH;
    put_many(&segment, 3);
    assert_int_equal(expected.sent, 3);
}

static void test_shorter_is_the_last(void **state)
{
    (void)state;
    struct segment segment = plain(1000);
    put_many(&segment, 2);
    segment.data_bytes = 999;
    put_many(&segment, 1);
    assert_int_equal(expected.sent, 1);
}

static void test_room(void **state)
{
    (void)state;
    struct segment segment = plain(1460);
    const unsigned most = (PLATFORM_UNCUT_MAX_BYTES - HEADERS_BYTES) / 1460;
    put_many(&segment, most);
    assert_int_equal(expected.sent, 1);
    put_many(&segment, 2 * most);
    assert_int_equal(expected.sent, 3);
}

/* Whatever differs ends a train, and nothing goes out of its order. */
static void test_any_sequence(void **state)
{
    (void)state;
    struct segment connections[CONNECTIONS];
    size_t sent_bytes = 0;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        connections[i] = plain(536 + i * 450);
        connections[i].port = (uint16_t)(5000 + i / 2);
        connections[i].by_ipv6 = i == 1;
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct segment *segment = &connections[draw(8) == 0 ? draw(CONNECTIONS) : i / 64 % CONNECTIONS];
        struct segment now = *segment;
        switch (draw(30)) {
        case 0:
            segment->acknowledged += draw(2);
            break;
        case 1:
            segment->window ^= 1;
            break;
        case 2:
            now.sequence += draw(3000); /* lost, or sent again */
            break;
        case 3:
            now.flags |= (uint8_t)(1u << draw(8));
            break;
        case 4:
            now.option_words = (uint8_t)draw(3);
            break;
        case 5:
            now.data_bytes = draw((uint32_t)now.data_bytes + 1);
            break;
        case 6:
            now.flags |= PSH;
            break;
        default:
            break;
        }
        put(&now);
        sent_bytes += now.data_bytes;
        segment->sequence = now.sequence + (uint32_t)now.data_bytes;
        if (draw(40) == 0)
            send_train();
    }
    assert_in_range(expected.sent, ROUNDS / 20, ROUNDS / 2);
    assert_true(sent_bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_call_for_many, start, end),
        cmocka_unit_test_setup_teardown(test_pushed_goes_alone, start, end),
        cmocka_unit_test_setup_teardown(test_shorter_is_the_last, start, end),
        cmocka_unit_test_setup_teardown(test_room, start, end),
        cmocka_unit_test_setup_teardown(test_any_sequence, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
