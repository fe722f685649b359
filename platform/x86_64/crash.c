/*
 * The record of crashes: mark, version, crashes of the present minute and in all, when that minute began, checksum.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/cmos.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/crash.h"
#include "platform/x86_64/power.h"

#define MARK         0x4aU
#define VERSION      1U
#define STORM_COUNT  3U
#define STORM_S      60U
#define CHECKSUM_KEY 0x5aU

struct __attribute__((packed)) record {
    uint8_t mark, version;
    uint8_t recent;   /* crashes since `since_s`, at most STORM_COUNT */
    uint8_t checksum; /* makes the sum of all bytes CHECKSUM_KEY */
    uint32_t total;
    uint32_t since_s; /* Unix time, low 32 bits */
};

_Static_assert(sizeof(struct record) <= CMOS_OURS_BYTES, "the record fits");

static struct record kept;
static bool storm; /* this boot is to be read-only */

static uint8_t sum(const struct record *record)
{
    const uint8_t *bytes = (const uint8_t *)record;
    uint8_t total = 0;
    for (size_t i = 0; i < sizeof *record; i++) {
        total = (uint8_t)(total + bytes[i]);
    }
    return total;
}

static void load(void)
{
    uint8_t *bytes = (uint8_t *)&kept;
    for (size_t i = 0; i < sizeof kept; i++) {
        bytes[i] = cmos_read((uint8_t)(CMOS_OURS + i));
    }
    if (kept.mark != MARK || kept.version != VERSION || sum(&kept) != CHECKSUM_KEY) {
        kept = (struct record){.mark = MARK, .version = VERSION};
    }
}

static void save(void)
{
    kept.checksum = 0;
    kept.checksum = (uint8_t)(CHECKSUM_KEY - sum(&kept));
    const uint8_t *bytes = (const uint8_t *)&kept;
    for (size_t i = 0; i < sizeof kept; i++) {
        cmos_write((uint8_t)(CMOS_OURS + i), bytes[i]);
    }
}

void crash_init(void)
{
    load();
    storm = kept.recent >= STORM_COUNT;
    if (storm) {
        kept.recent = 0;
        save();
    }
}

void crash_note(void)
{
    int64_t now_s = 0;
    bool known = platform_wall_clock_s(&now_s) == STATUS_OK;
    load();
    if (kept.recent == 0 || (known && (uint32_t)now_s - kept.since_s > STORM_S)) {
        kept.since_s = (uint32_t)now_s;
        kept.recent = 0;
    }
    kept.total++;
    kept.recent = (uint8_t)(storm || kept.recent + 1U > STORM_COUNT ? STORM_COUNT : kept.recent + 1U);
    save();
    console_print("crash ");
    console_print_decimal(kept.total);
    console_print(kept.recent < STORM_COUNT ? "\n" : "; too many in a minute: the next boot is read-only\n");
}

struct platform_crashes platform_crashes(void)
{
    return (struct platform_crashes){.total = kept.total, .storm = storm};
}

static bool option_is(const char *value)
{
    struct bytes option = platform_option("crash");
    return option.size == strlen(value) && memcmp(option.data, value, option.size) == 0;
}

_Noreturn void crash_end(void)
{
    crash_note();
    if (option_is("halt")) {
        console_print("halted, as boot option crash=halt asks\n");
        console_flush();
        power_halt();
    }
    console_flush();
    if (!option_is("reboot")) {
        power_exit(POWER_CODE_PANIC);
    }
    power_reset();
}
