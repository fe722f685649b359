/*
 * Finds one partition by its type in a GUID partition table (UEFI specification 2.10, chapter 5). Reads only, and believes
 * nothing: what a table says counts once its check sums hold and everything that it names lies on the disk.
 *
 * Blocking: as the reader does. Memory: one static buffer for the table.
 * Limits: sectors of 512 or 4096 bytes; tables up to GPT_TABLE_BYTES_MAX (128 entries take half of that).
 */
#ifndef JETON_X86_64_GPT_H
#define JETON_X86_64_GPT_H

#include "platform/types.h"

#define GPT_TABLE_BYTES_MAX 32768U
#define GPT_GUID_BYTES      16U

struct gpt_disk {
    /* Fill `out` from the disk; offset and size are multiples of `sector_bytes`. STATUS_IO when it cannot. */
    enum status (*read)(const struct gpt_disk *disk, uint64_t offset, void *out, size_t size);
    void *context; /* the reader's own */
    uint64_t size_bytes;
    uint32_t sector_bytes; /* the unit in which the disk counts */
};

struct gpt_span {
    uint64_t offset_bytes, size_bytes;
};

/* The type of the partition that holds Jeton's state: 5d2519e1-ec20-5587-b2c2-5b9317d28b07, as it lies on the disk. */
extern const uint8_t gpt_type_state[GPT_GUID_BYTES];

/* Find the only partition of this type.
 *   STATUS_OK         there it is: at least one sector, within the disk, overlapping no other partition
 *   STATUS_NOT_FOUND  the disk has no partition table of any kind
 *   STATUS_FOREIGN    it has one, without such a partition
 *   STATUS_CONFLICT   several of this type, or one that overlaps another
 *   STATUS_DAMAGED    it has a GUID partition table, but neither copy is sound
 *   STATUS_IO         it cannot be read */
enum status gpt_find(const struct gpt_disk *disk, const uint8_t *type, struct gpt_span *found) MUST_USE;

#endif
