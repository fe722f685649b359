/*
 * Other people's programs as oracles. Input goes through a temporary file, so that no pipe can fill up.
 */
#include "tests/support/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(bool is_right, const char *what)
{
    if (!is_right) {
        (void)fprintf(stderr, "oracle: %s failed\n", what);
        abort();
    }
}

bool oracle_present(const char *program)
{
    char command[256];
    int size = snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
    return size > 0 && (size_t)size < sizeof(command) && system(command) == 0;
}

static struct buffer read_all(FILE *stream)
{
    struct buffer all = {NULL, 0, 0};
    for (;;) {
        if (all.size + 65536 > all.capacity) {
            all.capacity = all.capacity * 2 + 65537;
            all.data = realloc(all.data, all.capacity);
            must(all.data != NULL, "realloc");
        }
        size_t count = fread(all.data + all.size, 1, 65536, stream);
        all.size += count;
        if (count == 0) {
            all.data[all.size] = 0;
            return all;
        }
    }
}

struct buffer oracle_run(const char *command, struct bytes input)
{
    char path[] = "/tmp/jeton-oracle-XXXXXX";
    char line[4096];
    int file = mkstemp(path);
    must(file >= 0, "mkstemp");
    FILE *stream = fdopen(file, "wb");
    must(stream != NULL && fwrite(input.data, 1, input.size, stream) == input.size, "fwrite");
    must(fclose(stream) == 0, "fclose");
    int size = snprintf(line, sizeof(line), "%s <%s", command, path);
    must(size > 0 && (size_t)size < sizeof(line), "snprintf");
    FILE *output = popen(line, "r");
    must(output != NULL, "popen");
    struct buffer all = read_all(output);
    must(pclose(output) == 0, command);
    must(unlink(path) == 0, "unlink");
    return all;
}
