// The distinct anomalous scores, ascending, in groups that share their 16 leading bits: the places
// where every pixel curve changes. Not here: normal pixels, curves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "metrics/pixel/anomalous_scores.h"
#include "metrics/pixel/pixel_lanes.h"

namespace looktwice::metrics {

// At most 2 bytes per distinct score beside the gathered ones.
class ScoreTable {
 public:
  struct Group {
    std::uint32_t leading = 0;  // the 16 leading bits
    std::uint32_t count = 0;    // distinct scores, at most 65536
    std::size_t first = 0;      // of them, index into the whole table
    std::uint64_t pixels = 0;   // anomalous ones
    // The trailing bits of the scores, ascending; from kBits scores on PixelBits instead.
    const std::uint16_t* list = nullptr;
  };
  static constexpr std::uint32_t kBits = 4096;

  // Works on `threads` threads, which never changes the result.
  explicit ScoreTable(AnomalousScores&& scores, int threads = 1);
  ScoreTable(const ScoreTable&) = delete;  // groups point into lists
  ScoreTable& operator=(const ScoreTable&) = delete;

  std::span<const Group> groups() const { return groups_; }
  std::size_t scores() const { return scores_; }
  const AnomalousScores& pixels() const { return pixels_; }
  // All sizes that occur, ascending; of each part of the pixels, which of these its numbers are.
  std::span<const std::uint32_t> sizes() const { return sizes_; }
  std::span<const std::uint32_t> size_places(std::size_t part) const { return size_places_[part]; }

  void bits(const Group& group, PixelBits& bits) const;
  // trailing[group.count], ascending.
  void trailing(const Group& group, std::uint16_t* trailing) const;

 private:
  void join_sizes();

  AnomalousScores pixels_;
  std::vector<Group> groups_ = {};
  std::vector<std::vector<std::uint16_t>> lists_ = {};
  std::size_t scores_ = 0;
  std::vector<std::uint32_t> sizes_ = {};
  std::vector<std::vector<std::uint32_t>> size_places_ = {};
};

}  // namespace looktwice::metrics
