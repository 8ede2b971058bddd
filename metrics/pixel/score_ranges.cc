#include "metrics/pixel/score_ranges.h"

#include <algorithm>
#include <numeric>

#include "metrics/pixel/normal_counts.h"

namespace looktwice::metrics {

ScoreRanges::ScoreRanges(std::int64_t memory, int threads) : memory_(memory), threads_(threads) {
  if (memory <= 0) return;
  by_leading_.assign(1 << 16, 0);
  held_ = std::make_shared<std::atomic<std::int64_t>>(0);
}

// An eighth of the bound for the piles of all threads, what is left for the scores: 4 bytes each
// as they are gathered, 2 in the table, 4 for counts. Both have a least size.
std::size_t ScoreRanges::pile_bytes() const {
  if (memory_ <= 0) return NormalPiles::kPileBytes;
  return std::clamp<std::size_t>(static_cast<std::size_t>(memory_ / 8 / threads_),
                                 NormalPiles::kLeastPileBytes, NormalPiles::kPileBytes);
}

std::int64_t ScoreRanges::room_for_scores() const {
  constexpr std::int64_t kRest = 6 << 20, kLeast = 1 << 20, kEach = 10;
  const auto piles = static_cast<std::int64_t>(pile_bytes() + NormalPiles::kRestBytes);
  return std::max(kLeast, memory_ - kRest - threads_ * piles) / kEach;
}

// As many leading bits as fit, from the top down.
bool ScoreRanges::divide() {
  if (!overfull()) return false;
  kept_ = false;
  const std::int64_t room = room_for_scores();
  std::int64_t held = 0;
  Range range;
  for (std::uint32_t leading = range.last + 1; leading-- > 0;) {
    const std::int64_t here = by_leading_[leading];
    if (held > 0 && held + here > room) {
      range.first = leading + 1;
      ranges_.push_back(range);
      range.last = leading;
      held = 0;
    }
    held += here;
  }
  range.first = 0;
  ranges_.push_back(range);
  return true;
}

std::int64_t ScoreRanges::scores_in(int pass) const {
  const Range range = range_of(pass);
  const auto begin = by_leading_.begin();
  return std::accumulate(begin + range.first, begin + range.last + 1, std::int64_t{0});
}

ScoreRanges ScoreRanges::part() const {
  ScoreRanges part = *this;
  std::ranges::fill(part.by_leading_, 0);
  return part;
}

void ScoreRanges::merge(const ScoreRanges& part) {
  for (std::size_t i = 0; i < by_leading_.size(); ++i) by_leading_[i] += part.by_leading_[i];
}

}  // namespace looktwice::metrics
