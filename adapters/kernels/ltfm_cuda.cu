// A warp per token walks all levels, so features are read once and only the map is written: the
// kernel moves what it must. The prompts' difference is made first, by one block per level.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/numbers.cuh"

#include <cub/block/block_reduce.cuh>

namespace looktwice::kernels {
namespace {
constexpr int kThreads = 256;
constexpr int kWarp = 32;

// difference[level][dims] = scale * (other / |other| - selected / |selected|)
__global__ void __launch_bounds__(kThreads)
    subtract_prompts(int dims, int selected, float scale, const float* __restrict__ prompts,
                     float* __restrict__ difference) {
  using Reduce = cub::BlockReduce<double, kThreads>;
  __shared__ typename Reduce::TempStorage storage;
  __shared__ double norms[2];
  prompts += static_cast<std::int64_t>(blockIdx.x) * 2 * dims;
  for (int p = 0; p < 2; ++p) {
    double sum = 0;
    for (int d = threadIdx.x; d < dims; d += kThreads) {
      const double value = prompts[p * dims + d];
      sum += value * value;
    }
    sum = Reduce(storage).Sum(sum);
    if (threadIdx.x == 0) norms[p] = sqrt(sum);
    __syncthreads();
  }
  for (int d = threadIdx.x; d < dims; d += kThreads)
    difference[static_cast<std::int64_t>(blockIdx.x) * dims + d] = static_cast<float>(
        double{scale} * (prompts[(1 - selected) * dims + d] / norms[1 - selected] -
                         prompts[selected * dims + d] / norms[selected]));
}

template <class Element>
__global__ void __launch_bounds__(kThreads)
    match(int levels, std::int64_t rows, int dims, float share,
          const Element* __restrict__ features, const float* __restrict__ bias,
          const float* __restrict__ difference, float* __restrict__ map) {
  const std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / kWarp;
  const int lane = threadIdx.x % kWarp;
  if (row >= rows) return;
  constexpr int kPack = Pack<Element>::kSize;
  const bool packed = dims % kPack == 0;
  float sum = 0;
  for (int level = 0; level < levels; ++level) {
    const Element* own = features + (level * rows + row) * dims;
    const float* own_bias = bias ? bias + static_cast<std::int64_t>(level) * dims : nullptr;
    const float* own_difference = difference + static_cast<std::int64_t>(level) * dims;
    float dot = 0, norm = 0;
    const auto add = [&](float e, int d) {
      if (own_bias) e += own_bias[d];
      dot += e * own_difference[d];
      norm += e * e;
    };
    if (packed)
      for (int d = lane * kPack; d < dims; d += kWarp * kPack) {
        float values[kPack];
        Pack<Element>::load(own + d, values);
        for (int i = 0; i < kPack; ++i) add(values[i], d + i);
      }
    else
      for (int d = lane; d < dims; d += kWarp) add(float_of(own[d]), d);
    for (int step = kWarp / 2; step > 0; step /= 2) {
      dot += __shfl_xor_sync(0xffffffffu, dot, step);
      norm += __shfl_xor_sync(0xffffffffu, norm, step);
    }
    sum += share / (1.0f + expf(dot / sqrtf(norm)));
  }
  if (lane == 0) map[row] = sum;
}

template <class Element>
void launch(const Ltfm& shape, const void* features, const float* bias, const float* difference,
            float* map, cudaStream_t stream) {
  const auto rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens;
  const float share = shape.share != 0 ? shape.share : 1.0f / static_cast<float>(shape.levels);
  constexpr int kRows = kThreads / kWarp;
  match<<<static_cast<unsigned>((rows + kRows - 1) / kRows), kThreads, 0, stream>>>(
      shape.levels, rows, shape.dims, share, static_cast<const Element*>(features), bias,
      difference, map);
  cuda_check(cudaGetLastError(), "ltfm_cuda");
}
}  // namespace

void ltfm_cuda(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
               float* map, Stream handle) {
  const cudaStream_t stream = cuda_stream(handle);
  float* difference = nullptr;
  const std::size_t bytes =
      sizeof(float) * static_cast<std::size_t>(shape.levels) * static_cast<std::size_t>(shape.dims);
  cuda_check(cudaMallocAsync(reinterpret_cast<void**>(&difference), bytes, stream),
             "ltfm_cuda: memory");
  subtract_prompts<<<shape.levels, kThreads, 0, stream>>>(shape.dims, shape.selected, shape.scale,
                                                          prompts, difference);
  cuda_check(cudaGetLastError(), "ltfm_cuda: prompts");
  if (shape.number == Number::f32)
    launch<float>(shape, features, bias, difference, map, stream);
  else if (shape.number == Number::bf16)
    launch<__nv_bfloat16>(shape, features, bias, difference, map, stream);
  else
    launch<__half>(shape, features, bias, difference, map, stream);
  cuda_check(cudaFreeAsync(difference, stream), "ltfm_cuda: memory");
}

}  // namespace looktwice::kernels
