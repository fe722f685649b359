/*
 * The small parts of net/: lists, the queue of bytes out, the buffer of bytes in, record headers, the census.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limits.h"
#include "net/census.h"
#include "net/intake.h"
#include "net/list.h"
#include "net/outbox.h"
#include "net/tls_record.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static struct heap heap;

static int fresh_heap(void **state)
{
    static _Alignas(16) uint8_t region[1024 * 1024];
    (void)state;
    heap_init(&heap, region, sizeof region);
    return 0;
}

struct item {
    unsigned number;
    struct list_node node;
};

static void test_list(void **state)
{
    (void)state;
    struct list list;
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_null(list_first(&list));
    for (size_t i = 0; i < 3; i++)
        list_append(&list, &items[i].node);
    unsigned expected = 0;
    for (struct list_node *node = list_first(&list); node != NULL; node = list_next(&list, node))
        assert_int_equal(LIST_OWNER(node, struct item, node)->number, expected++);
    assert_int_equal(expected, 3);
    list_remove(&items[1].node);
    list_remove(&items[1].node); /* out already */
    assert_false(list_has(&items[1].node));
    assert_ptr_equal(list_next(&list, list_first(&list)), &items[2].node);
    list_remove(&items[0].node);
    list_remove(&items[2].node);
    assert_true(list_is_empty(&list));
}

/* Put in and taken out in pieces of every kind of size, around the size of a chunk. */
static void test_outbox_keeps_order(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 7, 4079, 4080, 4081, 9000};
    static uint8_t in[60000], out[60000];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < 36; i++) {
        struct outbox box;
        size_t put = 0, got = 0, take = sizes[i / 6];
        outbox_init(&box, &heap);
        while (put < sizeof in) {
            struct bytes part = bytes_slice(bytes_of(in, sizeof in), put, sizes[i % 6]);
            assert_true(outbox_append(&box, part));
            put += part.size;
        }
        while (box.size_bytes > 0) {
            struct bytes part = bytes_slice(outbox_front(&box), 0, take);
            memcpy(out + got, part.data, part.size);
            got += part.size;
            outbox_consume(&box, part.size);
        }
        assert_int_equal(got, sizeof in);
        assert_memory_equal(in, out, sizeof in);
        assert_int_equal(outbox_front(&box).size, 0);
        assert_int_equal(heap.in_use_count, 0);
    }
}

static void test_outbox_moves(void **state)
{
    (void)state;
    struct outbox a, b;
    outbox_init(&a, &heap);
    outbox_init(&b, &heap);
    outbox_move(&a, &b); /* nothing */
    assert_true(outbox_append(&b, BYTES_LITERAL("second")));
    assert_true(outbox_append(&a, BYTES_LITERAL("first")));
    outbox_move(&a, &b);
    assert_int_equal(a.size_bytes, 11);
    assert_int_equal(b.size_bytes, 0);
    assert_true(bytes_equal_string(outbox_front(&a), "first"));
    outbox_consume(&a, 5);
    assert_true(bytes_equal_string(outbox_front(&a), "second"));
    assert_true(outbox_append(&a, BYTES_LITERAL("!")));
    outbox_move(&b, &a);
    assert_int_equal(b.size_bytes, 7);
    outbox_clear(&b);
    assert_int_equal(heap.in_use_count, 0);
}

static void test_outbox_without_memory(void **state)
{
    (void)state;
    static uint8_t large[2 * 1024 * 1024];
    struct outbox box;
    outbox_init(&box, &heap);
    assert_false(outbox_append(&box, bytes_of(large, sizeof large)));
    outbox_clear(&box);
    assert_int_equal(heap.in_use_count, 0);
    assert_int_equal(box.size_bytes, 0);
}

static void feed(struct intake *intake, const char *text)
{
    while (*text != 0) {
        uint8_t *room;
        size_t room_bytes;
        assert_int_equal(intake_room(&heap, intake, &room, &room_bytes), STATUS_OK);
        size_t size = strlen(text) < room_bytes ? strlen(text) : room_bytes;
        memcpy(room, text, size);
        intake_added(intake, size);
        text += size;
    }
}

/* Pipelined requests, with one cut at the end of the buffer: each is seen whole, once. */
static void test_intake_pipelining(void **state)
{
    (void)state;
    struct intake *intake = intake_open(&heap);
    unsigned parsed = 0;
    for (unsigned round = 0; round < 1000; round++) {
        feed(intake, GET);
        if (round % 7 != 0)
            continue;
        while (intake_parse(intake) == HTTP_PARSE_COMPLETE) {
            assert_true(bytes_equal_string(intake->parser.request.path, "/"));
            intake_next(intake);
            parsed++;
            if (parsed % 5 == 0)
                break; /* leave some for later */
        }
    }
    while (intake_parse(intake) == HTTP_PARSE_COMPLETE) {
        intake_next(intake);
        parsed++;
    }
    assert_int_equal(parsed, 1000);
    assert_int_equal(intake_pending(intake), 0);
    intake_close(&heap, intake);
    assert_int_equal(heap.in_use_count, 0);
}

