/*
 * The simulated machine besides its flash: clock, memory, entropy, options, console, wire, and how runs end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "platform/platform.h"
#include "platform/sim/sim.h"

static void body_panic(void *context)
{
    (void)context;
    platform_panic("no ground to stand on");
}

static void body_power_off(void *context)
{
    (void)context;
    platform_power_off(7);
}

static void body_sleep_forever(void *context)
{
    (void)context;
    platform_sleep_until(UINT64_MAX);
}

static void body_nested(void *context)
{
    struct sim_end *inner = context;

    *inner = sim_run(body_panic, NULL);
    platform_power_off(3);
}

static void test_ends(void **state)
{
    struct sim_end inner;

    (void)state;
    sim_reset();
    struct sim_end end = sim_run(body_panic, NULL);
    assert_int_equal(end.kind, SIM_END_PANIC);
    assert_string_equal(end.sentence, "no ground to stand on");
    end = sim_run(body_power_off, NULL);
    assert_int_equal(end.kind, SIM_END_POWER_OFF);
    assert_int_equal(end.exit_code, 7);
    assert_int_equal(sim_run(body_sleep_forever, NULL).kind, SIM_END_ASLEEP);
    end = sim_run(body_nested, &inner);
    assert_int_equal(inner.kind, SIM_END_PANIC);
    assert_int_equal(end.kind, SIM_END_POWER_OFF);
    assert_int_equal(end.exit_code, 3);
}

static void test_clock(void **state)
{
    int64_t now_s;

    (void)state;
    sim_reset();
    assert_int_equal(platform_monotonic_ns(), 0);
    platform_sleep_until(UINT64_C(2500000000));
    assert_int_equal(platform_monotonic_ns(), UINT64_C(2500000000));
    platform_sleep_until(1000); /* past already */
    assert_int_equal(platform_monotonic_ns(), UINT64_C(2500000000));
    assert_int_equal(sim_sleep_count(), 2);
    assert_int_equal(platform_wall_clock_s(&now_s), STATUS_OK);
    assert_int_equal(now_s, SIM_DEFAULT_WALL_CLOCK_S + 2);
    sim_reboot();
    assert_int_equal(platform_monotonic_ns(), 0);
    assert_int_equal(platform_wall_clock_s(&now_s), STATUS_OK);
    assert_int_equal(now_s, SIM_DEFAULT_WALL_CLOCK_S + 2);
    sim_set_tick_ns(10);
    assert_int_equal(platform_monotonic_ns(), 10);
    assert_int_equal(platform_monotonic_ns(), 20);
}

static void test_wall_clock(void **state)
{
    int64_t now_s;

    (void)state;
    sim_reset();
    sim_clear_wall_clock();
    assert_int_equal(platform_wall_clock_s(&now_s), STATUS_NO_CLOCK);
    sim_set_wall_clock_s(INT64_C(1577836799));
    assert_int_equal(platform_wall_clock_s(&now_s), STATUS_NO_CLOCK);
    sim_set_wall_clock_s(INT64_C(1577836800));
    assert_int_equal(platform_wall_clock_s(&now_s), STATUS_OK);
    sim_clear_wall_clock();
    sim_set_option("time", "1800000000");
    assert_int_equal(platform_wall_clock_s(&now_s), STATUS_OK);
    assert_int_equal(now_s, 1800000000);
}

static void test_memory(void **state)
{
    (void)state;
    sim_reset();
    sim_set_memory_bytes(3 * 4096);
    uint8_t *first = platform_memory_take(5000);
    assert_non_null(first);
    assert_int_equal((uintptr_t)first % 4096, 0);
    assert_int_equal(platform_memory_free_bytes(), 4096);
    assert_null(platform_memory_take(4097));
    assert_null(platform_memory_take(SIZE_MAX));
    memset(first, 0xaa, 5000);
    sim_reboot();
    assert_int_equal(platform_memory_free_bytes(), 3 * 4096);
    uint8_t *again = platform_memory_take(5000);
    assert_non_null(again);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(again[i], 0);
    sim_reboot();
    sim_fail_memory_take(2);
    assert_non_null(platform_memory_take(1));
    assert_null(platform_memory_take(1));
    assert_non_null(platform_memory_take(1));
}

static void test_entropy(void **state)
{
    uint8_t first[13];
    uint8_t second[13];

    (void)state;
    sim_reset();
    sim_seed(42);
    assert_int_equal(platform_entropy(first, sizeof first), STATUS_OK);
    assert_int_equal(platform_entropy(second, sizeof second), STATUS_OK);
    assert_memory_not_equal(first, second, sizeof first);
    sim_seed(42);
    assert_int_equal(platform_entropy(second, sizeof second), STATUS_OK);
    assert_memory_equal(first, second, sizeof first);
    sim_fail_entropy(true);
    assert_int_equal(platform_entropy(second, sizeof second), STATUS_IO);
}

static void test_options_and_console(void **state)
{
    (void)state;
    sim_reset();
    assert_null(platform_option("ip").data);
    sim_set_option("ip", "10.0.2.15");
    sim_set_option("log", "");
    assert_int_equal(platform_option("ip").size, 9);
    assert_memory_equal(platform_option("ip").data, "10.0.2.15", 9);
    assert_non_null(platform_option("log").data);
    assert_int_equal(platform_option("log").size, 0);
    sim_set_option("ip", NULL);
    assert_null(platform_option("ip").data);
    assert_non_null(platform_option("log").data);
    platform_console_write((struct bytes){(const uint8_t *)"jeton: ", 7});
    platform_console_write((struct bytes){(const uint8_t *)"ready\n", 6});
    assert_true(sim_console_has("jeton: ready"));
    assert_int_equal(sim_console().size, 13);
    sim_console_clear();
    assert_false(sim_console_has("jeton"));
}

