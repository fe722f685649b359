/*
 * The flash of the Linux target: a regular file that holds the complement of every byte, so that a new sparse file is a
 * blank flash and an erased block takes no room on the host's disk. flash_sync.c makes it durable.
 *
 * One process at a time: the file is locked. What fdatasync() could not write is lost to the page cache, so that after
 * one failure this flash fails for good (the next success would be a lie).
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/flash.h"
#include "platform/linux/linux.h"
#include "platform/platform.h"

#define BLOCK_BYTES      65536
#define BLOCK_COUNT_MIN  16
#define PROGRAM_BYTES    512
#define DEFAULT_SIZE_MIB 64
#define SIZE_MAX_MIB     (1 << 20) /* 2^40 bytes, the bound of flash.h */

static struct {
    int file;
    uint64_t size;
    bool failed; /* a sync failed: nothing is certain any more */
} flash = {.file = -1};

/* ---- opening ---- */

/* A new name is durable only when its folder is. */
static bool sync_folder(const char *path)
{
    char *copy = strdup(path);
    int folder = copy == NULL ? -1 : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = folder >= 0 && fsync(folder) == 0;

    if (folder >= 0)
        close(folder);
    free(copy);
    return done;
}

static enum status make_blank(const char *path)
{
    int64_t mib = linux_option_number("flash_size", DEFAULT_SIZE_MIB, 1, SIZE_MAX_MIB);

    if (ftruncate(flash.file, (off_t)mib << 20) != 0 || fsync(flash.file) != 0 || !sync_folder(path)) {
        linux_say("flash %s cannot be made: %s", path, strerror(errno));
        return STATUS_IO;
    }
    flash.size = (uint64_t)mib << 20;
    return STATUS_OK;
}

static enum status check_file(const char *path)
{
    struct stat info;

    if (flock(flash.file, LOCK_EX | LOCK_NB) != 0) {
        linux_say("flash %s is in use by another process; one flash serves one instance", path);
        return STATUS_CONFLICT;
    }
    if (fstat(flash.file, &info) != 0)
        return STATUS_IO;
    if (!S_ISREG(info.st_mode)) {
        linux_say("flash %s is not a regular file", path);
        return STATUS_FOREIGN;
    }
    if (info.st_size == 0)
        return make_blank(path);
    flash.size = (uint64_t)info.st_size;
    if (flash.size % BLOCK_BYTES != 0 || flash.size < (uint64_t)BLOCK_BYTES * BLOCK_COUNT_MIN ||
        flash.size > (uint64_t)SIZE_MAX_MIB << 20) {
        linux_say("flash %s has %llu bytes, which is not a whole number of %d-byte blocks (at least %d): it "
                  "was cut or "
                  "is not a flash; give the whole file back, or name another",
                  path, (unsigned long long)flash.size, BLOCK_BYTES, BLOCK_COUNT_MIN);
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}

enum status flash_open(struct flash_geometry *geometry)
{
    const char *path = linux_option("flash");

    if (path == NULL || *path == '\0')
        return STATUS_NOT_FOUND;
    flash.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (flash.file < 0) {
        linux_say("flash %s cannot be opened: %s", path, strerror(errno));
        return STATUS_IO;
    }
    enum status status = check_file(path);
    if (status == STATUS_OK)
        status = linux_sync_start(flash.file);
    if (status != STATUS_OK) {
        close(flash.file);
        flash.file = -1;
        return status;
    }
    geometry->block_bytes = BLOCK_BYTES;
    geometry->block_count = (uint32_t)(flash.size / BLOCK_BYTES);
    geometry->program_bytes = PROGRAM_BYTES;
    geometry->name = "file";
    return STATUS_OK;
}

/* ---- moving bytes ---- */

typedef uint64_t lanes __attribute__((vector_size(32)));

static void complement(uint8_t *to, const uint8_t *from, size_t size)
{
    size_t i = 0;

    for (; i + sizeof(lanes) <= size; i += sizeof(lanes)) {
        lanes words;
        memcpy(&words, from + i, sizeof words);
        words = ~words;
        memcpy(to + i, &words, sizeof words);
    }
    for (; i < size; i++)
        to[i] = (uint8_t)~from[i];
}

static enum status write_at(uint64_t offset, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = pwrite(flash.file, data, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return STATUS_IO;
        data += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return STATUS_OK;
}

static void check_range(uint64_t offset, size_t size)
{
    if (flash.file < 0 || offset > flash.size || size > flash.size - offset)
        platform_panic("a flash call before flash_open() or outside of the flash");
}

enum status flash_read(uint64_t offset, void *out, size_t size)
{
    uint8_t *to = out;

    check_range(offset, size);
    while (size > 0) {
        ssize_t got = pread(flash.file, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return STATUS_IO;
        complement(to, to, (size_t)got);
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return STATUS_OK;
}

/* A block that takes no room on the host's disk yet. Where the host cannot tell it says no. */
static bool is_hole(uint64_t offset)
{
    off_t data = lseek(flash.file, (off_t)offset, SEEK_DATA);

    return data < 0 ? errno == ENXIO : (uint64_t)data >= offset + BLOCK_BYTES;
}

/* The first program of a hole writes the zeros behind it too: the block has its room then, and the syncs after it have no
 * new room to write into the file system's journal, which is a third of what they take. */
enum status flash_program(uint64_t offset, const void *data, size_t size)
{
    static uint8_t staged[BLOCK_BYTES];

    check_range(offset, size);
    if (offset % PROGRAM_BYTES != 0 || size % PROGRAM_BYTES != 0 || size > BLOCK_BYTES - offset % BLOCK_BYTES)
        platform_panic("flash_program: misaligned or across two blocks");
    if (flash.failed)
        return STATUS_IO;
    bool fills = size > 0 && offset % BLOCK_BYTES == 0 && is_hole(offset);
    if (fills)
        memset(staged, 0, sizeof staged);
    complement(staged, data, size);
    return write_at(offset, staged, fills ? sizeof staged : size);
}

enum status flash_erase(uint32_t block_index)
{
    static const uint8_t zeros[BLOCK_BYTES];
    uint64_t offset = (uint64_t)block_index * BLOCK_BYTES;

    check_range(offset, BLOCK_BYTES);
    if (flash.failed)
        return STATUS_IO;
    if (fallocate(flash.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, BLOCK_BYTES) == 0)
        return STATUS_OK;
    return write_at(offset, zeros, BLOCK_BYTES);
}

void linux_flash_fail(void)
{
    flash.failed = true;
}
