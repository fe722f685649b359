/*
 * Wall clock: the `time` option, else the CMOS clock (MC146818, assumed to run in UTC), carried on by the monotonic
 * clock. The CMOS clock is read again now and then, because the calibration of the cycle counter at boot is good to
 * about 0.01 % only.
 */
#include "platform/platform.h"
#include "platform/x86_64/cmos.h"

#define CMOS_SECOND       0x00U
#define CMOS_MINUTE       0x02U
#define CMOS_HOUR         0x04U
#define CMOS_DAY          0x07U
#define CMOS_MONTH        0x08U
#define CMOS_YEAR         0x09U
#define CMOS_STATUS_A     0x0aU
#define CMOS_STATUS_B     0x0bU
#define CMOS_CENTURY      0x32U
#define STATUS_A_UPDATING 0x80U
#define STATUS_B_24_HOURS 0x02U
#define STATUS_B_BINARY   0x04U
#define HOUR_PM           0x80U
#define READ_TRIES        4U
#define UPDATE_POLLS_MAX  20000U         /* an update takes 2 ms; a port read at least 0.1 us */
#define EARLIEST_UNIX_S   1577836800LL   /* 2020-01-01 */
#define LATEST_UNIX_S     253402300799LL /* 9999-12-31 */
#define NS_PER_S          1000000000ULL
#define REREAD_AFTER_NS   (600 * NS_PER_S)

struct calendar {
    unsigned second, minute, hour, day, month, year;
};

static bool known;
static bool from_option;
static int64_t base_unix_s; /* the wall clock at base_ns of the monotonic clock */
static uint64_t base_ns;
static uint64_t read_ns; /* when the CMOS clock was last looked at */

static unsigned from_bcd(unsigned value)
{
    return (value >> 4) * 10 + (value & 15);
}

/* Days since 1970-01-01 in the Gregorian calendar; months count from March, so that a leap day ends the year. */
static int64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned era = y / 400;
    unsigned year_of_era = y - era * 400;
    unsigned day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static unsigned full_year(unsigned year, unsigned century)
{
    return century >= 19 && century <= 99 ? century * 100 + year : 2000 + year;
}

static void read_fields(struct calendar *c)
{
    uint8_t status_b = cmos_read(CMOS_STATUS_B);
    unsigned raw[7] = {cmos_read(CMOS_SECOND), cmos_read(CMOS_MINUTE), cmos_read(CMOS_HOUR),
                       cmos_read(CMOS_DAY),    cmos_read(CMOS_MONTH),  cmos_read(CMOS_YEAR),
                       cmos_read(CMOS_CENTURY)};
    bool afternoon = (status_b & STATUS_B_24_HOURS) == 0 && (raw[2] & HOUR_PM) != 0;
    raw[2] &= ~HOUR_PM;
    if ((status_b & STATUS_B_BINARY) == 0) {
        for (size_t i = 0; i < 6; i++) {
            raw[i] = from_bcd(raw[i]);
        }
        raw[6] = from_bcd(raw[6]);
    }
    if ((status_b & STATUS_B_24_HOURS) == 0) {
        raw[2] = raw[2] % 12 + (afternoon ? 12 : 0);
    }
    *c = (struct calendar){raw[0], raw[1], raw[2], raw[3], raw[4], full_year(raw[5], raw[6])};
}

static bool plausible(const struct calendar *c)
{
    return c->second < 60 && c->minute < 60 && c->hour < 24 && c->day >= 1 && c->day <= 31 && c->month >= 1 &&
           c->month <= 12;
}

static bool same(const struct calendar *a, const struct calendar *b)
{
    return a->second == b->second && a->minute == b->minute && a->hour == b->hour && a->day == b->day &&
           a->month == b->month && a->year == b->year;
}

/* Read outside of an update, until two readings agree. */
static enum status cmos_unix_s(int64_t *unix_s)
{
    struct calendar first;
    struct calendar second;
    for (uint32_t tries = 0; tries < READ_TRIES; tries++) {
        for (uint32_t polls = 0; (cmos_read(CMOS_STATUS_A) & STATUS_A_UPDATING) != 0; polls++) {
            if (polls == UPDATE_POLLS_MAX) {
                return STATUS_NO_CLOCK; /* no such chip: the port reads as ones */
            }
        }
        read_fields(&first);
        read_fields(&second);
        if (same(&first, &second) && plausible(&first)) {
            int64_t days = days_from_civil(first.year, first.month, first.day);
            *unix_s = days * 86400 + first.hour * 3600 + first.minute * 60 + first.second;
            return *unix_s >= EARLIEST_UNIX_S ? STATUS_OK : STATUS_NO_CLOCK;
        }
    }
    return STATUS_NO_CLOCK;
}

static enum status option_unix_s(struct bytes text, int64_t *unix_s)
{
    int64_t value = 0;
    if (text.size == 0 || text.size > 12) {
        return STATUS_NO_CLOCK;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return STATUS_NO_CLOCK;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *unix_s = value;
    return value >= EARLIEST_UNIX_S && value <= LATEST_UNIX_S ? STATUS_OK : STATUS_NO_CLOCK;
}

/* Set the clock, or set it right. A second of difference is only the rounding of the CMOS clock: following it would
 * let the time run backwards. */
static enum status set_base(uint64_t now_ns)
{
    int64_t unix_s = 0;
    struct bytes option = platform_option("time");
    from_option = option.data != NULL;
    enum status status = from_option ? option_unix_s(option, &unix_s) : cmos_unix_s(&unix_s);
    int64_t ours_s = base_unix_s + (int64_t)((now_ns - base_ns) / NS_PER_S);
    bool differs = unix_s - ours_s > 1 || ours_s - unix_s > 1;
    if (status == STATUS_OK && (!known || differs)) {
        base_unix_s = unix_s;
        base_ns = now_ns;
        known = true;
    }
    return status;
}

enum status platform_wall_clock_s(int64_t *unix_s)
{
    uint64_t now_ns = platform_monotonic_ns();
    if (!known || (!from_option && now_ns - read_ns > REREAD_AFTER_NS)) {
        enum status status = set_base(now_ns);
        read_ns = now_ns;
        if (status != STATUS_OK && !known) {
            return status;
        }
    }
    *unix_s = base_unix_s + (int64_t)((now_ns - base_ns) / NS_PER_S);
    return STATUS_OK;
}
