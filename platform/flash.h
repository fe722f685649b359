/*
 * Persistent memory as NOR flash: blocks that are erased to all ones, then programmed once, in order.
 *
 * The store is the only user. Each platform links one backend, or chooses one at boot: CFI pflash, a virtio block
 * device, a file, the simulator's model. A backend over a disk keeps the complement of every byte, so that a new
 * disk full of zeros is a blank flash, and an erase is a hole or a write of zeros.
 *
 * Ownership: there is one flash; buffers belong to the caller and are free again on return.
 * Blocking: each call returns when the device has taken the work; only flash_sync_wait() and flash_sync() wait for
 *   durability. A sync that is under way hinders no other call, but such a call may have to wait for it where the device
 *   does one thing at a time.
 * Failure: STATUS_IO when the device failed, after the backend's own retries; what was written by a failed or cut
 *   call is any mix of old and new at 16-byte (NOR) or 512-byte (disk) grain. A power cut loses what was not
 *   synced, in any order on a disk; on NOR nothing that a returned call did is lost. After a sync that failed nobody
 *   knows what is durable, and no later sync can tell.
 * Limits: offsets are bytes from the start, size checked by assert; at most 2^40 bytes.
 */
#ifndef JETON_PLATFORM_FLASH_H
#define JETON_PLATFORM_FLASH_H

#include "platform/types.h"

struct flash_geometry {
    uint32_t block_bytes; /* erase unit: a power of two, >= 4096 */
    uint32_t block_count; /* >= 16 */
    uint32_t
        program_bytes; /* program unit: 16 on NOR, 512 on a disk; offsets and sizes are multiples of it */
    const char *name;  /* "pflash", "virtio-blk", "file", "sim": for the console */
};

/* Find and open the flash. STATUS_NOT_FOUND where the machine has none. Called once, before all others. */
enum status flash_open(struct flash_geometry *geometry) MUST_USE;

/* Read `size` bytes at `offset`; any alignment. */
enum status flash_read(uint64_t offset, void *out, size_t size) MUST_USE;

/* Program bytes that are erased (all ones) now. Offset and size are multiples of program_bytes, within one block.
 * Programming bytes that are not erased is misuse: the simulator asserts it. */
enum status flash_program(uint64_t offset, const void *data, size_t size) MUST_USE;

/* Set one whole block to all ones. */
enum status flash_erase(uint32_t block_index) MUST_USE;

/* Begin to make durable everything that was programmed and erased before; what is programmed or erased until it has
 * ended may become durable by it or not. One is under way at a time: to begin another is misuse. How it went, a failure
 * to begin too, is told by one of the next two. */
void flash_sync_begin(void);

/* Has the sync that is under way ended? STATUS_AGAIN: not yet, and platform_sleep_until() returns once it has. STATUS_OK
 * or STATUS_IO: ended, and none is under way now. Without one it is misuse. */
enum status flash_sync_poll(void) MUST_USE;

/* The same, but wait for the end. */
enum status flash_sync_wait(void) MUST_USE;

/* Return when everything programmed and erased before is durable. None is under way. */
MUST_USE static inline enum status flash_sync(void)
{
    flash_sync_begin();
    return flash_sync_wait();
}

#endif
