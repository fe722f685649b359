/*
 * The header blocks: FORMAT.md, section "Header". Two copies of the header, two of the reserved secret.
 *
 * Formatting is safe to cut anywhere: the marker of copy 0 goes first, then the secrets, then copy 1, then the body of
 * copy 0, each durable before the next. While neither copy is valid no segment has been written, so that an
 * interrupted formatting (marker there, no valid copy, no byte in the segments) starts again; one valid copy is enough
 * to go on and mend the other.
 */
#include <assert.h>
#include <string.h>

#include "store/state.h"

#define HEADER_VERSION 3
#define BODY_OFFSET    512
#define BODY_BYTES     256
#define SECRET_BYTES   64 /* magic, secret, CRC, zeros */
#define SALT_BYTES     16
#define WRAPPED_BYTES  (KEY_BYTES + AEAD_TAG_BYTES)
/* Looked at before formatting: a flash up to this size as a whole, of a larger one the first and last of EDGE_BYTES
 * (partition tables and file systems tell of themselves there) and SAMPLE_BYTES where each segment begins. */
#define FULL_SCAN_BYTES (8ULL * 1024 * 1024)
#define EDGE_BYTES      (1024ULL * 1024)
#define SAMPLE_BYTES    (16 * 1024)

enum {
    BLOCK_HEADER_0,
    BLOCK_HEADER_1,
    BLOCK_SECRET_0,
    BLOCK_SECRET_1
};
_Static_assert(BLOCK_SECRET_1 + 1 == STORE_HEADER_BLOCKS, "the segments begin after them");

enum secret_kind {
    SECRET_RESERVED = 0, /* random, in its own blocks */
    SECRET_OPERATOR = 1  /* given at each boot */
};

/* Offsets in the body. */
enum {
    AT_VERSION = 0,
    AT_BODY_BYTES = 4,
    AT_BLOCK_BYTES = 8,
    AT_BLOCK_COUNT = 12,
    AT_PROGRAM_BYTES = 16,
    AT_SEGMENT_BYTES = 20,
    AT_SEGMENT_COUNT = 24,
    AT_FIRST_BLOCK = 28,
    AT_DEVICE_ID = 32,
    AT_SECRET_KIND = 48,
    AT_SALT = 56,
    AT_NONCE = 72,
    AT_WRAPPED_KEY = 84,
    AT_CRC = 252
};

static const char header_magic[16] = {'J', 'E', 'T', 'O', 'N', ' ', 'F', 'L',
                                      'A', 'S', 'H', ' ', 'L', 'O', 'G', '\n'};
static const char secret_magic[16] = {'J', 'E', 'T', 'O', 'N', ' ', 'S', 'E',
                                      'C', 'R', 'E', 'T', ' ', 'K', 'E', '\n'};

/* What the header blocks hold; wiped when open ends. */
static struct {
    uint8_t body[BODY_BYTES];
    bool is_valid[2];
    bool is_unreadable; /* a copy */
    uint8_t secret[KEY_BYTES];
    bool has_secret[2];
} header;

static uint64_t block_offset(uint32_t block_index)
{
    return (uint64_t)block_index * store_state.geometry.block_bytes;
}

/* ---- keys ---- */

static void derive_wrapping_key(struct bytes secret, struct aead_key *key)
{
    uint8_t master[SHA256_BYTES];
    uint8_t wrapping[KEY_BYTES];
    struct bytes parts[] = {bytes_of(header.body + AT_SALT, SALT_BYTES), secret};
    crypto_sha256(parts, 2, master);
    crypto_derive(master, "jeton store 1: wrap", wrapping);
    aead_key_init(key, wrapping);
    bytes_wipe(master, sizeof(master));
    bytes_wipe(wrapping, sizeof(wrapping));
}

static struct bytes wrapping_context(void)
{
    return bytes_of(header.body, AT_NONCE);
}

static void wrap_device_key(struct bytes secret)
{
    struct aead_key key;
    crypto_random(header.body + AT_NONCE, AEAD_NONCE_BYTES);
    derive_wrapping_key(secret, &key);
    aead_seal(&key, header.body + AT_NONCE, wrapping_context(), bytes_of(store_state.device_key, KEY_BYTES),
              header.body + AT_WRAPPED_KEY);
    aead_key_wipe(&key);
}

