/*
 * Is vector code fast here? A processor shuffles bytes faster than it multiplies; an emulator calls a function for each
 * such instruction. Two loops tell, in a microsecond (0.1 ms under QEMU, which must translate them first): kernels
 * themselves would take an emulator 10 ms to translate.
 *
 * Under QEMU 7.2's software emulation, MB/s: ChaCha20 255 as plain code, 58 by SSSE3; with Poly1305 146, where AES-128-GCM
 * makes 45; GHASH 126 in plain C, 89 by PCLMULQDQ; AES in plain C 46, by its instructions 110. A whole TLS 1.3 connection
 * takes a seventh less time there with the curves in plain C than with MULX, ADCX and ADOX.
 */
#include "kernels.h"

#define ROUNDS     256
#define RUNS       3
#define SLOW_RATIO 3 /* seen: 0.7 on a processor, 8 under QEMU */

static void multiply(void)
{
    uint64_t rounds = ROUNDS, value = 3;
    __asm__ volatile("1: imulq %1, %1\n\tdecq %0\n\tjnz 1b" : "+r"(rounds), "+r"(value) : : "cc");
}

static void shuffle(void)
{
    uint64_t rounds = ROUNDS;
    __asm__ volatile("1: pshufb %%xmm0, %%xmm1\n\tdecq %0\n\tjnz 1b" : "+r"(rounds) : : "xmm0", "xmm1", "cc");
}

/* The best time of a few. */
static uint64_t time_of(void (*loop)(void), uint64_t (*clock_ns)(void))
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < RUNS; i++) {
        uint64_t start = clock_ns();
        loop();
        uint64_t spent = clock_ns() - start;
        best = spent < best ? spent : best;
    }
    return best;
}

struct kernels kernels_fastest(uint64_t (*clock_ns)(void))
{
    struct kernels code = kernels_of_processor();
    if (code.chacha == CHACHA_PORTABLE) /* no SSSE3, so no vector code at all */
        return code;
    if (time_of(shuffle, clock_ns) <= SLOW_RATIO * time_of(multiply, clock_ns))
        return code;
    code.chacha = CHACHA_PORTABLE;
    code.sha256 = SHA256_PORTABLE;
    code.gcm = code.gcm == GCM_PORTABLE ? GCM_PORTABLE : GCM_AES_ONLY;
    code.curve = CURVE_PORTABLE;
    code.chacha_first = true;
    return code;
}
