/*
 * The simulated flash's state, shared by sim_flash.c (calls, counters, snapshots, trace) and sim_flash_cells.c (what
 * operations, cuts and settling do to the cells).
 */
#ifndef JETON_PLATFORM_SIM_SIM_FLASH_PARTS_H
#define JETON_PLATFORM_SIM_SIM_FLASH_PARTS_H

#include "platform/sim/sim_flash.h"

/* One write of one sector of the disk model that no sync has made durable yet. */
struct sim_version {
    uint32_t sector;
    uint32_t older; /* 1 + index of the version before it of the same sector; 0: the durable one */
    uint8_t data[SIM_FLASH_DISK_GRAIN];
};

struct sim_pending {
    struct sim_version *versions;
    size_t count;
    size_t capacity;
    size_t covered; /* versions before this one were there when the sync under way began */
};

struct sim_flash {
    bool exists;
    bool open;
    bool held; /* a cut left the pending sectors undecided */
    bool sync_under_way;
    uint64_t sync_end_ns;
    uint64_t sync_ns; /* what a sync takes */
    enum sim_flash_model model;
    uint32_t block_bytes;
    uint32_t block_count;
    uint32_t grain_bytes;
    size_t size;
    uint8_t *now;     /* what a read sees */
    uint8_t *durable; /* disk only: what the last sync left */
    uint32_t *newest; /* disk only: per sector, 1 + index of its newest version; 0: none pending */
    struct sim_pending pending;
    uint32_t *wear;
    uint8_t *faults;      /* per block */
    uint8_t *dirty;       /* per block: changed since the snapshot `base` */
    uint64_t base_serial; /* 0: none */
    struct sim_flash_counts counts;
};

extern struct sim_flash sim_flash;

/* The cells of [offset, offset + size) are about to change. */
void sim_flash_touch(uint64_t offset, size_t size);

/* Forget all pending sectors without writing them. */
void sim_flash_pending_clear(void);

#endif
