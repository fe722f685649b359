/*
 * Frames of a stranger.
 */
#include "tests/support/stranger.h"

#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "tests/support/net_rig.h"

const uint8_t stranger_mac[6] = {2, 0, 0, 0, 6, 6};
uint64_t stranger_seed = 11;

size_t stranger_chunks(void)
{
    return wired.heap.in_use_count;
}

void stranger_put(const uint8_t *data, size_t size)
{
    (void)!sim_wire_put(bytes_of(data, size));
}

const uint8_t *stranger_guest_mac(void)
{
    static struct platform_nic nic;
    platform_nic_info(&nic);
    return nic.mac;
}

struct net_address stranger_ipv4(uint32_t address)
{
    uint8_t octets[4];
    packet_put32(octets, address);
    return net_address_of_ipv4(octets);
}

struct net_address stranger_ipv6(uint16_t first, uint8_t last)
{
    struct net_address address = {.bytes = {(uint8_t)(first >> 8), (uint8_t)first, [15] = last}};
    return address;
}

unsigned stranger_drain(void)
{
    struct bytes frame;
    unsigned count = 0;
    while (sim_wire_take(&frame) == STATUS_OK)
        count++;
    return count;
}

struct net_address stranger_guest_link_local(void)
{
    const uint8_t *mac = stranger_guest_mac();
    struct net_address address = {
        .bytes = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
    return address;
}
