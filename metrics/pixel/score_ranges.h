// Which anomalous scores are held at a time when memory is bounded. Those that do not fit are
// gathered and counted range by range, the highest first, in two passes each; a range is of leading
// bits of keys (anomalous_scores.h), one of which is never split. Every pass sees the same scores
// whatever the bound, so that no bit changes. Not here: gathering and counting.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace looktwice::metrics {

class ScoreRanges {
 public:
  // Scores whose leading bits lie in [first, last].
  struct Range {
    std::uint32_t first = 0, last = 65535;
  };

  ScoreRanges() = default;
  // memory: bytes for scores and counts; 0: as many as needed.
  ScoreRanges(std::int64_t memory, int threads);

  // Two, or two per range and the first, whose scores were more than there is room for.
  int passes() const { return kept_ ? 2 : 1 + 2 * static_cast<int>(ranges_.size()); }
  bool counts_in(int pass) const { return kept_ ? pass == 1 : pass > 0 && pass % 2 == 0; }
  Range range_of(int pass) const {
    return kept_ || pass == 0 ? Range{} : ranges_[static_cast<std::size_t>(pass - 1) / 2];
  }
  std::size_t pile_bytes() const;  // of each thread, for NormalPiles

  // In the first pass: counters of all scores by their leading bits (null without a bound), how
  // many have come, in all parts together, and whether that is too many to be kept.
  std::int64_t* seen() { return by_leading_.empty() ? nullptr : by_leading_.data(); }
  void hold(std::int64_t scores) {
    if (held_) *held_ += scores;
  }
  bool overfull() const { return held_ && *held_ > room_for_scores(); }
  // After it. Empties what no longer is to be kept: true, and the ranges are gathered anew.
  bool divide();
  // How many scores the range of a pass holds; of use where they are gathered anew.
  bool is_divided() const { return !kept_; }
  std::int64_t scores_in(int pass) const;

  ScoreRanges part() const;
  void merge(const ScoreRanges& part);

 private:
  std::int64_t room_for_scores() const;

  std::int64_t memory_ = 0;
  int threads_ = 1;
  std::vector<std::int64_t> by_leading_ = {};
  std::shared_ptr<std::atomic<std::int64_t>> held_ = {};
  bool kept_ = true;  // all scores fit
  std::vector<Range> ranges_ = {};
};

}  // namespace looktwice::metrics
