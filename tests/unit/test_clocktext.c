/*
 * Time as text; expected values are Python's datetime.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clocktext.h"
#include "tests/support/exact.h"

static const struct {
    int64_t unix_s;
    const char *rfc3339;
    const char *http;
} known[] = {
    {0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {59, "1970-01-01T00:00:59Z", "Thu, 01 Jan 1970 00:00:59 GMT"},
    {86399, "1970-01-01T23:59:59Z", "Thu, 01 Jan 1970 23:59:59 GMT"},
    {86400, "1970-01-02T00:00:00Z", "Fri, 02 Jan 1970 00:00:00 GMT"},
    {68169600, "1972-02-29T00:00:00Z", "Tue, 29 Feb 1972 00:00:00 GMT"},
    {951782399, "2000-02-28T23:59:59Z", "Mon, 28 Feb 2000 23:59:59 GMT"},
    {951782400, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
    {951868799, "2000-02-29T23:59:59Z", "Tue, 29 Feb 2000 23:59:59 GMT"},
    {951868800, "2000-03-01T00:00:00Z", "Wed, 01 Mar 2000 00:00:00 GMT"},
    {1709164800, "2024-02-29T00:00:00Z", "Thu, 29 Feb 2024 00:00:00 GMT"},
    {1709251200, "2024-03-01T00:00:00Z", "Fri, 01 Mar 2024 00:00:00 GMT"},
    {1735689599, "2024-12-31T23:59:59Z", "Tue, 31 Dec 2024 23:59:59 GMT"},
    {1735689600, "2025-01-01T00:00:00Z", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {1777629600, "2026-05-01T10:00:00Z", "Fri, 01 May 2026 10:00:00 GMT"},
    {4107542399, "2100-02-28T23:59:59Z", "Sun, 28 Feb 2100 23:59:59 GMT"},
    {4107542400, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
    {13574649600, "2400-03-01T00:00:00Z", "Wed, 01 Mar 2400 00:00:00 GMT"},
    {253402300799, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
};

static void test_known_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t text[29];
        struct buffer buffer = buffer_over(text, 20);
        int64_t read = -1;
        time_write_rfc3339(&buffer, known[i].unix_s);
        assert_true(bytes_equal_string(buffer_view(&buffer), known[i].rfc3339));
        assert_int_equal(time_read_rfc3339(buffer_view(&buffer), &read), STATUS_OK);
        assert_true(read == known[i].unix_s);
        buffer = buffer_over(text, 29);
        time_write_http(&buffer, known[i].unix_s);
        assert_true(bytes_equal_string(buffer_view(&buffer), known[i].http));
    }
}

/* Every day to the year 9999: what is written is read back, and days follow each other. */
static void test_every_day(void **state)
{
    (void)state;
    uint8_t before[20] = {0};
    for (int64_t unix_s = 43200; unix_s <= INT64_C(253402300799); unix_s += 86400) {
        uint8_t text[20];
        struct buffer buffer = buffer_over(text, sizeof(text));
        int64_t read = -1;
        time_write_rfc3339(&buffer, unix_s);
        assert_int_equal(time_read_rfc3339(buffer_view(&buffer), &read), STATUS_OK);
        assert_true(read == unix_s);
        assert_true(memcmp(before, text, sizeof(text)) < 0);
        memcpy(before, text, sizeof(text));
    }
}

static void test_read_variants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t unix_s;
    } cases[] = {
        {"2026-05-01T10:00:00.999999999Z", 1777629600},
        {"2026-05-01T10:00:00.1090Z", 1777629600},
        {"2026-05-01t10:00:00z", 1777629600},
        {"2026-05-01T12:00:00+02:00", 1777629600},
        {"2026-05-01T04:30:00-05:30", 1777629600},
        {"2026-05-01T10:00:00-00:00", 1777629600},
        {"1969-12-31T23:00:00-01:00", 0},
        {"1990-12-31T23:59:60Z", 662687999},
        {"1990-12-31T15:59:60-08:00", 662687999},
        {"9999-12-31T23:59:59.5Z", INT64_C(253402300799)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t read = -1;
        assert_int_equal(time_read_rfc3339(bytes_of_string(cases[i].text), &read), STATUS_OK);
        assert_true(read == cases[i].unix_s);
    }
}

static void test_read_refusals(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "2026",
        "2026-05-01",
        "2026-05-01T10:00:00",
        "2026-05-01T10:00Z",
        "2026-05-01 10:00:00Z",
        "2026-05-01T10:00:00Z ",
        " 2026-05-01T10:00:00Z",
        "2026-05-01T10:00:00.Z",
        "2026-05-01T10:00:00,5Z",
        "2026-5-01T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-05-00T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "2026-05-01T24:00:00Z",
        "2026-05-01T10:60:00Z",
        "2026-05-01T10:00:61Z",
        "2026-05-01T10:00:60Z",
        "2026-05-01T10:00:00+24:00",
        "2026-05-01T10:00:00+02:60",
        "2026-05-01T10:00:00+0200",
        "2026-05-01T10:00:00+02",
        "2026-05-01T10:00:00+02:00Z",
        "+2026-05-01T10:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "-026-05-01T10:00:00Z",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        size_t size = strlen(refused[i]);
        uint8_t *text = exact_copy(refused[i], size);
        int64_t read = -1;
        if (time_read_rfc3339(bytes_of(text, size), &read) != STATUS_INVALID || read != -1) {
            fail_msg("accepted: %s", refused[i]);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_read_variants),
        cmocka_unit_test(test_read_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
