/*
 * Reading and checking a flash image, after app/store/FORMAT.md and nothing else of the store but its frame codec.
 */
#include "tests/tools/flashdump_image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BODY_OFFSET 512
#define MARKER             "JETON FLASH LOG\n"
#define SECRET_MARKER      "JETON SECRET KE\n"

struct flash_image image;

static bool fault(uint64_t offset, uint64_t record, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fault(uint64_t offset, uint64_t record, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(image.fault, sizeof image.fault, format, arguments);
    va_end(arguments);
    image.fault_offset = offset;
    image.fault_record = record;
    return false;
}

static void complement(void)
{
    image.is_complemented = !image.is_complemented;
    for (size_t i = 0; i < image.size; i++)
        image.bytes[i] = (uint8_t)~image.bytes[i];
}

/* ---- file ---- */

bool image_load(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0)
        image.bytes = malloc((size_t)size);
    if (image.bytes != NULL)
        image.size = fread(image.bytes, 1, (size_t)size, file);
    if (file != NULL)
        fclose(file);
    if (size <= 0 || image.bytes == NULL || image.size != (size_t)size) {
        fprintf(stderr, "flashdump: %s: %s\n", path, errno != 0 ? strerror(errno) : "empty");
        return false;
    }
    if (image.bytes[0] == (uint8_t) ~'J' || image.bytes[0] == 0)
        complement();
    return true;
}

/* ---- header ---- */

static bool read_copy(size_t offset, uint8_t body[HEADER_BODY_BYTES])
{
    if (offset + HEADER_BODY_OFFSET + HEADER_BODY_BYTES > image.size ||
        memcmp(image.bytes + offset, MARKER, 16) != 0)
        return false;
    memcpy(body, image.bytes + offset + HEADER_BODY_OFFSET, HEADER_BODY_BYTES);
    return get_le32(body + 252) == frame_crc(frame_crc(0, bytes_of(MARKER, 16)), bytes_of(body, 252));
}

static bool find_copies(uint8_t body[HEADER_BODY_BYTES])
{
    image.copy_is_good[0] = read_copy(0, image.body);
    /* Without copy 0 the block size is not known: try them. */
    for (size_t block = 4096; block <= ((size_t)1 << 24) && !image.copy_is_good[1]; block *= 2) {
        if (image.copy_is_good[0])
            block = get_le32(image.body + 8);
        image.copy_is_good[1] = read_copy(block, body) && get_le32(body + 8) == block;
        if (image.copy_is_good[0])
            break;
    }
    return image.copy_is_good[0] || image.copy_is_good[1];
}

static bool read_header(void)
{
    uint8_t body[HEADER_BODY_BYTES];
    bool found = find_copies(body);
    if (!found) { /* the first byte may have told wrong */
        complement();
        found = find_copies(body);
    }
    if (!found)
        complement();
    if (!found)
        return fault(0, 0,
                     frame_is_blank(bytes_of(image.bytes, image.size)) ? "a blank flash" : "no valid header");
    if (image.copy_is_good[0] && image.copy_is_good[1] && memcmp(body, image.body, sizeof body) != 0)
        return fault(0, 0, "the header copies differ");
    if (!image.copy_is_good[0])
        memcpy(image.body, body, sizeof body);
    image.block_bytes = get_le32(image.body + 8);
    image.block_count = get_le32(image.body + 12);
    image.unit_bytes = get_le32(image.body + 16);
    image.segment_bytes = get_le32(image.body + 20);
    image.segment_count = get_le32(image.body + 24);
    image.first_block = get_le32(image.body + 28);
    uint64_t end =
        (uint64_t)image.first_block * image.block_bytes + (uint64_t)image.segment_count * image.segment_bytes;
    if (get_le32(image.body) != 3 || image.unit_bytes < 16 || image.unit_bytes > 512 ||
        image.segment_bytes < FRAME_HEADER_BYTES || end > image.size)
        return fault(0, 0, "the header describes another version, or more than the image holds");
    return true;
}

/* ---- keys ---- */

