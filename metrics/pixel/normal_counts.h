// How many normal pixels lie between the anomalous scores. One NormalCounts takes what any number
// of threads bring. A thread first sorts its pixels into piles by the leading bits of the score; a
// full pile is counted in one go, while the few scores it is compared with lie in the cache.
// (Counting each pixel at once costs a trip to memory per pixel.) Not here: curves; which pixels
// are normal is the mask's word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "metrics/pixel/score_table.h"

namespace looktwice::metrics {

// The counts, 6 bytes per distinct score. Adding is exact, so the order of pixels and threads
// leaves no trace.
class NormalCounts {
 public:
  explicit NormalCounts(std::shared_ptr<const ScoreTable> table);

  // Calls step(score, normal pixels above it, normal pixels equal to it, sizes) for each score, the
  // highest first. `sizes` of its pixels as ScoreTable keeps them.
  template <class Step>
  void descend(Step&& step) const;
  const ScoreTable& table() const { return *table_; }

 private:
  friend class NormalPiles;
  // Trailing bits of normal pixels of one group. Safe to call from many threads.
  void count(std::size_t group, std::span<const std::uint16_t> pile);
  // The same trailing bits `times` times.
  void count(std::size_t group, std::uint16_t trailing, std::uint64_t times);
  void add_gaps(std::span<const std::int64_t> gaps);
  void add_gap(std::size_t gap, std::int64_t times);
  std::uint64_t below_count(std::size_t slot) const;  // 64 bits, carries included
  std::uint64_t equal_count(std::size_t score) const;

  std::shared_ptr<const ScoreTable> table_ = {};
  // below_[first + group + i]: normal pixels above score i - 1 of the group and not above score i;
  // one more per group.
  std::vector<std::uint32_t> below_ = {};
  std::vector<std::uint16_t> equal_ = {};  // of these, equal to score i
  std::vector<std::int64_t> gaps_ = {};  // normal pixels whose leading bits lie between two groups
  // How often a count came round to 0.
  std::unordered_map<std::size_t, std::uint64_t> below_carries_ = {}, equal_carries_ = {};
  static constexpr std::size_t kLocks = 1024;
  std::unique_ptr<std::mutex[]> locks_ = {};  // of group % kLocks
  std::mutex carries_lock_ = {};
};

// One thread's piles: at most kBytes whatever the number of pixels.
class NormalPiles {
 public:
  explicit NormalPiles(std::shared_ptr<NormalCounts> counts);
  // Counts the scores[i] with mask[i] == 0 (all of them if the mask is empty).
  // False when a score that counts is not finite; what was counted is of no use then.
  bool add(std::span<const float> scores, std::span<const std::uint8_t> mask);
  // Counts what lies in the piles without changing them: these are read for the last time.
  void finish() const;
  std::int64_t pixels() const { return pixels_; }

 private:
  static constexpr std::size_t kBytes = 16 << 20;
  static constexpr std::uint32_t kGap = 0x80000000U;
  struct Pile {
    std::uint32_t group =
        0;  // kGap | number of the gap, if no anomalous score has these leading bits
    std::uint32_t fill = 0;
  };
  static constexpr std::size_t kTile = 64;
  using Tile = std::array<std::int32_t, kTile>;
  bool add_tile(const float* scores, const std::uint8_t* mask, Tile& tile);
  void put(std::int32_t ordered);
  void put_many(std::int32_t ordered, std::int64_t times);
  void count_even() const;

  std::shared_ptr<NormalCounts> counts_ = {};
  std::vector<Pile> piles_ = {};  // by leading bits
  std::unique_ptr<std::uint16_t[]> heap_ = {};
  std::size_t pile_size_ = 0;
  std::vector<std::int64_t> gaps_ = {};
  // Stretches of one score (a map of decisions, a flat background) are counted as such.
  std::int32_t even_ = 0;
  std::int64_t even_times_ = 0;
  std::int64_t pixels_ = 0;
};

template <class Step>
void NormalCounts::descend(Step&& step) const {
  const auto groups = table_->groups();
  const auto sizes = table_->sizes();
  std::size_t end = sizes.size();
  std::uint64_t above = static_cast<std::uint64_t>(gaps_[groups.size()]);
  for (std::size_t g = groups.size(); g-- > 0;) {
    const ScoreTable::Group& group = groups[g];
    above += below_count(group.first + g + group.count);
    for (std::uint32_t i = group.count; i-- > 0;) {
      std::size_t begin = end - 1;
      while (!(sizes[begin] & ScoreTable::kFirst)) --begin;
      step(ScoreTable::score(group, table_->trailing()[group.first + i]), above,
           equal_count(group.first + i), sizes.subspan(begin, end - begin));
      end = begin;
      above += below_count(group.first + g + i);
    }
    above += static_cast<std::uint64_t>(gaps_[g]);
  }
}

}  // namespace looktwice::metrics
