// Area under the curve "mean overlap of the regions against the false positive rate", from 0 to a
// limit, divided by it. A pixel of a region of size s lifts the curve by 1 / (regions * s) from its
// rank among the normal pixels on; equal scores make a ramp. Not here: what a region is and which
// of its pixels count.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "metrics/pixel/score_group.h"

namespace looktwice::metrics {

class OverlapArea {
 public:
  OverlapArea() = default;  // without a value
  // limit: of the false positive rate, in (0, 1]. normal: all normal pixels of the data.
  OverlapArea(double limit, std::int64_t normal);

  // What regions are divided by, ascending, and then pixels of one group: the places of their
  // scores in it and of their sizes in this list. In any order, in any number of parts, which are
  // merged then.
  void begin(std::span<const std::uint32_t> sizes);
  void take(const ScoreGroup& group, std::span<const std::uint32_t> places,
            std::span<const std::uint32_t> sizes);
  void merge(const OverlapArea& part);

  // Within [0, 1]. Empty without a region or a normal pixel.
  std::optional<double> value(std::int64_t regions) const;

 private:
  __extension__ using Wide = unsigned __int128;
  // Whole numbers, so that order leaves no trace.
  struct Sums {                 // over the pixels of regions of one size
    Wide twice_rank = 0;        // sum of 2 * above + equal
    std::int64_t whole = 0;     // of these: pixels whose whole ramp is within the limit
    std::int64_t crossing = 0;  // whose ramp crosses the limit: all have one score
  };
  static void add(Sums& own, const Sums& other);
  void add_to(std::map<std::uint32_t, Sums>& all) const;

  double limit_ = 0;  // in normal pixels
  std::vector<std::uint32_t> sizes_ = {};
  std::vector<Sums> sums_ = {};                // of these
  std::map<std::uint32_t, Sums> before_ = {};  // of lists before
  std::uint64_t crossing_above_ = 0, crossing_equal_ = 0;
};

}  // namespace looktwice::metrics
