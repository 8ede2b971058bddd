// What both machines of ltfm_fused have on a GPU: one value where the emulation has one per lane or
// warp, the thread that runs, sums over a quad, who is last. Private to ltfm_fused_*.cu.
#pragma once

#include "adapters/kernels/ltfm_fused_tiles.h"

namespace looktwice::kernels::fused {

// The thread's own of what the emulation has many of.
template <class Value>
struct One {
  Value value = {};
  __device__ __forceinline__ Value& operator[](int) { return value; }
};

class ThreadOfBlock {
 public:
  template <class Value>
  using OfWarp = One<Value>;
  template <class Value>
  using OfLane = One<Value>;

  __device__ __forceinline__ void threads(auto&& act) { act(static_cast<int>(threadIdx.x)); }
  __device__ __forceinline__ void warps(auto&& act) { act(static_cast<int>(threadIdx.x) / kWarp); }
  __device__ __forceinline__ void lanes(auto&& act) { act(static_cast<int>(threadIdx.x) % kWarp); }
  __device__ __forceinline__ void sync() { __syncthreads(); }

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
  __device__ __forceinline__ float exponential(float x) { return expf(x); }
  __device__ __forceinline__ float root(float x) { return sqrtf(x); }

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
