/*
 * Seed material: RDSEED, RDRAND, virtio-rng and the jitter of port reads, each under its own health tests, XORed
 * together. One good source is enough, as long as it is not jitter alone, of which nobody has measured enough.
 *
 * A source gives nothing before its start-up test is over, is tested with every byte that it gives, and is left out for
 * the rest of the run, with a line on the console, when it fails or falls silent at boot.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/entropy_health.h"
#include "platform/x86_64/virtio_rng.h"

#define CPUID_1_ECX_RDRAND  (1U << 30)
#define CPUID_7_EBX_RDSEED  (1U << 18)
#define RDSEED_TRIES        1000U /* it may run dry for microseconds */
#define RDRAND_TRIES        10U   /* Intel's own advice */
#define DEVICE_PATIENCE_NS  50000000ULL
#define CHUNK_BYTES         64U
#define JITTER_SAMPLES_EACH 32U /* for a byte of output, at a claim of a quarter of a bit each */
#define JITTER_BYTES_MAX    4U  /* of each chunk, at its front: more would take milliseconds */
#define JITTER_CYCLES       2000U
#define PIT_CHANNEL_0       0x40U

struct source {
    const char *name;
    bool (*present)(void);
    bool (*fill)(struct source *source, uint8_t *out, size_t size); /* samples, tested as they come */
    enum health_claim claim;
    bool alone; /* is it enough without another? */
    bool lost;
    struct health health;
};

/* ---- the sources ---- */

static bool has_rdseed(void)
{
    return (cpuid(7, 0).ebx & CPUID_7_EBX_RDSEED) != 0;
}

static bool has_rdrand(void)
{
    return (cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND) != 0;
}

static bool always(void)
{
    return true;
}

static bool rdseed(uint64_t *value)
{
    uint8_t ok = 0;
    for (uint32_t i = 0; i < RDSEED_TRIES && ok == 0; i++) {
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
        cpu_relax();
    }
    return ok != 0;
}

static bool rdrand(uint64_t *value)
{
    uint8_t ok = 0;
    for (uint32_t i = 0; i < RDRAND_TRIES && ok == 0; i++) {
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
    }
    return ok != 0;
}

static bool fill_words(struct source *source, bool (*word)(uint64_t *), uint8_t *out, size_t size)
{
    for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
        uint64_t value = 0;
        if (!word(&value)) {
            return false;
        }
        memcpy(out + done, &value, size - done < sizeof value ? size - done : sizeof value);
    }
    return health_test(&source->health, out, size);
}

static bool fill_rdseed(struct source *source, uint8_t *out, size_t size)
{
    return fill_words(source, rdseed, out, size);
}

static bool fill_rdrand(struct source *source, uint8_t *out, size_t size)
{
    return fill_words(source, rdrand, out, size);
}

static bool fill_device(struct source *source, uint8_t *out, size_t size)
{
    memset(out, 0, size);
    return virtio_rng_mix(out, size, DEVICE_PATIENCE_NS) == STATUS_OK &&
           health_test(&source->health, out, size);
}

/* How many port reads fit into a microsecond or so, and how long the last of them overshoots: both vary with all that
 * the machine does besides. A single read would not do, as the counter of some hosts moves in steps of 26. */
static uint64_t jitter_sample(void)
{
    uint64_t start = cycles_now();
    uint64_t reads = 0;
    uint64_t taken = 0;
    for (; taken < JITTER_CYCLES; taken = cycles_now() - start) {
        (void)port_read8(PIT_CHANNEL_0);
        reads++;
    }
    return taken ^ reads << 16;
}

/* Only the samples are tested, not what is made of them: a multiplicative mix, which spreads the few good bits of each. */
static bool fill_jitter(struct source *source, uint8_t *out, size_t size)
{
    static uint64_t mix;
    memset(out, 0, size);
    for (size_t i = 0; i < size && i < JITTER_BYTES_MAX; i++) {
        uint8_t samples[JITTER_SAMPLES_EACH];
        for (uint32_t k = 0; k < JITTER_SAMPLES_EACH; k++) {
            uint64_t sample = jitter_sample();
            samples[k] = (uint8_t)(sample ^ sample >> 8 ^ sample >> 13);
            mix = (mix ^ sample) * 0x9e3779b97f4a7c15ULL;
            mix ^= mix >> 29;
        }
        if (!health_test(&source->health, samples, sizeof samples)) {
            return false;
        }
        out[i] = (uint8_t)(mix >> 56);
    }
    return true;
}

static struct source sources[] = {
    {.name = "RDSEED",
     .present = has_rdseed,
     .fill = fill_rdseed,
     .claim = HEALTH_CLAIM_4_BITS,
     .alone = true},
    {.name = "RDRAND",
     .present = has_rdrand,
     .fill = fill_rdrand,
     .claim = HEALTH_CLAIM_4_BITS,
     .alone = true},
    {.name = "virtio-rng",
     .present = virtio_rng_present,
     .fill = fill_device,
     .claim = HEALTH_CLAIM_4_BITS,
     .alone = true},
    {.name = "timing jitter", .present = always, .fill = fill_jitter, .claim = HEALTH_CLAIM_QUARTER_BIT},
};

/* ---- the pool ---- */

static void lose(struct source *source)
{
    source->lost = true;
    console_print("entropy source ");
    console_print(source->name);
    console_print(" is not used: ");
    console_print(source->health.failed ? source->health.failure : "it is silent");
    console_print("\n");
}

/* A chunk of the source's bytes, after its start-up test. False when it has none to give. */
static bool draw(struct source *source, uint8_t chunk[CHUNK_BYTES], size_t size)
{
    bool sound = !source->lost && source->present();
    while (sound && !health_started(&source->health)) {
        if (source->health.tested == 0) {
            health_init(&source->health, source->claim);
        }
        sound = source->fill(source, chunk, CHUNK_BYTES);
    }
    sound = sound && source->fill(source, chunk, size);
    if (!sound && !source->lost && source->present()) {
        lose(source);
    }
    return sound;
}

enum status platform_entropy(uint8_t *out, size_t size)
{
    bool enough = size == 0;
    memset(out, 0, size);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct source *source = &sources[i];
        uint8_t chunk[CHUNK_BYTES];
        bool whole = true;
        for (size_t done = 0; done < size && whole; done += CHUNK_BYTES) {
            size_t part = size - done < CHUNK_BYTES ? size - done : CHUNK_BYTES;
            whole = draw(source, chunk, part);
            for (size_t k = 0; k < part && whole; k++) {
                out[done + k] ^= chunk[k];
            }
        }
        __builtin_memset(chunk, 0, sizeof chunk);
        __asm__ volatile("" : : "r"(chunk) : "memory");
        enough = enough || (whole && source->alone);
    }
    return enough ? STATUS_OK : STATUS_IO;
}
