/*
 * The bytes of a frame without its secrets: header, checks, places. FORMAT.md is the text of it.
 *
 * A frame is one group commit: a header in the clear; the records, sealed, and their tag; what of them may be read later
 * (the rests), sealed for itself, and its tag; CRC, padding. Nothing here touches the flash or a key, so that an offline
 * reader can link this file alone.
 * Ownership: nothing. Blocking: none. Failure: a decoder says STATUS_DAMAGED for anything that no writer makes.
 * Limits: STORE_FRAME_MAX_BYTES.
 */
#ifndef JETON_STORE_FRAME_H
#define JETON_STORE_FRAME_H

#include "base/bytes.h"
#include "limits.h"

#define FRAME_VERSION            3
#define FRAME_HEADER_BYTES       112
#define FRAME_TAG_BYTES          16
#define FRAME_NONCE_BYTES        12
#define FRAME_CRC_BYTES          4
#define FRAME_FLAG_MARK          1 /* an idle mark: no records */
#define RECORD_HEADER_BYTES      4
#define RECORD_REPEAT_BYTES      2 /* 0, and how many records follow with the last one's header */
#define RECORD_REPEAT_MAX        255
#define RECORD_FLAG_FULL         1 /* counts as live until it is forgotten */
#define RECORD_FLAG_REST         2 /* a part of it is among the rests */
#define RECORD_FLAGS_MASK        3
#define RECORD_KNOWN_SHIFT       2 /* of a record with a rest: how many bytes are known without it */
#define FRAME_RECORDS_SOFT_BYTES STORE_FRAME_SOFT_BYTES

struct frame_header {
    uint64_t sequence;        /* 1, 2, ... along the chain, without a gap */
    uint64_t durable_through; /* frames up to this one were durable when this one was sealed */
    uint64_t first_record;    /* records of the log before this frame */
    uint64_t live_bytes;      /* an estimate, for those who look from outside */
    int64_t time_s;           /* newest wall clock, 0 while unknown */
    uint32_t segment;         /* the segment that holds it */
    uint32_t label; /* the segment that its owner was told: another one only after a failed program */
    uint32_t oldest_segment; /* the log begins there */
    uint32_t wear;           /* erases of this segment */
    uint32_t record_count;
    uint32_t payload_bytes; /* of the records, sealed, without the tag */
    uint32_t rest_bytes;    /* of the rests, the same; 0: there is no second tag either */
    uint32_t full_bytes;    /* of records that are full ones */
    uint8_t flags;
    uint8_t nonce[FRAME_NONCE_BYTES];
    uint8_t previous_tag[FRAME_TAG_BYTES];
};

struct frame_record {
    uint8_t type;
    uint8_t flags;
    struct bytes
        payload; /* with RECORD_FLAG_REST: what is known without the rest, at most STORE_KNOWN_MAX_BYTES */
    uint16_t rest_bytes; /* with RECORD_FLAG_REST */
};

/* Where the parts of a frame are. */
struct frame_extent {
    size_t tag_offset;      /* behind the records */
    size_t rest_offset;     /* behind that */
    size_t rest_tag_offset; /* only if there are rests */
    size_t crc_offset;
    size_t total_bytes; /* on the flash, padding included */
};

/* Little-endian numbers, as everywhere in the format. */
void put_le16(uint8_t *out, uint16_t value);
void put_le32(uint8_t *out, uint32_t value);
void put_le64(uint8_t *out, uint64_t value);

static inline uint16_t get_le16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *in)
{
    return get_le32(in) | (uint64_t)get_le32(in + 4) << 32;
}

/* CRC-32 (IEEE 802.3, reflected), by table: whole frames pass through it. Start with 0. */
uint32_t frame_crc(uint32_t crc, struct bytes bytes);

void frame_encode_header(const struct frame_header *header, uint8_t out[FRAME_HEADER_BYTES]);

