/*
 * The sealed, append-only log over platform/flash.h: records in, records out at the next boot. FORMAT.md beside this
 * file is the byte-exact format.
 *
 * Model. The owner (service/) keeps all state in RAM. For each entity the log holds at least one *full* record (its
 * whole state at some time) and *delta* records after it. Records are gathered into a frame; a flush seals, programs and
 * syncs the frame: that is the group commit. While the device syncs one group, the next one is gathered: see
 * store_flush_begin(). The log is a ring of segments: compaction takes the oldest
 * segment, hands each record of it to owner->relocate, which appends the entity's *current* full state again if the
 * segment held its newest full record; then the segment is erased. Deltas of the oldest segment are never needed: their
 * entity's full record is in a newer one by then. So an owner must remember, per entity, the segment of its newest full
 * record, as store_append returned it or replay told it; it is compared for equality only. relocate is called from
 * store_step, store_flush_begin and store_flush, so at these calls every verb must have changed the table as it has written
 * the log.
 *
 * Ownership: one store; payloads are copied on append; views given to callbacks live during the call.
 * Blocking: store_flush waits for the device. store_flush_begin compacts a little when free segments are few, and
 * programs; store_step works at most about `budget_us`; store_append programs a frame that has become full (about 16 KiB).
 * These three wait for the device once a segment, where the log goes on in the next one. The rest is RAM only.
 * Failure: STATUS_FULL (issuing only, until compaction or expiry makes room), STATUS_READ_ONLY after the device failed
 *   for good (reads go on, of what is durable: store_must_roll_back), and at open the statuses below with a sentence for
 *   the operator. What a failed or cut
 *   flush was to write is not there after a reboot, or there whole, frame by frame in order.
 * Limits: record payload <= STORE_RECORD_MAX_BYTES.
 */
#ifndef JETON_STORE_STORE_H
#define JETON_STORE_STORE_H

#include "base/bytes.h"
#include "limits.h"

struct store_record {
    uint8_t type;      /* the owner's; 1..255 */
    uint32_t segment;  /* sequence number of the segment that holds it */
    int64_t written_s; /* wall clock when its frame was sealed */
    struct bytes payload;
    /* A record may have a *rest*, which a boot leaves on the flash, so that it opens a fraction of the log only. */
    struct bytes rest;   /* data NULL: not read yet, if rest_bytes is not 0 */
    uint32_t rest_bytes; /* 0: it has none */
    uint32_t place;      /* of its frame, for store_read_rests() */
    uint32_t index;      /* of the record in it */
    bool is_fetched;     /* by store_read_rests() */
};

struct store_owner {
    /* Replay, oldest first, of the payloads without their rests, some at a time; and in store_read_rests(), which it may call
     * itself, of the records of one frame with theirs. A status other than OK ends both with STATUS_DAMAGED, or the latter
     * with STATUS_FULL where it was that. */
    enum status (*replay)(const struct store_record *records, size_t count);
    /* Append again (store_append with STORE_ESSENTIAL) what of this record is still current; may be nothing. */
    enum status (*relocate)(const struct store_record *record);
    /* May be NULL. Replay: shall the next frame's records come with their rests at once? */
    bool (*wants_rests)(void);
};

/* What a record may use: issuing stops at the reserve, revoking, consuming and relocation do not. */
enum store_class {
    STORE_ISSUE,
    STORE_ESSENTIAL
};

struct store_options {
    struct store_owner owner;
    struct bytes
        device_secret; /* wraps the device key; empty: a random one kept in the flash's own reserved block */
};

/* Open the flash: replay a log, or format a *blank* flash (every byte erased; of one above 8 MiB the header blocks, the first
 * and last MiB behind them, and 16 KiB where each segment begins), or finish a formatting that was cut. `formatted`: the log has no record yet.
 * STATUS_NOT_FOUND no flash; STATUS_FOREIGN not a Jeton flash, another version, or the wrong device secret;
 * STATUS_DAMAGED a hole or a contradiction; STATUS_IO. In these cases store_sentence() says what to do, and nothing was
 * written. May be called again: all state starts anew. Memory: static buffers sized by limits.h, about 260 KiB. */
