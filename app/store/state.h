/*
 * The store's one state and what its files ask of each other. Private to app/store.
 *
 *   frame.c   the bytes of a frame            header.c  header blocks: format, keys, repair
 *   device.c  flash calls, retried            ring.c    which segment lies where; free ones, bad ones
 *   replay.c  from flash to owner at boot     writer.c  append, seal, program, sync
 *   unseal.c  a frame's records and rests     compact.c relocation, and the idle mark
 *   store.c   open, and the small calls
 *
 * A *position* is a place on the flash, 0 .. segment_count-1; a *segment number* counts the uses of positions, from 1.
 * Positions are used in turn, so that numbers rise along the ring and wear stays even.
 */
#ifndef JETON_STORE_STATE_H
#define JETON_STORE_STATE_H

#include "crypto/crypto.h"
#include "limits.h"
#include "platform/flash.h"
#include "store/frame.h"
#include "store/store.h"

#define NO_POSITION UINT32_MAX

enum store_phase {
    PHASE_CLOSED,
    PHASE_REPLAY,
    PHASE_OPEN,
    PHASE_READ_ONLY
};

/* One place of the ring. */
struct segment {
    uint32_t number;     /* 0: free */
    uint32_t end_bytes;  /* its valid frames end there */
    uint32_t full_bytes; /* of full records in it */
    uint32_t wear;       /* erases that it has seen */
    bool bad;            /* not to be used again; what it holds still counts */
    bool used;           /* since the boot: it is not blank */
};

/* The frame being filled, in the clear. */
struct open_frame {
    uint8_t bytes[STORE_FRAME_MAX_BYTES];
    uint8_t rests[STORE_FRAME_MAX_BYTES];
    struct frame_repeat repeat;
    uint32_t payload_bytes;
    uint32_t rest_bytes;
    uint32_t record_count;
    uint32_t full_bytes;
    uint32_t relocated_bytes;
    uint32_t label;
};

/* The end of the chain, as RAM knows it. */
struct chain {
    uint64_t sequence; /* of the last frame programmed */
    uint64_t durable_sequence;
    uint64_t record_count; /* in programmed frames */
    uint8_t tag[FRAME_TAG_BYTES];
    int64_t time_s;
    bool is_marked; /* the last frame is an idle mark */
};

/* A frame's records and rests, in the clear. */
struct opened_frame {
    uint8_t records[STORE_FRAME_MAX_BYTES];
    uint8_t rests[STORE_FRAME_MAX_BYTES];
};

/* What the sync under way will have made durable. */
struct sync {
    bool is_under_way;
    uint64_t sequence;     /* frames up to this one */
    uint64_t record_count; /* in them */
    uint32_t tail;         /* where the log begins, as the last of them says */
};

/* Bytes of the flash in RAM, for reading frame after frame. */
struct window {
    uint8_t bytes[STORE_WINDOW_BYTES];
    uint64_t offset;
    size_t size;
};

struct compaction {
    uint32_t position;     /* being emptied: the next oldest segment starts here or after it */
    uint32_t cursor_bytes; /* frames before it had their turn, */
    uint32_t cursor_index; /* and of the next one so many records */
    int64_t owed_bytes;    /* work to be done soon */
    int64_t calm_bytes;    /* what may still be read without new garbage: bounds futile work */
    int64_t urgent_bytes;  /* the same, while the reserve is being used */
    bool is_relocating;
};

struct store_state {
    enum store_phase phase;
    struct flash_geometry geometry;
    uint32_t segment_bytes;
    uint32_t segment_count;
    uint32_t block_count; /* of the flash that the header describes */
    uint8_t device_id[16];
    uint8_t device_key[KEY_BYTES];
    struct aead_key frame_key;
    bool has_keys;
    uint8_t nonce_salt[8]; /* drawn at each open: a counter alone could repeat after a cut */
    uint32_t nonce_count;
    uint64_t nonce_generation; /* of the machine: a clone must not go on with the same salt */
    struct store_owner owner;