/* STATUS_DAMAGED: not a header, or one of another version. */
enum status frame_decode_header(const uint8_t in[FRAME_HEADER_BYTES], struct frame_header *header) MUST_USE;

/* Sequence and segment as the bytes say, right or wrong: to tell a rotten header's age. */
void frame_peek(const uint8_t in[FRAME_HEADER_BYTES], uint64_t *sequence, uint32_t *segment);

/* The places of a frame with so many bytes of records and rests. */
struct frame_extent frame_extent_of(size_t payload_bytes, size_t rest_bytes, size_t program_bytes);

/* Add the CRC and the padding behind header, records, rests and tags. */
void frame_finish(uint8_t *frame, const struct frame_extent *extent);

/* Does the CRC fit? Nobody reads the padding behind it. */
bool frame_is_whole(const uint8_t *frame, const struct frame_extent *extent);

/* The nonce of the rests. */
void frame_rest_nonce(const uint8_t nonce[FRAME_NONCE_BYTES], uint8_t out[FRAME_NONCE_BYTES]);

/* Where the records of a frame that is being filled have their last header, and the count of those that came without. */
struct frame_repeat {
    uint32_t header_at; /* NO_HEADER: none that may be repeated */
    uint32_t count_at;  /* 0: none came without since */
};
#define NO_HEADER UINT32_MAX

/* Put a record behind `used_bytes` of others; returns its bytes, at most RECORD_HEADER_BYTES more than those of its payload. */
size_t frame_put_record(uint8_t *records, size_t used_bytes, struct frame_repeat *repeat,
                        const struct frame_record *record);

/* Records of a frame, one after the other. Begin with `records` and zeros. */
struct frame_walk {
    struct bytes records;
    size_t offset;
    const uint8_t *header; /* of the last record that has one */
    uint32_t repeats;      /* records to come that go without */
};

/* Come to the next record's payload. */
static inline enum status frame_next_header(struct frame_walk *walk)
{
    size_t left = walk->records.size - walk->offset;
    const uint8_t *at = walk->records.data + walk->offset;
    if (left == 0)
        return walk->repeats == 0 ? STATUS_NOT_FOUND : STATUS_DAMAGED;
    if (walk->repeats > 0) {
        walk->repeats--;
    } else if (at[0] != 0 && left >= RECORD_HEADER_BYTES) {
        walk->header = at;
        walk->offset += RECORD_HEADER_BYTES;
    } else if (at[0] == 0 && left >= RECORD_REPEAT_BYTES && at[1] > 0 && walk->header != NULL) {
        walk->repeats = at[1] - 1U;
        walk->offset += RECORD_REPEAT_BYTES;
    } else {
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}

/* The next record. STATUS_NOT_FOUND at the end. Inline, as a boot comes here for each record. */
static inline enum status frame_next_record(struct frame_walk *walk, struct frame_record *record)
{
    enum status status = frame_next_header(walk);
    if (status != STATUS_OK)
        return status;
    const uint8_t *header = walk->header;
    uint16_t size = get_le16(header + 2);
    bool has_rest = (header[1] & RECORD_FLAG_REST) != 0;
    size_t payload_bytes = has_rest ? (size_t)(header[1] >> RECORD_KNOWN_SHIFT) : size;
    if (walk->records.size - walk->offset < payload_bytes || size > STORE_RECORD_MAX_BYTES ||
        (has_rest ? size == 0 : header[1] > RECORD_FLAGS_MASK))
        return STATUS_DAMAGED;
    record->type = header[0];
    record->flags = header[1] & RECORD_FLAGS_MASK;
    record->payload = bytes_of(walk->records.data + walk->offset, payload_bytes);
    record->rest_bytes = has_rest ? size : 0;
    walk->offset += payload_bytes;
    return STATUS_OK;
}

/* Is every byte erased? */
bool frame_is_blank(struct bytes bytes);

#endif