static enum status unwrap_device_key(struct bytes operator_secret)
{
    struct aead_key key;
    bool reserved = header.body[AT_SECRET_KIND] == SECRET_RESERVED;
    if (!reserved && operator_secret.size == 0)
        return store_refuse(STATUS_FOREIGN,
                            "this flash needs the device secret that it was formatted with: give the "
                            "boot option device_secret");
    if (reserved && operator_secret.size > 0)
        return store_refuse(
            STATUS_FOREIGN,
            "this flash was formatted without a device secret: leave the boot option device_secret out");
    derive_wrapping_key(reserved ? bytes_of(header.secret, KEY_BYTES) : operator_secret, &key);
    enum status status =
        aead_open(&key, header.body + AT_NONCE, wrapping_context(),
                  bytes_of(header.body + AT_WRAPPED_KEY, WRAPPED_BYTES), store_state.device_key);
    aead_key_wipe(&key);
    if (status != STATUS_OK)
        return store_refuse(STATUS_FOREIGN,
                            "the device secret does not open this flash: give the one that it was "
                            "formatted with, or restore a copy of the flash");
    return STATUS_OK;
}

/* ---- reading ---- */

static uint32_t body_crc(const uint8_t body[BODY_BYTES])
{
    return frame_crc(frame_crc(0, bytes_of(header_magic, sizeof(header_magic))), bytes_of(body, AT_CRC));
}

static enum status read_copies(void)
{
    uint8_t first[BODY_OFFSET + BODY_BYTES];
    for (uint32_t i = 0; i < 2; i++) {
        if (device_read(block_offset(BLOCK_HEADER_0 + i), first, sizeof(first)) != STATUS_OK) {
            header.is_unreadable = true;
            continue; /* the other copy may do */
        }
        const uint8_t *body = first + BODY_OFFSET;
        if (memcmp(first, header_magic, sizeof(header_magic)) != 0 ||
            get_le32(body + AT_CRC) != body_crc(body))
            continue;
        if (i == 1 && header.is_valid[0] && memcmp(header.body, body, BODY_BYTES) != 0)
            return store_refuse(STATUS_DAMAGED,
                                "the two header copies are of different devices: restore a copy of the "
                                "flash");
        header.is_valid[i] = true;
        memcpy(header.body, body, BODY_BYTES);
    }
    return STATUS_OK;
}

static void read_secrets(void)
{
    uint8_t block[SECRET_BYTES];
    for (uint32_t i = 0; i < 2; i++) {
        if (device_read(block_offset(BLOCK_SECRET_0 + i), block, sizeof(block)) != STATUS_OK)
            continue;
        header.has_secret[i] = memcmp(block, secret_magic, sizeof(secret_magic)) == 0 &&
                               get_le32(block + 48) == frame_crc(0, bytes_of(block, 48));
        if (header.has_secret[i])
            memcpy(header.secret, block + 16, KEY_BYTES);
    }
    bytes_wipe(block, sizeof(block));
}

static enum status adopt_geometry(void)
{
    const struct flash_geometry *device = &store_state.geometry;
    const uint8_t *body = header.body;
    if (get_le32(body + AT_VERSION) != HEADER_VERSION || get_le32(body + AT_BODY_BYTES) != BODY_BYTES)
        return store_refuse(STATUS_FOREIGN,
                            "this flash has format version %u, this program reads %u: use the program "
                            "that wrote it",
                            (unsigned)get_le32(body + AT_VERSION), HEADER_VERSION);
    uint32_t block_count = get_le32(body + AT_BLOCK_COUNT);
    if (get_le32(body + AT_BLOCK_BYTES) != device->block_bytes || block_count > device->block_count ||
        get_le32(body + AT_PROGRAM_BYTES) != device->program_bytes)
        return store_refuse(STATUS_FOREIGN,
                            "this flash was formatted as %u blocks of %u bytes, the device %s has %u of "
                            "%u: use a device like the first one",
                            (unsigned)block_count, (unsigned)get_le32(body + AT_BLOCK_BYTES), device->name,
                            (unsigned)device->block_count, (unsigned)device->block_bytes);
    store_state.segment_bytes = get_le32(body + AT_SEGMENT_BYTES);
    store_state.segment_count = get_le32(body + AT_SEGMENT_COUNT);
    memcpy(store_state.device_id, body + AT_DEVICE_ID, sizeof(store_state.device_id));
    uint64_t end =
        block_offset(STORE_HEADER_BLOCKS) + (uint64_t)store_state.segment_bytes * store_state.segment_count;
    if (get_le32(body + AT_FIRST_BLOCK) != STORE_HEADER_BLOCKS || end > block_offset(block_count) ||
        store_state.segment_bytes < STORE_SEGMENT_MIN_BYTES ||
        store_state.segment_bytes % device->block_bytes != 0 ||
        store_state.segment_count < STORE_SEGMENTS_MIN || store_state.segment_count > STORE_SEGMENTS_MAX)
        return store_refuse(STATUS_FOREIGN,
                            "the header of this flash describes a layout that this program cannot use");
    return STATUS_OK;
}

