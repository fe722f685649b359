/*
 * The heap over one region: classes, reuse, exhaustion, and the asserts against misuse.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "limits.h"

#define REGION_BYTES ((size_t)4 * 1024 * 1024)

static uint8_t *region;
static struct heap heap;

static int setup(void **state)
{
    (void)state;
    region = test_malloc(REGION_BYTES);
    heap_init(&heap, region, REGION_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_free(region);
    return 0;
}

static bool inside(const uint8_t *chunk, size_t size)
{
    return chunk >= region && chunk + size <= region + REGION_BYTES;
}

/* Every size: aligned, inside, as large as asked, and never much larger. */
static void test_sizes(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 5000; size++) {
        size_t before = heap.in_use_bytes;
        uint8_t *chunk = heap_take(&heap, size);
        assert_non_null(chunk);
        assert_int_equal((uintptr_t)chunk % 16, 0);
        assert_true(inside(chunk, size));
        memset(chunk, 0xa5, size);
        size_t taken = heap.in_use_bytes - before;
        assert_true(taken >= size);
        assert_true(taken <= size + 16 || taken <= size + size / 4);
        heap_give(&heap, chunk);
    }
    assert_int_equal(heap.in_use_bytes, 0);
    assert_int_equal(heap.in_use_count, 0);
}

static void test_largest(void **state)
{
    (void)state;
    uint8_t *chunk = heap_take(&heap, HEAP_CHUNK_MAX_BYTES);
    assert_non_null(chunk);
    memset(chunk, 1, HEAP_CHUNK_MAX_BYTES);
    assert_int_equal(heap.in_use_bytes, HEAP_CHUNK_MAX_BYTES);
    assert_null(heap_take(&heap, HEAP_CHUNK_MAX_BYTES + 1));
    assert_null(heap_take(&heap, SIZE_MAX));
    heap_give(&heap, chunk);
}

static void test_chunks_do_not_overlap(void **state)
{
    (void)state;
    enum {
        COUNT = 500
    };
    uint8_t *chunks[COUNT];
    size_t sizes[COUNT];
    uint32_t seed = 7;
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            seed = seed * 1664525U + 1013904223U;
            sizes[i] = (seed >> 16) % 1500;
            chunks[i] = heap_take(&heap, sizes[i]);
            assert_non_null(chunks[i]);
            memset(chunks[i], (int)(i & 0xff), sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(chunks[i][k], i & 0xff);
            }
            heap_give(&heap, chunks[i]);
        }
    }
    assert_int_equal(heap.in_use_count, 0);
    assert_int_equal(heap_free_bytes(&heap), heap.region_bytes);
}

/* What was given back is taken again: the region does not creep up. */
static void test_reuse(void **state)
{
    (void)state;
    void *first = heap_take(&heap, 1000);
    heap_give(&heap, first);
    size_t bump = heap.bump_bytes;
    for (int i = 0; i < 100; i++) {
        void *chunk = heap_take(&heap, 1000 - (size_t)i % 10);
        assert_ptr_equal(chunk, first);
        heap_give(&heap, chunk);
    }
    assert_int_equal(heap.bump_bytes, bump);
}

static void test_exhaustion_and_recovery(void **state)
{
    (void)state;
    void *chunks[REGION_BYTES / 4096];
    size_t count = 0;
    void *chunk = NULL;
    while ((chunk = heap_take(&heap, 4096)) != NULL) {
        chunks[count++] = chunk;
    }
    assert_int_equal(count, REGION_BYTES / (4096 + 16));
    assert_true(heap_free_bytes(&heap) < 4096 + 16);
    heap_give(&heap, chunks[0]);
    assert_ptr_equal(heap_take(&heap, 4096), chunks[0]);
    assert_null(heap_take(&heap, 4096));
    for (size_t i = 0; i < count; i++) {
        heap_give(&heap, chunks[i]);
    }
    assert_int_equal(heap_free_bytes(&heap), heap.region_bytes);
}

static void test_zeroed(void **state)
{
    (void)state;
    uint8_t *chunk = heap_take(&heap, 300);
    memset(chunk, 0xff, 300);
    heap_give(&heap, chunk);
    uint8_t *zeroed = heap_take_zeroed(&heap, 3, 100);
    assert_ptr_equal(zeroed, chunk);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(zeroed[i], 0);
    }
    assert_null(heap_take_zeroed(&heap, SIZE_MAX / 2, 3));
    assert_null(heap_take_zeroed(&heap, SIZE_MAX / 16 + 2, 16)); /* wraps to 16 */
    assert_non_null(heap_take_zeroed(&heap, 0, 16));
    heap_give(&heap, NULL);
}

static void test_region_of_any_alignment(void **state)
{
    (void)state;
    for (size_t skip = 0; skip < 16; skip++) {
        struct heap other;
        heap_init(&other, region + skip, 256);
        uint8_t *chunk = heap_take(&other, 16);
        assert_int_equal((uintptr_t)chunk % 16, 0);
        size_t count = 1;
        while (heap_take(&other, 16) != NULL) {
            count++;
        }
        assert_int_equal(count, skip == 0 ? 8 : 7);
    }
}

/* ---- misuse ---- */

static void give_twice(void)
{
    void *chunk = heap_take(&heap, 10);
    heap_give(&heap, chunk);
    heap_give(&heap, chunk);
}

static void give_foreign(void)
{
    static uint8_t foreign[64];
    heap_give(&heap, foreign);
}

static void give_inside(void)
{
    uint8_t *chunk = heap_take(&heap, 100);
    memset(chunk, 0, 100);
    heap_give(&heap, chunk + 32);
}

static void give_unaligned(void)
{
    uint8_t *chunk = heap_take(&heap, 100);
    heap_give(&heap, chunk + 1);
}

static void give_untouched(void)
{
    heap_give(&heap, region + 1024);
}

static void assert_aborts(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        body();
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGABRT);
}

static void test_misuse_is_an_assert(void **state)
{
    (void)state;
    assert_aborts(give_twice);
    assert_aborts(give_foreign);
    assert_aborts(give_inside);
    assert_aborts(give_unaligned);
    assert_aborts(give_untouched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_largest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunks_do_not_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exhaustion_and_recovery, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zeroed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_region_of_any_alignment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misuse_is_an_assert, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
