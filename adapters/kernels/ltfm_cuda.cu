// A warp per one or four tokens walks all levels (ltfm_tiles.h), so features are read once and only
// the map is written: the kernel moves what it must. The prompts' difference is made first, by one
// block per level.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_tiles.h"
#include "adapters/kernels/thread_of_block.cuh"

#include <cub/block/block_reduce.cuh>

namespace looktwice::kernels {
namespace {
using namespace blocks;

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

template <int kRows, int kPack, class Element>
__global__ void __launch_bounds__(kThreads)
    match(const __grid_constant__ LtfmArguments asked, const Element* __restrict__ features) {
  ThreadOfBlock thread;
  match_rows<kRows, kPack>(thread, asked, features, blockIdx.x);
}

bool aligned(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
}

template <int kRows, int kPack, class Element>
void launch(const LtfmArguments& asked, const Element* features, cudaStream_t stream) {
  constexpr std::int64_t kBlock = std::int64_t{kWarps} * kRows;
  match<kRows, kPack>
      <<<static_cast<unsigned>((asked.rows + kBlock - 1) / kBlock), kThreads, 0, stream>>>(
          asked, features);
  cuda_check(cudaGetLastError(), "ltfm_cuda");
}

template <class Element>
void launch(const LtfmArguments& asked, const void* data, cudaStream_t stream) {
  // Fewer tokens than this leave multiprocessors idle four at a time. A token's bits are the same.
  constexpr std::int64_t kManyRows = 4096;
  constexpr int kPack = Pack<Element>::kSize;
  const auto* features = static_cast<const Element*>(data);
  const bool packed = asked.dims % kPack == 0 && aligned(features) && aligned(asked.bias);
  if (packed && asked.rows >= kManyRows)
    launch<4, kPack>(asked, features, stream);
  else if (packed)
    launch<1, kPack>(asked, features, stream);
  else
    launch<1, 1>(asked, features, stream);
}
}  // namespace

void ltfm_cuda(const Ltfm& shape, const void* features, const float* bias, const float* prompts,
               float* map, Stream handle) {
  const DeviceOf device(handle);
  const cudaStream_t stream = cuda_stream(handle);
  float* difference = nullptr;
  const std::size_t bytes =
      sizeof(float) * static_cast<std::size_t>(shape.levels) * static_cast<std::size_t>(shape.dims);
  cuda_check(cudaMallocAsync(reinterpret_cast<void**>(&difference), bytes, stream),
             "ltfm_cuda: memory");
  subtract_prompts<<<shape.levels, kThreads, 0, stream>>>(shape.dims, shape.selected, shape.scale,
                                                          prompts, difference);
  cuda_check(cudaGetLastError(), "ltfm_cuda: prompts");
  const LtfmArguments asked{
      .bias = bias,
      .difference = difference,
      .map = map,
      .rows = static_cast<std::int64_t>(shape.tiles) * shape.tokens,
      .levels = shape.levels,
      .dims = shape.dims,
      .share = shape.share != 0 ? shape.share : 1.0f / static_cast<float>(shape.levels)};
  if (shape.number == Number::f32)
    launch<float>(asked, features, stream);
  else if (shape.number == Number::bf16)
    launch<__nv_bfloat16>(asked, features, stream);
  else
    launch<__half>(asked, features, stream);
  cuda_check(cudaFreeAsync(difference, stream), "ltfm_cuda: memory");
}

}  // namespace looktwice::kernels
