// What both machines of ltfm_fused have on a GPU beyond thread_of_block.cuh: sums over a quad, who is
// last. Private to ltfm_fused_*.cu.
#pragma once

#include "adapters/kernels/ltfm_fused_tiles.h"
#include "adapters/kernels/thread_of_block.cuh"

namespace looktwice::kernels::fused {

using blocks::One;

class ThreadOfBlock : public blocks::ThreadOfBlock {
 public:
  __device__ __forceinline__ void sum_quads(One<Sums>& sums) {
    LOOKTWICE_UNROLL
    for (int step = 1; step < 4; step *= 2) {
      sums.value.norm += __shfl_xor_sync(0xffffffffu, sums.value.norm, step);
      sums.value.dot += __shfl_xor_sync(0xffffffffu, sums.value.dot, step);
    }
  }

  // Written by another block: from L2, the first-level caches do not know.
  __device__ __forceinline__ Sums others(const Sums& at) {
    const float2 pair = __ldcg(reinterpret_cast<const float2*>(&at));
    return {pair.x, pair.y};
  }

  // True in all threads of the block that comes last of `all`; what the others wrote is visible.
  __device__ __forceinline__ bool is_last(unsigned* done, unsigned all) {
    __threadfence();
    bool last = false;
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(done, 1u) == all - 1;
    last = __syncthreads_or(last);
    __threadfence();
    return last;
  }
};

}  // namespace looktwice::kernels::fused
