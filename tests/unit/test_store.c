/*
 * The store over the simulated flash: what is flushed is there after a reboot, what is not Jeton's is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/frame.h"
#include "tests/support/store_lab.h"

/* ---- append, flush, replay ---- */

static void survive(enum sim_flash_model model)
{
    lab_make_flash(model, 16);
    lab_boot(true);
    checker_start();
    for (uint32_t id = 0; id < 50; id++) {
        lab_create(id, id * 5);
        if (id % 3 == 0)
            lab_flush();
    }
    lab_flush();
    lab_update(7);
    lab_consume(8);
    lab_flush();
    lab_boot(false);
    lab_check();
    assert_int_equal(dictionary[7].version, 2);
    assert_true(dictionary[8].is_consumed);
    assert_int_equal(store_newest(), 52);
    assert_int_equal(store_newest_time_s(), NOW_S);
    lab_update(7); /* and the log goes on where it was */
    lab_flush();
    lab_boot(false);
    lab_check();
}

static void test_survives_reboot(void **state)
{
    (void)state;
    lab_each_model(survive);
}

static void lose_unflushed(enum sim_flash_model model)
{
    lab_make_flash(model, 16);
    lab_boot(true);
    checker_start();
    lab_create(1, 10);
    lab_flush();
    lab_create(2, 10);
    assert_int_equal(store_newest(), 2);
    assert_int_equal(store_durable(), 1);
    lab_boot(false);
    assert_int_equal(dictionary[1].version, 1);
    assert_int_equal(dictionary[2].version, 0);
    assert_int_equal(store_newest(), 1);
}

static void test_unflushed_is_gone(void **state)
{
    (void)state;
    lab_each_model(lose_unflushed);
}

static void fill_large(enum sim_flash_model model)
{
    static uint8_t payload[STORE_RECORD_MAX_BYTES + 1];
    lab_make_flash(model, 16);
    lab_boot(true);
    checker_start();
    assert_int_equal(store_append(STORE_ISSUE, 1, bytes_of(payload, sizeof payload), 0, NULL),
                     STATUS_TOO_LARGE);
    for (uint32_t id = 0; id < 4; id++)
        lab_create(id, STORE_RECORD_MAX_BYTES - 21);
    lab_create(4, STORE_RECORD_MAX_BYTES - 22);
    lab_create(5, 0);
    for (uint32_t id = 6; id < 400; id++)
        lab_create(id, 100); /* one group over several frames and segments */
    lab_flush();
    lab_boot(false);
    lab_check();
}

static void test_large_records_and_groups(void **state)
{
    (void)state;
    lab_each_model(fill_large);
}

static void test_empty_flush_writes_nothing(void **state)
{
    (void)state;
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    struct sim_flash_counts before = sim_flash_counts();
    lab_flush();
    assert_int_equal(sim_flash_counts().operations, before.operations);
}

static void test_secrets_are_not_readable(void **state)
{
    (void)state;
    static const char text[] = "a text that must not be found on the flash";
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    assert_int_equal(store_append(STORE_ISSUE, 9, bytes_of(text, sizeof text), 0, NULL), STATUS_OK);
    lab_flush();
    struct bytes all = sim_flash_contents();
    for (size_t i = 0; i + sizeof text < all.size; i++)
        assert_true(memcmp(all.data + i, text, 8) != 0);
}

static void test_derived_keys(void **state)
{
    (void)state;
    uint8_t a[32], b[32], again[32];
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    store_derive_key("one", a);
    store_derive_key("two", b);
    lab_boot(true);
    store_derive_key("one", again);
    assert_memory_equal(a, again, 32);
    assert_memory_not_equal(a, b, 32);
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    store_derive_key("one", b);
    assert_memory_not_equal(a, b, 32);
}

/* ---- what is refused ---- */

static void test_no_flash(void **state)
{
    (void)state;
    bool formatted;
    sim_flash_destroy();
    assert_int_equal(lab_boot_with(NO_BYTES, &formatted), STATUS_NOT_FOUND);
    assert_true(strlen(store_sentence()) > 0);
}

static void test_foreign_flash(void **state)
{
    (void)state;
    static const uint64_t places[] = {0, 600, 4096, 3 * 4096 + 4095, 4 * 4096, 40000, (4 + 128) * 4096 - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        lab_make_flash(SIM_FLASH_NOR, 16);
        sim_flash_poke(places[i], BYTES_LITERAL("x"));
        lab_expect_refusal(NO_BYTES, STATUS_FOREIGN, "not Jeton's");
    }
    sim_flash_create(SIM_FLASH_NOR, 4096, 4 + 11 * 8);
    lab_expect_refusal(NO_BYTES, STATUS_FOREIGN, "too small");
}

