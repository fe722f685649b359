/*
 * Protections and vector units of the processor, each only where CPUID says that it exists.
 */
#include "platform/x86_64/cpu.h"

#define CPUID_1_ECX_XSAVE (1U << 26)
#define CPUID_1_ECX_AVX   (1U << 28)
#define CPUID_7_EBX_SMEP  (1U << 7)
#define CPUID_7_EBX_SMAP  (1U << 20)
#define CPUID_7_ECX_UMIP  (1U << 2)

#define CR4_UMIP    (1ULL << 11)
#define CR4_OSXSAVE (1ULL << 18)
#define CR4_SMEP    (1ULL << 20)
#define CR4_SMAP    (1ULL << 21)

#define XCR0_X87_SSE_AVX 7U

static uint64_t cr4_read(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static void cr4_write(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

void cpu_init(void)
{
    struct cpuid_result basic = cpuid(1, 0);
    struct cpuid_result extended = cpuid(7, 0);
    uint64_t cr4 = cr4_read();
    cr4 |= (extended.ebx & CPUID_7_EBX_SMEP) ? CR4_SMEP : 0;
    cr4 |= (extended.ebx & CPUID_7_EBX_SMAP) ? CR4_SMAP : 0;
    cr4 |= (extended.ecx & CPUID_7_ECX_UMIP) ? CR4_UMIP : 0;
    bool avx = (basic.ecx & CPUID_1_ECX_XSAVE) && (basic.ecx & CPUID_1_ECX_AVX);
    cr4 |= avx ? CR4_OSXSAVE : 0;
    cr4_write(cr4);
    if (avx) {
        __asm__ volatile("xsetbv" : : "c"(0), "a"(XCR0_X87_SSE_AVX), "d"(0));
    }
}
