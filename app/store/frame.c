/*
 * The frame codec: FORMAT.md, sections "Frame" and "Record".
 */
#include "store/frame.h"

#include <string.h>

#define FRAME_MAGIC          0x4d52464aU /* "JFRM" */
#define FRAME_NONCE_COUNT_AT 8           /* a little-endian count: its lowest bit is set for the rests */

/* Offsets in a frame header. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_FLAGS = 5,
    AT_ZERO = 6,
    AT_SEQUENCE = 8,
    AT_DURABLE_THROUGH = 16,
    AT_FIRST_RECORD = 24,
    AT_TIME = 32,
    AT_SEGMENT = 40,
    AT_LABEL = 44,
    AT_OLDEST = 48,
    AT_WEAR = 52,
    AT_RECORD_COUNT = 56,
    AT_PAYLOAD_BYTES = 60,
    AT_REST_BYTES = 64,
    AT_FULL_BYTES = 68,
    AT_LIVE_BYTES = 72,
    AT_NONCE = 80,
    AT_PREVIOUS_TAG = 92,
    AT_CRC = 108
};
_Static_assert(AT_CRC + FRAME_CRC_BYTES == FRAME_HEADER_BYTES, "the CRC ends the header");

/* ---- numbers ---- */

void put_le16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

void put_le32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

void put_le64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* ---- checks ---- */

/* table[k][b]: the CRC of byte b followed by k zero bytes; eight bytes a turn. */
static uint32_t crc_table[8][256];

static void make_crc_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
        crc_table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int k = 1; k < 8; k++) {
            uint32_t before = crc_table[k - 1][byte];
            crc_table[k][byte] = (before >> 8) ^ crc_table[0][before & 0xff];
        }
    }
}

uint32_t frame_crc(uint32_t crc, struct bytes bytes)
{
    if (crc_table[0][1] == 0)
        make_crc_table();
    crc = ~crc;
    size_t i = 0;
    for (; i + 8 <= bytes.size; i += 8) {
        uint32_t next = get_le32(bytes.data + i + 4);
        crc ^= get_le32(bytes.data + i);
        crc = crc_table[7][crc & 0xff] ^ crc_table[6][(crc >> 8) & 0xff] ^ crc_table[5][(crc >> 16) & 0xff] ^
              crc_table[4][crc >> 24] ^ crc_table[3][next & 0xff] ^ crc_table[2][(next >> 8) & 0xff] ^
              crc_table[1][(next >> 16) & 0xff] ^ crc_table[0][next >> 24];
    }
    for (; i < bytes.size; i++)
        crc = (crc >> 8) ^ crc_table[0][(crc ^ bytes.data[i]) & 0xff];
    return ~crc;
}

