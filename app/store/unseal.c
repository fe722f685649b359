/*
 * From the bytes of a frame to its records, and to the rests that a boot leaves for later.
 */
#include <string.h>

#include "store/state.h"

struct frame_extent unseal_extent(const struct frame_header *header)
{
    return frame_extent_of(header->payload_bytes, header->rest_bytes, store_state.geometry.program_bytes);
}

enum status unseal_records(const uint8_t *frame, const struct frame_header *header,
                           struct opened_frame *opened, struct bytes *records)
{
    *records = bytes_of(opened->records, header->payload_bytes);
    return aead_open(&store_state.frame_key, header->nonce, bytes_of(frame, FRAME_HEADER_BYTES),
                     bytes_of(frame + FRAME_HEADER_BYTES, header->payload_bytes + FRAME_TAG_BYTES),
                     opened->records);
}

enum status unseal_rests(const uint8_t *frame, const struct frame_header *header, struct opened_frame *opened,
                         struct bytes *rests)
{
    struct frame_extent extent = unseal_extent(header);
    uint8_t nonce[FRAME_NONCE_BYTES];
    *rests = bytes_of(opened->rests, header->rest_bytes);
    if (header->rest_bytes == 0)
        return STATUS_OK;
    frame_rest_nonce(header->nonce, nonce);
    return aead_open(&store_state.frame_key, nonce, bytes_of(frame + extent.tag_offset, FRAME_TAG_BYTES),
                     bytes_of(frame + extent.rest_offset, header->rest_bytes + FRAME_TAG_BYTES),
                     opened->rests);
}

void unseal_wipe(struct opened_frame *opened)
{
    bytes_wipe(opened, sizeof(*opened));
}

/* ---- the rests of one frame ---- */

static enum status refuse_rests(enum status status, uint64_t at)
{
    return store_refuse(
        status,
        "block %u of the flash %s: check the device, restore a copy of the flash, or erase it "
        "and lose all tokens",
        (unsigned)(at / store_state.geometry.block_bytes),
        status == STATUS_IO ? "cannot be read" : "is damaged");
}

static enum status hand_over(const struct frame_header *header, struct record_walk *walk)
{
    enum status status;
    struct store_record record;
    while ((status = unseal_next(walk, header, &record)) == STATUS_OK) {
        record.is_fetched = true;
        if (record.rest_bytes > 0)
            status = store_state.owner.replay(&record, 1);
        if (status != STATUS_OK)
            return status;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status store_read_rests(uint32_t place)
{
    uint64_t at = (uint64_t)place * store_state.geometry.program_bytes;
    uint64_t limit = (uint64_t)store_state.geometry.block_count * store_state.geometry.block_bytes;
    struct opened_frame *fetched = &store_state.fetched;
    struct frame_header header;
    struct bytes records;
    const uint8_t *bytes = device_view(at, FRAME_HEADER_BYTES, limit);
    if (bytes == NULL)
        return refuse_rests(STATUS_IO, at);
    if (frame_decode_header(bytes, &header) != STATUS_OK || unseal_extent(&header).total_bytes > limit - at)
        return refuse_rests(STATUS_DAMAGED, at);
    bytes = device_view(at, unseal_extent(&header).total_bytes, limit);
    if (bytes == NULL)
        return refuse_rests(STATUS_IO, at);
    enum status status = unseal_records(bytes, &header, fetched, &records);
    struct record_walk walk = unseal_walk(at, records);
    if (status == STATUS_OK)
        status = unseal_rests(bytes, &header, fetched, &walk.rests);
    if (status == STATUS_OK)
        status = hand_over(&header, &walk);
    bytes_wipe(fetched->records, header.payload_bytes);
    bytes_wipe(fetched->rests, header.rest_bytes);
    return status == STATUS_OK || status == STATUS_FULL ? status : refuse_rests(STATUS_DAMAGED, at);
}