static void test_intake_bounds(void **state)
{
    (void)state;
    struct intake *intake = intake_open(&heap);
    uint8_t *room;
    size_t room_bytes = 0, total = 0;
    enum status status;
    while ((status = intake_room(&heap, intake, &room, &room_bytes)) == STATUS_OK) {
        intake_added(intake, room_bytes);
        total += room_bytes;
    }
    assert_int_equal(status, STATUS_TOO_LARGE);
    assert_int_equal(total, INTAKE_MAX_BYTES);
    intake_close(&heap, intake);
    intake_close(&heap, NULL);
    assert_int_equal(heap.in_use_count, 0);
    heap.region_bytes =
        heap.bump_bytes + 5000; /* the rest is gone: the largest buffer can be had, not two of them */
    for (size_t i = 0; i < HEAP_CLASS_COUNT; i++)
        heap.free_lists[i] = NULL;
    intake = intake_open(&heap);
    assert_null(intake);
    assert_int_equal(heap.in_use_count, 0);
}

/* Three records, cut at every place: their headers are found, whatever the pieces. */
static void test_record_headers(void **state)
{
    (void)state;
    const uint8_t stream[] = {22, 3, 1, 0, 4, 'a', 'b', 'c', 'd', 23, 3, 3, 0, 0, 21, 3, 3, 0, 2, 2, 40};
    const uint8_t types[] = {22, 23, 21};
    for (size_t first = 0; first <= sizeof stream; first++) {
        for (size_t second = first; second <= sizeof stream; second++) {
            const struct bytes pieces[] = {
                {stream, first}, {stream + first, second - first}, {stream + second, sizeof stream - second}};
            struct tls_scan scan = {.header_size = 0};
            size_t found = 0;
            for (size_t i = 0; i < 3; i++) {
                struct bytes rest = pieces[i];
                while (tls_scan_next(&scan, &rest))
                    assert_int_equal(scan.header[0], types[found++]);
                assert_int_equal(rest.size, 0);
            }
            assert_int_equal(found, 3);
        }
    }
}

static int fault_of(uint8_t type, uint8_t major, unsigned size)
{
    const uint8_t header[] = {type, major, 3, (uint8_t)(size >> 8), (uint8_t)size};
    struct bytes rest = {header, sizeof header};
    struct tls_scan scan = {.header_size = 0};
    assert_true(tls_scan_next(&scan, &rest));
    return tls_scan_fault(&scan);
}

/* Both sides of each limit (RFC 8446 section 5.1, RFC 5246 section 6.2). */
static void test_record_faults(void **state)
{
    (void)state;
    assert_int_equal(fault_of(19, 3, 1), 10);
    assert_int_equal(fault_of(20, 3, 1), -1);
    assert_int_equal(fault_of(23, 3, 1), -1);
    assert_int_equal(fault_of(24, 3, 1), 10);
    assert_int_equal(fault_of(22, 2, 1), 70);
    assert_int_equal(fault_of(22, 4, 1), 70);
    assert_int_equal(fault_of(22, 3, 16384), -1);
    assert_int_equal(fault_of(22, 3, 16385), 22);
    assert_int_equal(fault_of(23, 3, 18432), -1);
    assert_int_equal(fault_of(23, 3, 18433), 22);
    assert_int_equal(fault_of(22, 3, 0), 10);
    assert_int_equal(fault_of(23, 3, 0), -1);
}

/* Each is counted once in a period; a period passes on its count to the next one, not further. */
static void test_census(void **state)
{
    (void)state;
    struct census census = {0};
    uint64_t seen[3] = {0};
    assert_int_equal(census_count(&census, 0), 0);
    for (size_t i = 0; i < 9; i++)
        census_note(&census, &seen[i % 3], i);
    assert_int_equal(census_count(&census, CENSUS_PERIOD_MS - 1), 3);
    census_note(&census, &seen[0], CENSUS_PERIOD_MS);
    assert_int_equal(census_count(&census, CENSUS_PERIOD_MS), 3);
    assert_int_equal(census_count(&census, 2 * CENSUS_PERIOD_MS), 1);
    census_note(&census, &seen[0], 2 * CENSUS_PERIOD_MS);
    census_note(&census, &seen[1], 2 * CENSUS_PERIOD_MS);
    assert_int_equal(census_count(&census, 2 * CENSUS_PERIOD_MS), 2); /* more than last time already */
    assert_int_equal(census_count(&census, 4 * CENSUS_PERIOD_MS), 0);
    census_note(&census, &seen[2], 9 * CENSUS_PERIOD_MS);
    assert_int_equal(census_count(&census, 9 * CENSUS_PERIOD_MS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test_setup(test_outbox_keeps_order, fresh_heap),
        cmocka_unit_test_setup(test_outbox_moves, fresh_heap),
        cmocka_unit_test_setup(test_outbox_without_memory, fresh_heap),
        cmocka_unit_test_setup(test_intake_pipelining, fresh_heap),
        cmocka_unit_test_setup(test_intake_bounds, fresh_heap),
        cmocka_unit_test(test_record_headers),
        cmocka_unit_test(test_record_faults),
        cmocka_unit_test(test_census),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
