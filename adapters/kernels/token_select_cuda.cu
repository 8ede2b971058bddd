// Pooling and the weighted sums run a thread per column of the features, so that reads are
// coalesced; scores a warp per token. Features are read once to pool, twice to attend.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/numbers.cuh"
#include "adapters/kernels/token_select.h"

namespace looktwice::kernels {
namespace {
constexpr int kThreads = 128;
constexpr int kWarp = 32;

// Block: (columns of the features, tile).
template <class Element>
__global__ void __launch_bounds__(kThreads)
    pool(int grid, int dims, bool divide, const Element* __restrict__ features,
         const float* __restrict__ map, float* __restrict__ query, float* __restrict__ pooled) {
  const int d = blockIdx.x * kThreads + threadIdx.x;
  const std::int64_t tile = blockIdx.y;
  const int middle = grid / 2, half = (grid + 1) / 2;
  map += tile * grid * grid;
  features += tile * grid * grid * dims;
  float sum[kWindows] = {}, weight[kWindows] = {};
  for (int y = 0; y < grid; ++y)
    for (int x = 0; x < grid; ++x) {
      const int token = y * grid + x;
      const float m = map[token];
      const float f =
          d < dims ? m * float_of(features[static_cast<std::int64_t>(token) * dims + d]) : 0;
      for (int w = 0; w < kWindows; ++w) {
        const bool in =
            (w / 2 == 0 ? y < half : y >= middle) && (w % 2 == 0 ? x < half : x >= middle);
        weight[w] += in ? m : 0;
        sum[w] += in ? f : 0;
      }
    }
  const float area = static_cast<float>(half) * static_cast<float>(half);
  for (int w = 0; w < kWindows; ++w) {
    if (d < dims) query[(tile * kWindows + w) * dims + d] = sum[w] / (divide ? weight[w] : area);
    if (d == 0) pooled[tile * kWindows + w] = weight[w] / area;
  }
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

template <class Element>
void attend(const TokenSelect& shape, const Element* features, const float* query, float* score,
            float* token, cudaStream_t stream) {
  const int tokens = shape.grid * shape.grid;
  const auto tiles = static_cast<unsigned>(shape.tiles);
  match<<<dim3(blocks_for(tokens * kWarp), tiles), kThreads, 0, stream>>>(
      tokens, shape.dims, shape.scale, features, query, score);
  cuda_check(cudaGetLastError(), "token_attend_cuda: match");
  soften<<<tiles * kWindows, kWarp, 0, stream>>>(tokens, score);
  cuda_check(cudaGetLastError(), "token_attend_cuda: soften");
  gather<<<dim3(blocks_for(shape.dims), tiles), kThreads, 0, stream>>>(tokens, shape.dims, features,
                                                                       score, token);
  cuda_check(cudaGetLastError(), "token_attend_cuda: gather");
}
}  // namespace

void token_pool_cuda(const TokenSelect& shape, const void* features, const float* map, float* query,
                     float* pooled, Stream handle) {
  const dim3 blocks(blocks_for(shape.dims), static_cast<unsigned>(shape.tiles));
  const auto run = [&](const auto* typed) {
    pool<<<blocks, kThreads, 0, cuda_stream(handle)>>>(shape.grid, shape.dims, shape.divide, typed,
                                                       map, query, pooled);
  };
  if (shape.number == Number::f32)
    run(static_cast<const float*>(features));
  else if (shape.number == Number::bf16)
    run(static_cast<const __nv_bfloat16*>(features));
  else
    run(static_cast<const __half*>(features));
  cuda_check(cudaGetLastError(), "token_pool_cuda");
}

void token_attend_cuda(const TokenSelect& shape, const void* features, const float* query,
                       float* token, Stream handle) {
  const cudaStream_t stream = cuda_stream(handle);
  float* score = nullptr;
  const std::size_t bytes = sizeof(float) * kWindows * static_cast<std::size_t>(shape.tiles) *
                            static_cast<std::size_t>(shape.grid) *
                            static_cast<std::size_t>(shape.grid);
  cuda_check(cudaMallocAsync(reinterpret_cast<void**>(&score), bytes, stream),
             "token_attend_cuda: memory");
  if (shape.number == Number::f32)
    attend(shape, static_cast<const float*>(features), query, score, token, stream);
  else if (shape.number == Number::bf16)
    attend(shape, static_cast<const __nv_bfloat16*>(features), query, score, token, stream);
  else
    attend(shape, static_cast<const __half*>(features), query, score, token, stream);
  cuda_check(cudaFreeAsync(score, stream), "token_attend_cuda: memory");
}

void token_mean_cuda(const TokenSelect& shape, const float* token, const float* weight,
                     float* global, Stream handle) {
  mean<<<blocks_for(shape.dims), kThreads, 0, cuda_stream(handle)>>>(
      kWindows * shape.tiles, shape.dims, token, weight, global);
  cuda_check(cudaGetLastError(), "token_mean_cuda");
}

}  // namespace looktwice::kernels
