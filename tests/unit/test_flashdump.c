/*
 * flashdump and the store read the same format, each with code of its own: they must say the same of any image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/sim/sim.h"
#include "store/frame.h"
#include "tests/support/store_lab.h"

#define PROGRAM "build/flashdump"

static uint64_t random_state = 21;
static char path[] = "build/flashdump-test-XXXXXX";
static char output[65536];

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&random_state) % bound);
}

static int start(void **state)
{
    int file = mkstemp(path);
    if (file >= 0)
        close(file);
    return file < 0 ? -1 : lab_start(state);
}

static int stop(void **state)
{
    (void)state;
    return remove(path);
}

/* Write the flash into the file, complemented as a disk keeps it or not, and run flashdump on it. Its exit code. */
static int dump(bool complemented, const char *options)
{
    char command[256];
    struct bytes contents = sim_flash_contents();
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < contents.size; i++)
        putc(complemented ? 0xff ^ contents.data[i] : contents.data[i], file);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "%s %s %s", PROGRAM, options, path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = fread(output, 1, sizeof output - 1, pipe);
    output[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(const char *text)
{
    if (strstr(output, text) == NULL)
        fail_msg("no %s in %s", text, output);
}

/* Some use, with compaction; ends with an idle mark. */
static void use(enum sim_flash_model model, struct bytes secret)
{
    bool formatted;
    lab_make_flash(model, 12);
    assert_int_equal(lab_boot_with(secret, &formatted), STATUS_OK);
    checker_start();
    for (uint32_t i = 0; i < 4000; i++) {
        lab_create(draw(300), draw(300));
        if (i % 4 == 0)
            lab_consume(draw(300));
        if (i % 16 == 15)
            lab_flush();
        checker_start();
    }
    lab_flush();
    lab_idle(NOW_S + 10);
}

static bool skip_without_program(void)
{
    if (access(PROGRAM, X_OK) != 0) {
        print_message("skipped: %s is not built\n", PROGRAM);
        return true;
    }
    return false;
}

static void test_good_images(void **state)
{
    (void)state;
    char text[64];
    if (skip_without_program())
        skip();
    for (int model = SIM_FLASH_NOR; model <= SIM_FLASH_DISK; model++) {
        use(model, NO_BYTES);
        assert_int_equal(dump(model == SIM_FLASH_DISK, "--json"), 0);
        expect("\"good\":true,\"fault\":null");
        expect("\"seals_checked\":true");
        expect(model == SIM_FLASH_DISK ? "\"complemented\":true" : "\"complemented\":false");
        struct store_stats stats;
        store_stats(&stats);
        snprintf(text, sizeof text, "\"frame_bytes\":%llu,", (unsigned long long)stats.used_bytes);
        expect(text);
        snprintf(text, sizeof text, "\"newest_time\":%lld,", (long long)NOW_S + 10);
        expect(text);
        assert_int_equal(dump(false, ""), 0);
        expect("good: structure and chain, and every seal");
    }
}

static void test_structure_needs_no_secret(void **state)
{
    (void)state;
    if (skip_without_program())
        skip();
    use(SIM_FLASH_NOR, BYTES_LITERAL("open sesame"));
    assert_int_equal(dump(false, "--json"), 0);
    expect("\"seals_checked\":false");
    expect("\"types\":{}");
    assert_int_equal(dump(false, "--json --secret 'open sesame'"), 0);
    expect("\"seals_checked\":true");
    expect("\"types\":{\"1\":");
    assert_int_equal(dump(false, "--json --secret wrong"), 0);
    expect("\"seals_checked\":false");
}

static void test_bad_images(void **state)
{
    (void)state;
    if (skip_without_program())
        skip();
    lab_make_flash(SIM_FLASH_NOR, 12);
    assert_int_equal(dump(false, ""), 1);
    expect("bad: a blank flash");
    assert_int_equal(dump(false, "--nonsense"), 2);
    use(SIM_FLASH_NOR, NO_BYTES);
    sim_flash_poke(0, BYTES_LITERAL("x"));
    sim_flash_poke(4096, BYTES_LITERAL("x"));
    assert_int_equal(dump(false, ""), 1);
    expect("bad: no valid header");
}

/* Behind the records of a frame: the store does not read the rests there when later records took their place. */
static bool is_in_rest(size_t at)
{
    struct bytes all = sim_flash_contents();
    struct frame_header header;
    for (size_t start = at - at % 16; start >= 16 && at - start < STORE_FRAME_MAX_BYTES; start -= 16) {
        if (frame_decode_header(all.data + start, &header) == STATUS_OK)
            return header.rest_bytes > 0 &&
                   at >= start + frame_extent_of(header.payload_bytes, header.rest_bytes, 16).rest_offset;
    }
    return false;
}

/* Random damage: good for one is good for the other, but for rests that nobody needs. */
static void test_agrees_with_the_store(void **state)
{
    (void)state;
    uint32_t bad = 0;
    if (skip_without_program())
        skip();
    use(SIM_FLASH_NOR, NO_BYTES);
    struct sim_flash_snapshot *base = sim_flash_save();
    for (uint32_t round = 0; round < 300; round++) {
        bool formatted;
        sim_flash_restore(base);
        size_t at = draw((uint32_t)sim_flash_contents().size);
        if (round % 3 == 0)
            sim_flash_flip(at, (uint8_t)(1u << draw(8)));
        else if (round % 3 == 1)
            sim_flash_poke(at & ~(size_t)15,
                           BYTES_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
        else
            sim_flash_poke(at - at % 4096, bytes_of(sim_flash_contents().data + draw(100) * 4096, 4096));
        int exit_code = dump(false, "--json");
        enum status status = lab_boot_with(NO_BYTES, &formatted);
        bool unseen = status == STATUS_OK && strstr(output, "a frame is damaged") != NULL && is_in_rest(at);
        if ((status == STATUS_OK) != (exit_code == 0) && !unseen)
            fail_msg("round %u, byte %zu: the store says \"%s\", flashdump %s", round, at,
                     status == STATUS_OK ? "good" : store_sentence(), output);
        bad += exit_code != 0;
    }
    print_message("%u of 300 damaged images refused by both\n", bad);
    assert_in_range(bad, 50, 250);
    sim_flash_snapshot_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_images),
        cmocka_unit_test(test_structure_needs_no_secret),
        cmocka_unit_test(test_bad_images),
        cmocka_unit_test(test_agrees_with_the_store),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
