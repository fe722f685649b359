/*
 * X25519 over the kernels.
 */
#include "kernels.h"

#include <string.h>

#include "ring.h"

void x25519_clamp(uint8_t scalar[X25519_BYTES])
{
    scalar[0] &= 0xf8;
    scalar[31] &= 0x7f;
    scalar[31] |= 0x40;
}

void x25519_public(const uint8_t scalar[X25519_BYTES], uint8_t point[X25519_BYTES])
{
    uint8_t clamped[X25519_BYTES];
    memcpy(clamped, scalar, sizeof clamped);
    x25519_clamp(clamped);
    x25519_public_from_private_generic_masked(point, clamped, kernels_in_use().curve == CURVE_ADX);
    kernels_wipe(clamped, sizeof clamped);
}

bool x25519_agree(const uint8_t scalar[X25519_BYTES], const uint8_t point[X25519_BYTES],
                  uint8_t shared[X25519_BYTES])
{
    uint8_t clamped[X25519_BYTES];
    memcpy(clamped, scalar, sizeof clamped);
    x25519_clamp(clamped);
    if (kernels_in_use().curve == CURVE_ADX)
        x25519_scalar_mult_adx(shared, clamped, point);
    else
        x25519_scalar_mult_generic_masked(shared, clamped, point);
    kernels_wipe(clamped, sizeof clamped);
    uint8_t any = 0;
    for (size_t i = 0; i < X25519_BYTES; i++)
        any |= shared[i];
    return any != 0;
}
