// The steps of the CUDA twin, one after the other, to be read.
#include <algorithm>
#include <vector>

#include "adapters/kernels/pixel_counts.h"

namespace looktwice::kernels {

void sort_entries_ref(std::int64_t entries, std::uint64_t* entry, std::uint32_t* keys,
                      std::int64_t* distinct) {
  std::stable_sort(entry, entry + entries,
                   [](std::uint64_t a, std::uint64_t b) { return a >> 32 < b >> 32; });
  std::uint32_t* end = keys;
  for (std::int64_t i = 0; i < entries; ++i)
    if (i == 0 || entry[i] >> 32 != entry[i - 1] >> 32)
      *end++ = static_cast<std::uint32_t>(entry[i] >> 32);
  *distinct = end - keys;
}

void pixel_counts_ref(const PixelCounts& shape, const float* score, const std::uint8_t* mask,
                      const std::uint32_t* keys, std::uint64_t* above, std::uint64_t* equal) {
  // What is not counted becomes the key 0, which is below every score and equal to none.
  std::vector<std::uint32_t> chunk(static_cast<std::size_t>(shape.pixels));
  for (std::int64_t i = 0; i < shape.pixels; ++i)
    chunk[static_cast<std::size_t>(i)] = mask[i] != 0 ? 0 : pixel_key(score[i]);
  std::sort(chunk.begin(), chunk.end());
  for (std::int64_t i = 0; i < shape.distinct; ++i) {
    const auto [first, last] = std::equal_range(chunk.begin(), chunk.end(), keys[i]);
    above[i] += static_cast<std::uint64_t>(chunk.end() - last);
    equal[i] += static_cast<std::uint64_t>(last - first);
  }
}

}  // namespace looktwice::kernels