    struct segment segments[STORE_SEGMENTS_MAX];
    uint32_t tail; /* position of the oldest segment that durable frames need; NO_POSITION: empty log */
    uint32_t sealed_tail; /* the same, as the last programmed frame says */
    uint32_t head;        /* position being written, NO_POSITION: none yet */
    uint32_t head_bytes;  /* programmed of it; segment_bytes: closed */
    uint32_t newest_number;
    uint32_t free_count;      /* usable positions that hold nothing needed */
    uint32_t prepared;        /* position whose first blocks are known blank */
    uint32_t prepared_blocks; /* how many of them */
    bool prepared_erased;     /* an erase there awaits the beginning of a sync */
    bool prepared_worn;       /* counted in its wear */

    struct chain chain;
    struct sync sync;
    struct open_frame open;
    struct compaction compaction;
    uint64_t full_bytes;      /* sum over segments and the open frame */
    uint64_t forgotten_bytes; /* of these, dead, as the owner tells */
    uint64_t newest_record;
    uint64_t newest_change; /* the newest record that is no copy of compaction's */
    uint64_t durable_record;
    bool roll_back_failed;
    int64_t now_s;
    struct window window;
    uint8_t sealed[STORE_FRAME_MAX_BYTES];
    struct opened_frame opened;  /* by replay and compaction */
    struct opened_frame fetched; /* by store_read_rests, which may be called while they are at work */
    struct store_stats stats;
    char sentence[STORE_SENTENCE_MAX_BYTES];
};

extern struct store_state store_state;

/* ---- sentences ---- */

