/*
 * libFuzzer: replay of a flash that was tampered with, by the service's own rules. A log of all kinds of records is made
 * once; the input is a list of edits: of the records in a frame, which are sealed again under the device's key with
 * the chain and all checksums made right, so that replay goes all the way; of single fields of a frame's header; of the
 * order of frames; of bytes on the flash. Whatever it is, the boot is refused with a sentence, or the appliance goes on and
 * its next boot finds the same.
 */
#include "crypto/crypto.h"
#include "platform/sim/sim.h"
#include "store/frame.h"
#include "store/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/service_model.h"

#define BLOCK_BYTES   65536
#define BLOCK_COUNT   16
#define UNIT_BYTES    16
#define TABLE_BYTES   ((size_t)512 * 1024)
#define FRAMES_MAX    64
#define VERBS         150
#define EDITS_MAX     24
#define NEW_MAX_BYTES 600

struct frame {
    struct frame_header header;
    uint8_t records[STORE_FRAME_MAX_BYTES];
    uint8_t rests[STORE_FRAME_MAX_BYTES];
    bool is_sound; /* its count of records is made right */
};

static struct frame original[FRAMES_MAX];
static size_t original_count;
static struct frame frames[FRAMES_MAX];
static size_t frame_count;
static struct sim_flash_snapshot *headers_only;
static struct aead_key frame_key;
static uint8_t device_id[FRAME_TAG_BYTES];
static _Alignas(4096) uint8_t table[TABLE_BYTES];

static const struct service_options options = {.table_memory = table,
                                               .table_bytes = sizeof table,
                                               .device_secret = {(const uint8_t *)"rig", 3},
                                               .host_name = {(const uint8_t *)"jeton.test", 10}};

/* ---- the log that all begins with ---- */

static struct frame_extent extent_of(const struct frame_header *header)
{
    return frame_extent_of(header->payload_bytes, header->rest_bytes, UNIT_BYTES);
}

static void read_frames(void)
{
    uint8_t nonce[FRAME_NONCE_BYTES];
    struct bytes all = sim_flash_contents();
    uint64_t at = (uint64_t)STORE_HEADER_BLOCKS * BLOCK_BYTES;
    while (original_count < FRAMES_MAX) {
        struct frame *frame = &original[original_count];
        const uint8_t *bytes = all.data + at;
        if (frame_decode_header(bytes, &frame->header) != STATUS_OK) {
            break;
        }
        struct frame_extent extent = extent_of(&frame->header);
        require(aead_open(&frame_key, frame->header.nonce, bytes_of(bytes, FRAME_HEADER_BYTES),
                          bytes_of(bytes + FRAME_HEADER_BYTES, frame->header.payload_bytes + FRAME_TAG_BYTES),
                          frame->records) == STATUS_OK,
                "the original opens");
        frame_rest_nonce(frame->header.nonce, nonce);
        require(
            frame->header.rest_bytes == 0 ||
                aead_open(&frame_key, nonce, bytes_of(bytes + extent.tag_offset, FRAME_TAG_BYTES),
                          bytes_of(bytes + extent.rest_offset, frame->header.rest_bytes + FRAME_TAG_BYTES),
                          frame->rests) == STATUS_OK,
            "its rests open");
        if (original_count == 0) {
            memcpy(device_id, frame->header.previous_tag, sizeof device_id);
        }
        at += extent.total_bytes;
        original_count++;
    }
    require(original_count > 20 && at < (uint64_t)(STORE_HEADER_BLOCKS + 1) * BLOCK_BYTES, "one segment");
}

static void make_log(void)
{
    for (int i = 0; i < VERBS; i++) {
        struct caller caller;
        model_verb();
        rig_root_caller(&caller); /* its last use is written a minute later */
        if (i % 4 == 3) {
            rig_flush();
            rig_advance_s(3);
            (void)service_read_some();
            (void)service_step(100);
        }
    }
    rig_flush();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static uint8_t blank[BLOCK_BYTES];
    uint8_t key[KEY_BYTES];
    (void)argc;
    (void)argv;
    rig_new_with(RIG_TABLE_BYTES, BLOCK_COUNT);
    model_start(5);
    make_log();
    store_derive_key("jeton store 1: frames", key);
    aead_key_init(&frame_key, key);
    read_frames();
    memset(blank, 0xff, sizeof blank);
    for (uint64_t block = STORE_HEADER_BLOCKS; block < BLOCK_COUNT; block++) {
        sim_flash_poke(block * BLOCK_BYTES, bytes_of(blank, sizeof blank));
    }
    headers_only = sim_flash_save();
    return LLVMFuzzerTestOneInput(NULL, 0); /* as it is it boots: see there */
}

