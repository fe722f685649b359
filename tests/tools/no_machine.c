/*
 * The machine, as far as app/crypto asks for one: for host tools that make no keys worth keeping.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"

enum status platform_entropy(uint8_t *out, size_t size)
{
    memset(out, 0x5a, size);
    return STATUS_OK;
}

uint64_t platform_generation(void)
{
    return 0;
}

uint64_t platform_monotonic_ns(void)
{
    return 0;
}

enum status platform_wall_clock_s(int64_t *unix_s)
{
    *unix_s = 0;
    return STATUS_NO_CLOCK;
}

void platform_console_write(struct bytes text)
{
    fwrite(text.data, 1, text.size, stderr);
}

void platform_panic(const char *sentence)
{
    fprintf(stderr, "%s\n", sentence);
    exit(1);
}
