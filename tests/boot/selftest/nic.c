/*
 * The network interface: send every frame back with its addresses swapped, until a frame of the stop type comes.
 */
#include <string.h>

#include "platform/platform.h"
#include "selftest.h"

#define MAC_BYTES  6U
#define TYPE_AT    12U
#define TYPE_STOP  0x88b6U /* a local experimental type (IEEE 802) */
#define NS_PER_S   1000000000ULL
#define PATIENCE_S 30U

static void say_link_changes(void)
{
    static bool was_up = true;
    struct platform_nic nic;
    platform_nic_info(&nic);
    if (nic.link_up != was_up) {
        was_up = nic.link_up;
        selftest_say(was_up ? "link up\n" : "link down\n");
    }
}

static void say_info(void)
{
    struct platform_nic nic;
    platform_nic_info(&nic);
    selftest_expect(nic.present, "nic: present");
    selftest_say("nic");
    selftest_say_hex("mac", nic.mac, MAC_BYTES);
    selftest_say_number("link", nic.link_up);
    selftest_say_number("mtu", nic.mtu_bytes);
    selftest_say("\n");
}

/* In parts, as a network stack does. */
static void send_back(uint8_t *frame, size_t size)
{
    struct bytes parts[3] = {
        {frame + MAC_BYTES, MAC_BYTES}, {frame, MAC_BYTES}, {frame + 2 * MAC_BYTES, size - 2 * MAC_BYTES}};
    while (platform_nic_send(parts, 3, NULL) == STATUS_AGAIN) {
        platform_nic_flush();
    }
}

static uint16_t type_of(const uint8_t *frame)
{
    return (uint16_t)(frame[TYPE_AT] << 8 | frame[TYPE_AT + 1]);
}

void selftest_nic(void)
{
    static uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    uint64_t end_ns = platform_monotonic_ns() + PATIENCE_S * NS_PER_S;
    uint64_t count = 0;
    uint64_t sleeps = 0;
    say_info();
    bool stop = false;
    while (!stop && platform_monotonic_ns() < end_ns) {
        bool known;
        size_t size = platform_nic_receive(frame, sizeof frame, &known);
        if (size == 0) {
            platform_nic_flush();
            platform_sleep_until(end_ns);
            sleeps++;
            say_link_changes();
            continue;
        }
        stop = size > TYPE_AT + 1 && type_of(frame) == TYPE_STOP;
        send_back(frame, size);
        count++;
    }
    platform_nic_flush();
    selftest_expect(stop, "nic: no stop frame came");
    platform_sleep_until(platform_monotonic_ns() + NS_PER_S / 10);
    selftest_say("nic");
    selftest_say_number("frames", count);
    selftest_say_number("sleeps", sleeps);
    selftest_say("\n");
}

void selftest_idle(void)
{
    uint64_t end_ns = platform_monotonic_ns() + 3 * NS_PER_S;
    uint64_t sleeps = 0;
    selftest_say("idle begin\n");
    while (platform_monotonic_ns() < end_ns) {
        platform_sleep_until(end_ns);
        sleeps++;
    }
    selftest_say("idle");
    selftest_say_number("sleeps", sleeps);
    selftest_say("\n");
}
