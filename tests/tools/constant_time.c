/*
 * Do the paths that handle secrets branch, or look up memory, by what the secrets are? Run under valgrind: secrets are
 * marked as undefined memory, and memcheck reports every decision that depends on such (after Langley's ctgrind).
 *
 *   build/constant_time compare | mac | control
 *
 * `control` compares with memcmp's way of stopping early: valgrind must report it, or the other runs prove nothing.
 */
#include <stdio.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "crypto/crypto.h"

static uint8_t heap_memory[1 << 20];
static struct heap heap;

static bool stops_early(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i])
            return false;
    }
    return true;
}

/* What a caller learns is public. */
static int tell(bool equal)
{
    VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof equal);
    return printf("%s\n", equal ? "equal" : "different");
}

static int compare(bool early)
{
    uint8_t kept[SHA256_BYTES];
    uint8_t given[SHA256_BYTES];
    memset(kept, 1, sizeof kept);
    memset(given, 1, sizeof given);
    given[7] = 2;
    VALGRIND_MAKE_MEM_UNDEFINED(kept, sizeof kept);
    VALGRIND_MAKE_MEM_UNDEFINED(given, sizeof given);
    return tell(early ? stops_early(kept, given, sizeof kept)
                      : bytes_equal_constant_time(kept, given, sizeof kept));
}

/* A secret of each length that a client may send, under a secret key. */
static int mac(void)
{
    uint8_t secret[KEY_BYTES] = {3};
    uint8_t text[200] = {4};
    uint8_t out[SHA256_BYTES];
    struct mac_key key;
    VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    VALGRIND_MAKE_MEM_UNDEFINED(text, sizeof text);
    mac_key_init(&key, secret);
    for (size_t size = 0; size <= sizeof text; size++) {
        struct bytes part = bytes_of(text, size);
        mac_compute(&key, &part, 1, out);
    }
    mac_key_wipe(&key);
    return tell(bytes_equal_constant_time(out, text, sizeof out));
}

int main(int argc, char **argv)
{
    heap_init(&heap, heap_memory, sizeof heap_memory);
    if (argc != 2 || crypto_init(&heap) != STATUS_OK)
        return 2;
    if (strcmp(argv[1], "mac") == 0)
        return mac() < 0;
    return compare(strcmp(argv[1], "control") == 0) < 0;
}
