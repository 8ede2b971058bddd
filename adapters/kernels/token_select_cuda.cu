// Pooling and attention read the features from memory once (token_select_tiles.h), sixteen bytes a
// lane. Attention over more than kMostSharedDims columns, whose queries do not fit in shared
// memory, takes three plain kernels instead and reads them twice.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/thread_of_block.cuh"
#include "adapters/kernels/token_select.h"
#include "adapters/kernels/token_select_tiles.h"

namespace looktwice::kernels {
namespace {
using namespace blocks;

// Grid: (groups of columns, tiles).
template <int kPack, class Element>
__global__ void __launch_bounds__(kThreads)
    pool(const __grid_constant__ PoolArguments asked, const Element* __restrict__ features) {
  __shared__ PoolShared<kPack> shared;
  ThreadOfBlock thread;
  pool_columns<kPack>(thread, asked, features, blockIdx.y, static_cast<int>(blockIdx.x), shared);
}

// Grid: (slices, tiles).
template <int kPack, class Element>
__global__ void __launch_bounds__(kThreads)
    attend_slices(const __grid_constant__ AttendArguments asked,
                  const Element* __restrict__ features) {
  extern __shared__ __align__(16) float rows[];
  __shared__ AttendShared shared;
  ThreadOfBlock thread;
  attend_slice<kPack>(thread, asked, features, blockIdx.y, static_cast<int>(blockIdx.x), shared,
                      rows, rows + kWindows * asked.dims);
}

// Grid: (blocks of [4][dims], tiles).
__global__ void __launch_bounds__(kThreads)
    join_slices(const __grid_constant__ AttendArguments asked, float* __restrict__ token) {
  const int at = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (at >= kWindows * asked.dims) return;
  ThreadOfBlock thread;
  const std::int64_t tile = blockIdx.y;
  token[tile * kWindows * asked.dims + at] = joined(thread, asked, tile, at);
}

bool aligned(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
}

// score[tile][window][token]; a warp per token.
template <class Element>
__global__ void __launch_bounds__(kThreads)
    match(int tokens, int dims, float scale, const Element* __restrict__ features,
          const float* __restrict__ query, float* __restrict__ score) {
  const int token = (blockIdx.x * kThreads + threadIdx.x) / kWarp, lane = threadIdx.x % kWarp;
  const std::int64_t tile = blockIdx.y;
  if (token >= tokens) return;
  const Element* own = features + (tile * tokens + token) * dims;
  query += tile * kWindows * dims;
  float sum[kWindows] = {};
  for (int d = lane; d < dims; d += kWarp) {
    const float f = float_of(own[d]);
    for (int w = 0; w < kWindows; ++w) sum[w] += f * query[w * dims + d];
  }
  for (int w = 0; w < kWindows; ++w) {
    for (int step = kWarp / 2; step > 0; step /= 2)
      sum[w] += __shfl_xor_sync(0xffffffffu, sum[w], step);
    if (lane == 0) score[(tile * kWindows + w) * tokens + token] = scale * sum[w];
  }
}

// In place; a warp per tile and window.
__global__ void __launch_bounds__(kWarp) soften(int tokens, float* __restrict__ score) {
  score += static_cast<std::int64_t>(blockIdx.x) * tokens;
  float most = -INFINITY, all = 0;
  for (int t = threadIdx.x; t < tokens; t += kWarp) most = fmaxf(most, score[t]);
  for (int step = kWarp / 2; step > 0; step /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, step));
  for (int t = threadIdx.x; t < tokens; t += kWarp) all += score[t] = expf(score[t] - most);
  for (int step = kWarp / 2; step > 0; step /= 2) all += __shfl_xor_sync(0xffffffffu, all, step);
  for (int t = threadIdx.x; t < tokens; t += kWarp) score[t] /= all;
}

template <class Element>
__global__ void __launch_bounds__(kThreads)
    gather(int tokens, int dims, const Element* __restrict__ features,
           const float* __restrict__ score, float* __restrict__ token) {
  const int d = blockIdx.x * kThreads + threadIdx.x;
  const std::int64_t tile = blockIdx.y;
  if (d >= dims) return;
  features += tile * tokens * dims;
  score += tile * kWindows * tokens;
  float sum[kWindows] = {};
  for (int t = 0; t < tokens; ++t) {
    const float f = float_of(features[static_cast<std::int64_t>(t) * dims + d]);
    for (int w = 0; w < kWindows; ++w) sum[w] += score[w * tokens + t] * f;
  }
  for (int w = 0; w < kWindows; ++w) token[(tile * kWindows + w) * dims + d] = sum[w];
}

__global__ void __launch_bounds__(kThreads)
    mean(int places, int dims, const float* __restrict__ token, const float* __restrict__ weight,
         float* __restrict__ global) {
  const int d = blockIdx.x * kThreads + threadIdx.x;
  if (d >= dims) return;
  double sum = 0, all = 0;
  for (int place = 0; place < places; ++place) {
    const double own = weight[place];
    all += own;
    sum += own * token[static_cast<std::int64_t>(place) * dims + d];
  }
  global[d] = static_cast<float>(sum / all);
}

unsigned blocks_for(int items) {
  return static_cast<unsigned>((items + kThreads - 1) / kThreads);
}

// Memory of the queue, given back behind what was asked of it.
class QueueMemory {
 public:
  QueueMemory(std::int64_t floats, cudaStream_t stream) : stream_(stream) {
    cuda_check(cudaMallocAsync(reinterpret_cast<void**>(&data_),
                               static_cast<std::size_t>(floats) * sizeof(float), stream),
               "token_select: memory");
  }
  ~QueueMemory() { cudaFreeAsync(data_, stream_); }
  QueueMemory(const QueueMemory&) = delete;
  QueueMemory& operator=(const QueueMemory&) = delete;
  float* get() const { return data_; }

