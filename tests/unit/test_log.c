/*
 * The console's lines: prefix, levels, printable bytes, the cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "limits.h"
#include "platform/sim/sim.h"

static int setup(void **state)
{
    (void)state;
    sim_reset();
    log_set_level(LOG_INFO);
    return 0;
}

static void assert_console(const char *expected)
{
    assert_true(bytes_equal_string(sim_console(), expected));
    sim_console_clear();
}

static void test_levels(void **state)
{
    (void)state;
    log_debug("d");
    log_info("i %d", 1);
    log_alert("a %s", "x");
    assert_console("jeton: i 1\njeton: a x\n");
    log_set_level(LOG_QUIET);
    log_debug("d");
    log_info("i");
    log_alert("a");
    assert_console("jeton: a\n");
    log_set_level(LOG_DEBUG);
    log_debug("d%u", 2U);
    log_info("i");
    assert_console("jeton: d2\njeton: i\n");
}

static void test_nothing_forges_a_line(void **state)
{
    (void)state;
    log_info("%s", "a\njeton: b\r\x1b[2J\x7f\xc3\xa9\t~ ");
    assert_console("jeton: a?jeton: b??[2J????~ \n");
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    char text[LOG_LINE_MAX_BYTES + 100];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_info("%s", text);
    struct bytes line = sim_console();
    assert_int_equal(line.size, LOG_LINE_MAX_BYTES);
    assert_int_equal(line.data[line.size - 1], '\n');
    assert_int_equal(line.data[line.size - 2], 'x');
    sim_console_clear();

    /* Just fits, and one byte more. */
    const size_t room = LOG_LINE_MAX_BYTES - strlen("jeton: \n");
    log_info("%.*sy", (int)(room - 1), text);
    line = sim_console();
    assert_int_equal(line.size, LOG_LINE_MAX_BYTES);
    assert_int_equal(line.data[line.size - 2], 'y');
    sim_console_clear();
    log_info("%.*sy", (int)room, text);
    line = sim_console();
    assert_int_equal(line.size, LOG_LINE_MAX_BYTES);
    assert_int_equal(line.data[line.size - 2], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_levels, setup),
        cmocka_unit_test_setup(test_nothing_forges_a_line, setup),
        cmocka_unit_test_setup(test_long_lines_are_cut, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
