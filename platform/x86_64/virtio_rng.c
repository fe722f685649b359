/*
 * Virtio 1.1, 5.4: one queue; each buffer comes back with as many random bytes as the device had.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/virtio_rng.h"

#define POOL_BYTES 256U

static struct virtio_device *rng;
static struct virtq queue;
static uint8_t *from_device; /* the device writes here while `asked` */
static bool asked;
static bool stale;               /* what comes next was asked for by the machine that we are a copy of */
static uint8_t pool[POOL_BYTES]; /* bytes [pool_start, pool_end) are fresh; used ones are wiped */
static size_t pool_start;
static size_t pool_end;

static void ask(void)
{
    virtq_describe(&queue, 0, from_device, POOL_BYTES, VIRTQ_DEVICE_WRITES);
    virtq_offer(&queue, 0);
    virtq_publish(&queue);
    asked = true;
}

void virtio_rng_attach(struct virtio_device *device)
{
    if (rng != NULL || virtio_start(device, VIRTIO_FEATURE_EVENT_INDEX) != STATUS_OK ||
        virtq_init(&queue, device, 0, 1) != STATUS_OK) {
        return;
    }
    from_device = memory_take_for_device(POOL_BYTES);
    if (from_device == NULL) {
        return;
    }
    rng = device;
    virtio_run(device);
    ask();
}

bool virtio_rng_present(void)
{
    return rng != NULL && !rng->broken;
}

/* Move what the device gave into the pool, and ask for more. */
static void refill(void)
{
    uint16_t head;
    uint32_t given;
    if (!virtq_take(&queue, &head, &given) || !asked) {
        return;
    }
    asked = false;
    pool_start = 0;
    pool_end = given < POOL_BYTES ? given : POOL_BYTES;
    memcpy(pool, from_device, pool_end);
    if (stale) {
        pool_end = 0;
        stale = false;
    }
    memset(from_device, 0, POOL_BYTES);
    ask();
}

enum status virtio_rng_mix(uint8_t *out, size_t size, uint64_t patience_ns)
{
    uint64_t end_ns = platform_monotonic_ns() + patience_ns;
    size_t done = 0;
    while (done < size) {
        if (!virtio_rng_present()) {
            return STATUS_IO;
        }
        if (pool_start == pool_end) {
            refill();
        }
        for (; done < size && pool_start < pool_end; done++) {
            out[done] ^= pool[pool_start];
            pool[pool_start++] = 0;
        }
        if (done < size && platform_monotonic_ns() > end_ns) {
            return STATUS_IO;
        }
        cpu_relax();
    }
    return STATUS_OK;
}

void virtio_rng_discard(void)
{
    memset(pool, 0, sizeof pool);
    pool_start = 0;
    pool_end = 0;
    stale = asked;
}
