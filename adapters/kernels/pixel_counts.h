// Where the scores of normal pixels lie among the sorted scores of anomalous ones: all that exact
// pixel curves need, in whole numbers, so the CPU and a GPU agree to the last bit. A score is
// handled as its key: the bits of the float turned so that unsigned order is the order of floats,
// -0 as +0. The key 0 belongs to no finite float. Not here: curves; NaN and infinities, which the
// caller refuses; chunks and copies (pixel_counter.h).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

inline std::uint32_t pixel_key(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 + 0 is +0
  return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}

// An entry is an anomalous pixel: key << 32 | size of its region. Sorted by key, ascending; equal
// keys keep their order. keys[distinct]: the keys that occur, ascending; room for `entries` of
// them.
void sort_entries_ref(std::int64_t entries, std::uint64_t* entry, std::uint32_t* keys,
                      std::int64_t* distinct);
// CUDA build only. Pointers of the device but `entry` (sorted in place), which needs
// sort_entries_bytes() of `work`; *distinct is of the device, too.
std::size_t sort_entries_bytes(std::int64_t entries);
void sort_entries_cuda(std::int64_t entries, std::uint64_t* entry, std::uint32_t* keys,
                       std::int64_t* distinct, void* work, Stream stream);

struct PixelCounts {
  std::int64_t pixels = 0;    // of this chunk, at most kMostPixels
  std::int64_t distinct = 0;  // keys
};
inline constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;

// score[pixels], mask[pixels]: non-zero = not counted. Adds to above[i] how many counted pixels
// have a larger key than keys[i], to equal[i] how many have that key. keys[distinct] ascending,
// each once.
void pixel_counts_ref(const PixelCounts&, const float* score, const std::uint8_t* mask,
                      const std::uint32_t* keys, std::uint64_t* above, std::uint64_t* equal);
// CUDA build only. Pointers of the device; needs pixel_counts_bytes() of `work`. Two calls that add
// to the same counts must follow each other in one queue.
std::size_t pixel_counts_bytes(std::int64_t pixels);
void pixel_counts_cuda(const PixelCounts&, const float* score, const std::uint8_t* mask,
                       const std::uint32_t* keys, std::uint64_t* above, std::uint64_t* equal,
                       void* work, Stream stream);

}  // namespace looktwice::kernels
