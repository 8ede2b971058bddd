// The two loops that every normal pixel goes through, written once for any processor and again for
// wider registers; which of them runs is chosen when the program starts. All give the same whole
// numbers. Not here: what is done with the numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace looktwice::metrics {

// Scores of one stretch as keys (pixel_key), the unmasked ones, in order.
struct PixelTile {
  static constexpr std::size_t kPixels = 256, kSlack = 16;
  alignas(64) std::array<std::uint32_t, kPixels + kSlack> keys;
  std::size_t count = 0;
  bool finite = true;  // all scores, the masked ones too
  bool even = false;   // nothing is masked, and all keys are the same
};

// Where a score stands among the scores of one group, which share their 16 leading bits: word
// t >> 4 holds the bits of the scores whose trailing bits are t & ~15 to t | 15, the least in bit
// 0, and in its upper half how many scores of the group lie below them.
struct PixelRanks {
  static constexpr std::size_t kWords = 65536 / 16;
  alignas(64) std::array<std::uint32_t, kWords> words;
};

// One bit per possible score of a group, the least in bit 0 of the first word.
using PixelBits = std::array<std::uint64_t, 65536 / 64>;

struct PixelLanes {
  const char* name = "";
  // scores[kPixels], mask[kPixels]: non-zero = masked.
  void (*split)(const float* scores, const std::uint8_t* mask, PixelTile& tile) = nullptr;
  void (*rank)(const PixelBits& bits, PixelRanks& ranks) = nullptr;
  // For each of the trailing bits twice the number of scores that are smaller, one more if there is
  // an equal one. Reads trailing and writes slots up to the next multiple of 16.
  void (*slots)(const PixelRanks& ranks, const std::uint16_t* trailing, std::size_t count,
                std::uint32_t* slots) = nullptr;
};

// Those that this processor can run, the fastest last; the first one runs anywhere.
std::span<const PixelLanes> pixel_lanes();
inline const PixelLanes& fastest_pixel_lanes() {
  return pixel_lanes().back();
}

}  // namespace looktwice::metrics