/* ---- formatting ---- */

/* Segments as small as wear and packing like, but not too many to look at each at boot. */
static enum status choose_layout(void)
{
    const struct flash_geometry *device = &store_state.geometry;
    uint64_t usable = (uint64_t)(device->block_count - STORE_HEADER_BLOCKS) * device->block_bytes;
    uint32_t segment_bytes = STORE_SEGMENT_MIN_BYTES;
    while (segment_bytes < device->block_bytes || usable / segment_bytes > STORE_SEGMENTS_MAX ||
           (usable / segment_bytes > STORE_SEGMENTS_GOAL && segment_bytes < STORE_SEGMENT_GOAL_BYTES))
        segment_bytes *= 2;
    store_state.segment_bytes = segment_bytes;
    store_state.segment_count = (uint32_t)(usable / segment_bytes);
    if (store_state.segment_count < STORE_SEGMENTS_MIN)
        return store_refuse(STATUS_FOREIGN, "the flash %s is too small: %u segments of %u bytes are needed",
                            device->name, STORE_SEGMENTS_MIN, (unsigned)segment_bytes);
    return STATUS_OK;
}

static void make_body(bool has_operator_secret)
{
    uint8_t *body = header.body;
    memset(body, 0, BODY_BYTES);
    put_le32(body + AT_VERSION, HEADER_VERSION);
    put_le32(body + AT_BODY_BYTES, BODY_BYTES);
    put_le32(body + AT_BLOCK_BYTES, store_state.geometry.block_bytes);
    put_le32(body + AT_BLOCK_COUNT, store_state.geometry.block_count);
    put_le32(body + AT_PROGRAM_BYTES, store_state.geometry.program_bytes);
    put_le32(body + AT_SEGMENT_BYTES, store_state.segment_bytes);
    put_le32(body + AT_SEGMENT_COUNT, store_state.segment_count);
    put_le32(body + AT_FIRST_BLOCK, STORE_HEADER_BLOCKS);
    crypto_random(body + AT_DEVICE_ID, sizeof(store_state.device_id));
    body[AT_SECRET_KIND] = has_operator_secret ? SECRET_OPERATOR : SECRET_RESERVED;
    crypto_random(body + AT_SALT, SALT_BYTES);
}

static enum status program_marker(uint32_t block_index)
{
    uint8_t unit[STORE_PROGRAM_MAX_BYTES] = {0};
    memcpy(unit, header_magic, sizeof(header_magic));
    enum status status = device_program(block_offset(block_index), unit, store_state.geometry.program_bytes);
    return status == STATUS_OK ? flash_sync() : status;
}

static enum status program_body(uint32_t block_index)
{
    uint8_t bytes[STORE_PROGRAM_MAX_BYTES] = {0};
    size_t program_bytes = store_state.geometry.program_bytes;
    memcpy(bytes, header.body, BODY_BYTES);
    enum status status = device_program(block_offset(block_index) + BODY_OFFSET, bytes,
                                        program_bytes > BODY_BYTES ? program_bytes : BODY_BYTES);
    return status == STATUS_OK ? flash_sync() : status;
}

