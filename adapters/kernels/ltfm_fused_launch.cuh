// From the part of ltfm_fused that chooses to the part that needs sm_90a, which is compiled for
// that architecture alone. Private to ltfm_fused_*.cu.
#pragma once

#include <cuda_runtime.h>

#include "adapters/kernels/ltfm_fused_tiles.h"

namespace looktwice::kernels {

// 16-bit numbers, on a device of compute capability 9.0.
void ltfm_fused_sm90(const fused::Arguments& asked, Number number, dim3 grid, cudaStream_t stream);

}  // namespace looktwice::kernels
