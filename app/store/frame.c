/*
 * The frame codec: FORMAT.md, sections "Frame" and "Record".
 */
#include "store/frame.h"

#include <string.h>

#define FRAME_MAGIC 0x4d52464aU /* "JFRM" */

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
    AT_FULL_BYTES = 64,
    AT_LIVE_BYTES = 68,
    AT_NONCE = 76,
    AT_PREVIOUS_TAG = 88,
    AT_CRC = 104
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

uint16_t get_le16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

uint32_t get_le32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

uint64_t get_le64(const uint8_t *in)
{
    return get_le32(in) | (uint64_t)get_le32(in + 4) << 32;
}

/* ---- checks ---- */

/* table[k][b]: the CRC of byte b followed by k zero bytes; four bytes a turn. */
static uint32_t crc_table[4][256];

static void make_crc_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
        crc_table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int k = 1; k < 4; k++) {
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
    for (; i + 4 <= bytes.size; i += 4) {
        crc ^= get_le32(bytes.data + i);
        crc = crc_table[3][crc & 0xff] ^ crc_table[2][(crc >> 8) & 0xff] ^ crc_table[1][(crc >> 16) & 0xff] ^
              crc_table[0][crc >> 24];
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
    put_le32(out + AT_FULL_BYTES, header->full_bytes);
    put_le64(out + AT_LIVE_BYTES, header->live_bytes);
    memcpy(out + AT_NONCE, header->nonce, FRAME_NONCE_BYTES);
    memcpy(out + AT_PREVIOUS_TAG, header->previous_tag, FRAME_TAG_BYTES);
    put_le32(out + AT_CRC, frame_crc(0, bytes_of(out, AT_CRC)));
}

static bool header_is_sane(const struct frame_header *header)
{
    return header->sequence > 0 && header->durable_through < header->sequence && header->segment > 0 &&
           header->label > 0 && header->label <= header->segment && header->oldest_segment > 0 &&
           header->oldest_segment <= header->segment && header->full_bytes <= header->payload_bytes &&
           header->time_s >= 0 &&
           header->payload_bytes <=
               STORE_FRAME_MAX_BYTES - FRAME_HEADER_BYTES - FRAME_TAG_BYTES - FRAME_CRC_BYTES;
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

static size_t unpadded_bytes(size_t payload_bytes)
{
    return FRAME_HEADER_BYTES + payload_bytes + FRAME_TAG_BYTES + FRAME_CRC_BYTES;
}

size_t frame_total_bytes(size_t payload_bytes, size_t program_bytes)
{
    return (unpadded_bytes(payload_bytes) + program_bytes - 1) & ~(program_bytes - 1);
}

void frame_finish(uint8_t *frame, size_t payload_bytes, size_t program_bytes)
{
    size_t end = unpadded_bytes(payload_bytes);
    put_le32(frame + end - FRAME_CRC_BYTES, frame_crc(0, bytes_of(frame, end - FRAME_CRC_BYTES)));
    memset(frame + end, 0, frame_total_bytes(payload_bytes, program_bytes) - end);
}

bool frame_is_whole(const uint8_t *frame, size_t payload_bytes)
{
    size_t end = unpadded_bytes(payload_bytes);
    return get_le32(frame + end - FRAME_CRC_BYTES) == frame_crc(0, bytes_of(frame, end - FRAME_CRC_BYTES));
}

const uint8_t *frame_tag(const uint8_t *frame, size_t payload_bytes)
{
    return frame + FRAME_HEADER_BYTES + payload_bytes;
}

/* ---- records ---- */

size_t frame_put_record(uint8_t *out, const struct frame_record *record)
{
    out[0] = record->type;
    out[1] = record->flags;
    put_le16(out + 2, (uint16_t)record->payload.size);
    if (record->payload.size > 0)
        memcpy(out + RECORD_HEADER_BYTES, record->payload.data, record->payload.size);
    return RECORD_HEADER_BYTES + record->payload.size;
}

enum status frame_next_record(struct bytes records, size_t *offset, struct frame_record *record)
{
    if (*offset == records.size)
        return STATUS_NOT_FOUND;
    if (records.size - *offset < RECORD_HEADER_BYTES)
        return STATUS_DAMAGED;
    const uint8_t *at = records.data + *offset;
    size_t payload_bytes = get_le16(at + 2);
    if (records.size - *offset - RECORD_HEADER_BYTES < payload_bytes ||
        payload_bytes > STORE_RECORD_MAX_BYTES || at[0] == 0)
        return STATUS_DAMAGED;
    *record = (struct frame_record){at[0], at[1], bytes_of(at + RECORD_HEADER_BYTES, payload_bytes)};
    *offset += RECORD_HEADER_BYTES + payload_bytes;
    return STATUS_OK;
}
