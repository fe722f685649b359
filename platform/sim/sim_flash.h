/*
 * The simulated flash: flash.h over memory, in one of two models, with scripted power cuts and faults.
 *
 * NOR: units of 16 bytes, durable when the call returns. Disk: units of 512 bytes; what was programmed or erased since
 * the last sync is pending, and a power cut settles each pending sector on its own: the durable bytes or any of the
 * versions written since (which covers lost, kept and reordered writes). A sync makes durable, at its end, what was
 * pending when it began; what was written meanwhile stays pending.
 *
 * Operations are counted from 0: each program, erase and sync is one, a sync when it ends (a cut before that operation
 * falls into the time when it is under way). Calls are counted from 0 too: each read, program, erase and end of a sync.
 *
 * A cut of the power ends the innermost sim_run() with SIM_END_POWER_CUT; the contents stay as the cut left them.
 * To try many cuts cheaply: record the operations once (sim_flash_trace_*), then restore a snapshot, apply the first k
 * operations and a part of the next with sim_flash_apply(), and boot.
 *
 * Ownership: one flash per process. Snapshots belong to the caller, who frees them.
 * Failure: broken rules of flash.h (not erased before program, misaligned, out of range, across blocks) are misuse:
 *   see sim.h.
 * Limits: at most 1 GiB; SIM_FLASH_* below.
 */
#ifndef JETON_PLATFORM_SIM_SIM_FLASH_H
#define JETON_PLATFORM_SIM_SIM_FLASH_H

#include "platform/types.h"

#define SIM_FLASH_NOR_GRAIN  16
#define SIM_FLASH_DISK_GRAIN 512

enum sim_flash_model {
    SIM_FLASH_NOR,
    SIM_FLASH_DISK
};

/* A new blank flash; the one before is gone, with its script, counters and trace. block_bytes is a power of two >= 4096,
 * block_count >= 1 (flash.h promises the store 16). */
void sim_flash_create(enum sim_flash_model model, uint32_t block_bytes, uint32_t block_count);

/* No flash at all: flash_open() answers STATUS_NOT_FOUND. Frees everything. */
void sim_flash_destroy(void);

/* ---- contents ---- */

/* What a read would see now: the whole flash, for checkers. */
struct bytes sim_flash_contents(void);

/* Overwrite bytes by force, as bit rot or a foreign hand would. Durable at once. */
void sim_flash_poke(uint64_t offset, struct bytes data);

/* XOR one byte, durable at once. */
void sim_flash_flip(uint64_t offset, uint8_t mask);

/* A copy of contents, pending sectors, wear and counters. Restoring the same snapshot again copies only the blocks
 * that changed since. The snapshot must come from the flash that exists now. */
struct sim_flash_snapshot;
struct sim_flash_snapshot *sim_flash_save(void);
void sim_flash_restore(const struct sim_flash_snapshot *snapshot);
void sim_flash_snapshot_free(struct sim_flash_snapshot *snapshot);

/* A hash of how the contents differ from the snapshot, which is the one that was saved or restored last; 0: not at all. */
uint64_t sim_flash_difference(const struct sim_flash_snapshot *snapshot);

/* ---- counters ---- */

struct sim_flash_counts {
    uint64_t calls;      /* reads too */
    uint64_t operations; /* programs + erases + ends of syncs */
    uint64_t reads;
    uint64_t programs;
    uint64_t erases;
    uint64_t syncs; /* begun */
    uint64_t bytes_programmed;
    uint64_t bytes_read;
};

struct sim_flash_counts sim_flash_counts(void);
void sim_flash_counts_clear(void);

/* Erases of one block since the flash was made. */
uint32_t sim_flash_wear(uint32_t block_index);

/* ---- power cuts ---- */

enum sim_cut_moment {
    SIM_CUT_BEFORE, /* the operation has not begun */
    SIM_CUT_TORN, /* NOR program: the first `part` grains are written. NOR erase: part 1 = only the first half is erased,
                     * part 2 = only the second. Disk: as before the operation plus its first `part` sectors pending. */
    SIM_CUT_MIXED, /* each grain of the operation is old or new by seed `part` */
    SIM_CUT_AFTER  /* done, and its caller never hears of it */
};

