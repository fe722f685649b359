/*
 * What the tests of the store share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "platform/sim/sim.h"
#include "tests/support/store_lab.h"

int lab_start(void **state)
{
    (void)state;
    static struct heap heap;
    static _Alignas(16) uint8_t region[1024 * 1024];
    sim_reset();
    heap_init(&heap, region, sizeof region);
    return crypto_init(&heap) == STATUS_OK ? 0 : -1;
}

void lab_make_flash(enum sim_flash_model model, uint32_t segments)
{
    if (model == SIM_FLASH_NOR)
        sim_flash_create(model, 4096, STORE_HEADER_BLOCKS + segments * 8);
    else
        sim_flash_create(model, 65536, STORE_HEADER_BLOCKS + segments);
}

void lab_each_model(void (*body)(enum sim_flash_model))
{
    body(SIM_FLASH_NOR);
    body(SIM_FLASH_DISK);
}

enum status lab_boot_with(struct bytes secret, bool *formatted)
{
    struct store_options options = dictionary_start(secret);
    enum status status = store_open(&options, formatted);
    return status == STATUS_OK ? dictionary_read_rests() : status;
}

void lab_boot(bool expect_formatted)
{
    bool formatted = !expect_formatted;
    enum status status = lab_boot_with(NO_BYTES, &formatted);
    if (status != STATUS_OK)
        fail_msg("boot refused: %s", store_sentence());
    assert_int_equal(formatted, expect_formatted);
}

void lab_expect_refusal(struct bytes secret, enum status status, const char *words)
{
    bool formatted;
    uint8_t *before = malloc(sim_flash_contents().size);
    assert_non_null(before);
    memcpy(before, sim_flash_contents().data, sim_flash_contents().size);
    assert_int_equal(lab_boot_with(secret, &formatted), status);
    if (strstr(store_sentence(), words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", store_sentence(), words);
    assert_memory_equal(before, sim_flash_contents().data, sim_flash_contents().size);
    free(before);
}

void lab_flush(void)
{
    assert_int_equal(store_flush(NOW_S), STATUS_OK);
    assert_int_equal(store_durable(), store_newest());
    checker_acknowledge();
}

void lab_create(uint32_t id, uint32_t filler_bytes)
{
    assert_int_equal(dictionary_create(id, filler_bytes, FOREVER), STATUS_OK);
    checker_note(id);
}

void lab_update(uint32_t id)
{
    assert_int_equal(dictionary_update(id), STATUS_OK);
    checker_note(id);
}

void lab_consume(uint32_t id)
{
    assert_int_equal(dictionary_consume(id), STATUS_OK);
    checker_note(id);
}

void lab_check(void)
{
    char why[240];
    if (!checker_agrees(NOW_S, why, sizeof why))
        fail_msg("%s", why);
}

void lab_idle(int64_t now_s)
{
    for (int i = 0; i < 100000 && store_step(now_s, 1000); i++)
        continue;
    assert_false(store_step(now_s, 1000));
}

static uint64_t random_state = 7;

void lab_draw_from(uint64_t seed)
{
    random_state = seed;
}

uint32_t lab_draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&random_state) % bound);
}

struct store_stats lab_stats(void)
{
    struct store_stats stats;
    store_stats(&stats);
    return stats;
}

uint32_t lab_fill(uint32_t percent)
{
    uint32_t id = 0;
    while (lab_stats().live_bytes < lab_stats().capacity_bytes / 100 * percent) {
        lab_create(id, 100 + lab_draw(100));
        if (++id % 32 == 0)
            lab_flush();
    }
    lab_flush();
    return id;
}
