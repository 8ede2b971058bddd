// One block an image: a radix select of four byte-wide digits finds the k-th largest key, then one
// ordered pass writes. The weights of an image (256 KiB at most) are read from L2 after the first
// pass; no memory of its own is needed.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/topk_tokens.h"

#include <cub/block/block_scan.cuh>

namespace looktwice::kernels {
namespace {
constexpr int kThreads = 512;
constexpr int kDigits = 256;
using Scan = cub::BlockScan<std::uint32_t, kThreads>;

// Larger float, larger key. Adding 0 turns -0 into 0.
__device__ std::uint32_t key_of(float weight) {
  const std::uint32_t bits = __float_as_uint(weight + 0.0f);
  return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}

__global__ void __launch_bounds__(kThreads)
    select(int tokens, int k, const float* __restrict__ weight, std::int32_t* __restrict__ kept) {
  __shared__ typename Scan::TempStorage scan;
  __shared__ std::uint32_t count[kDigits];
  __shared__ std::uint32_t chosen_digit, chosen_rest;
  weight += static_cast<std::int64_t>(blockIdx.x) * tokens;
  kept += static_cast<std::int64_t>(blockIdx.x) * k;

  // The k-th largest key, digit by digit: `threshold` is known under `mask`, and `rest` counts from
  // the top of the keys that agree with it so far.
  std::uint32_t threshold = 0, mask = 0, rest = k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (threadIdx.x < kDigits) count[threadIdx.x] = 0;
    __syncthreads();
    bool nan = false;
    for (int token = threadIdx.x; token < tokens; token += kThreads) {
      const float own = weight[token];
      nan |= isnan(own);
      const std::uint32_t key = key_of(own);
      if ((key & mask) == threshold) atomicAdd(&count[(key >> shift) & (kDigits - 1)], 1u);
    }
    if (__syncthreads_or(nan)) {
      for (int i = threadIdx.x; i < k; i += kThreads) kept[i] = kNotKept;
      return;
    }
    // Thread i looks at digit 255 - i; `above` counts the keys of larger digits.
    const std::uint32_t own = threadIdx.x < kDigits ? count[kDigits - 1 - threadIdx.x] : 0;
    std::uint32_t above;
    Scan(scan).ExclusiveSum(own, above);
    if (above < rest && rest <= above + own) {
      chosen_digit = kDigits - 1 - threadIdx.x;
      chosen_rest = rest - above;
    }
    __syncthreads();
    threshold |= chosen_digit << shift;
    rest = chosen_rest;
    mask |= (kDigits - 1u) << shift;
  }

  // `rest` ties are kept, the earliest. Both counts of a step fit one word: at most kThreads each.
  std::uint32_t larger_before = 0, equal_before = 0;
  for (int first = 0; first < tokens; first += kThreads) {
    const int token = first + static_cast<int>(threadIdx.x);
    const std::uint32_t key = token < tokens ? key_of(weight[token]) : 0;
    const bool larger = token < tokens && key > threshold;
    const bool equal = token < tokens && key == threshold;
    std::uint32_t before, all;
    Scan(scan).ExclusiveSum((larger ? 1u << 16 : 0u) + (equal ? 1u : 0u), before, all);
    const std::uint32_t ties = equal_before + (before & 0xffffu);
    if (larger || (equal && ties < rest))
      kept[larger_before + (before >> 16) + min(ties, rest)] = token;
    larger_before += all >> 16;
    equal_before += all & 0xffffu;
    __syncthreads();  // the storage of the scan is used again
  }
}
}  // namespace

void topk_tokens_cuda(const TopkTokens& shape, const float* weight, std::int32_t* kept,
                      Stream stream) {
  const DeviceOf device(stream);
  select<<<shape.images, kThreads, 0, cuda_stream(stream)>>>(shape.tokens, shape.k, weight, kept);
  cuda_check(cudaGetLastError(), "topk_tokens_cuda");
}

}  // namespace looktwice::kernels
