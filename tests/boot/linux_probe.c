/*
 * An app_main() of its own over platform/linux, for test_linux_platform.py: does what the option `do` names and says what
 * it saw, one fact a line.
 */
#include <stdio.h>
#include <string.h>

#include "platform/flash.h"
#include "platform/platform.h"

static uint8_t block[65536];
static struct flash_geometry geometry;

static void say(const char *name, long long value)
{
    char line[128];
    int size = snprintf(line, sizeof line, "%s %lld\n", name, value);

    platform_console_write((struct bytes){(const uint8_t *)line, (size_t)size});
}

static void fill(uint8_t seed)
{
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 7 + i / 251 + seed);
}

/* How many bytes of block `index` differ from fill(seed). */
static long long differences(uint32_t index, uint8_t seed)
{
    static uint8_t seen[sizeof block];
    long long count = 0;

    fill(seed);
    if (flash_read((uint64_t)index * sizeof block, seen, sizeof seen) != STATUS_OK)
        return -1;
    for (size_t i = 0; i < sizeof block; i++)
        count += seen[i] != block[i];
    return count;
}

static long long blank_bytes(uint32_t index)
{
    long long count = 0;

    if (flash_read((uint64_t)index * sizeof block, block, sizeof block) != STATUS_OK)
        return -1;
    for (size_t i = 0; i < sizeof block; i++)
        count += block[i] == 0xff;
    return count;
}

static void do_write(void)
{
    fill(3);
    say("program", (long long)flash_program(2 * sizeof block, block, sizeof block));
    fill(5);
    say("program", (long long)flash_program(15 * sizeof block, block, sizeof block));
    say("program_part", (long long)flash_program(4 * sizeof block + 512, block + 512, 1024));
    say("sync", (long long)flash_sync());
}

static void do_check(void)
{
    uint8_t odd[3];

    say("block2", differences(2, 3));
    say("block15", differences(15, 5));
    say("block4_blank", blank_bytes(4));
    say("block3_blank", blank_bytes(3));
    fill(3);
    if (flash_read(2 * sizeof block + 1001, odd, sizeof odd) == STATUS_OK)
        say("odd", memcmp(odd, block + 1001, sizeof odd));
}

static void do_erase(void)
{
    say("erase", (long long)flash_erase(2));
    say("sync", (long long)flash_sync());
    say("block2_blank", blank_bytes(2));
    say("block15", differences(15, 5));
}

static void do_machine(void)
{
    uint8_t random[300] = {0};
    int64_t now_s = 0;
    size_t free_bytes = platform_memory_free_bytes();
    uint8_t *taken = platform_memory_take(free_bytes - 4096);

    say("free", (long long)free_bytes);
    say("taken", taken != NULL && taken[0] == 0 && taken[free_bytes - 4097] == 0);
    say("too_much", platform_memory_take(4097) != NULL);
    say("last", platform_memory_take(4096) != NULL);
    say("entropy", (long long)platform_entropy(random, sizeof random));
    say("entropy_end", (random[299] | random[298] | random[297] | random[296]) != 0);
    say("clock", (long long)platform_wall_clock_s(&now_s));
    say("now", (long long)now_s);
    uint64_t start_ns = platform_monotonic_ns();
    platform_sleep_until(start_ns + 20000000);
    say("slept_us", (long long)(platform_monotonic_ns() - start_ns) / 1000);
    say("empty_option", platform_option("log").data != NULL && platform_option("log").size == 0);
    say("absent_option", platform_option("lo").data != NULL);
}

/* Answers every frame with the same frame, addresses turned, until it is asked to stop. */
static void do_echo(void)
{
    uint8_t frame[PLATFORM_FRAME_MAX_BYTES];
    struct platform_nic nic;

    platform_nic_info(&nic);
    say("present", nic.present);
    say("mac0", nic.mac[0]);
    say("waiting", 1);
    while (!platform_stop_requested()) {
        platform_sleep_until(UINT64_MAX);
        for (;;) {
            bool known;
            size_t size = platform_nic_receive(frame, sizeof frame, &known);
            if (size == 0)
                break;
            struct bytes parts[3] = {{frame + 6, 6}, {nic.mac, 6}, {frame + 12, size - 12}};
            if (frame[12] == 0x88 && frame[13] == 0xb5 && platform_nic_send(parts, 3, NULL) != STATUS_OK)
                say("send_failed", 1);
        }
        platform_nic_flush();
    }
    say("stopped", 1);
}

int app_main(void)
{
    struct bytes what = platform_option("do");
    const char *name = what.data == NULL ? "" : (const char *)what.data;

    if (strcmp(name, "panic") == 0)
        platform_panic("asked for");
    if (platform_option("flash").data != NULL) {
        enum status status = flash_open(&geometry);
        say("open", (long long)status);
        if (status != STATUS_OK)
            return 9;
        say("blocks", geometry.block_count);
    }
    if (strcmp(name, "write") == 0)
        do_write();
    else if (strcmp(name, "check") == 0)
        do_check();
    else if (strcmp(name, "erase") == 0)
        do_erase();
    else if (strcmp(name, "machine") == 0)
        do_machine();
    else if (strcmp(name, "echo") == 0)
        do_echo();
    return 0;
}