bool frame_is_blank(struct bytes bytes)
{
    /* Equal to itself shifted by one, and to 0xff at the start: the C library's fastest loop does the work. */
    return bytes.size == 0 ||
           (bytes.data[0] == 0xff && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

/* ---- header ---- */

void frame_encode_header(const struct frame_header *header, uint8_t out[FRAME_HEADER_BYTES])
{
    put_le32(out + AT_MAGIC, FRAME_MAGIC);
    out[AT_VERSION] = FRAME_VERSION;
    out[AT_FLAGS] = header->flags;
    put_le16(out + AT_ZERO, 0);
    put_le64(out + AT_SEQUENCE, header->sequence);
    put_le64(out + AT_DURABLE_THROUGH, header->durable_through);
    put_le64(out + AT_FIRST_RECORD, header->first_record);
    put_le64(out + AT_TIME, (uint64_t)header->time_s);
    put_le32(out + AT_SEGMENT, header->segment);
    put_le32(out + AT_LABEL, header->label);
    put_le32(out + AT_OLDEST, header->oldest_segment);
    put_le32(out + AT_WEAR, header->wear);
    put_le32(out + AT_RECORD_COUNT, header->record_count);
    put_le32(out + AT_PAYLOAD_BYTES, header->payload_bytes);
    put_le32(out + AT_REST_BYTES, header->rest_bytes);
    put_le32(out + AT_FULL_BYTES, header->full_bytes);
    put_le64(out + AT_LIVE_BYTES, header->live_bytes);
    memcpy(out + AT_NONCE, header->nonce, FRAME_NONCE_BYTES);
    memcpy(out + AT_PREVIOUS_TAG, header->previous_tag, FRAME_TAG_BYTES);
    put_le32(out + AT_CRC, frame_crc(0, bytes_of(out, AT_CRC)));
}

static bool sizes_are_sane(const struct frame_header *header)
{
    uint32_t room = STORE_FRAME_MAX_BYTES - FRAME_HEADER_BYTES - 2 * FRAME_TAG_BYTES - FRAME_CRC_BYTES;
    return header->payload_bytes <= room && header->rest_bytes <= room - header->payload_bytes &&
           header->record_count <= header->payload_bytes &&
           header->full_bytes <= header->payload_bytes + header->rest_bytes;
}

/* The lowest bit of the nonce's count is for the rests. */
static bool header_is_sane(const struct frame_header *header)
{
    return header->sequence > 0 && header->durable_through < header->sequence && header->segment > 0 &&
           header->label > 0 && header->label <= header->segment && header->oldest_segment > 0 &&
           header->oldest_segment <= header->segment && header->time_s >= 0 && sizes_are_sane(header) &&
           (header->nonce[FRAME_NONCE_COUNT_AT] & 1) == 0;
}

enum status frame_decode_header(const uint8_t in[FRAME_HEADER_BYTES], struct frame_header *header)
{
    if (get_le32(in + AT_MAGIC) != FRAME_MAGIC || in[AT_VERSION] != FRAME_VERSION ||
        get_le16(in + AT_ZERO) != 0 || get_le32(in + AT_CRC) != frame_crc(0, bytes_of(in, AT_CRC)))
        return STATUS_DAMAGED;
    header->flags = in[AT_FLAGS];
    header->sequence = get_le64(in + AT_SEQUENCE);
    header->durable_through = get_le64(in + AT_DURABLE_THROUGH);
    header->first_record = get_le64(in + AT_FIRST_RECORD);
    header->time_s = (int64_t)get_le64(in + AT_TIME);
    header->segment = get_le32(in + AT_SEGMENT);
    header->label = get_le32(in + AT_LABEL);
    header->oldest_segment = get_le32(in + AT_OLDEST);
    header->wear = get_le32(in + AT_WEAR);
    header->record_count = get_le32(in + AT_RECORD_COUNT);
    header->payload_bytes = get_le32(in + AT_PAYLOAD_BYTES);
    header->rest_bytes = get_le32(in + AT_REST_BYTES);
    header->full_bytes = get_le32(in + AT_FULL_BYTES);
    header->live_bytes = get_le64(in + AT_LIVE_BYTES);
    memcpy(header->nonce, in + AT_NONCE, FRAME_NONCE_BYTES);
    memcpy(header->previous_tag, in + AT_PREVIOUS_TAG, FRAME_TAG_BYTES);
    return header_is_sane(header) ? STATUS_OK : STATUS_DAMAGED;
}

void frame_peek(const uint8_t in[FRAME_HEADER_BYTES], uint64_t *sequence, uint32_t *segment)
{
    *sequence = get_le64(in + AT_SEQUENCE);
    *segment = get_le32(in + AT_SEGMENT);
}

/* ---- whole frames ---- */

struct frame_extent frame_extent_of(size_t payload_bytes, size_t rest_bytes, size_t program_bytes)
{
    struct frame_extent extent = {.tag_offset = FRAME_HEADER_BYTES + payload_bytes};
    extent.rest_offset = extent.tag_offset + FRAME_TAG_BYTES;
    extent.rest_tag_offset = extent.rest_offset + rest_bytes;
    extent.crc_offset = extent.rest_tag_offset + (rest_bytes > 0 ? FRAME_TAG_BYTES : 0);
    extent.total_bytes = (extent.crc_offset + FRAME_CRC_BYTES + program_bytes - 1) & ~(program_bytes - 1);
    return extent;
}

void frame_finish(uint8_t *frame, const struct frame_extent *extent)
{
    size_t end = extent->crc_offset + FRAME_CRC_BYTES;
    put_le32(frame + extent->crc_offset, frame_crc(0, bytes_of(frame, extent->crc_offset)));
    memset(frame + end, 0, extent->total_bytes - end);
}

bool frame_is_whole(const uint8_t *frame, const struct frame_extent *extent)
{
    return get_le32(frame + extent->crc_offset) == frame_crc(0, bytes_of(frame, extent->crc_offset));
}

void frame_rest_nonce(const uint8_t nonce[FRAME_NONCE_BYTES], uint8_t out[FRAME_NONCE_BYTES])
{
    memcpy(out, nonce, FRAME_NONCE_BYTES);
    out[FRAME_NONCE_COUNT_AT] |= 1;
}

/* ---- records ---- */

/* The record's header, or what says that it is the last one again; returns its bytes. A record takes a byte at least. */
static size_t put_header(uint8_t *records, size_t used_bytes, struct frame_repeat *repeat,
                         const uint8_t header[RECORD_HEADER_BYTES], bool is_empty)
{
    if (used_bytes > 0 && repeat->header_at != NO_HEADER && !is_empty &&
        memcmp(records + repeat->header_at, header, RECORD_HEADER_BYTES) == 0) {
        if (repeat->count_at != 0 && records[repeat->count_at] < RECORD_REPEAT_MAX) {
            records[repeat->count_at]++;
            return 0;
        }
        records[used_bytes] = 0;
        records[used_bytes + 1] = 1;
        repeat->count_at = (uint32_t)used_bytes + 1;
        return RECORD_REPEAT_BYTES;
    }
    memcpy(records + used_bytes, header, RECORD_HEADER_BYTES);
    *repeat = (struct frame_repeat){.header_at = (uint32_t)used_bytes};
    return RECORD_HEADER_BYTES;
}

size_t frame_put_record(uint8_t *records, size_t used_bytes, struct frame_repeat *repeat,
                        const struct frame_record *record)
{
    bool has_rest = (record->flags & RECORD_FLAG_REST) != 0;
    uint8_t header[RECORD_HEADER_BYTES] = {
        record->type, (uint8_t)(record->flags | (has_rest ? record->payload.size << RECORD_KNOWN_SHIFT : 0))};
    put_le16(header + 2, has_rest ? record->rest_bytes : (uint16_t)record->payload.size);
    size_t header_bytes = put_header(records, used_bytes, repeat, header, record->payload.size == 0);
    if (record->payload.size > 0)
        memcpy(records + used_bytes + header_bytes, record->payload.data, record->payload.size);
    return header_bytes + record->payload.size;
}
