/*
 * Disks: whole sectors, several requests at a time. virtio_blk.c, ahci.c and nvme.c are the drivers, flash_disk.c is
 * the user.
 *
 * Requests are made in slots, each with a buffer of its own: begin, then finish, then the buffer may be used. Requests
 * that are under way together may be served in any order. All disks share the buffers: finish what one disk has under
 * way before another is asked.
 * Blocking: block_finish() and block_run() wait for the device, spinning for the first fraction of a millisecond,
 *   halting after that; all else returns at once.
 * Failure: STATUS_IO when the device reports an error or breaks the rules, or does not answer for 30 s. After the
 *   latter two it is given up: a sentence on the console, and every later request fails.
 * Durability: a write that has ended is durable once a BLOCK_FLUSH begun after it has ended well; a flush that failed
 *   must not be tried again in the hope of a better answer, for what it was to save may be gone.
 * Limits: BLOCK_DEVICES_MAX disks, BLOCK_SLOTS requests, BLOCK_BUFFER_BYTES each.
 */
#ifndef JETON_X86_64_BLOCK_H
#define JETON_X86_64_BLOCK_H

#include "platform/types.h"

#define BLOCK_SECTOR_BYTES 512U
#define BLOCK_GRAIN_MAX    4096U
#define BLOCK_BUFFER_BYTES 65536U /* largest read or write; every driver's device takes as much at once */
#define BLOCK_SLOTS        9U
#define BLOCK_DEVICES_MAX  8U
#define BLOCK_DISK_BYTES_MAX                                                                                 \
    (1ULL << 40) /* what flash.h promises at most; larger disks are used up to here */

enum block_operation {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH, /* everything written and finished before becomes durable */
    BLOCK_ZERO   /* make the range zero, as a hole where the device can */
};

struct block_geometry {
    uint64_t size_bytes;
    uint32_t grain_bytes; /* offsets and sizes are multiples of it: 512 to BLOCK_GRAIN_MAX, a power of two */
    uint32_t depth;       /* slots 0 to depth - 1 may be used: 1 to BLOCK_SLOTS */
    bool read_only;
    bool caches;             /* BLOCK_FLUSH is needed and there */
    uint64_t zero_bytes_max; /* of one BLOCK_ZERO; 0 when the device has no such command */
    bool fails_together;     /* an error ends all requests that are under way, as failed */
};

struct block_device;

/* What a driver implements. Offsets, sizes and slots are checked before they get here. */
struct block_driver {
    const char *name;   /* for the console */
    const char *option; /* the value of boot option `disk` that means this driver */
    void (*begin)(struct block_device *device, uint32_t slot, enum block_operation operation, uint64_t offset,
                  size_t size);
    void (*submit)(struct block_device *device);  /* tell the device of what was begun */
    void (*collect)(struct block_device *device); /* call block_ended() for each request that has ended */
    bool (*arm)(struct block_device *device);     /* let it interrupt; false when a request ended already */
    void (*disarm)(struct block_device *device);
    void (*stop)(struct block_device *device); /* make it leave memory alone, from now on for good */
};

/* A driver's structure begins with this one. */
struct block_device {
    const struct block_driver *driver;
    struct block_geometry geometry;
    bool broken;
    bool busy[BLOCK_SLOTS];
    bool failed[BLOCK_SLOTS]; /* the slot's last request */
    uint64_t begun_ns[BLOCK_SLOTS];
};

/* ---- for users ---- */

/* Start the NVMe and AHCI disks that the machine has, before memory is handed out; virtio disks are started where their
 * transports are probed. */
void block_probe(void);

/* How many disks there are. */
size_t block_count(void);

/* The disk `index`, in the order of discovery; NULL beyond the last. */
struct block_device *block_get(size_t index);

/* What a read of this slot fills and a write sends. Not to be touched between begin and finish. */
uint8_t *block_buffer(uint32_t slot);

/* Begin a request in an idle slot. The device may hear of it only at the next block_finish(). */
void block_begin(struct block_device *device, uint32_t slot, enum block_operation operation, uint64_t offset,
                 size_t size);

/* True while the slot's request is under way. */
bool block_is_busy(struct block_device *device, uint32_t slot);

/* Wait for the slot's request and say how it ended. */
enum status block_finish(struct block_device *device, uint32_t slot) MUST_USE;

/* The same without waiting: STATUS_AGAIN while it is under way. */
enum status block_poll(struct block_device *device, uint32_t slot) MUST_USE;

/* Let the device hear of what was begun. */
void block_submit(struct block_device *device);

/* Around a sleep: let the end of a request interrupt, false when one has ended already; and no more. */
bool block_sleep_begin(struct block_device *device);
void block_sleep_end(struct block_device *device);

/* Begin and finish one request in slot 0. */
enum status block_run(struct block_device *device, enum block_operation operation, uint64_t offset,
                      size_t size) MUST_USE;

/* The end of the run: let every disk go to rest. */
void block_stop_all(void);

/* ---- for drivers ---- */

/* Take the buffers, before the first request. STATUS_FULL without memory. */
enum status block_prepare(void) MUST_USE;

/* A disk that works. Sizes are cut to what this interface takes; a geometry without sense is refused. */
void block_register(struct block_device *device);

/* The device has ended the slot's request. One that was not under way is a broken rule. */
void block_ended(struct block_device *device, uint32_t slot, bool well);

/* Give up a device that broke the rules: a line on the console, and it is stopped. */
void block_give_up(struct block_device *device, const char *reason);

#endif
