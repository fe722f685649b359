/*
 * The table's two copies, each behind a header with check sums: the first copy that is sound counts.
 */
#include <string.h>

#include "platform/x86_64/gpt.h"

#define SECTOR_BYTES_MIN  512U
#define SECTOR_BYTES_MAX  4096U
#define SIGNATURE         "EFI PART"
#define SIGNATURE_BYTES   8U
#define HEADER_BYTES_MIN  92U
#define ENTRY_BYTES_MIN   128U
#define CRC_POLYNOMIAL    0xedb88320U
#define MBR_SIGNATURE     510U
#define MBR_PARTITIONS    446U
#define MBR_ENTRY_BYTES   16U
#define MBR_TYPE          4U
#define MBR_TYPE_GPT      0xeeU
#define MBR_STATUS_ACTIVE 0x80U

struct header { /* 5.3.2; little-endian as the processor is */
    char signature[SIGNATURE_BYTES];
    uint32_t revision, header_bytes, crc, reserved;
    uint64_t own_sector, other_sector, first_usable, last_usable;
    uint8_t disk_guid[GPT_GUID_BYTES];
    uint64_t table_sector;
    uint32_t entry_count, entry_bytes, table_crc;
};

struct entry { /* 5.3.3 */
    uint8_t type[GPT_GUID_BYTES], guid[GPT_GUID_BYTES];
    uint64_t first, last; /* sectors, both inclusive */
    uint64_t attributes;
};

_Static_assert(offsetof(struct header, table_crc) == 88, "5.3.2");
_Static_assert(offsetof(struct entry, attributes) == 48, "5.3.3");

const uint8_t gpt_type_state[GPT_GUID_BYTES] = {0xe1, 0x19, 0x25, 0x5d, 0x20, 0xec, 0x87, 0x55,
                                                0xb2, 0xc2, 0x5b, 0x93, 0x17, 0xd2, 0x8b, 0x07};

static uint8_t sector[SECTOR_BYTES_MAX];
static uint8_t table[GPT_TABLE_BYTES_MAX];

/* CRC-32 (ISO-HDLC, UEFI 5.3.2), four bits at a time. */
static uint32_t crc32_of(const uint8_t *data, size_t size)
{
    uint32_t step[16];
    for (uint32_t i = 0; i < 16; i++) {
        step[i] = i;
        for (unsigned bit = 0; bit < 4; bit++) {
            step[i] = step[i] >> 1 ^ (step[i] & 1 ? CRC_POLYNOMIAL : 0);
        }
    }
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ step[crc & 15];
        crc = crc >> 4 ^ step[crc & 15];
    }
    return ~crc;
}

/* The header in `sector` says what a header at `at` may say: lengths, check sum, and all that it names on the disk. */
static bool is_header_sound(const struct gpt_disk *disk, uint64_t at, struct header *h)
{
    memcpy(h, sector, sizeof *h);
    uint64_t sectors = disk->size_bytes / disk->sector_bytes;
    if (memcmp(h->signature, SIGNATURE, SIGNATURE_BYTES) != 0 || h->header_bytes < HEADER_BYTES_MIN ||
        h->header_bytes > disk->sector_bytes || h->own_sector != at) {
        return false;
    }
    memset(sector + offsetof(struct header, crc), 0, sizeof h->crc);
    if (crc32_of(sector, h->header_bytes) != h->crc) {
        return false;
    }
    bool shape = h->entry_bytes >= ENTRY_BYTES_MIN && h->entry_bytes % ENTRY_BYTES_MIN == 0 &&
                 h->entry_bytes <= GPT_TABLE_BYTES_MAX && h->entry_count > 0 &&
                 h->entry_count <= GPT_TABLE_BYTES_MAX / h->entry_bytes;
    if (!shape || h->first_usable > h->last_usable || h->last_usable >= sectors ||
        h->table_sector >= sectors) {
        return false;
    }
    uint64_t table_sectors =
        ((uint64_t)h->entry_count * h->entry_bytes + disk->sector_bytes - 1) / disk->sector_bytes;
    bool below = h->table_sector > 1 && h->table_sector + table_sectors <= h->first_usable;
    bool above = h->table_sector > h->last_usable && table_sectors <= sectors - h->table_sector;
    return below || above;
}

/* Read one copy, whose header is at sector `at`, into `table`. STATUS_DAMAGED when there is a header, but not a sound
 * copy; STATUS_NOT_FOUND when there is no header. */
