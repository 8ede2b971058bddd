// Radix sorts and one scan of CUB; a thread per anomalous score then looks up its place in the
// sorted chunk. No atomics: each count has one writer, so the result cannot depend on timing.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/pixel_counts.h"
#include "adapters/kernels/pixel_counts_tiles.h"

#include <thrust/iterator/transform_iterator.h>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_select.cuh>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace looktwice::kernels {
namespace {
constexpr int kThreads = 256;
constexpr std::size_t kAlign = 256;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

unsigned blocks_for(std::int64_t items) {
  return static_cast<unsigned>((items + kThreads - 1) / kThreads);
}

struct KeyOfEntry {
  __host__ __device__ std::uint32_t operator()(std::uint64_t entry) const {
    return static_cast<std::uint32_t>(entry >> 32);
  }
};
using EntryKeys = thrust::transform_iterator<KeyOfEntry, const std::uint64_t*>;

// CUB's own need for n items; the pointers are not looked at.
std::size_t entry_sort_bytes(std::int64_t entries) {
  std::size_t bytes = 0;
  cuda_check(
      cub::DeviceRadixSort::SortKeys(nullptr, bytes, static_cast<const std::uint64_t*>(nullptr),
                                     static_cast<std::uint64_t*>(nullptr), entries, 32, 64),
      "size of the sort of entries");
  return bytes;
}
std::size_t unique_bytes(std::int64_t entries) {
  std::size_t bytes = 0;
  cuda_check(cub::DeviceSelect::Unique(nullptr, bytes, EntryKeys(nullptr, KeyOfEntry()),
                                       static_cast<std::uint32_t*>(nullptr),
                                       static_cast<std::int64_t*>(nullptr), entries),
             "size of the search for distinct scores");
  return bytes;
}
std::size_t key_sort_bytes(std::int64_t pixels) {
  std::size_t bytes = 0;
  cuda_check(cub::DeviceRadixSort::SortKeys(
                 nullptr, bytes, static_cast<const std::uint32_t*>(nullptr),
                 static_cast<std::uint32_t*>(nullptr), static_cast<int>(pixels), 0, 32),
             "size of the sort of pixels");
  return bytes;
}

__global__ void __launch_bounds__(kThreads)
    make_keys(std::int64_t pixels, const float* __restrict__ score,
              const std::uint8_t* __restrict__ mask, std::uint32_t* __restrict__ keys) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= pixels) return;
  const std::uint32_t bits = __float_as_uint(score[i] + 0.0f);
  const std::uint32_t key = bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
  keys[i] = mask[i] != 0 ? 0u : key;
}

__global__ void __launch_bounds__(kThreads)
    add_counts(std::int64_t pixels, std::int64_t distinct, const std::uint32_t* __restrict__ chunk,
               const std::uint32_t* __restrict__ keys, std::uint64_t* __restrict__ above,
               std::uint64_t* __restrict__ equal) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= distinct) return;
  const PixelsAt found = pixels_at(chunk, pixels, keys[i]);
  above[i] += found.above;
  equal[i] += found.equal;
}
}  // namespace

std::size_t sort_entries_bytes(std::int64_t entries) {
  return aligned(static_cast<std::size_t>(entries) * sizeof(std::uint64_t)) +
         std::max(entry_sort_bytes(entries), unique_bytes(entries));
}

void sort_entries_cuda(std::int64_t entries, std::uint64_t* entry, std::uint32_t* keys,
                       std::int64_t* distinct, void* work, Stream stream) {
  const cudaStream_t queue = cuda_stream(stream);
  // Before CUDA 13 CUB counts what it selects from in an int.
  if (CUB_VERSION < 300000 && entries > std::numeric_limits<int>::max())
    throw std::runtime_error("more than 2^31 - 1 anomalous pixels need a build with CUDA 13");
  if (entries == 0) {
    cuda_check(cudaMemsetAsync(distinct, 0, sizeof *distinct, queue), "no entries");
    return;
  }
  auto* sorted = static_cast<std::uint64_t*>(work);
  const std::size_t sorted_bytes = static_cast<std::size_t>(entries) * sizeof(std::uint64_t);
  void* rest = static_cast<char*>(work) + aligned(sorted_bytes);
  std::size_t bytes = entry_sort_bytes(entries);
  cuda_check(cub::DeviceRadixSort::SortKeys(rest, bytes, static_cast<const std::uint64_t*>(entry),
                                            sorted, entries, 32, 64, queue),
             "sort of entries");
  cuda_check(cudaMemcpyAsync(entry, sorted, sorted_bytes, cudaMemcpyDeviceToDevice, queue),
             "copy of sorted entries");
  bytes = unique_bytes(entries);
  cuda_check(cub::DeviceSelect::Unique(rest, bytes, EntryKeys(sorted, KeyOfEntry()), keys, distinct,
                                       entries, queue),
             "search for distinct scores");
}

std::size_t pixel_counts_bytes(std::int64_t pixels) {
  return 2 * aligned(static_cast<std::size_t>(pixels) * sizeof(std::uint32_t)) +
         key_sort_bytes(pixels);
}

void pixel_counts_cuda(const PixelCounts& shape, const float* score, const std::uint8_t* mask,
                       const std::uint32_t* keys, std::uint64_t* above, std::uint64_t* equal,
                       void* work, Stream stream) {
  const auto [pixels, distinct] = shape;
  if (pixels == 0 || distinct == 0) return;
  const cudaStream_t queue = cuda_stream(stream);
  const std::size_t room = aligned(static_cast<std::size_t>(pixels) * sizeof(std::uint32_t));
  auto* unsorted = static_cast<std::uint32_t*>(work);
  auto* sorted = reinterpret_cast<std::uint32_t*>(static_cast<char*>(work) + room);
  void* rest = static_cast<char*>(work) + 2 * room;
  make_keys<<<blocks_for(pixels), kThreads, 0, queue>>>(pixels, score, mask, unsorted);
  cuda_check(cudaGetLastError(), "keys of pixels");
  std::size_t bytes = key_sort_bytes(pixels);
  cuda_check(
      cub::DeviceRadixSort::SortKeys(rest, bytes, static_cast<const std::uint32_t*>(unsorted),
                                     sorted, static_cast<int>(pixels), 0, 32, queue),
      "sort of pixels");
  add_counts<<<blocks_for(distinct), kThreads, 0, queue>>>(pixels, distinct, sorted, keys, above,
                                                           equal);
  cuda_check(cudaGetLastError(), "counts of pixels");
}

}  // namespace looktwice::kernels
