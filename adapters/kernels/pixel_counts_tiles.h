// What a thread of pixel_counts' GPU kernel looks up for one anomalous score in a sorted chunk;
// walked on the host by tests/kernels/pixel_counts_test.cc. Places are 64 bits wide.
#pragma once

#include <cstdint>

#include "adapters/kernels/block_machine.h"

namespace looktwice::kernels {

// The first place of ascending[0, end) whose key is >= key, or > key (kAfter).
template <bool kAfter, class Ascending>
LOOKTWICE_TILE std::int64_t bound_in(const Ascending& ascending, std::int64_t end,
                                     std::uint32_t key) {
  std::int64_t begin = 0;
  while (begin < end) {
    const std::int64_t middle = begin + (end - begin) / 2;
    if (kAfter ? ascending[middle] <= key : ascending[middle] < key)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

struct PixelsAt {
  std::uint64_t above = 0, equal = 0;
};

// Most scores of float maps occur once: the second search is made only where the first one found
// the key itself.
template <class Ascending>
LOOKTWICE_TILE PixelsAt pixels_at(const Ascending& ascending, std::int64_t pixels,
                                  std::uint32_t key) {
  const std::int64_t last = bound_in<true>(ascending, pixels, key);
  PixelsAt found{.above = static_cast<std::uint64_t>(pixels - last)};
  if (last > 0 && ascending[last - 1] == key)
    found.equal = static_cast<std::uint64_t>(last - bound_in<false>(ascending, last, key));
  return found;
}

}  // namespace looktwice::kernels
