/*
 * Which code runs: what the processor has, and what was chosen of it.
 */
#include "kernels.h"

#include "ring.h"

/* Bits of the words of OPENSSL_cpuid_setup(). */
#define LEAF_1_ECX_PCLMULQDQ  (1U << 1)
#define LEAF_1_ECX_SSSE3      (1U << 9)
#define LEAF_1_ECX_MOVBE      (1U << 22)
#define LEAF_1_ECX_AES        (1U << 25)
#define LEAF_1_ECX_AVX        (1U << 28)
#define LEAF_7_EBX_AVX2       (1U << 5)
#define LEAF_7_EBX_BMI2       (1U << 8)
#define LEAF_7_EBX_ADX        (1U << 19)
#define LEAF_7_EBX_BMI1       (1U << 3)
#define LEAF_7_EBX_SHA        (1U << 29)
#define LEAF_7_ECX_VAES       (1U << 9)
#define LEAF_7_ECX_VPCLMULQDQ (1U << 10)

static struct kernels in_use;

static bool has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

static enum gcm_code best_gcm(const uint32_t features[4])
{
    if (!has(features[1], LEAF_1_ECX_AES | LEAF_1_ECX_PCLMULQDQ | LEAF_1_ECX_SSSE3))
        return GCM_PORTABLE;
    if (!has(features[1], LEAF_1_ECX_AVX | LEAF_1_ECX_MOVBE))
        return GCM_AES;
    if (!has(features[2], LEAF_7_EBX_AVX2 | LEAF_7_EBX_BMI2) ||
        !has(features[3], LEAF_7_ECX_VAES | LEAF_7_ECX_VPCLMULQDQ))
        return GCM_AVX;
    return GCM_VAES;
}

static enum curve_code best_curve(const uint32_t features[4])
{
    uint32_t all = LEAF_7_EBX_BMI1 | LEAF_7_EBX_BMI2 | LEAF_7_EBX_ADX | LEAF_7_EBX_AVX2;
    return has(features[2], all) ? CURVE_ADX : CURVE_PORTABLE;
}

static enum sha256_code best_sha256(const uint32_t features[4])
{
    bool sha = has(features[1], LEAF_1_ECX_SSSE3) && has(features[2], LEAF_7_EBX_SHA);
    return sha ? SHA256_SHA : SHA256_PORTABLE;
}

static enum chacha_code best_chacha(const uint32_t features[4])
{
    if (has(features[2], LEAF_7_EBX_AVX2))
        return CHACHA_AVX2;
    return has(features[1], LEAF_1_ECX_SSSE3) ? CHACHA_SSSE3 : CHACHA_PORTABLE;
}

struct kernels kernels_of_processor(void)
{
    uint32_t features[4];
    OPENSSL_cpuid_setup(features);
    enum gcm_code gcm = best_gcm(features);
    return (struct kernels){.gcm = gcm,
                            .chacha_first = gcm == GCM_PORTABLE,
                            .sha256 = best_sha256(features),
                            .chacha = best_chacha(features),
                            .curve = best_curve(features)};
}

struct kernels kernels_capped(struct kernels code, size_t level)
{
    if (code.gcm > level)
        code.gcm = (enum gcm_code)level;
    if (code.sha256 > level)
        code.sha256 = (enum sha256_code)level;
    if (code.chacha > level)
        code.chacha = (enum chacha_code)level;
    if (code.curve > level)
        code.curve = (enum curve_code)level;
    return code;
}

void kernels_use(struct kernels code)
{
    in_use = code;
    adx_bmi2_available = code.curve == CURVE_ADX;
    avx2_available = code.curve == CURVE_ADX;
}

struct kernels kernels_in_use(void)
{
    return in_use;
}