/* A large disk has few segments, and its first boot reads little of it but sees data wherever a disk tells of it. */
static void test_large_disk(void **state)
{
    (void)state;
    const uint32_t blocks = 1600; /* 100 MiB */
    const uint64_t block = 65536;
    struct store_stats stats;
    sim_flash_create(SIM_FLASH_DISK, 65536, blocks);
    lab_boot(true);
    assert_true(sim_flash_counts().bytes_read < 8 * 1024 * 1024);
    store_stats(&stats);
    assert_true(stats.segment_count > STORE_SEGMENTS_GOAL / 2 && stats.segment_count <= STORE_SEGMENTS_GOAL);
    checker_start();
    lab_create(1, 10);
    lab_flush();
    sim_flash_counts_clear();
    lab_boot(false);
    lab_check();
    assert_true(sim_flash_counts().bytes_read < 2 * 1024 * 1024 && sim_flash_counts().reads < 400);
    const uint64_t places[] = {0,
                               3 * block,
                               5 * block + 99,
                               4 * block + 700 * 1024,
                               4 * block + 100 * 8 * block,
                               blocks * block - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        sim_flash_create(SIM_FLASH_DISK, 65536, blocks);
        sim_flash_poke(places[i], BYTES_LITERAL("x"));
        lab_expect_refusal(NO_BYTES, STATUS_FOREIGN, "not Jeton's");
    }
}

static void test_device_secret(void **state)
{
    (void)state;
    bool formatted;
    lab_make_flash(SIM_FLASH_NOR, 16);
    assert_int_equal(lab_boot_with(BYTES_LITERAL("correct horse"), &formatted), STATUS_OK);
    checker_start();
    lab_create(1, 10);
    lab_flush();
    lab_expect_refusal(NO_BYTES, STATUS_FOREIGN, "needs the device secret");
    lab_expect_refusal(BYTES_LITERAL("wrong horse"), STATUS_FOREIGN, "does not open");
    assert_int_equal(lab_boot_with(BYTES_LITERAL("correct horse"), &formatted), STATUS_OK);
    lab_check();
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    lab_expect_refusal(BYTES_LITERAL("correct horse"), STATUS_FOREIGN, "leave the boot option");
}

/* Both header copies and both secrets: one of each may rot, and is mended. */
static void test_header_copies(void **state)
{
    (void)state;
    static const uint64_t places[] = {0, 512, 700, 4096, 4096 + 512 + 255, 2 * 4096 + 20, 3 * 4096 + 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        lab_make_flash(SIM_FLASH_NOR, 16);
        lab_boot(true);
        checker_start();
        lab_create(1, 10);
        lab_flush();
        sim_flash_flip(places[i], 0x10);
        lab_boot(false);
        lab_check();
        uint64_t twin = places[i] ^ 4096;
        sim_flash_flip(twin, 0x20);
        lab_boot(false);
        lab_check();
        sim_flash_flip(twin, 0x20);
        sim_flash_flip(places[i], 0x10);
        lab_expect_refusal(NO_BYTES, STATUS_DAMAGED, "both");
    }
}

static void test_other_geometry(void **state)
{
    (void)state;
    lab_make_flash(SIM_FLASH_NOR, 16);
    lab_boot(true);
    struct bytes contents = sim_flash_contents();
    uint8_t *copy = malloc(contents.size);
    memcpy(copy, contents.data, contents.size);
    sim_flash_create(SIM_FLASH_DISK, 65536, 4 + 16);
    sim_flash_poke(0, bytes_of(copy, 4096));
    lab_expect_refusal(NO_BYTES, STATUS_FOREIGN, "formatted as 132 blocks of 4096");
    free(copy);
}

/* Change one byte of the header in the first `copies` copies, and make their CRCs right again (FORMAT.md, Header). */
static void forge_header(size_t at, uint8_t flip, uint32_t copies)
{
    for (uint32_t copy = 0; copy < copies; copy++) {
        uint8_t body[256];
        const uint8_t *block = sim_flash_contents().data + copy * 4096;
        memcpy(body, block + 512, sizeof body);
        body[at] ^= flip;
        uint32_t crc = frame_crc(frame_crc(0, bytes_of(block, 16)), bytes_of(body, 252));
        for (int i = 0; i < 4; i++)
            body[252 + i] = (uint8_t)(crc >> 8 * i);
        sim_flash_poke(copy * 4096 + 512, bytes_of(body, sizeof body));
    }
}

