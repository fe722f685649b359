/*
 * Number text in both directions: the table of RFC 8785 appendix B, edges, a million doubles against Node.js, and long
 * decimals against the C library of the host, whose strtod rounds correctly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/oracle.h"
#include "tests/support/random.h"
#include "json/json.h"
#include "json/number.h"

#define NOTHING  UINT64_C(0xffffffffffffffff)
#define INFINITE UINT64_C(0x7ff0000000000000)

static double double_of(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The bits that the text reads as, NOTHING when it is out of range. */
static uint64_t read_bits(struct bytes text)
{
    double value = 0;
    uint64_t bits = NOTHING;
    enum status status = json_read_number(text, &value);
    assert_true(status == STATUS_OK || status == STATUS_TOO_LARGE);
    if (status == STATUS_OK) {
        memcpy(&bits, &value, sizeof(bits));
    }
    return bits;
}

static void assert_text(uint64_t bits, const char *expected)
{
    uint8_t memory[32];
    struct buffer out = buffer_over(memory, sizeof(memory));
    json_write_number(&out, double_of(bits));
    if (!bytes_equal_string(buffer_view(&out), expected)) {
        fail_msg("%016llx: wanted %s, got %.*s", (unsigned long long)bits, expected, (int)out.size,
                 (const char *)memory);
    }
    if (bits != UINT64_C(1) << 63) {
        assert_true(read_bits(buffer_view(&out)) == bits);
    }
}

static void test_appendix_b(void **state)
{
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        /* layout's edges, and gaps of two sizes at powers of two */
        {0x3ff0000000000000, "1"},
        {0xbff8000000000000, "-1.5"},
        {0x4024000000000000, "10"},
        {0x3fb999999999999a, "0.1"},
        {0x3e7ad7f29abcaf48, "1e-7"},
        {0x4415af1d78b58c40, "100000000000000000000"},
        {0x0010000000000000, "2.2250738585072014e-308"},
        {0x000fffffffffffff, "2.225073858507201e-308"},
        {0x0020000000000000, "4.450147717014403e-308"},
        {0x7fe0000000000000, "8.98846567431158e+307"},
        {0x3cb0000000000000, "2.220446049250313e-16"},
        {0x4350000000000000, "18014398509481984"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_text(cases[i].bits, cases[i].text);
    }
}

/* ---- reading ---- */

static void assert_reads(const char *text, uint64_t expected)
{
    uint64_t bits = read_bits(bytes_of_string(text));
    if (bits != expected) {
        fail_msg("%s: wanted %016llx, got %016llx", text, (unsigned long long)expected,
                 (unsigned long long)bits);
    }
}

static void test_edges_of_reading(void **state)
{
    (void)state;
    assert_reads("0", 0);
    assert_reads("-0", UINT64_C(1) << 63);
    assert_reads("0e999999999999", 0);
    assert_reads("0.000", 0);
    assert_reads("1", 0x3ff0000000000000);
    assert_reads("1e0", 0x3ff0000000000000);
    assert_reads("1E+00", 0x3ff0000000000000);
    assert_reads("0.1e1", 0x3ff0000000000000);
    assert_reads("1000e-3", 0x3ff0000000000000);
    /* ties to even, and a hair beside them */
    assert_reads("9007199254740993", 0x4340000000000000);
    assert_reads("9007199254740993.0000000000000000000000000000000000000001", 0x4340000000000001);
    assert_reads("9007199254740992.9999999999999999999999999999999999999999", 0x4340000000000000);
    assert_reads("9007199254740995", 0x4340000000000002);
    assert_reads("1.00000000000000011102230246251565404236316680908203125", 0x3ff0000000000000);
    assert_reads("1.00000000000000011102230246251565404236316680908203124", 0x3ff0000000000000);
    assert_reads("1.00000000000000011102230246251565404236316680908203126", 0x3ff0000000000001);
    /* the least and the greatest */
    assert_reads("4.9406564584124654e-324", 1);
    assert_reads("2.4703282292062327e-324", 0); /* just under half of it */
    assert_reads("2.4703282292062328e-324", 1);
    assert_reads("9.9e-325", 0);
    assert_reads("1e-324", 0);
    assert_reads("3e-324", 1);
    assert_reads("7.4e-324", 1);
    assert_reads("7.5e-324", 2);
    assert_reads("2.2250738585072011e-308", 0x000fffffffffffff); /* hung PHP and Java once */
    assert_reads("2.2250738585072012e-308", 0x0010000000000000);
    assert_reads("1.7976931348623157e308", 0x7fefffffffffffff);
    assert_reads("1.7976931348623158e308", 0x7fefffffffffffff);
    assert_reads("179769313486231580793e289", NOTHING);
    assert_reads("1.7976931348623159e308", NOTHING);
    assert_reads("1e309", NOTHING);
    assert_reads("-1e999999999999999999999", NOTHING);
    assert_reads("1e-999999999999999999999", 0);
}