/* Set the sentence, return the status: `return store_refuse(STATUS_DAMAGED, "...")`. */
enum status store_refuse(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Turn read-only for good, with the reason. Returns STATUS_READ_ONLY. */
enum status store_give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- device.c ---- */

enum status device_read(uint64_t offset, void *out, size_t size) MUST_USE;
/* Within one segment or one header block; split at block ends, not retried (NOR: programmed bytes stay programmed). */
enum status device_program(uint64_t offset, const void *data, size_t size) MUST_USE;
/* Erase and read back: STATUS_IO also when the block is not blank after it. */
enum status device_erase(uint32_t block_index) MUST_USE;
/* Of all that was programmed and erased before. One at a time; writer.c is the user. */
void device_sync_begin(void);
/* STATUS_AGAIN while it is under way and may not be waited for; STATUS_READ_ONLY when it failed. */
enum status device_sync_end(bool wait) MUST_USE;
/* Is it erased? Uses the window. */
enum status device_is_blank(uint64_t offset, uint64_t size, bool *blank) MUST_USE;
/* `size` bytes at `offset` (at most STORE_READ_BYTES) by way of the window, which reads ahead up to `limit`. NULL:
 * STATUS_IO. Who goes on from where the last view ended causes reads of equal size, one behind the other: a driver can
 * tell what comes next. */
const uint8_t *device_view(uint64_t offset, size_t size, uint64_t limit);
void device_forget_window(void);

/* ---- header.c ---- */

/* Find or make the header; sets geometry and keys. `needs_repair`: a copy is bad; header_repair() after the replay. */
enum status header_open(struct bytes device_secret, bool *needs_repair) MUST_USE;
enum status header_repair(void) MUST_USE;
void header_forget(void);

/* ---- ring.c ---- */

uint64_t ring_offset(uint32_t position);
uint32_t ring_first_block(uint32_t position);
uint32_t ring_next(uint32_t position);
/* The next position after `position` that holds a needed segment; NO_POSITION when the ring comes back to the head. */
uint32_t ring_next_used(uint32_t position);
/* Make the next free position the head: erased, synced, numbered. STATUS_FULL: none is left. No sync is under way. */
enum status ring_advance(void) MUST_USE;
/* Let go of the positions before the tail that durable frames name. */
void ring_release(uint32_t new_tail);
/* Take a position out of use, now (nothing in it) or when it is next free. */
void ring_retire(uint32_t position);
void ring_recount(void);
uint32_t ring_used_count(void);
/* Get the next position ready at the pace at which the head is filled, so that nobody waits for all of it. */
void ring_prepare_pace(void);
/* One block of it. True if there is more to do. */
bool ring_prepare_step(void);

/* ---- replay.c ---- */

enum status replay_log(void) MUST_USE;
/* The durable frames again, up to chain.durable_sequence; the chain follows anew. */
enum status replay_durable(void) MUST_USE;
/* ---- unseal.c ---- */

/* Decrypt the records of a frame, or its rests, into `opened`; `frame` holds the whole frame. The rests open only under
 * the tag of their records. */
enum status unseal_records(const uint8_t *frame, const struct frame_header *header,
                           struct opened_frame *opened, struct bytes *records) MUST_USE;
enum status unseal_rests(const uint8_t *frame, const struct frame_header *header, struct opened_frame *opened,
                         struct bytes *rests) MUST_USE;
void unseal_wipe(struct opened_frame *opened);

/* Walking the records of an opened frame with what the owner is told of each. */
struct record_walk {
    struct frame_walk known;
    struct bytes rests; /* data NULL: they were not opened */
    size_t rest_offset;
    uint32_t place;
    uint32_t index; /* of the next record */
    uint8_t flags;  /* of the one that unseal_next() came to */
};
static inline struct record_walk unseal_walk(uint64_t at, struct bytes records)
{
    return (struct record_walk){.known = {.records = records},
                                .place = (uint32_t)(at / store_state.geometry.program_bytes)};
}

/* The next record. STATUS_NOT_FOUND at the end, where all rests must be used up. Inline, as a boot comes here for each. */
static inline enum status unseal_next(struct record_walk *walk, const struct frame_header *header,
                                      struct store_record *out)
{
    struct frame_record record;
    enum status status = frame_next_record(&walk->known, &record);
    if (status == STATUS_NOT_FOUND && walk->rest_offset != header->rest_bytes)
        return STATUS_DAMAGED;
    if (status != STATUS_OK)
        return status;
    if (record.rest_bytes > header->rest_bytes - walk->rest_offset)
        return STATUS_DAMAGED;
    out->type = record.type;
    out->segment = header->label;
    out->written_s = header->time_s;
    out->payload = record.payload;
    out->rest = walk->rests.data == NULL || record.rest_bytes == 0
                    ? (struct bytes){NULL, 0}
                    : bytes_slice(walk->rests, walk->rest_offset, record.rest_bytes);
    out->rest_bytes = record.rest_bytes;
    out->place = walk->place;
    out->index = walk->index++;
    out->is_fetched = false;
    walk->flags = record.flags;
    walk->rest_offset += record.rest_bytes;
    return STATUS_OK;
}

/* The extent of a frame on this device. */
struct frame_extent unseal_extent(const struct frame_header *header);

/* ---- writer.c ---- */

bool writer_has_room(enum store_class class, size_t payload_bytes);
/* Seal and program the open frame, with `force` also when it is empty (an idle mark, or the commit of a compaction), and
 * begin to make durable what is not; a sync that is under way covers none of it: the next one will. */
enum status writer_begin(int64_t now_s, bool force) MUST_USE;
/* The end of the sync under way: what it covers is acknowledged, and what that no longer needs is let go. STATUS_OK: none
 * is under way now; STATUS_AGAIN while it may not be waited for; STATUS_READ_ONLY. */
enum status writer_end(bool wait) MUST_USE;
/* Wait until everything that is programmed and erased now is durable. */
enum status writer_sync(void) MUST_USE;
/* Is anything programmed that the sync under way, or the last one, does not cover? */
bool writer_lags(void);
/* What the open frame would take. */
struct frame_extent writer_open_extent(void);
uint32_t writer_issue_reserve(void);
uint64_t writer_capacity_bytes(void);
uint64_t writer_live_bytes(void);

/* ---- compact.c ---- */

void compact_reset(void);
void compact_note_garbage(size_t size);

#endif
