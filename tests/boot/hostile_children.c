/*
 * Forks, waits and counts.
 */
#include "tests/boot/hostile_children.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int hostile_children(int argc, char **argv, int (*device)(uint32_t number, uint32_t first_seed))
{
    uint32_t first_seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
    uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100;
    uint32_t bad = 0;
    for (uint32_t i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(device(i, first_seed));
        }
        int how = 0;
        if (child < 0 || waitpid(child, &how, 0) != child || how != 0) {
            fprintf(stderr, "device %u of seed %u ended with %#x\n", i, first_seed, (unsigned)how);
            bad++;
        }
    }
    printf("devices=%u bad=%u\n", count, bad);
    return bad == 0 ? 0 : 1;
}
