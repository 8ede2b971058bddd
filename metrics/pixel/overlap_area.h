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

namespace looktwice::metrics {

class OverlapArea {
 public:
  OverlapArea() = default;  // without a value
  // limit: of the false positive rate, in (0, 1]. normal: all normal pixels of the data.
  OverlapArea(double limit, std::int64_t normal);

  // One score and the sizes that its pixels' regions are divided by (ScoreTable::sizes, kFirst or
  // not; AnomalousScores::kMark is no pixel). Highest score first. above, equal: normal pixels with
  // a higher and with the same score.
  void take(std::uint64_t above, std::uint64_t equal, std::span<const std::uint32_t> sizes);

  // Within [0, 1]. Empty without a region or a normal pixel.
  std::optional<double> value(std::int64_t regions) const;

 private:
  __extension__ using Wide = unsigned __int128;
  // Whole numbers, so that order leaves no trace.
  struct Sums {                 // over the pixels of regions of one size
    std::int64_t whole = 0;     // pixels whose whole ramp is within the limit
    Wide twice_rank = 0;        // of these: sum of 2 * above + equal
    std::int64_t crossing = 0;  // whose ramp crosses the limit: all have one score
  };
  Sums& sums_of(std::uint32_t size);

  double limit_ = 0;              // in normal pixels
  std::vector<Sums> small_ = {};  // by size
  std::map<std::uint32_t, Sums> large_ = {};
  std::uint64_t crossing_above_ = 0, crossing_equal_ = 0;
};

}  // namespace looktwice::metrics