 private:
  float* data_ = nullptr;
  cudaStream_t stream_;
};

template <class Element>
void pool_all(const TokenSelect& shape, const void* data, const PoolArguments& asked,
              cudaStream_t stream) {
  constexpr int kPack = Pack<Element>::kSize;
  const auto* features = static_cast<const Element*>(data);
  const auto grid = [&](int pack) {
    const int columns = kWarp * pack;
    return dim3(static_cast<unsigned>((shape.dims + columns - 1) / columns),
                static_cast<unsigned>(shape.tiles));
  };
  if (shape.dims % kPack == 0 && aligned(features))
    pool<kPack><<<grid(kPack), kThreads, 0, stream>>>(asked, features);
  else
    pool<1><<<grid(1), kThreads, 0, stream>>>(asked, features);
  cuda_check(cudaGetLastError(), "token_pool_cuda");
}

template <class Element>
void attend_in_steps(const TokenSelect& shape, const Element* features, const float* query,
                     float* token, cudaStream_t stream) {
  const int tokens = shape.grid * shape.grid;
  const auto tiles = static_cast<unsigned>(shape.tiles);
  const QueueMemory score(std::int64_t{kWindows} * shape.tiles * tokens, stream);
  match<<<dim3(blocks_for(tokens * kWarp), tiles), kThreads, 0, stream>>>(
      tokens, shape.dims, shape.scale, features, query, score.get());
  cuda_check(cudaGetLastError(), "token_attend_cuda: match");
  soften<<<tiles * kWindows, kWarp, 0, stream>>>(tokens, score.get());
  cuda_check(cudaGetLastError(), "token_attend_cuda: soften");
  gather<<<dim3(blocks_for(shape.dims), tiles), kThreads, 0, stream>>>(tokens, shape.dims, features,
                                                                       score.get(), token);
  cuda_check(cudaGetLastError(), "token_attend_cuda: gather");
}

template <class Element>
void attend(const TokenSelect& shape, const void* data, const float* query, float* token,
            cudaStream_t stream) {
  const auto* features = static_cast<const Element*>(data);
  if (shape.dims > kMostSharedDims) return attend_in_steps(shape, features, query, token, stream);
  constexpr int kPack = Pack<Element>::kSize;
  AttendArguments asked = {};
  asked.query = query;
  asked.tokens = shape.grid * shape.grid;
  asked.dims = shape.dims;
  asked.scale = shape.scale;
  asked.slices = (asked.tokens + kSliceTokens - 1) / kSliceTokens;
  const std::int64_t places = std::int64_t{shape.tiles} * asked.slices * kWindows;
  const QueueMemory memory(places * shape.dims + 2 * places, stream);
  asked.sums = memory.get();
  asked.facts = memory.get() + places * shape.dims;
  const dim3 grid(static_cast<unsigned>(asked.slices), static_cast<unsigned>(shape.tiles));
  const std::size_t bytes = 2 * sizeof(float) * kWindows * static_cast<std::size_t>(shape.dims);
  if (shape.dims % kPack == 0 && aligned(features))
    attend_slices<kPack><<<grid, kThreads, bytes, stream>>>(asked, features);
  else
    attend_slices<1><<<grid, kThreads, bytes, stream>>>(asked, features);
  cuda_check(cudaGetLastError(), "token_attend_cuda");
  join_slices<<<dim3(blocks_for(kWindows * shape.dims), static_cast<unsigned>(shape.tiles)),
                kThreads, 0, stream>>>(asked, token);
  cuda_check(cudaGetLastError(), "token_attend_cuda: join");
}
}  // namespace

void token_pool_cuda(const TokenSelect& shape, const void* features, const float* map, float* query,
                     float* pooled, Stream handle) {
  const DeviceOf device(handle);
  const cudaStream_t stream = cuda_stream(handle);
  const PoolArguments asked{.map = map,
                            .query = query,
                            .pooled = pooled,
                            .grid = shape.grid,
                            .dims = shape.dims,
                            .divide = shape.divide};
  if (shape.number == Number::f32)
    pool_all<float>(shape, features, asked, stream);
  else if (shape.number == Number::bf16)
    pool_all<__nv_bfloat16>(shape, features, asked, stream);
  else
    pool_all<__half>(shape, features, asked, stream);
}

void token_attend_cuda(const TokenSelect& shape, const void* features, const float* query,
                       float* token, Stream handle) {
  const DeviceOf device(handle);
  const cudaStream_t stream = cuda_stream(handle);
  if (shape.number == Number::f32)
    attend<float>(shape, features, query, token, stream);
  else if (shape.number == Number::bf16)
    attend<__nv_bfloat16>(shape, features, query, token, stream);
  else
    attend<__half>(shape, features, query, token, stream);
}

void token_mean_cuda(const TokenSelect& shape, const float* token, const float* weight,
                     float* global, Stream handle) {
  const DeviceOf device(handle);
  mean<<<blocks_for(shape.dims), kThreads, 0, cuda_stream(handle)>>>(
      kWindows * shape.tiles, shape.dims, token, weight, global);
  cuda_check(cudaGetLastError(), "token_mean_cuda");
}

}  // namespace looktwice::kernels
