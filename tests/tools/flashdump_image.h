/*
 * A flash image in memory, and what examine() found in it. Private to flashdump.
 */
#ifndef JETON_TESTS_TOOLS_FLASHDUMP_IMAGE_H
#define JETON_TESTS_TOOLS_FLASHDUMP_IMAGE_H

#include "crypto/crypto.h"
#include "store/frame.h"

#define HEADER_BODY_BYTES 256

struct place {
    struct frame_header first; /* sequence 0: none */
    uint32_t frames;           /* of the log */
    uint64_t records;
    uint64_t bytes; /* of valid frames */
    bool is_live;
};

struct flash_image {
    uint8_t *bytes;
    size_t size;
    bool is_complemented;
    uint8_t body[HEADER_BODY_BYTES];
    bool copy_is_good[2];
    uint32_t block_bytes, block_count, unit_bytes, segment_bytes, segment_count, first_block;
    struct place *places;
    struct frame_header last;
    uint8_t last_tag[FRAME_TAG_BYTES];
    uint64_t frames, records, full_bytes, frame_bytes;
    uint64_t by_type[256];
    uint64_t dropped_bytes; /* torn tail */
    struct aead_key key;
    bool has_key;
    char fault[256];
    uint64_t fault_offset;
    uint64_t fault_record;
};

extern struct flash_image image;

/* Read the file. False, and a line on stderr, if that fails. */
bool image_load(const char *path);
/* Check all of it; false: image.fault says what is wrong. `operator_secret` may be NULL. */
bool image_examine(const char *operator_secret);

#endif