static enum status program_secret(uint32_t block_index)
{
    uint8_t bytes[STORE_PROGRAM_MAX_BYTES] = {0};
    size_t program_bytes = store_state.geometry.program_bytes;
    memcpy(bytes, secret_magic, sizeof(secret_magic));
    memcpy(bytes + 16, header.secret, KEY_BYTES);
    put_le32(bytes + 48, frame_crc(0, bytes_of(bytes, 48)));
    enum status status = device_program(block_offset(block_index), bytes,
                                        program_bytes > SECRET_BYTES ? program_bytes : SECRET_BYTES);
    bytes_wipe(bytes, sizeof(bytes));
    return status == STATUS_OK ? flash_sync() : status;
}

static enum status erase_unless_blank(uint32_t block_index)
{
    bool blank = false;
    uint64_t block_bytes = store_state.geometry.block_bytes;
    enum status status = device_is_blank(block_offset(block_index), block_bytes, &blank);
    if (status == STATUS_OK && !blank)
        status = device_erase(block_index);
    return status;
}

/* Is there any byte in the segments, as far as FULL_SCAN_BYTES has us look? */
static enum status segments_are_blank(bool *blank)
{
    uint64_t start = block_offset(STORE_HEADER_BLOCKS);
    uint64_t end = block_offset(store_state.geometry.block_count);
    *blank = true;
    if (end <= FULL_SCAN_BYTES)
        return device_is_blank(start, end - start, blank);
    enum status status = device_is_blank(start, EDGE_BYTES, blank);
    if (status == STATUS_OK && *blank)
        status = device_is_blank(end - EDGE_BYTES, EDGE_BYTES, blank);
    for (uint32_t i = 0; i < store_state.segment_count && status == STATUS_OK && *blank; i++)
        status = device_is_blank(start + (uint64_t)i * store_state.segment_bytes, SAMPLE_BYTES, blank);
    return status;
}

/* Was this block a header copy, even if a byte or two of its marker rotted? */
static bool resembles_header(uint32_t block_index)
{
    uint8_t marker[sizeof(header_magic)];
    size_t equal = 0;
    if (device_read(block_offset(block_index), marker, sizeof(marker)) != STATUS_OK)
        return false;
    for (size_t i = 0; i < sizeof(marker); i++)
        equal += marker[i] == (uint8_t)header_magic[i];
    return equal >= sizeof(marker) - 2;
}

/* What stands where; every header copy is bad or missing. */
struct survey {
    bool has_marker;   /* of copy 0: the first thing that formatting writes */
    bool body_blank;   /* of copy 0: the last thing that formatting writes */
    bool head_blank;   /* all header blocks */
    bool others_blank; /* all segments */
};

static enum status look_around(struct survey *survey)
{
    uint8_t marker[sizeof(header_magic)];
    enum status status = device_read(block_offset(BLOCK_HEADER_0), marker, sizeof(marker));
    if (status == STATUS_OK)
        status = device_is_blank(0, block_offset(STORE_HEADER_BLOCKS), &survey->head_blank);
    if (status == STATUS_OK)
        status =
            device_is_blank(BODY_OFFSET, store_state.geometry.block_bytes - BODY_OFFSET, &survey->body_blank);
    if (status == STATUS_OK)
        status = segments_are_blank(&survey->others_blank);
    survey->has_marker = memcmp(marker, header_magic, sizeof(marker)) == 0;
    return status;
}

/* May this flash be formatted: wholly blank, or an interrupted formatting? */
static enum status check_formattable(bool *has_marker)
{
    struct survey survey = {0};
    enum status status = choose_layout();
    if (status != STATUS_OK)
        return status;
    if (look_around(&survey) != STATUS_OK)
        return store_refuse(STATUS_IO, "the flash %s cannot be read: check or replace it",
                            store_state.geometry.name);
    *has_marker = survey.has_marker;
    if (survey.others_blank && (survey.head_blank || (survey.has_marker && survey.body_blank)))
        return STATUS_OK;
    if (resembles_header(BLOCK_HEADER_0) || resembles_header(BLOCK_HEADER_1))
        return store_refuse(STATUS_DAMAGED,
                            "both header copies of this flash are damaged: restore a copy of it, or erase "
                            "it and lose all tokens");
    return store_refuse(STATUS_FOREIGN,
                        "the flash %s holds data that is not Jeton's: erase it, or give another one",
                        store_state.geometry.name);
}

