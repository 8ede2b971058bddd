// How many normal pixels lie between the anomalous scores. One NormalCounts takes what any number
// of threads bring. A thread first sorts its pixels into piles by the leading bits of the score; a
// full pile is counted in one go, while the few scores it is compared with lie in the cache.
// (Counting each pixel at once costs a trip to memory per pixel.) Not here: curves; which pixels
// are normal is the mask's word.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/pixel/score_table.h"

namespace looktwice::metrics {

// The counts, 4 bytes per distinct score. Adding is exact, so the order of pixels and threads
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
  // A count that overflows into a map; the map is small, as every entry stands for 65536 pixels.
  struct Counter {
    std::vector<std::uint16_t> low = {};
    std::unordered_map<std::size_t, std::uint64_t> high = {};
  };
  // Reads the counts; each slot must lie below the one before.
  class Descent {
   public:
    explicit Descent(const Counter& counter)
        : low_(counter.low.data()), high_(counter.high.begin(), counter.high.end()) {
      std::sort(high_.begin(), high_.end());
      high_.insert(high_.begin(), {0, 0});  // never reached: slot 0 is the last
    }
    std::uint64_t operator[](std::size_t slot) {
      while (high_.back().first > slot) high_.pop_back();
      return low_[slot] + (high_.back().first == slot ? high_.back().second << 16 : 0);
    }

   private:
    const std::uint16_t* low_ = nullptr;
    std::vector<std::pair<std::size_t, std::uint64_t>> high_ = {};
  };

  // Trailing bits of normal pixels of one group. Safe to call from many threads.
  void count(std::size_t group, std::span<const std::uint16_t> pile);
  // The same trailing bits `times` times.
  void count(std::size_t group, std::uint16_t trailing, std::uint64_t times);
  void add_gap(std::size_t gap, std::uint64_t times);
  void add(std::size_t slot, std::uint64_t times);

  std::shared_ptr<const ScoreTable> table_ = {};
  // Of score i of a group, at 2 * (first + group + i): the normal pixels above score i - 1 and
  // below score i; then those equal to it. One more per group: those above all of its scores.
  Counter slots_ = {};
  std::vector<std::uint64_t> gaps_ = {};  // normal pixels whose leading bits lie between two groups
  static constexpr std::size_t kLocks = 1024;
  std::unique_ptr<std::mutex[]> locks_ = {};  // of group % kLocks
  std::mutex overflow_lock_ = {};             // of the maps and the gaps
};

// One thread's piles: about 36 MB at most, whatever the number of pixels.
class NormalPiles {
 public:
  // pile_bytes: for the piles, 4 MB more for their lines.
  static constexpr std::size_t kPileBytes = 32 << 20, kLineBytes = 5 << 20;
  explicit NormalPiles(std::shared_ptr<NormalCounts> counts, std::size_t pile_bytes = kPileBytes);
  // Counts the scores[i] with mask[i] == 0 (all of them if the mask is empty).
  // False when a score is not finite; what was counted is of no use then.
  bool add(std::span<const float> scores, std::span<const std::uint8_t> mask);
  // Counts what lies in the piles of these leading bits, and then what lies in none; nothing may be
  // added afterwards. Together once for all of [0, kLeading), in any order, on any threads.
  static constexpr std::uint32_t kLeading = 1 << 16;
  void finish(std::uint32_t first, std::uint32_t last) const;
  void finish_rest() const;
  std::int64_t pixels() const { return pixels_; }

 private:
  static constexpr std::size_t kTile = 128;
  static constexpr std::uint32_t kLine = 32;  // entries: 64 bytes
  struct Tile;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  bool add_tile(const float* scores, const std::uint8_t* mask, Tile& tile);
  void put(const Tile& tile, std::size_t count);
  void put_many(std::int32_t ordered, std::int64_t times);
  void count_even() const;
  void empty_line(std::uint32_t leading);
  std::uint16_t* pile(std::size_t group) const { return heap_.get() + group * pile_size_; }

  std::shared_ptr<NormalCounts> counts_ = {};
  // A pixel goes first into the line of its leading bits. The lines in use lie close together, so
  // that they and the address translation of theirs stay cached; a full line moves to its pile.
  std::unique_ptr<std::uint16_t[], Free> lines_ = {};  // [65536][kLine]
  std::unique_ptr<std::uint32_t[]> next_ = {};         // by leading bits: index into lines_
  std::unique_ptr<std::uint32_t[]> group_ = {};  // by leading bits; kGap | the group above the gap
  static constexpr std::uint32_t kGap = 0x80000000U;
  std::unique_ptr<std::uint16_t[], Free> heap_ = {};
  std::size_t pile_size_ = 0;               // whole lines
  std::vector<std::uint32_t> filled_ = {};  // of each pile
  std::vector<std::uint64_t> gaps_ = {};
  // Stretches of one score (a map of decisions, a flat background) are counted as such.
  std::int32_t even_ = 0;
  std::int64_t even_times_ = 0;
  std::int64_t pixels_ = 0;
};

template <class Step>
void NormalCounts::descend(Step&& step) const {
  const auto groups = table_->groups();
  const auto sizes = table_->sizes();
  Descent slots(slots_);
  std::size_t end = sizes.size();
  std::uint64_t above = gaps_[groups.size()];
  for (std::size_t g = groups.size(); g-- > 0;) {
    const ScoreTable::Group& group = groups[g];
    above += slots[2 * (group.first + g + group.count)];
    table_->descend(group, [&](std::uint32_t i, float score) {
      std::size_t begin = end - 1;
      while (!(sizes[begin] & ScoreTable::kFirst)) --begin;
      const std::size_t slot = 2 * (group.first + g + i);
      const std::uint64_t equal = slots[slot + 1];
      step(score, above, equal, sizes.subspan(begin, end - begin));
      end = begin;
      above += equal + slots[slot];
    });
    above += gaps_[g];
  }
}

}  // namespace looktwice::metrics
