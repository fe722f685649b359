/*
 * A tiny app over the machine, for tests/boot/test_platform.py: it runs what the boot option `check` names and says
 * on the console, a line each, what it saw. No part of the product; it uses nothing but platform/.
 */
#include <string.h>

#include "platform/flash.h"
#include "platform/platform.h"
#include "selftest.h"

#define NS_PER_MS 1000000ULL

static void say(const char *text)
{
    platform_console_write((struct bytes){(const uint8_t *)text, strlen(text)});
}

static void say_bytes(struct bytes text)
{
    platform_console_write(text);
}

void selftest_say_number(const char *name, uint64_t value)
{
    uint8_t digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    say(" ");
    say(name);
    say("=");
    say_bytes((struct bytes){digits + start, sizeof digits - start});
}

void selftest_say_hex(const char *name, const uint8_t *data, size_t size)
{
    say(" ");
    say(name);
    say("=");
    for (size_t i = 0; i < size; i++) {
        uint8_t pair[2] = {(uint8_t) "0123456789abcdef"[data[i] >> 4],
                           (uint8_t) "0123456789abcdef"[data[i] & 15]};
        say_bytes((struct bytes){pair, sizeof pair});
    }
}

void selftest_say(const char *text)
{
    say(text);
}

void selftest_expect(bool holds, const char *what)
{
    if (!holds) {
        say("FAIL ");
        say(what);
        say("\n");
        platform_power_off(1);
    }
}

static bool is(struct bytes word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

static void check_time(void)
{
    uint64_t start_ns = platform_monotonic_ns();
    uint64_t previous_ns = start_ns;
    for (int i = 0; i < 10000; i++) {
        uint64_t now_ns = platform_monotonic_ns();
        selftest_expect(now_ns >= previous_ns, "time ran backwards");
        previous_ns = now_ns;
    }
    uint64_t deadline_ns = platform_monotonic_ns() + 300 * NS_PER_MS;
    uint64_t sleeps = 0;
    while (platform_monotonic_ns() < deadline_ns) {
        platform_sleep_until(deadline_ns);
        sleeps++;
    }
    uint64_t late_ns = platform_monotonic_ns() - deadline_ns;
    int64_t unix_s = 0;
    enum status status = platform_wall_clock_s(&unix_s);
    say("time");
    selftest_say_number("boot_us", start_ns / 1000);
    selftest_say_number("late_us", late_ns / 1000);
    selftest_say_number("sleeps", sleeps);
    selftest_say_number("status", status);
    selftest_say_number("unix_s", (uint64_t)unix_s);
    say("\n");
}

static void sleep_ms(uint64_t duration_ms)
{
    uint64_t deadline_ns = platform_monotonic_ns() + duration_ms * NS_PER_MS;
    while (platform_monotonic_ns() < deadline_ns) {
        platform_sleep_until(deadline_ns);
    }
}

/* Two moments a given time apart by our clock, for the host to hold against its own, once it listens. */
static void check_rate(void)
{
    sleep_ms(300);
    say("rate begin\n");
    sleep_ms(2000);
    say("rate end\n");
}

static void check_memory(void)
{
    size_t before = platform_memory_free_bytes();
    uint8_t *small = platform_memory_take(1);
    uint8_t *page = platform_memory_take(4096);
    selftest_expect(small != NULL && page == small + 8192 && (uintptr_t)small % 4096 == 0,
                    "memory: alignment, and a guard between");
    selftest_expect(platform_memory_take(before) == NULL, "memory: more than there is");
    uint64_t start_ns = platform_monotonic_ns();
    size_t rest = platform_memory_free_bytes();
    uint8_t *all = platform_memory_take(rest);
    uint64_t taken_ns = platform_monotonic_ns() - start_ns;
    selftest_expect(all != NULL, "memory: all that is free");
    for (size_t i = 0; i < rest; i += 4096) {
        selftest_expect(all[i] == 0, "memory: zeroed");
        all[i] = 1;
    }
    all[rest - 1] = 1;
    say("memory");
    selftest_say_number("free", before);
    selftest_say_number("take_us", taken_ns / 1000);
    selftest_say_number("left", platform_memory_free_bytes());
    say("\n");
}

static void check_entropy(void)
{
    uint8_t first[33];
    uint8_t second[33];
    selftest_expect(platform_entropy(first, sizeof first) == STATUS_OK, "entropy: first");
    selftest_expect(platform_entropy(second, sizeof second) == STATUS_OK, "entropy: second");
    selftest_expect(memcmp(first, second, sizeof first) != 0, "entropy: repeats");
    uint8_t much[1000];
    selftest_expect(platform_entropy(much, sizeof much) == STATUS_OK, "entropy: much");
    say("entropy");
    selftest_say_hex("seed", first, sizeof first);
    say("\n");
}

static void check_options(void)
{
    static const char *const names[] = {"plain", "empty", "absent", "both", "pla"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct bytes value = platform_option(names[i]);
        say("option ");
        say(names[i]);
        say(value.data == NULL ? " absent" : " [");
        say_bytes(value);
        say(value.data == NULL ? "\n" : "]\n");
    }
}

/* The loop comes around once and never again; after the reset that follows, say what the machine remembers. */
static void check_hang(void)
{
    selftest_say("crashes");
    selftest_say_number("total", platform_crashes().total);
    say("\n");
    say("hang begin\n");
    platform_alive();
    for (uint64_t end_ns = platform_monotonic_ns() + 60000 * NS_PER_MS; platform_monotonic_ns() < end_ns;) {
    }
}

static void check_console(void)
{
    static uint8_t line[64];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 400; i++) {
        say_bytes((struct bytes){line, sizeof line});
    }
    say("console done\n");
}

static const struct {
    const char *name;
    void (*run)(void);
} checks[] = {{"time", check_time},
              {"rate", check_rate},
              {"memory", check_memory},
              {"entropy", check_entropy},
              {"options", check_options},
              {"console", check_console},
              {"flash", selftest_flash},
              {"flash_write", selftest_flash_write},
              {"flash_reread", selftest_flash_reread},
              {"flash_speed", selftest_flash_speed},
              {"nic", selftest_nic},
              {"idle", selftest_idle},
              {"hang", check_hang},
              {"mappings", selftest_mappings},
              {"violation", selftest_violation},
              {"program_twice", selftest_program_twice},
              {"exit_code", selftest_exit_code}};

int app_main(void)
{
    say("selftest begin\n");
    struct bytes wanted = platform_option("check");
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (is(wanted, checks[i].name)) {
            checks[i].run();
            say("selftest done\n");
            return 0;
        }
    }
    say("FAIL no such check\n");
    return 2;
}
