// Who counts the normal pixels between the anomalous ones, if not the processors (NormalCounts): a
// GPU, say. It sorts and counts, in whole numbers; the curves are walked by the same code either
// way, so the values are the same to the last bit. Not here: any engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace looktwice::metrics {

class PixelEngine {
 public:
  virtual ~PixelEngine() = default;
  // Thread-safe. Scores that count are finite; mask: empty, or non-zero = does not count.
  virtual void add(std::span<const float> scores, std::span<const std::uint8_t> mask) = 0;
  struct Counts {
    std::vector<std::uint64_t> entries = {};  // as given, ascending by key
    // Per distinct key, ascending: normal pixels with a larger key, and with this one.
    std::vector<std::uint64_t> above = {}, equal = {};
  };
  // Once, after the last add.
  virtual Counts finish() = 0;
};

// entries: pixel_key(score) << 32 | size, in any order; size 0: a score without a pixel at which
// counts are wanted.
using MakePixelEngine =
    std::function<std::unique_ptr<PixelEngine>(std::vector<std::uint64_t> entries)>;

}  // namespace looktwice::metrics