static void unlock(const char *operator_secret)
{
    static struct heap heap;
    static _Alignas(16) uint8_t region[1024 * 1024];
    uint8_t master[SHA256_BYTES], wrapping[KEY_BYTES], device_key[KEY_BYTES], frames[KEY_BYTES];
    struct aead_key key;
    struct bytes secret = {NULL, 0};
    for (size_t block = 2; block <= 3 && image.body[48] == 0; block++) {
        const uint8_t *at = image.bytes + block * image.block_bytes;
        if (memcmp(at, SECRET_MARKER, 16) == 0 && get_le32(at + 48) == frame_crc(0, bytes_of(at, 48)))
            secret = bytes_of(at + 16, 32);
    }
    if (image.body[48] == 1 && operator_secret != NULL)
        secret = bytes_of_string(operator_secret);
    if (secret.size == 0)
        return;
    heap_init(&heap, region, sizeof region);
    if (crypto_init(&heap) != STATUS_OK)
        return;
    struct bytes parts[] = {bytes_of(image.body + 56, 16), secret};
    crypto_sha256(parts, 2, master);
    crypto_derive(master, "jeton store 1: wrap", wrapping);
    aead_key_init(&key, wrapping);
    if (aead_open(&key, image.body + 72, bytes_of(image.body, 72), bytes_of(image.body + 84, 48),
                  device_key) == STATUS_OK) {
        crypto_derive(device_key, "jeton store 1: frames", frames);
        aead_key_init(&image.key, frames);
        image.has_key = true;
    }
    aead_key_wipe(&key);
}

/* ---- frames ---- */

static size_t place_offset(uint32_t position)
{
    return (size_t)image.first_block * image.block_bytes + (size_t)position * image.segment_bytes;
}

static struct frame_extent extent_of(const struct frame_header *header)
{
    return frame_extent_of(header->payload_bytes, header->rest_bytes, image.unit_bytes);
}

/* The frame at `offset`, whole by its CRCs. */
static bool read_frame(size_t offset, size_t end, uint32_t number, struct frame_header *header)
{
    if (end - offset < frame_extent_of(0, 0, image.unit_bytes).total_bytes ||
        frame_decode_header(image.bytes + offset, header) != STATUS_OK || header->segment != number)
        return false;
    struct frame_extent extent = extent_of(header);
    return extent.total_bytes <= end - offset && frame_is_whole(image.bytes + offset, &extent);
}

static void scan_places(void)
{
    image.places = calloc(image.segment_count, sizeof *image.places);
    if (image.places == NULL)
        abort();
    for (uint32_t p = 0; p < image.segment_count; p++) {
        struct frame_header header;
        if (frame_decode_header(image.bytes + place_offset(p), &header) == STATUS_OK)
            image.places[p].first = header;
    }
}

static bool has_erased_unit(size_t offset, size_t size)
{
    for (size_t at = 0; at < size; at += image.unit_bytes) {
        if (frame_is_blank(bytes_of(image.bytes + offset + at, image.unit_bytes)))
            return true;
    }
    return false;
}

/* What follows the last valid frame: erased, torn, or a fault. */
static bool judge_tail(size_t offset, size_t end, uint64_t sequence, uint32_t number)
{
    struct frame_header header;
    uint64_t record = image.last.first_record + image.last.record_count;
    if (frame_is_blank(bytes_of(image.bytes + offset, end - offset)))
        return true;
    size_t extent = (FRAME_HEADER_BYTES + image.unit_bytes - 1) / image.unit_bytes * image.unit_bytes;
    if (end - offset >= extent && frame_decode_header(image.bytes + offset, &header) == STATUS_OK)
        extent = extent_of(&header).total_bytes;
    if (extent <= end - offset && !has_erased_unit(offset, extent))
        return fault(offset, record, "a frame rotted: it is wrong, and no unit of it is erased");
    for (size_t at = offset + image.unit_bytes; at < end; at += image.unit_bytes) {
        if (read_frame(at, end, number, &header) && header.durable_through >= sequence)
            return fault(offset, record, "a hole: a later frame says that this one was durable");
    }
    for (size_t at = offset; at < end; at++)
        image.dropped_bytes += image.bytes[at] != 0xff;
    return true;
}

/* Find the last valid frame: in the newest segment, or in the one before where that was torn at its birth. */
static bool find_end(uint32_t *head)
{
    uint32_t below = UINT32_MAX;
    for (int tries = 0; tries < 2; tries++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t p = 0; p < image.segment_count; p++) {
            uint32_t number = image.places[p].first.segment;
            if (number != 0 && number < below &&
                (best == UINT32_MAX || number > image.places[best].first.segment))
                best = p;
        }
        if (best == UINT32_MAX)
            return true; /* an empty log */
        size_t at = place_offset(best);
        size_t end = at + image.segment_bytes;
        below = image.places[best].first.segment;
        struct frame_header header;
        bool found = false;
        while (read_frame(at, end, below, &header)) {
            image.last = header;
            memcpy(image.last_tag, image.bytes + at + extent_of(&header).tag_offset, FRAME_TAG_BYTES);
            at += extent_of(&header).total_bytes;
            found = true;
        }
        if (!judge_tail(at, end, found ? image.last.sequence + 1 : image.places[best].first.sequence, below))
            return false;
        *head = best;
        if (found)
            return true;
    }
    return fault(0, 0, "two segments without a valid frame at the end of the log");
}