/* Half of a decimal number with enough room for it: its last digit is even. */
static void halve(char *text)
{
    int carry = 0;
    for (; *text != '\0'; text++) {
        if (*text != '.') {
            int digit = carry * 10 + (*text - '0');
            *text = (char)('0' + digit / 2);
            carry = digit % 2;
        }
    }
    assert_int_equal(carry, 0);
}

/* The exact middle above `units` times the least double, which has more than 700 digits; then what may follow or
 * precede it by the least bit. A middle goes to the even neighbour. */
static void check_middle_above(unsigned units)
{
    static char text[20000];
    /* The host prints exactly; 1,075 decimals are one more than these need. */
    int size = snprintf(text, sizeof(text), "%.1075f", (2.0 * units + 1.0) * 5e-324);
    assert_true(size > 1075);
    halve(text);
    assert_reads(text, units + units % 2);
    text[size - 1]--;
    assert_reads(text, units);
    text[size - 1]++;
    /* Beyond 800 digits only whether something follows counts, as far away as it may be. */
    memset(text + size, '0', 14000);
    text[size + 14000] = '\0';
    assert_reads(text, units + units % 2);
    text[size + 13999] = '1';
    assert_reads(text, units + 1);
}

static void test_long_middles(void **state)
{
    (void)state;
    for (unsigned units = 0; units < 8; units++) {
        check_middle_above(units);
    }
}

static void random_decimal(uint64_t *random, char *text, size_t room)
{
    struct buffer out = buffer_over(text, room - 1);
    uint32_t style = random_below(random, 3);
    uint32_t digits = 1 + random_below(random, style == 0 ? 20 : style == 1 ? 40 : 850);
    uint32_t point = random_below(random, digits + 1);
    buffer_append_byte(&out, (uint8_t)('1' + random_below(random, 9)));
    for (uint32_t i = 1; i < digits; i++) {
        if (i == point) {
            buffer_append_byte(&out, '.');
        }
        buffer_append_byte(&out, (uint8_t)('0' + random_below(random, 10)));
    }
    if (random_below(random, 4) > 0) {
        int exponent = (int)random_below(random, 700) - 350;
        buffer_append_string(&out, exponent < 0 ? "e-" : random_below(random, 2) == 0 ? "e" : "E+");
        buffer_append_u64(&out, (uint64_t)(exponent < 0 ? -exponent : exponent));
    }
    assert_false(buffer_failed(&out));
    text[out.size] = '\0';
}

static void check_against_strtod(const char *text)
{
    double value = strtod(text, NULL);
    uint64_t expected = 0;
    memcpy(&expected, &value, sizeof(expected));
    assert_reads(text, (expected & INFINITE) == INFINITE ? NOTHING : expected);
}

static void test_random_decimals_against_strtod(void **state)
{
    (void)state;
    uint64_t random = 767;
    for (size_t i = 0; i < 100000; i++) {
        char text[1000];
        random_decimal(&random, text, sizeof(text));
        check_against_strtod(text);
    }
}