static enum status write_all(bool has_marker, bool with_secret)
{
    enum status status = STATUS_OK;
    if (!has_marker)
        status = program_marker(BLOCK_HEADER_0);
    for (uint32_t block = BLOCK_HEADER_1; block < STORE_HEADER_BLOCKS && status == STATUS_OK; block++)
        status = erase_unless_blank(block);
    if (status == STATUS_OK)
        status = flash_sync();
    for (uint32_t block = BLOCK_SECRET_0; with_secret && block <= BLOCK_SECRET_1 && status == STATUS_OK;
         block++)
        status = program_secret(block);
    if (status == STATUS_OK)
        status = program_marker(BLOCK_HEADER_1);
    if (status == STATUS_OK)
        status = program_body(BLOCK_HEADER_1);
    if (status == STATUS_OK)
        status = program_body(BLOCK_HEADER_0);
    return status;
}

static enum status format(struct bytes operator_secret)
{
    bool has_marker = false;
    enum status status = check_formattable(&has_marker);
    if (status != STATUS_OK)
        return status;
    make_body(operator_secret.size > 0);
    crypto_random(store_state.device_key, KEY_BYTES);
    crypto_random(header.secret, KEY_BYTES);
    wrap_device_key(operator_secret.size > 0 ? operator_secret : bytes_of(header.secret, KEY_BYTES));
    put_le32(header.body + AT_CRC, body_crc(header.body));
    status = write_all(has_marker, operator_secret.size == 0);
    if (status != STATUS_OK)
        return store_refuse(STATUS_IO, "the flash %s cannot be formatted: check or replace it",
                            store_state.geometry.name);
    memcpy(store_state.device_id, header.body + AT_DEVICE_ID, sizeof(store_state.device_id));
    return STATUS_OK;
}

/* ---- the two calls ---- */

enum status header_open(struct bytes device_secret, bool *needs_repair)
{
    memset(&header, 0, sizeof(header));
    *needs_repair = false;
    enum status status = read_copies();
    if (status != STATUS_OK)
        return status;
    bool is_missing = !header.is_valid[0] && !header.is_valid[1];
    if (is_missing && header.is_unreadable)
        return store_refuse(STATUS_IO, "the flash %s cannot be read: check or replace it",
                            store_state.geometry.name);
    if (is_missing)
        return format(device_secret);
    read_secrets();
    status = adopt_geometry();
    bool reserved = header.body[AT_SECRET_KIND] == SECRET_RESERVED;
    if (status == STATUS_OK && reserved && !header.has_secret[0] && !header.has_secret[1])
        status = store_refuse(STATUS_DAMAGED,
                              "both copies of the device secret of this flash are damaged: restore a copy "
                              "of it, or erase it and lose all tokens");
    if (status == STATUS_OK)
        status = unwrap_device_key(device_secret);
    *needs_repair = !header.is_valid[0] || !header.is_valid[1] ||
                    (reserved && (!header.has_secret[0] || !header.has_secret[1]));
    return status;
}

/* Write a bad copy anew from the good one. */
static enum status repair_block(uint32_t block_index, bool is_header)
{
    enum status status = erase_unless_blank(block_index);
    if (status == STATUS_OK)
        status = flash_sync();
    if (status == STATUS_OK && is_header)
        status = program_marker(block_index);
    if (status == STATUS_OK)
        status = is_header ? program_body(block_index) : program_secret(block_index);
    return status;
}

enum status header_repair(void)
{
    bool reserved = header.body[AT_SECRET_KIND] == SECRET_RESERVED;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < 2 && status == STATUS_OK; i++) {
        if (!header.is_valid[i])
            status = repair_block(BLOCK_HEADER_0 + i, true);
        if (status == STATUS_OK && reserved && !header.has_secret[i])
            status = repair_block(BLOCK_SECRET_0 + i, false);
    }
    return status;
}

void header_forget(void)
{
    bytes_wipe(&header, sizeof(header));
}
