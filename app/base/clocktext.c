/*
 * Time as text. Dates are the proleptic Gregorian calendar without leap seconds, as Unix time counts them.
 */
#include "base/clocktext.h"

#include <assert.h>
#include <string.h>

#define DAY_S    86400
#define LATEST_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

struct date {
    uint32_t year;
    uint32_t month; /* 1..12 */
    uint32_t day;   /* 1..31 */
};

/* Days from 0000-03-01: years that begin in March put the leap day at their end, so that the days before a month
 * follow one linear rule, (153 * month + 2) / 5. */
#define DAYS_TO_1970      719468U
#define DAYS_IN_400_YEARS 146097U

/* Days since 1970-01-01; year 1970..9999 (and a day beside, for offsets). */
static int64_t days_of_date(struct date date)
{
    uint32_t year = date.month <= 2 ? date.year - 1 : date.year;
    uint32_t month = (date.month + 9) % 12; /* March is 0 */
    uint32_t days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date.day - 1;
    return (int64_t)days - DAYS_TO_1970;
}

static struct date date_of_days(uint32_t days_since_1970)
{
    uint32_t days = days_since_1970 + DAYS_TO_1970;
    uint32_t era = days / DAYS_IN_400_YEARS;
    uint32_t day_of_era = days % DAYS_IN_400_YEARS;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;
    struct date date;
    date.day = day_of_year - (153 * month + 2) / 5 + 1;
    date.month = month < 10 ? month + 3 : month - 9;
    date.year = era * 400 + year_of_era + (date.month <= 2 ? 1 : 0);
    return date;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* ---- writing ---- */

static void put_digits(uint8_t *at, uint32_t value, uint32_t count)
{
    for (uint32_t i = count; i > 0; i--) {
        at[i - 1] = (uint8_t)('0' + value % 10);
        value /= 10;
    }
}

/* hh:mm:ss, over a text that has the colons. */
static void put_time_of_day(uint8_t *at, uint32_t second_of_day)
{
    put_digits(at, second_of_day / 3600, 2);
    put_digits(at + 3, second_of_day / 60 % 60, 2);
    put_digits(at + 6, second_of_day % 60, 2);
}

void time_write_rfc3339(struct buffer *out, int64_t unix_s)
{
    uint8_t text[] = "0000-00-00T00:00:00Z";
    assert(unix_s >= 0 && unix_s <= LATEST_S);
    struct date date = date_of_days((uint32_t)(unix_s / DAY_S));
    put_digits(text, date.year, 4);
    put_digits(text + 5, date.month, 2);
    put_digits(text + 8, date.day, 2);
    put_time_of_day(text + 11, (uint32_t)(unix_s % DAY_S));
    buffer_append(out, bytes_of(text, sizeof(text) - 1));
}

void time_write_http(struct buffer *out, int64_t unix_s)
{
    static const char day_names[7][4] = {"Thu", "Fri", "Sat", "Sun",
                                         "Mon", "Tue", "Wed"}; /* day 0 was a Thursday */
    static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint8_t text[] = "Thu, 00 Jan 0000 00:00:00 GMT";
    assert(unix_s >= 0 && unix_s <= LATEST_S);
    uint32_t days = (uint32_t)(unix_s / DAY_S);
    struct date date = date_of_days(days);
    memcpy(text, day_names[days % 7], 3);
    put_digits(text + 5, date.day, 2);
    memcpy(text + 8, month_names[date.month - 1], 3);
    put_digits(text + 12, date.year, 4);
    put_time_of_day(text + 17, (uint32_t)(unix_s % DAY_S));
    buffer_append(out, bytes_of(text, sizeof(text) - 1));
}

/* ---- reading ---- */

/* Takes what is read off the front of `text`; any mistake makes `text` invalid for good. */
struct reader {
    struct bytes text;
    bool failed;
};

static uint8_t next_byte(struct reader *reader)
{
    if (reader->text.size == 0) {
        reader->failed = true;
        return 0;
    }
    uint8_t byte = reader->text.data[0];
    reader->text = bytes_slice(reader->text, 1, reader->text.size);
    return byte;
}

static void expect(struct reader *reader, char byte)
{
    if (next_byte(reader) != (uint8_t)byte) {
        reader->failed = true;
    }
}

/* A letter that RFC 3339 section 5.6 allows in both cases. */
static void expect_letter(struct reader *reader, char upper)
{
    if ((next_byte(reader) & 0xdf) != (uint8_t)upper) {
        reader->failed = true;
    }
}

static uint32_t read_digits(struct reader *reader, uint32_t count, uint32_t lowest, uint32_t highest)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = next_byte(reader);
        if (byte < '0' || byte > '9') {
            reader->failed = true;
            return lowest;
        }
        value = value * 10 + (uint32_t)(byte - '0');
    }
    if (value < lowest || value > highest) {
        reader->failed = true;
        return lowest;
    }
    return value;
}

static int64_t read_date(struct reader *reader)
{
    struct date date;
    date.year = read_digits(reader, 4, 1969, 9999); /* 1969-12-31 with a negative offset may be in 1970 */
    expect(reader, '-');
    date.month = read_digits(reader, 2, 1, 12);
    expect(reader, '-');
    date.day = read_digits(reader, 2, 1, days_in_month(date.year, date.month));
    return days_of_date(date) * DAY_S;
}

/* `leap` tells that the second was 60. */
static int64_t read_time_of_day(struct reader *reader, bool *leap)
{
    uint32_t hour = read_digits(reader, 2, 0, 23);
    expect(reader, ':');
    uint32_t minute = read_digits(reader, 2, 0, 59);
    expect(reader, ':');
    uint32_t second = read_digits(reader, 2, 0, 60);
    *leap = second == 60;
    if (reader->text.size > 0 && reader->text.data[0] == '.') {
        (void)next_byte(reader);
        (void)read_digits(reader, 1, 0, 9);
        while (reader->text.size > 0 && reader->text.data[0] >= '0' && reader->text.data[0] <= '9') {
            (void)next_byte(reader);
        }
    }
    return (int64_t)hour * 3600 + (int64_t)minute * 60 + (*leap ? 59 : second);
}

static int64_t read_offset(struct reader *reader)
{
    if (reader->text.size == 0) {
        reader->failed = true;
        return 0;
    }
    uint8_t sign = reader->text.data[0];
    if (sign != '+' && sign != '-') {
        expect_letter(reader, 'Z');
        return 0;
    }
    (void)next_byte(reader);
    uint32_t hour = read_digits(reader, 2, 0, 23);
    expect(reader, ':');
    uint32_t minute = read_digits(reader, 2, 0, 59);
    int64_t offset_s = (int64_t)hour * 3600 + (int64_t)minute * 60;
    return sign == '-' ? -offset_s : offset_s;
}

enum status time_read_rfc3339(struct bytes text, int64_t *unix_s)
{
    struct reader reader = {text, false};
    bool leap = false;
    int64_t sum = read_date(&reader);
    expect_letter(&reader, 'T');
    sum += read_time_of_day(&reader, &leap);
    sum -= read_offset(&reader);
    if (reader.failed || reader.text.size > 0 || sum < 0 || sum > LATEST_S) {
        return STATUS_INVALID;
    }
    if (leap && sum % DAY_S != DAY_S - 1) {
        return STATUS_INVALID; /* leap seconds are the last of a UTC day */
    }
    *unix_s = sum;
    return STATUS_OK;
}