/* Whole headers that say what this program cannot use, or that are not of one device. */
static void test_other_headers(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t flip;
        uint32_t copies;
        enum status status;
        const char *words;
    } rows[] = {
        {0, 1 ^ FRAME_VERSION, 2, STATUS_FOREIGN, "format version 1, this program reads"},
        {0, 0x40, 2, STATUS_FOREIGN, "format version"},
        {5, 0x01, 2, STATUS_FOREIGN, "format version"},
        {22, 0x01, 2, STATUS_FOREIGN, "describes a layout"}, /* segments of 64 KiB more */
        {21, 0x80, 2, STATUS_FOREIGN, "describes a layout"}, /* of nothing */
        {24, 0x10, 2, STATUS_FOREIGN, "describes a layout"}, /* none */
        {28, 0x01, 2, STATUS_FOREIGN, "describes a layout"}, /* they begin elsewhere */
        {32, 0x01, 1, STATUS_DAMAGED, "different devices"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lab_make_flash(SIM_FLASH_NOR, 16);
        lab_boot(true);
        checker_start();
        lab_create(1, 10);
        lab_flush();
        forge_header(rows[i].at, rows[i].flip, rows[i].copies);
        lab_expect_refusal(NO_BYTES, rows[i].status, rows[i].words);
        forge_header(rows[i].at, rows[i].flip, rows[i].copies);
        lab_boot(false);
        lab_check();
    }
}

/* ---- the frame codec ---- */

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(frame_crc(0, BYTES_LITERAL("123456789")), 0xcbf43926);
    assert_int_equal(frame_crc(frame_crc(0, BYTES_LITERAL("12345")), BYTES_LITERAL("6789")), 0xcbf43926);
    assert_int_equal(frame_crc(0, NO_BYTES), 0);
}

static void test_header_codec(void **state)
{
    (void)state;
    struct frame_header in = {.sequence = 9,
                              .durable_through = 8,
                              .first_record = 1ULL << 40,
                              .time_s = NOW_S,
                              .segment = 5,
                              .label = 4,
                              .oldest_segment = 2,
                              .wear = 77,
                              .record_count = 3,
                              .payload_bytes = 600,
                              .rest_bytes = 400,
                              .full_bytes = 900,
                              .live_bytes = 1ULL << 33,
                              .flags = 1};
    struct frame_header out;
    uint8_t bytes[FRAME_HEADER_BYTES];
    memset(in.nonce, 0xaa, sizeof in.nonce);
    memset(in.previous_tag, 0xcd, sizeof in.previous_tag);
    frame_encode_header(&in, bytes);
    assert_int_equal(frame_decode_header(bytes, &out), STATUS_OK);
    assert_int_equal(out.sequence, 9);
    assert_int_equal(out.first_record, 1ULL << 40);
    assert_int_equal(out.live_bytes, 1ULL << 33);
    assert_int_equal(out.label, 4);
    assert_int_equal(out.payload_bytes, 600);
    assert_int_equal(out.rest_bytes, 400);
    assert_memory_equal(in.previous_tag, out.previous_tag, sizeof in.previous_tag);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        assert_int_equal(frame_decode_header(bytes, &out), STATUS_DAMAGED);
        bytes[i] ^= 1;
    }
    in.payload_bytes = STORE_FRAME_MAX_BYTES;
    frame_encode_header(&in, bytes);
    assert_int_equal(frame_decode_header(bytes, &out), STATUS_DAMAGED);
    in.payload_bytes = 600;
    in.rest_bytes = STORE_FRAME_MAX_BYTES - 700;
    frame_encode_header(&in, bytes);
    assert_int_equal(frame_decode_header(bytes, &out), STATUS_DAMAGED);
    in.rest_bytes = 400;
    in.nonce[8] |= 1; /* that one is the rests' */
    frame_encode_header(&in, bytes);
    assert_int_equal(frame_decode_header(bytes, &out), STATUS_DAMAGED);
}

static enum status first_record(const uint8_t *bytes, size_t size, struct frame_record *out)
{
    struct frame_walk walk = {.records = bytes_of(bytes, size)};
    return frame_next_record(&walk, out);
}

static void test_record_codec(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct frame_record record = {7, RECORD_FLAG_FULL, BYTES_LITERAL("abc"), 0};
    struct frame_record out;
    struct frame_repeat repeat = {.header_at = NO_HEADER};
    size_t size = frame_put_record(bytes, 0, &repeat, &record);
    struct frame_walk walk = {.records = bytes_of(bytes, size)};
    assert_int_equal(frame_next_record(&walk, &out), STATUS_OK);
    assert_true(bytes_equal_string(out.payload, "abc"));
    assert_int_equal(frame_next_record(&walk, &out), STATUS_NOT_FOUND);
    for (size_t cut = 1; cut < size; cut++) {
        assert_int_equal(first_record(bytes, cut, &out), STATUS_DAMAGED);
    }
    bytes[1] |= 4; /* how many bytes are known: of a record without a rest all are */
    assert_int_equal(first_record(bytes, size, &out), STATUS_DAMAGED);
    bytes[1] &= (uint8_t)~4;
    bytes[0] = 0; /* repeats what is not there */
    assert_int_equal(first_record(bytes, size, &out), STATUS_DAMAGED);
}