enum status store_open(const struct store_options *options, bool *formatted) MUST_USE;

/* Why open failed or why the store is read-only, and what to do: one line for the console. */
const char *store_sentence(void);

/* A key for one purpose, derived from the device key. Valid after open. */
void store_derive_key(const char *label, uint8_t out[32]);

/* Put a record into the open frame; the last `rest_bytes` of the payload are its rest (then at most
 * STORE_KNOWN_MAX_BYTES are before it). `segment` (may be NULL) gets the segment that will hold it. Nothing is durable before
 * the end of a flush that was begun after it. */
enum status store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                         uint32_t *segment) MUST_USE;

/* Hand the records of a frame that have rests to owner->replay, rests included. `place` is of such a record, which compaction
 * has not moved. STATUS_IO, STATUS_DAMAGED: they cannot be had, store_sentence() says why; STATUS_FULL: the owner has no room
 * for them. */
enum status store_read_rests(uint32_t place) MUST_USE;

/* What is appended from here on is of this time or a later one, also where a full frame is sealed before the next flush; 0
 * tells nothing. */
void store_note_time(int64_t now_s);

/* Would an append of a record of `payload_bytes` be taken? For checks before work. */
bool store_has_room(enum store_class class, size_t payload_bytes);

/* Positions count appended records. A response that depends on position p may leave when store_durable() >= p. */
uint64_t store_newest(void);
uint64_t store_durable(void);

/* Seal and program what was appended, and begin its sync; how that went, store_flush_poll() tells. With nothing to do, or
 * while a flush is under way, nothing happens: what was appended meanwhile is for the next one. `now_s` is 0 while the
 * clock is unknown. */
void store_flush_begin(int64_t now_s);

/* The end of a flush: store_durable() rises here, and in the calls that wait. STATUS_AGAIN: one is under way, and the
 * platform's sleep ends with it. STATUS_OK: none is. STATUS_READ_ONLY: none is, and there will be none: what is above
 * store_durable() will never be durable, and its responses become 503. */
enum status store_flush_poll(void) MUST_USE;

/* Begin it and wait for its end, and for one under way first: all that was appended is durable then. */
enum status store_flush(int64_t now_s) MUST_USE;

/* A store that turned read-only may hold records of the owner above store_durable(), which will never be durable. True:
 * the owner must forget them, by emptying its tables and calling store_replay_durable(); until that succeeded
 * store_newest() stays above store_durable(), so that nothing is answered. False: nothing to do (what compaction
 * appended changed nothing), and store_newest() is store_durable(). */
bool store_must_roll_back(void);

/* What the owner must know cannot be read: read-only, and store_newest() is above store_durable() for good, so that nothing is
 * answered any more. */
void store_stop_answering(void);

/* Hand all durable records to the owner again, as at open. STATUS_IO, STATUS_DAMAGED: the flash cannot be read either; it
 * is not tried again. */
enum status store_replay_durable(void) MUST_USE;

/* Background work when the loop has time: compaction, wear, the idle mark (a small frame that confirms the tail and
 * carries the time once the log has been quiet). Bounded by `budget_us`. True if there is more to do. */
bool store_step(int64_t now_s, uint32_t budget_us);

/* Newest wall clock time that the log has seen, 0 on a new one. The clock must not start below it. */
int64_t store_newest_time_s(void);

struct store_stats {
    uint64_t capacity_bytes; /* for records, reserve not counted */
    uint64_t used_bytes;     /* live and dead */
    uint64_t live_bytes;     /* estimate from relocation needs */
    uint64_t flush_count;
    uint64_t record_count;
    uint64_t programmed_bytes;
    uint64_t erase_count;
    uint64_t relocated_count;
    uint32_t segment_count;
    uint32_t bad_block_count;
    bool read_only;
    const char *device;
};
void store_stats(struct store_stats *stats);

/* Take no more writes, for the reason that the sentence gives; for ever. */
void store_forbid_writes(const char *sentence);

/* The owner tells the size of each full record that dies (dropped, or replaced by a newer full one; in replay too, but not
 * what relocate replaces), so that live_bytes stays true. */
void store_forget(size_t payload_bytes);

#endif