/* Exact middles between neighbours, and one digit beside them. */
static void test_middles_against_strtod(void **state)
{
    (void)state;
    uint64_t random = 54;
    for (size_t i = 0; i < 20000; i++) {
        /* With 11 bits less of mantissa to print, long double has the middle exactly. */
        double value = double_of(random_next(&random) & ~(UINT64_C(1) << 63));
        if (!(value < 1e300 && value > 1e-290)) {
            continue;
        }
        uint64_t bits = 0;
        memcpy(&bits, &value, sizeof(bits));
        long double middle = ((long double)value + (long double)double_of(bits + 1)) / 2;
        char text[1100];
        int size = snprintf(text, sizeof(text) - 2, "%.800Lg", middle);
        assert_true(size > 0 && size < (int)sizeof(text) - 2);
        check_against_strtod(text);
        char *mantissa_end = strchr(text, 'e');
        char *last = mantissa_end != NULL ? mantissa_end - 1 : text + size - 1;
        if (*last > '0') {
            (*last)--;
            check_against_strtod(text);
        }
    }
}

/* ---- a million doubles ---- */

enum {
    COUNT = 1000000
};

/* Random bits, and kinds of doubles that algorithms get wrong: integers, short decimals, powers and their neighbours. */
static uint64_t pick(uint64_t *random, size_t index)
{
    uint64_t bits = random_next(random);
    double value = 0;
    switch (index % 8) {
    case 0: /* a power of two and its neighbours */
        bits = ((bits >> 2 & 0x7ff) << 52) + (bits & 3) - 1;
        break;
    case 1: /* few bits of mantissa */
        bits &= ~(UINT64_MAX >> (12 + bits % 20));
        break;
    case 2: /* subnormal */
        bits = bits >> 12 >> bits % 52;
        break;
    case 3: /* an integer */
        value = (double)(bits >> bits % 64);
        memcpy(&bits, &value, sizeof(bits));
        break;
    case 4: { /* a short decimal, and its neighbours */
        char text[64];
        (void)snprintf(text, sizeof(text), "%llue%d", (unsigned long long)(bits >> (20 + bits % 43)),
                       (int)(bits % 640) - 330);
        value = strtod(text, NULL);
        memcpy(&bits, &value, sizeof(bits));
        bits += (*random & 3) - 1;
        break;
    }
    default:
        break;
    }
    return (bits & INFINITE) == INFINITE ? bits ^ (UINT64_C(1) << 62) : bits;
}

static const char node[] = "node -e '"
                           "const b=require(\"fs\").readFileSync(0);"
                           "const d=new Float64Array(b.buffer.slice(b.byteOffset,b.byteOffset+b.length));"
                           "let s=[];for(let i=0;i<d.length;i++)s.push(JSON.stringify(d[i]));"
                           "process.stdout.write(s.join(\"\\n\")+\"\\n\")'";

static void check_line(uint64_t bits, struct bytes line)
{
    uint8_t memory[32];
    struct buffer out = buffer_over(memory, sizeof(memory));
    json_write_number(&out, double_of(bits));
    if (!bytes_equal(buffer_view(&out), line)) {
        fail_msg("%016llx: node %.*s, ours %.*s", (unsigned long long)bits, (int)line.size,
                 (const char *)line.data, (int)out.size, (const char *)memory);
    }
    if (bits != UINT64_C(1) << 63) {
        assert_true(read_bits(line) == bits);
    }
}

static void test_a_million_doubles_against_node(void **state)
{
    (void)state;
    static uint64_t doubles[COUNT];
    uint64_t random = 1;
    if (!oracle_present("node")) {
        print_message("skipped: no node\n");
        skip();
    }
    for (size_t i = 0; i < COUNT; i++) {
        doubles[i] = pick(&random, i);
    }
    struct buffer answers = oracle_run(node, bytes_of(doubles, sizeof(doubles)));
    struct bytes rest = buffer_view(&answers);
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = bytes_find(rest, '\n');
        check_line(doubles[i], bytes_slice(rest, 0, size));
        rest = bytes_slice(rest, size + 1, rest.size);
    }
    assert_int_equal(rest.size, 0);
    free(answers.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appendix_b),
        cmocka_unit_test(test_edges_of_reading),
        cmocka_unit_test(test_long_middles),
        cmocka_unit_test(test_random_decimals_against_strtod),
        cmocka_unit_test(test_middles_against_strtod),
        cmocka_unit_test(test_a_million_doubles_against_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
