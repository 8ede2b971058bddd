// Connected regions of a mask: pixels that touch by an edge or a corner (8 neighbours) belong
// together. Not here: label images; a region is known by its runs. Source: He, Chao, Suzuki 2008
// (run-based two-scan labelling).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace looktwice::metrics {

// Pixels [begin, end) of one row. region counts from 0 in the order of the first run in reading
// order.
struct Run {
  std::int32_t row = 0, begin = 0, end = 0, region = 0;
};

// Keeps its memory from mask to mask.
class RegionFinder {
 public:
  // mask[height][width], non-zero = anomalous. Runs come in reading order.
  void find(std::span<const std::uint8_t> mask, int width, int height);
  std::span<const Run> runs() const { return runs_; }
  std::span<const std::uint32_t> areas() const { return areas_; }  // in pixels, one per region

 private:
  std::vector<Run> runs_ = {};
  std::vector<std::int32_t> parents_ =
      {};  // of runs; a root is its own parent and the first run of its region
  std::vector<std::uint32_t> areas_ = {};
};

}  // namespace looktwice::metrics
