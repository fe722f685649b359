/*
 * hostile_device SEED COUNT runs COUNT virtio devices that lie at random, each in a process of its own, and says how many
 * ended badly. The first of each kind is honest: it proves that the others have something to attack.
 */
#include "tests/boot/hostile_device.h"

#include <stdlib.h>
#include <unistd.h>

#include "platform/x86_64/memory.h"
#include "tests/boot/hostile_children.h"

#define STEPS        3000
#define HONEST_STEPS 200

static uint32_t seed;

uint32_t hostile_draw(void)
{
    seed = seed * 1664525U + 1013904223U;
    return seed >> 8;
}

void *memory_take_for_device(size_t size_bytes)
{
    return calloc(1, size_bytes);
}

static int run_child(uint32_t number, uint32_t first_seed)
{
    seed = first_seed + number;
    hostile_is_honest = number < HOSTILE_KINDS;
    hostile_patience = 1U << hostile_draw() % 10;
    (void)alarm(60);
    size_t went_well = hostile_run(number % HOSTILE_KINDS, hostile_is_honest ? HONEST_STEPS : STEPS);
    return hostile_is_honest && went_well < HONEST_STEPS / 2 ? 2 : 0;
}

int main(int argc, char **argv)
{
    return hostile_children(argc, argv, run_child);
}