/* ---- edits ---- */

static void overwrite(uint8_t *bytes, size_t size, struct bytes *input)
{
    uint32_t at = input_u16(input);
    struct bytes part = input_part(input, input_byte(input));
    for (size_t i = 0; i < part.size && at + i < size; i++) {
        bytes[at + i] = part.data[i];
    }
}

static void add_record(struct frame *frame, struct bytes *input)
{
    struct frame_record record = {.type = input_byte(input), .flags = input_byte(input) & RECORD_FLAG_FULL};
    record.payload = input_part(input, input_u16(input) % NEW_MAX_BYTES);
    if (frame->header.payload_bytes + frame->header.rest_bytes + record.payload.size + RECORD_HEADER_BYTES <=
        STORE_FRAME_SOFT_BYTES) {
        struct frame_repeat none = {.header_at = NO_HEADER};
        frame->header.payload_bytes +=
            (uint32_t)frame_put_record(frame->records, frame->header.payload_bytes, &none, &record);
        frame->header.record_count++;
    }
}

/* The header tells as many records as there are, if they can be told apart. */
static void edit_size(struct frame *frame, struct bytes *input)
{
    struct frame_record record;
    uint32_t size = input_u16(input);
    frame->header.payload_bytes = size < frame->header.payload_bytes ? size : frame->header.payload_bytes;
    frame->header.record_count = 0;
    struct frame_walk walk = {.records = bytes_of(frame->records, frame->header.payload_bytes)};
    while (frame_next_record(&walk, &record) == STATUS_OK) {
        frame->header.record_count++;
    }
}

static uint64_t any_number(struct bytes *input)
{
    uint64_t value = input_u16(input);
    uint8_t shift = input_byte(input) % 64;
    return (value & 1) != 0 ? ~(value << shift) : value << shift;
}

static void edit_header(struct frame *frame, struct bytes *input)
{
    struct frame_header *header = &frame->header;
    uint8_t field = input_byte(input);
    uint64_t value = any_number(input);
    uint64_t *const wide[] = {&header->sequence, &header->durable_through, &header->first_record,
                              &header->live_bytes};
    uint32_t *const narrow[] = {&header->segment,   &header->label,        &header->oldest_segment,
                                &header->wear,      &header->record_count, &header->full_bytes,
                                &header->rest_bytes};
    frame->is_sound = false;
    if (field < 4) {
        *wide[field] = value;
    } else if (field < 11) {
        *narrow[field - 4] = (uint32_t)value;
    } else if (field == 11) {
        header->time_s = (int64_t)value;
    } else {
        header->flags = (uint8_t)value;
    }
}

static void move_frame(size_t from, size_t to)
{
    static struct frame moved;
    moved = frames[from];
    if (from < to) {
        memmove(&frames[from], &frames[from + 1], (to - from) * sizeof moved);
    } else {
        memmove(&frames[to + 1], &frames[to], (from - to) * sizeof moved);
    }
    frames[to] = moved;
}

static void edit(struct bytes *input)
{
    uint8_t what = input_byte(input) % 7;
    size_t index = input_byte(input) % frame_count;
    if (what == 0) {
        overwrite(frames[index].records, frames[index].header.payload_bytes, input);
    } else if (what == 1) {
        add_record(&frames[index], input);
    } else if (what == 2) {
        edit_size(&frames[index], input);
    } else if (what == 3) {
        edit_header(&frames[index], input);
    } else if (what == 4) {
        move_frame(index, input_byte(input) % frame_count);
    } else if (what == 5) {
        overwrite(frames[index].rests, frames[index].header.rest_bytes, input);
    } else if (frame_count > 1) {
        move_frame(index, frame_count - 1);
        frame_count--;
    }
}