static void test_wire_to_app(void **state)
{
    uint8_t frame[100];
    static const uint8_t data[200] = {1, 2, 3};
    bool known;

    (void)state;
    sim_reset();
    assert_int_equal(platform_nic_receive(frame, sizeof frame, &known), 0);
    assert_int_equal(sim_wire_put((struct bytes){data, 101}), STATUS_OK);
    assert_int_equal(sim_wire_put((struct bytes){data, 100}), STATUS_OK);
    assert_int_equal(sim_wire_put((struct bytes){data, 60}), STATUS_OK);
    assert_int_equal(platform_nic_receive(frame, sizeof frame, &known), 100); /* the large one is dropped */
    assert_memory_equal(frame, data, 100);
    platform_sleep_until(UINT64_MAX); /* returns at once: a frame waits */
    assert_int_equal(platform_nic_receive(frame, sizeof frame, &known), 60);
    assert_int_equal(platform_nic_receive(frame, sizeof frame, &known), 0);
}

static void body_send_too_large(void *context)
{
    static const uint8_t data[PLATFORM_FRAME_MAX_BYTES];
    struct bytes parts[2] = {{data, sizeof data}, {data, *(const size_t *)context}};

    assert_int_equal(platform_nic_send(parts, 2, NULL), STATUS_OK);
}

static void test_wire_from_app(void **state)
{
    static const uint8_t data[4] = {1, 2, 3, 4};
    struct bytes parts[3] = {{data, 2}, {NULL, 0}, {data + 2, 2}};
    struct bytes frame;
    size_t extra = 0;

    (void)state;
    sim_reset();
    sim_set_send_queue(2);
    assert_int_equal(platform_nic_send(parts, 3, NULL), STATUS_OK);
    assert_int_equal(sim_wire_take(&frame), STATUS_AGAIN); /* not flushed */
    assert_int_equal(sim_wire_unflushed(), 1);
    assert_int_equal(platform_nic_send(parts, 1, NULL), STATUS_OK);
    assert_int_equal(platform_nic_send(parts, 3, NULL), STATUS_AGAIN); /* full */
    platform_nic_flush();
    assert_int_equal(sim_wire_take(&frame), STATUS_OK);
    assert_int_equal(frame.size, 4);
    assert_memory_equal(frame.data, data, 4);
    assert_int_equal(sim_wire_take(&frame), STATUS_OK);
    assert_int_equal(frame.size, 2);
    assert_int_equal(sim_wire_take(&frame), STATUS_AGAIN);
    assert_int_equal(sim_run(body_send_too_large, &extra).kind, SIM_END_RETURNED);
    extra = 1;
    assert_int_equal(sim_run(body_send_too_large, &extra).kind, SIM_END_MISUSE);
    sim_set_nic(false, false, 1500);
    assert_int_equal(platform_nic_send(parts, 3, NULL), STATUS_IO);
    sim_reset();
}

/* The sum of 0x0102, 0x0304 and what stands in its place, 0x0500: the complement of 0x0906. */
static void test_missing_sum(void **state)
{
    static const uint8_t data[8] = {9, 9, 1, 2, 3, 4, 5, 0};
    const struct platform_offload offload = {.start_offset = 2, .sum_offset = 4};
    struct bytes part = {data, sizeof data};
    struct bytes frame;

    (void)state;
    sim_reset();
    sim_set_fills_sums(true);
    assert_int_equal(platform_nic_send(&part, 1, &offload), STATUS_OK);
    platform_nic_flush();
    assert_int_equal(sim_wire_take(&frame), STATUS_OK);
    assert_memory_equal(frame.data, "\x09\x09\x01\x02\x03\x04\xf6\xf9", 8);
    sim_reset();
}

static void hook_put(void *context, uint64_t deadline_ns)
{
    static const uint8_t data[60];

    *(uint64_t *)context = deadline_ns;
    sim_advance_ns(5);
    assert_int_equal(sim_wire_put((struct bytes){data, sizeof data}), STATUS_OK);
}

static void hook_stop(void *context, uint64_t deadline_ns)
{
    (void)context;
    (void)deadline_ns;
    sim_request_stop();
}

static void test_sleep_hook(void **state)
{
    uint64_t deadline_ns = 0;

    (void)state;
    sim_reset();
    sim_set_sleep_hook(hook_put, &deadline_ns);
    platform_sleep_until(1000);
    assert_int_equal(deadline_ns, 1000);
    assert_int_equal(platform_monotonic_ns(), 5); /* woken early by the frame */
    sim_reset();
    sim_set_sleep_hook(hook_stop, NULL);
    assert_false(platform_stop_requested());
    platform_sleep_until(UINT64_MAX);
    assert_true(platform_stop_requested());
    sim_reset();
    assert_false(platform_stop_requested());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_wall_clock),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_entropy),     cmocka_unit_test(test_options_and_console),
        cmocka_unit_test(test_wire_to_app), cmocka_unit_test(test_wire_from_app),
        cmocka_unit_test(test_missing_sum), cmocka_unit_test(test_sleep_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
