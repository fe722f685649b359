/*
 * Protections and vector units of the processor, each only where CPUID says that it exists.
 */
#include "platform/x86_64/cpu.h"

#define CPUID_1_ECX_XSAVE (1U << 26)
#define CPUID_1_ECX_AVX   (1U << 28)
#define CPUID_7_EBX_SMEP  (1U << 7)
#define CPUID_7_EBX_SMAP  (1U << 20)
#define CPUID_7_ECX_UMIP  (1U << 2)
#define CPUID_7_EDX_IBT   (1U << 20)

#define CR4_UMIP    (1ULL << 11)
#define CR4_OSXSAVE (1ULL << 18)
#define CR4_SMEP    (1ULL << 20)
#define CR4_SMAP    (1ULL << 21)
#define CR4_CET     (1ULL << 23)

#define MSR_S_CET      0x6a2U
#define S_CET_ENDBR    (1ULL << 2)
#define S_CET_NO_TRACK (1ULL << 4) /* jump tables are read-only and their index is checked */

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

/* Indirect branch tracking: an indirect call or jump lands on ENDBR64 or faults (Intel SDM volume 1, chapter 17). */
static void branch_tracking_on(void)
{
    msr_write(MSR_S_CET, S_CET_ENDBR | S_CET_NO_TRACK);
    cr4_write(cr4_read() | CR4_CET);
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
    if (extended.edx & CPUID_7_EDX_IBT) {
        branch_tracking_on();
    }
}
