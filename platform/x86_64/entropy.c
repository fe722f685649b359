/*
 * Seed material: RDSEED, else RDRAND, XORed with virtio-rng where that is present. One good source is enough.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/virtio_rng.h"

#define CPUID_1_ECX_RDRAND (1U << 30)
#define CPUID_7_EBX_RDSEED (1U << 18)
#define RDSEED_TRIES       1000U /* it may run dry for microseconds */
#define RDRAND_TRIES       10U   /* Intel's own advice */
#define PATIENCE_MIXED_NS  2000000ULL
#define PATIENCE_ALONE_NS  1000000000ULL

static bool rdseed(uint64_t *value)
{
    for (uint32_t i = 0; i < RDSEED_TRIES; i++) {
        uint8_t ok;
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
        if (ok != 0) {
            return true;
        }
        cpu_relax();
    }
    return false;
}

static bool rdrand(uint64_t *value)
{
    for (uint32_t i = 0; i < RDRAND_TRIES; i++) {
        uint8_t ok;
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
        if (ok != 0) {
            return true;
        }
    }
    return false;
}

/* XOR the processor's random numbers into `out`. */
static enum status processor_mix(uint8_t *out, size_t size)
{
    bool has_rdseed = (cpuid(7, 0).ebx & CPUID_7_EBX_RDSEED) != 0;
    bool has_rdrand = (cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND) != 0;
    uint64_t previous = 0;
    for (size_t done = 0; done < size; done += sizeof previous) {
        uint64_t value = 0;
        bool ok = (has_rdseed && rdseed(&value)) || (has_rdrand && rdrand(&value));
        if (!ok || value == 0 || value == UINT64_MAX || value == previous) {
            return STATUS_IO; /* missing, or stuck as some processors were after a resume */
        }
        previous = value;
        for (size_t i = 0; i < sizeof value && done + i < size; i++) {
            out[done + i] ^= (uint8_t)(value >> i * 8);
        }
    }
    return STATUS_OK;
}

enum status platform_entropy(uint8_t *out, size_t size)
{
    memset(out, 0, size);
    enum status from_processor = processor_mix(out, size);
    if (!virtio_rng_present()) {
        return from_processor;
    }
    uint64_t patience_ns = from_processor == STATUS_OK ? PATIENCE_MIXED_NS : PATIENCE_ALONE_NS;
    enum status from_device = virtio_rng_mix(out, size, patience_ns);
    return from_processor == STATUS_OK || from_device == STATUS_OK ? STATUS_OK : STATUS_IO;
}