/* The rests are there, for as many bytes as the records say. */
static bool opens_rests(const uint8_t *frame, const struct frame_header *header, size_t told_bytes)
{
    static uint8_t plain[STORE_FRAME_MAX_BYTES];
    struct frame_extent extent = extent_of(header);
    uint8_t nonce[FRAME_NONCE_BYTES];
    frame_rest_nonce(header->nonce, nonce);
    return told_bytes == header->rest_bytes &&
           (told_bytes == 0 ||
            aead_open(&image.key, nonce, bytes_of(frame + extent.tag_offset, FRAME_TAG_BYTES),
                      bytes_of(frame + extent.rest_offset, told_bytes + FRAME_TAG_BYTES),
                      plain) == STATUS_OK);
}

static bool count_types(const uint8_t *frame, const struct frame_header *header, size_t offset)
{
    static uint8_t plain[STORE_FRAME_MAX_BYTES];
    struct frame_record record;
    size_t rest_bytes = 0;
    uint32_t count = 0;
    if (!image.has_key)
        return true;
    if (aead_open(&image.key, header->nonce, bytes_of(frame, FRAME_HEADER_BYTES),
                  bytes_of(frame + FRAME_HEADER_BYTES, header->payload_bytes + FRAME_TAG_BYTES),
                  plain) != STATUS_OK)
        return fault(offset, header->first_record, "a frame is not sealed by this device");
    struct frame_walk walk = {.records = bytes_of(plain, header->payload_bytes)};
    while (frame_next_record(&walk, &record) == STATUS_OK) {
        image.by_type[record.type]++;
        rest_bytes += record.rest_bytes;
        count++;
    }
    return (walk.offset == header->payload_bytes && count == header->record_count &&
            opens_rests(frame, header, rest_bytes)) ||
           fault(offset, header->first_record + count, "a frame's records contradict its header");
}

/* Follow the chain through one segment, up to frame `last_sequence`. */
static bool follow_segment(uint32_t position, uint64_t last_sequence, struct frame_header *previous,
                           uint8_t *tag)
{
    struct place *place = &image.places[position];
    size_t at = place_offset(position);
    size_t end = at + image.segment_bytes;
    place->is_live = true;
    while (previous->sequence < last_sequence) {
        struct frame_header header;
        uint64_t record = previous->first_record + previous->record_count;
        if (!read_frame(at, end, place->first.segment, &header))
            return fault(at, record, "a frame is damaged");
        bool is_first = previous->sequence == 0;
        if (!is_first && (header.sequence != previous->sequence + 1 || header.first_record != record ||
                          memcmp(header.previous_tag, tag, FRAME_TAG_BYTES) != 0))
            return fault(at, record, "a frame does not follow the one before it");
        if (header.sequence == 1 && memcmp(header.previous_tag, image.body + 32, FRAME_TAG_BYTES) != 0)
            return fault(at, record, "the first frame is of another device");
        if (!count_types(image.bytes + at, &header, at))
            return false;
        memcpy(tag, image.bytes + at + extent_of(&header).tag_offset, FRAME_TAG_BYTES);
        size_t total = extent_of(&header).total_bytes;
        *previous = header;
        place->frames++;
        place->records += header.record_count;
        place->bytes += total;
        image.frames++;
        image.records += header.record_count;
        image.full_bytes += header.full_bytes;
        image.frame_bytes += total;
        at += total;
    }
    return true;
}

static bool follow_chain(uint32_t head)
{
    struct frame_header previous = {0};
    uint8_t tag[FRAME_TAG_BYTES] = {0};
    uint32_t position = UINT32_MAX;
    for (uint32_t p = 0; p < image.segment_count; p++) {
        if (image.places[p].first.segment == image.last.oldest_segment)
            position = p;
    }
    if (position == UINT32_MAX)
        return fault(0, 0, "the oldest segment, number %u, is missing", (unsigned)image.last.oldest_segment);
    while (position != head) {
        uint32_t next = position;
        do
            next = (next + 1) % image.segment_count;
        while (next != head && (image.places[next].first.segment <= image.places[position].first.segment ||
                                image.places[next].first.segment > image.last.segment));
        if (!follow_segment(position, image.places[next].first.sequence - 1, &previous, tag))
            return false;
        position = next;
    }
    return follow_segment(head, image.last.sequence, &previous, tag);
}

bool image_examine(const char *operator_secret)
{
    uint32_t head = UINT32_MAX;
    if (!read_header())
        return false;
    unlock(operator_secret);
    scan_places();
    if (!find_end(&head))
        return false;
    return head == UINT32_MAX || image.last.sequence == 0 || follow_chain(head);
}
