/*
 * libFuzzer: frames on the wire, against the whole of net/ with TCP/IP below it. The input is a list of steps: frames as
 * they are, frames whose addresses and checksums are made right, segments of a connection that exists, time that passes.
 * Now and then an honest host connects: it is let in, whatever came before.
 */
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/net_rig.h"

#define ETHERNET_BYTES  14
#define IP_BYTES        20
#define RUNS_TO_HONESTY 64
#define PATIENCE_MS     20000

static void connect_host(void)
{
    memory_wire_reset(&wired.pipes);
    host_reset(++wired.port == 0 ? ++wired.port : wired.port);
    host_connect();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    (void)wire_start(NULL);
    sim_set_cuts_segments(true);
    connect_host();
    return 0;
}

static void wait_ms(uint64_t duration_ms)
{
    for (uint64_t passed_ms = 0; passed_ms < duration_ms; passed_ms += 250) {
        sim_advance_ns(250 * WIRE_MS);
        wire_turn();
        host_take_frames(&wired.pipes.to_client);
    }
}

/* ---- frames ---- */

static uint16_t checksum(const uint8_t *data, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void put_checksum(uint8_t *at, uint16_t sum)
{
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* IPv6 to our link-local address, or to the group that it was for, with its size and the checksum of what it carries. */
static void make_right_ipv6(uint8_t *ip, size_t size, const uint8_t *mac)
{
    const uint8_t guest[16] = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2],
                               0xff, 0xfe, mac[3],           mac[4], mac[5]};
    if (size < IPV6_BYTES + 8) {
        return;
    }
    size_t carried = size - IPV6_BYTES, place = ip[6] == 6 ? 16 : ip[6] == 17 ? 6 : 2;
    ip[4] = (uint8_t)(carried >> 8);
    ip[5] = (uint8_t)carried;
    if (ip[24] != 0xff) {
        memcpy(ip + 24, guest, sizeof(guest));
    }
    if (carried < place + 2) {
        return;
    }
    memset(ip + IPV6_BYTES + place, 0, 2);
    uint32_t pseudo = (uint16_t)~checksum(ip + 8, 32, ip[6] + (uint32_t)carried);
    put_checksum(ip + IPV6_BYTES + place, checksum(ip + IPV6_BYTES, carried, pseudo));
}

/* Make the frame one for us, and its sender and its checksums right where there is room for them. */
static void make_right(uint8_t *frame, size_t size)
{
    static const uint8_t guest[4] = {10, 0, 0, 2};
    struct platform_nic nic;
    uint8_t *ip = frame + ETHERNET_BYTES;
    platform_nic_info(&nic);
    memcpy(frame, nic.mac, sizeof(nic.mac));
    frame[6] &= 0xfe;
    if (size >= ETHERNET_BYTES + ARP_BYTES && frame[12] == 8 && frame[13] == 6) {
        memcpy(ip + 8, frame + 6, sizeof(nic.mac));
    }
    if (frame[12] == 0x86 && frame[13] == 0xdd) {
        make_right_ipv6(ip, size - ETHERNET_BYTES, nic.mac);
    }
    if (size < ETHERNET_BYTES + IP_BYTES || frame[12] != 8 || frame[13] != 0) {
        return;
    }
    size_t head = (size_t)(ip[0] & 15) * 4, ip_bytes = size - ETHERNET_BYTES;
    size_t place = ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : 2;
    memcpy(ip + 16, guest, sizeof(guest));
    if (head < IP_BYTES || head > ip_bytes) {
        return;
    }
    memset(ip + 10, 0, 2);
    put_checksum(ip + 10, checksum(ip, head, 0));
    if (ip_bytes - head < place + 2) {
        return;
    }
    uint32_t pseudo = ip[9] == 1 ? 0 : ip[9] + (uint32_t)(ip_bytes - head);
    memset(ip + head + place, 0, 2);
    for (size_t i = 12; ip[9] != 1 && i < 20; i += 2) {
        pseudo += (uint32_t)ip[i] << 8 | ip[i + 1];
    }
    put_checksum(ip + head + place, checksum(ip + head, ip_bytes - head, pseudo));
}

static void put_frame(struct bytes content, bool right)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    size_t size = content.size < sizeof(frame) ? content.size : sizeof(frame);
    if (size > 0) {
        memcpy(frame, content.data, size);
    }
    if (right && size >= ETHERNET_BYTES) {
        make_right(frame, size);
    }
    (void)!sim_wire_put(bytes_of(frame, size));
}

/* ---- steps ---- */

static void send_data(struct bytes data)
{
    pipe_put(&wired.pipes.to_server, data);
    host_send(&wired.pipes.to_server);
    host.unacknowledged_bytes = 0; /* what is lost stays lost */
}

static void step(struct bytes *input)
{
    uint8_t what = input_byte(input);
    switch (what % 8) {
    case 0:
        connect_host();
        break;
    case 1:
        send_data(input_part(input, input_byte(input)));
        break;
    case 2:
        host.next += (uint32_t)(int8_t)input_byte(input);
        break;
    case 3:
        wait_ms((uint64_t)input_byte(input) * 10);
        break;
    case 4:
        if (what & 8) {
            host_abort();
        } else {
            host_finish();
        }
        break;
    default:
        put_frame(input_part(input, input_u16(input) % 1600), what % 8 != 5);
        break;
    }
    wire_turn();
    host_take_frames(&wired.pipes.to_client);
}

/* An honest host gets its connection, at the latest when silent ones had their time for the handshake. */
static void check_service(void)
{
    connect_host();
    for (uint32_t waited_ms = 0; !host.established && waited_ms < PATIENCE_MS; waited_ms += 1000) {
        wire_turn();
        host_take_frames(&wired.pipes.to_client);
        wait_ms(1000);
        if (host.peer_reset || (!host.established && waited_ms % 3000 == 2000)) {
            connect_host();
        }
    }
    require(host.established, "an honest host is served");
    host_abort();
    wire_turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t runs;
    struct bytes input = {data, size};
    while (input.size > 0) {
        step(&input);
    }
    if (++runs % RUNS_TO_HONESTY == 0) {
        check_service();
    }
    sim_console_clear();
    return 0;
}
