/*
 * SHA-256 over the kernels.
 */
#include "kernels.h"

#include "ring.h"

void sha256_blocks(uint32_t state[8], const uint8_t *data, size_t count)
{
    if (kernels_in_use().sha256 == SHA256_SHA)
        sha256_block_data_order_hw(state, data, count);
    else
        sha256_block_data_order_nohw(state, data, count);
}
