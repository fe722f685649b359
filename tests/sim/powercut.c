/*
 * Power cuts, exhaustively: `make powercut` runs the long searches, `make test` the short ones.
 *
 *   powercut [--long] [--seed N] [WORD]      only the searches whose name contains the word
 */
#include "tests/sim/powercut_subjects.h"

#define CUTS_MIN      50000
#define CUTS_MIN_LONG 1000000

static const struct cut_search short_searches[] = {
    {.name = "first boot, NOR",
     .run = powercut_first_boot,
     .model = SIM_FLASH_NOR,
     .stride = {0, 1, 1, 1},
     .deeper = {0, 1, 0, 0},
     .turns = {0, 1, 1, 1}},
    {.name = "first boot, disk",
     .run = powercut_first_boot,
     .model = SIM_FLASH_DISK,
     .stride = {0, 1, 1, 1},
     .deeper = {0, 1, 0, 0},
     .turns = {0, 1, 1, 1}},
    {.name = "store, NOR",
     .run = powercut_store,
     .model = SIM_FLASH_NOR,
     .stride = {0, 1, 16, 16},
     .deeper = {0, 230, 600, 0},
     .turns = {0, 150, 5, 3}},
    {.name = "store, disk",
     .run = powercut_store,
     .model = SIM_FLASH_DISK,
     .stride = {0, 1, 16, 16},
     .deeper = {0, 30, 400, 0},
     .turns = {0, 300, 8, 4}},
    {.name = "service, NOR",
     .run = powercut_service,
     .model = SIM_FLASH_NOR,
     .stride = {0, 16, 32, 0},
     .deeper = {0, 300, 0, 0},
     .turns = {0, 130, 3, 0}},
    {.name = "service, disk",
     .run = powercut_service,
     .model = SIM_FLASH_DISK,
     .stride = {0, 16, 64, 0},
     .deeper = {0, 300, 0, 0},
     .turns = {0, 200, 5, 0}},
};

/* "Recovery" cuts every state again, wherever the boot after it and its first groups can be cut. */
static const struct cut_search long_searches[] = {
    {.name = "first boot, NOR",
     .run = powercut_first_boot,
     .model = SIM_FLASH_NOR,
     .stride = {0, 1, 1, 1},
     .deeper = {0, 1, 20, 0},
     .turns = {0, 1, 1, 1}},
    {.name = "first boot, disk",
     .run = powercut_first_boot,
     .model = SIM_FLASH_DISK,
     .stride = {0, 1, 1, 1},
     .deeper = {0, 1, 20, 0},
     .turns = {0, 1, 1, 1}},
    {.name = "store, NOR",
     .run = powercut_store,
     .model = SIM_FLASH_NOR,
     .stride = {0, 1, 2, 16},
     .deeper = {0, 20, 200, 0},
     .turns = {0, 150, 5, 3}},
    {.name = "store, disk",
     .run = powercut_store,
     .model = SIM_FLASH_DISK,
     .stride = {0, 1, 2, 16},
     .deeper = {0, 10, 200, 0},
     .turns = {0, 300, 8, 4}},
    {.name = "recovery, NOR",
     .run = powercut_store,
     .model = SIM_FLASH_NOR,
     .stride = {0, 1, 1, 4},
     .deeper = {0, 1, 10000, 0},
     .turns = {0, 30, 2, 2}},
    {.name = "recovery, disk",
     .run = powercut_store,
     .model = SIM_FLASH_DISK,
     .stride = {0, 1, 1, 4},
     .deeper = {0, 1, 2000, 0},
     .turns = {0, 60, 3, 2}},
    {.name = "service, NOR",
     .run = powercut_service,
     .model = SIM_FLASH_NOR,
     .stride = {0, 1, 16, 0},
     .deeper = {0, 60, 0, 0},
     .turns = {0, 130, 3, 0}},
    {.name = "service, disk",
     .run = powercut_service,
     .model = SIM_FLASH_DISK,
     .stride = {0, 1, 16, 0},
     .deeper = {0, 60, 0, 0},
     .turns = {0, 130, 3, 0}},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
_Static_assert(COUNT_OF(short_searches) <= CUT_SEARCHES_MAX && COUNT_OF(long_searches) <= CUT_SEARCHES_MAX,
               "each has its counts");

int main(int argc, char **argv)
{
    static const struct cut_list lists[2] = {
        {short_searches, COUNT_OF(short_searches), CUTS_MIN},
        {long_searches, COUNT_OF(long_searches), CUTS_MIN_LONG},
    };
    return cut_main(argc, argv, lists);
}
