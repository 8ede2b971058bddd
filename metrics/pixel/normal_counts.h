// How many normal pixels lie between the anomalous scores. One NormalCounts takes what any number
// of threads bring. A thread first sorts its pixels into piles by the leading bits of the score;
// once they fill their memory each is counted in one go, while the few scores it is compared with
// lie in the nearest cache. (Counting each pixel at once costs a trip to memory per pixel.) Not
// here: curves; which pixels are normal is the mask's word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "metrics/pixel/kept_memory.h"
#include "metrics/pixel/pixel_lanes.h"
#include "metrics/pixel/score_table.h"

namespace looktwice::metrics {

// Where scores stand in the group that was asked for last; one per thread.
struct GroupRanks {
  static constexpr std::size_t kNone = SIZE_MAX;
  std::size_t group = kNone;
  PixelBits bits;
  PixelRanks ranks;
};

// The counts, 4 bytes per distinct score. Adding is exact, so the order of pixels and threads
// leaves no trace.
class NormalCounts {
 public:
  NormalCounts(std::shared_ptr<const ScoreTable> table, const PixelLanes& lanes);

  const ScoreTable& table() const { return *table_; }
  const PixelLanes& lanes() const { return *lanes_; }
  const PixelRanks& ranks(std::size_t group, GroupRanks& memory) const;
  // Normal pixels whose leading bits are those of the group; that lie between it and the one below
  // (the last: above all groups).
  std::uint64_t pixels(std::size_t group) const { return pixels_[group]; }
  std::uint64_t gap(std::size_t group) const { return gaps_[group]; }
  // Per score of the group, ascending: normal pixels with a higher and with the same score.
  // `above_group`: those above all of the group.
  void read(std::size_t group, std::uint64_t above_group, std::vector<std::uint64_t>& above,
            std::vector<std::uint64_t>& equal) const;

 private:
  friend class NormalPiles;
  // Chunks of trailing bits, one before the other; all full but the last.
  struct Pile {
    const std::uint16_t* pool = nullptr;
    const std::uint32_t* links = nullptr;  // chunk -> the chunk before; 0: none
    std::size_t chunk_size = 0;
    std::uint32_t last = 0;
    std::size_t in_last = 0;
  };
  // Safe to call from many threads.
  void count(std::size_t group, const Pile& pile, GroupRanks& memory);
  // The same trailing bits `times` times.
  void count(std::size_t group, std::uint16_t trailing, std::uint64_t times);
  void add_gap(std::size_t gap, std::uint64_t times);
  void add(std::size_t slot, std::uint64_t times);
  std::uint32_t slot_of(const ScoreTable::Group& group, std::uint16_t trailing) const;
  void carry(std::size_t group);
  std::size_t first_slot(std::size_t group) const {
    return 2 * (table_->groups()[group].first + group);
  }

  std::shared_ptr<const ScoreTable> table_ = {};
  const PixelLanes* lanes_ = nullptr;
  // Of score i of a group, at first_slot + 2 * i: the normal pixels above score i - 1 and below
  // score i; then those equal to it. One more per group: those above all of its scores. 15 bits
  // of a count; what is beyond lies in a map, which is small, since every entry stands for 32768
  // pixels.
  static constexpr std::uint32_t kLowBits = 15, kLow = (1U << kLowBits) - 1;
  KeptArray<std::uint16_t> low_ = {};
  std::map<std::size_t, std::uint64_t> high_ = {};
  std::vector<std::uint32_t> unchecked_ =
      {};  // of a group: so much may low_ have grown beyond kLow
  std::vector<std::uint64_t> pixels_ = {}, gaps_ = {};
  static constexpr std::size_t kLocks = 1024;
  std::unique_ptr<std::mutex[]> locks_ = {};  // of group % kLocks
  mutable std::mutex rest_lock_ = {};         // of the map and the gaps
};

// One thread's piles.
class NormalPiles {
 public:
  static constexpr std::size_t kPileBytes = 16 << 20;  // of the piles, at most
  static constexpr std::size_t kLeastPileBytes = 4 << 20;
  static constexpr std::size_t kRestBytes = 2 << 20;  // of what keeps them in order
  explicit NormalPiles(std::shared_ptr<NormalCounts> counts, std::size_t pile_bytes = kPileBytes);
  // Counts the scores[i] with mask[i] == 0 (all of them if the mask is empty).
  // False when a score is not finite; what was counted is of no use then.
  bool add(std::span<const float> scores, std::span<const std::uint8_t> mask);
  // Counts what lies in no pile, and then what lies in that of this group; nothing may be added
  // afterwards. Once, and once for each group, in any order, on any threads.
  void finish_rest() const;
  void finish(std::size_t group, GroupRanks& memory) const;
  std::uint64_t in_pile(std::size_t group) const;
  std::int64_t pixels() const { return pixels_; }

 private:
  static constexpr std::uint32_t kLeading = AnomalousScores::kLeading;
  static constexpr std::uint32_t kGap = 0x80000000U;
  bool add_tile(const float* scores, const std::uint8_t* mask, PixelTile& tile);
  void put(const PixelTile& tile);
  void put_many(std::uint32_t key, std::int64_t times);
  void count_even() const;
  std::uint32_t open_chunk(std::uint32_t leading, std::uint32_t head);
  void empty();
  NormalCounts::Pile pile(std::uint32_t head) const;

  std::shared_ptr<NormalCounts> counts_ = {};
  // A pile is a list of chunks of the pool, which are given out in order. Chunk 0 is none; to chunk
  // 1 goes what only needs to be counted.
  KeptArray<std::uint16_t> pool_ = {};
  std::uint32_t chunk_size_ = 0;  // a power of 2
  std::uint32_t chunks_ = 0, next_chunk_ = 2;
  KeptArray<std::uint32_t> links_ = {};
  KeptArray<std::uint32_t> heads_ = {};   // by leading bits: place in the pool; 0: nowhere
  KeptArray<std::uint32_t> groups_ = {};  // by leading bits; kGap | the group above the gap
  std::vector<std::uint64_t> gaps_ = {};
  // Stretches of one score (a map of decisions, a flat background) are counted as such.
  std::uint32_t even_ = 0;
  std::int64_t even_times_ = 0;
  std::int64_t pixels_ = 0;
};

}  // namespace looktwice::metrics