/* What becomes of pending sectors of the disk model at a cut. NOR has none. */
enum sim_settle {
    SIM_SETTLE_LOST,  /* every one as it was at the last sync */
    SIM_SETTLE_KEPT,  /* every one as last written */
    SIM_SETTLE_SEED,  /* each by a draw from seed `value` */
    SIM_SETTLE_INDEX, /* outcome number `value` of sim_flash_outcome_count() */
    SIM_SETTLE_LATE, /* what was written after the sync under way began is kept; the rest is drawn from seed `value`, and
                       * lost where that is 0 */
    SIM_SETTLE_HOLD /* undecided: the test calls sim_flash_settle() before the next open */
};

struct sim_cut {
    uint64_t operation; /* index as counted since create, restore or sim_flash_counts_clear() */
    enum sim_cut_moment moment;
    uint64_t part;
    enum sim_settle settle;
    uint64_t settle_value;
};

/* Cut the power once, there. A cut replaces an earlier one; NULL removes it. A part beyond the operation's grains means
 * all of them. */
void sim_flash_cut(const struct sim_cut *cut);

/* True while a cut is set and has not happened. */
bool sim_flash_cut_pending(void);

/* Settle the pending sectors now, as a cut would (SIM_SETTLE_HOLD does nothing). */
void sim_flash_settle(enum sim_settle settle, uint64_t value);

/* How many different outcomes the pending sectors can have now; UINT64_MAX when more than that. 1 on NOR. */
uint64_t sim_flash_outcome_count(void);

/* Sectors pending now. */
size_t sim_flash_pending_sectors(void);

/* ---- time ---- */

/* From now on a sync takes so long by the virtual clock: it ends at the first flash_sync_poll() from then on, and
 * flash_sync_wait() moves the clock there. 0, as at first: it ends at the first poll. */
void sim_flash_set_sync_ns(uint64_t duration_ns);

/* ---- faults ---- */

/* Calls first, first + 1, ... (`count` of them) fail with STATUS_IO. A failing program or erase leaves its grains mixed by
 * `seed`, or untouched where seed is 0. count 0 removes it. */
void sim_flash_fail_calls(uint64_t first, uint64_t count, uint64_t seed);

/* Program and erase of this block fail with STATUS_IO and change nothing; reads work. */
void sim_flash_stick_block(uint32_t block_index, bool on);

/* Reads that touch this block fail with STATUS_IO. */
void sim_flash_blind_block(uint32_t block_index, bool on);

/* ---- trace ---- */

enum sim_operation_kind {
    SIM_OPERATION_PROGRAM,
    SIM_OPERATION_ERASE,
    SIM_OPERATION_SYNC,      /* its end */
    SIM_OPERATION_SYNC_BEGIN /* changes nothing, is not counted, and cannot be cut; the trace needs it */
};

struct sim_operation {
    enum sim_operation_kind kind;
    uint64_t offset;   /* program: bytes from the start; erase: of the block */
    struct bytes data; /* program only; owned by the trace */
};

/* Called just before each operation, after its checks; may read counts and contents, may end the run. */
void sim_flash_set_operation_hook(void (*hook)(void *context, const struct sim_operation *operation),
                                  void *context);

/* Record all operations from now on; an earlier trace is dropped. */
void sim_flash_trace_start(void);
void sim_flash_trace_stop(void);
size_t sim_flash_trace_count(void);
struct sim_operation sim_flash_trace_get(size_t index);

/* How many values `part` of SIM_CUT_TORN has for this operation: 1..n. 0 for a sync, and for a program of one grain. */
uint64_t sim_flash_torn_parts(const struct sim_operation *operation);

/* Do an operation, or the part of it that a cut leaves, with no counting of calls, no hook and no fault. */
void sim_flash_apply(const struct sim_operation *operation, enum sim_cut_moment moment, uint64_t part);

#endif
