// What the curves are walked by: the anomalous scores that share their 16 leading bits, and how
// many normal pixels lie above and at each. Not here: who counts them, what is made of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {

struct ScoreGroup {
  std::size_t index = 0;                         // counted from the highest group
  std::uint32_t leading = 0;                     // the leading bits of the keys
  std::span<const std::uint16_t> trailing = {};  // the rest of them, ascending
  // Per score: normal pixels with a higher and with the same one.
  std::span<const std::uint64_t> above = {}, equal = {};
  std::uint64_t found_above = 0;  // anomalous pixels in the groups above

  std::uint32_t key(std::size_t i) const { return leading << 16 | trailing[i]; }
  float score(std::size_t i) const { return from_pixel_key(key(i)); }
};

// Is told first what sizes the pixels' regions are divided by, ascending. Then it sees every group
// once: all of its pixels, in pieces, and its scores. Groups come in any order, and different ones
// go to different visitors, each in a thread of its own.
class ScoreVisitor {
 public:
  virtual ~ScoreVisitor() = default;
  virtual void begin(std::span<const std::uint32_t> sizes) = 0;
  // Pixels: places[i] of their scores in the group, sizes[i] of their sizes in the list of begin().
  virtual void pixels(const ScoreGroup& group, std::span<const std::uint32_t> places,
                      std::span<const std::uint32_t> sizes) = 0;
  // here[i]: anomalous pixels of this score; 0: a mark.
  virtual void scores(const ScoreGroup& group, std::span<const std::uint32_t> here) = 0;
};

}  // namespace looktwice::metrics