static enum status read_copy(const struct gpt_disk *disk, uint64_t at, struct header *h)
{
    enum status status = disk->read(disk, at * disk->sector_bytes, sector, disk->sector_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    if (memcmp(sector, SIGNATURE, SIGNATURE_BYTES) != 0) {
        return STATUS_NOT_FOUND;
    }
    if (!is_header_sound(disk, at, h)) {
        return STATUS_DAMAGED;
    }
    size_t size = (size_t)h->entry_count * h->entry_bytes;
    size_t whole = (size + disk->sector_bytes - 1) / disk->sector_bytes * disk->sector_bytes;
    status = disk->read(disk, h->table_sector * disk->sector_bytes, table, whole);
    if (status != STATUS_OK) {
        return status;
    }
    return crc32_of(table, size) == h->table_crc ? STATUS_OK : STATUS_DAMAGED;
}

static struct entry entry_at(const struct header *h, uint32_t index)
{
    struct entry entry;
    memcpy(&entry, table + (size_t)index * h->entry_bytes, sizeof entry);
    return entry;
}

static bool is_used(const struct entry *entry)
{
    static const uint8_t unused[GPT_GUID_BYTES];
    return memcmp(entry->type, unused, GPT_GUID_BYTES) != 0;
}

static bool is_alone(const struct header *h, uint32_t index, const struct entry *entry)
{
    for (uint32_t i = 0; i < h->entry_count; i++) {
        struct entry other = entry_at(h, i);
        if (i != index && is_used(&other) && other.first <= entry->last && entry->first <= other.last) {
            return false;
        }
    }
    return true;
}

static enum status search(const struct gpt_disk *disk, const struct header *h, const uint8_t *type,
                          struct gpt_span *found)
{
    enum status status = STATUS_FOREIGN;
    for (uint32_t i = 0; i < h->entry_count; i++) {
        struct entry entry = entry_at(h, i);
        if (memcmp(entry.type, type, GPT_GUID_BYTES) != 0) {
            continue;
        }
        if (entry.first < h->first_usable || entry.last > h->last_usable || entry.first > entry.last) {
            return STATUS_DAMAGED;
        }
        if (status == STATUS_OK || !is_alone(h, i, &entry)) {
            return STATUS_CONFLICT;
        }
        *found = (struct gpt_span){entry.first * disk->sector_bytes,
                                   (entry.last - entry.first + 1) * disk->sector_bytes};
        status = STATUS_OK;
    }
    return status;
}

/* Without a sound copy: whether the first sector shows an older table, or that there ought to be a GUID table. */
static enum status judge_first_sector(const struct gpt_disk *disk)
{
    enum status status = disk->read(disk, 0, sector, disk->sector_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    unsigned used = 0;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *entry = sector + MBR_PARTITIONS + i * MBR_ENTRY_BYTES;
        if ((entry[0] & ~MBR_STATUS_ACTIVE) != 0) {
            return STATUS_NOT_FOUND;
        }
        if (entry[MBR_TYPE] == MBR_TYPE_GPT) {
            status = STATUS_DAMAGED;
        }
        used += entry[MBR_TYPE] != 0;
    }
    bool is_mbr = sector[MBR_SIGNATURE] == 0x55 && sector[MBR_SIGNATURE + 1] == 0xaa && used > 0;
    return !is_mbr ? STATUS_NOT_FOUND : status == STATUS_OK ? STATUS_FOREIGN : status;
}

enum status gpt_find(const struct gpt_disk *disk, const uint8_t *type, struct gpt_span *found)
{
    struct header header;
    *found = (struct gpt_span){0, 0};
    if (disk->sector_bytes < SECTOR_BYTES_MIN || disk->sector_bytes > SECTOR_BYTES_MAX ||
        disk->size_bytes / disk->sector_bytes < 2) {
        return STATUS_NOT_FOUND;
    }
    enum status first = read_copy(disk, 1, &header);
    enum status status = first;
    if (first == STATUS_NOT_FOUND || first == STATUS_DAMAGED) {
        status = read_copy(disk, disk->size_bytes / disk->sector_bytes - 1, &header);
    }
    if (status == STATUS_OK) {
        return search(disk, &header, type, found);
    }
    return status == STATUS_NOT_FOUND && first == STATUS_NOT_FOUND ? judge_first_sector(disk)
           : status == STATUS_NOT_FOUND                            ? first
                                                                   : status;
}