static void test_record_with_rest_codec(void **state)
{
    (void)state;
    uint8_t bytes[128];
    uint8_t known[STORE_KNOWN_MAX_BYTES];
    memset(known, 'k', sizeof known);
    struct frame_record record = {7, RECORD_FLAG_FULL | RECORD_FLAG_REST, bytes_of(known, sizeof known),
                                  20000};
    struct frame_record out;
    struct frame_repeat repeat = {.header_at = NO_HEADER};
    size_t size = frame_put_record(bytes, 0, &repeat, &record);
    assert_int_equal(size, RECORD_HEADER_BYTES + sizeof known);
    assert_int_equal(first_record(bytes, size, &out), STATUS_OK);
    assert_int_equal(out.flags, record.flags);
    assert_int_equal(out.rest_bytes, 20000);
    assert_true(bytes_equal(out.payload, record.payload));
    put_le16(bytes + 2, 0); /* a rest of nothing */
    assert_int_equal(first_record(bytes, size, &out), STATUS_DAMAGED);
}

/* Records alike go without headers of their own, up to 255 in a row; all come back, and no cut of them does. */
static void test_repeated_headers(void **state)
{
    (void)state;
    enum {
        ALIKE = 600,
        PAYLOAD_BYTES = 4
    };
    static uint8_t bytes[(ALIKE + 2) * (RECORD_HEADER_BYTES + PAYLOAD_BYTES)];
    struct frame_repeat repeat = {.header_at = NO_HEADER};
    struct frame_record out;
    size_t size = 0;
    for (uint32_t i = 0; i < ALIKE + 2; i++) {
        uint8_t payload[PAYLOAD_BYTES];
        put_le32(payload, i);
        struct frame_record record = {i == ALIKE ? 8 : 7, RECORD_FLAG_FULL, bytes_of(payload, sizeof payload),
                                      0};
        size += frame_put_record(bytes, size, &repeat, &record);
    }
    size_t counts = 3; /* of 255, 255 and 89 */
    assert_int_equal(size,
                     3 * RECORD_HEADER_BYTES + counts * RECORD_REPEAT_BYTES + (ALIKE + 2) * PAYLOAD_BYTES);
    struct frame_walk walk = {.records = bytes_of(bytes, size)};
    for (uint32_t i = 0; i < ALIKE + 2; i++) {
        assert_int_equal(frame_next_record(&walk, &out), STATUS_OK);
        assert_int_equal(out.type, i == ALIKE ? 8 : 7);
        assert_int_equal(get_le32(out.payload.data), i);
    }
    assert_int_equal(frame_next_record(&walk, &out), STATUS_NOT_FOUND);
    size_t first_run_bytes = RECORD_HEADER_BYTES + PAYLOAD_BYTES + RECORD_REPEAT_BYTES + 255 * PAYLOAD_BYTES;
    for (size_t cut = RECORD_HEADER_BYTES + PAYLOAD_BYTES + 1; cut < first_run_bytes; cut++) {
        enum status status = STATUS_OK;
        walk = (struct frame_walk){.records = bytes_of(bytes, cut)};
        while (status == STATUS_OK) {
            status = frame_next_record(&walk, &out);
        }
        assert_int_equal(status, STATUS_DAMAGED);
    }
    bytes[RECORD_HEADER_BYTES + PAYLOAD_BYTES + 1] = 0; /* no record at all without a header */
    walk = (struct frame_walk){.records = bytes_of(bytes, size)};
    assert_int_equal(frame_next_record(&walk, &out), STATUS_OK);
    assert_int_equal(frame_next_record(&walk, &out), STATUS_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_header_codec),
        cmocka_unit_test(test_record_codec),
        cmocka_unit_test(test_record_with_rest_codec),
        cmocka_unit_test(test_repeated_headers),
        cmocka_unit_test(test_survives_reboot),
        cmocka_unit_test(test_unflushed_is_gone),
        cmocka_unit_test(test_large_records_and_groups),
        cmocka_unit_test(test_empty_flush_writes_nothing),
        cmocka_unit_test(test_secrets_are_not_readable),
        cmocka_unit_test(test_derived_keys),
        cmocka_unit_test(test_no_flash),
        cmocka_unit_test(test_foreign_flash),
        cmocka_unit_test(test_large_disk),
        cmocka_unit_test(test_device_secret),
        cmocka_unit_test(test_header_copies),
        cmocka_unit_test(test_other_geometry),
        cmocka_unit_test(test_other_headers),
    };
    return cmocka_run_group_tests(tests, lab_start, NULL);
}