/* ---- back to the flash ---- */

/* Seal the frames one behind the other, each as the one after the one before, but for what was edited on purpose. */
static void write_frames(void)
{
    static uint8_t sealed[STORE_FRAME_MAX_BYTES];
    uint8_t nonce[FRAME_NONCE_BYTES];
    uint64_t at = (uint64_t)STORE_HEADER_BLOCKS * BLOCK_BYTES;
    uint64_t record = 0;
    const uint8_t *tag = device_id;
    for (size_t i = 0; i < frame_count; i++) {
        struct frame_header *header = &frames[i].header;
        header->rest_bytes %= STORE_FRAME_SOFT_BYTES;
        struct frame_extent extent = extent_of(header);
        size_t size = extent.total_bytes;
        if (size > STORE_FRAME_MAX_BYTES || at + size > (uint64_t)(STORE_HEADER_BLOCKS + 1) * BLOCK_BYTES) {
            break;
        }
        if (frames[i].is_sound) {
            header->sequence = i + 1;
            header->durable_through = i;
            header->first_record = record;
        }
        record += header->record_count;
        memcpy(header->previous_tag, tag, FRAME_TAG_BYTES);
        put_le32(header->nonce, (uint32_t)i);
        frame_rest_nonce(header->nonce, nonce);
        frame_encode_header(header, sealed);
        aead_seal(&frame_key, header->nonce, bytes_of(sealed, FRAME_HEADER_BYTES),
                  bytes_of(frames[i].records, header->payload_bytes), sealed + FRAME_HEADER_BYTES);
        if (header->rest_bytes > 0) {
            aead_seal(&frame_key, nonce, bytes_of(sealed + extent.tag_offset, FRAME_TAG_BYTES),
                      bytes_of(frames[i].rests, header->rest_bytes), sealed + extent.rest_offset);
        }
        frame_finish(sealed, &extent);
        sim_flash_poke(at, bytes_of(sealed, size));
        tag = sealed + extent.tag_offset;
        at += size;
    }
}

static void poke(struct bytes *input)
{
    uint64_t at = (uint64_t)input_byte(input) << 16 | input_u16(input);
    struct bytes part = input_part(input, input_byte(input) % 32);
    if (at + part.size <= sim_flash_contents().size) {
        sim_flash_poke(at, part);
    }
}

/* ---- what must hold ---- */

static enum status boot(void)
{
    bool first_boot;
    sim_reboot();
    enum status status = service_start(&options, &first_boot);
    if (status != STATUS_OK)
        return status;
    service_need_all(); /* and what is past goes */
    return service_read_all();
}

static void go_on(void)
{
    struct service_stats before;
    struct service_stats after;
    struct bytes kept;
    bool written = service_setting_set("fuzz", BYTES_LITERAL("here")) == STATUS_OK;
    (void)service_read_some();
    (void)service_step(100);
    written = store_flush(service_now_s()) == STATUS_OK && written;
    service_stats(&before);
    require(boot() == STATUS_OK, "it boots again");
    service_stats(&after);
    require(!written || (service_setting_get("fuzz", &kept) == STATUS_OK && bytes_equal_string(kept, "here")),
            "what it wrote is there");
    require(before.token_count == after.token_count, "as many tokens");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    memcpy(frames, original, original_count * sizeof frames[0]);
    frame_count = original_count;
    for (size_t i = 0; i < frame_count; i++) {
        frames[i].is_sound = true;
    }
    uint8_t edits = input_byte(&input) % EDITS_MAX;
    uint8_t pokes = input_byte(&input) % 4;
    while (edits-- > 0) {
        edit(&input);
    }
    sim_flash_restore(headers_only);
    write_frames();
    while (pokes-- > 0) {
        poke(&input);
    }
    enum status status = boot();
    require(size > 0 || status == STATUS_OK, "what nobody edited boots");
    if (status == STATUS_OK) {
        go_on();
    } else {
        require(strlen(store_sentence()) > 20 || sim_console().size > 0, "a refusal says why");
    }
    sim_console_clear();
    return 0;
}
