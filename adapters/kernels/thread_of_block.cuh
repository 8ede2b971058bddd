// The Machine of block_machine.h on a GPU: the thread that runs. Private to *_cuda.cu.
#pragma once

#include <cmath>

#include "adapters/kernels/block_machine.h"
#include "adapters/kernels/numbers.cuh"

namespace looktwice::kernels::blocks {

// The thread's own of what the host has many of.
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
  __device__ __forceinline__ void sync_warp() { __syncwarp(); }

  template <int kCount>
  __device__ __forceinline__ void sum_warp(One<Numbers<kCount>>& numbers) {
    LOOKTWICE_UNROLL
    for (int step = kWarp / 2; step > 0; step /= 2)
      LOOKTWICE_UNROLL
      for (int i = 0; i < kCount; ++i)
        numbers.value.at[i] += __shfl_xor_sync(0xffffffffu, numbers.value.at[i], step);
  }
  __device__ __forceinline__ void largest_of_warp(One<float>& number) {
    LOOKTWICE_UNROLL
    for (int step = kWarp / 2; step > 0; step /= 2)
      number.value = fmaxf(number.value, __shfl_xor_sync(0xffffffffu, number.value, step));
  }

  // kPack numbers at a multiple of sixteen bytes, or one.
  template <int kPack, class Element>
  __device__ __forceinline__ void load(const Element* from, float* to) {
    if constexpr (kPack == 1)
      to[0] = float_of(*from);
    else
      Pack<Element>::load(from, to);
  }
  template <int kPack>
  __device__ __forceinline__ void load_floats(const float* from, float* to) {
    if constexpr (kPack == 1)
      to[0] = *from;
    else
      LOOKTWICE_UNROLL
      for (int i = 0; i < kPack; i += 4) Pack<float>::load(from + i, to + i);
  }

  template <int kPack>
  __device__ __forceinline__ void store_floats(const float* from, float* to) {
    if constexpr (kPack == 1)
      *to = from[0];
    else
      LOOKTWICE_UNROLL
      for (int i = 0; i < kPack; i += 4)
        *reinterpret_cast<float4*>(to + i) =
            make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]);
  }

  __device__ __forceinline__ float fused(float x, float y, float sum) { return fmaf(x, y, sum); }
  __device__ __forceinline__ float exponential(float x) { return expf(x); }
  __device__ __forceinline__ float root(float x) { return sqrtf(x); }
  __device__ __forceinline__ float larger(float x, float y) { return fmaxf(x, y); }
  __device__ __forceinline__ float infinity() { return INFINITY; }
};

}  // namespace looktwice::kernels::blocks
