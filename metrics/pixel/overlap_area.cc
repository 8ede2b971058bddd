#include "metrics/pixel/overlap_area.h"

#include <algorithm>

#include "metrics/pixel/score_table.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

// Sizes below this have a place in an array, others in a map.
constexpr std::uint32_t kSmall = 1 << 16;

}  // namespace

OverlapArea::OverlapArea(double limit, std::int64_t normal)
    : limit_(limit * static_cast<double>(normal)) {}

OverlapArea::Sums& OverlapArea::sums_of(std::uint32_t size) {
  if (size >= kSmall) return large_[size];
  if (size >= small_.size()) small_.resize(std::max<std::size_t>(size + 1, 2 * small_.size()));
  return small_[size];
}

void OverlapArea::take(std::uint64_t above, std::uint64_t equal,
                       std::span<const std::uint32_t> sizes) {
  if (static_cast<double>(above) >= limit_) return;
  const bool whole = static_cast<double>(above + equal) <= limit_;
  if (!whole) {
    crossing_above_ = above;
    crossing_equal_ = equal;
  }
  for (const std::uint32_t flagged : sizes) {
    const std::uint32_t size = flagged & ~ScoreTable::kFirst;
    if (size == AnomalousScores::kMark) continue;
    Sums& sums = sums_of(size);
    if (whole) {
      ++sums.whole;
      sums.twice_rank += 2 * above + equal;
    } else {
      ++sums.crossing;
    }
  }
}

std::optional<double> OverlapArea::value(std::int64_t regions) const {
  if (!(limit_ > 0) || regions == 0) return {};
  Sum area;
  const auto add = [&](std::uint32_t size, const Sums& sums) {
    if (sums.whole == 0 && sums.crossing == 0) return;
    double own =
        static_cast<double>(sums.whole) * limit_ - static_cast<double>(sums.twice_rank) / 2;
    if (sums.crossing > 0) {
      const double within = limit_ - static_cast<double>(crossing_above_);
      own += static_cast<double>(sums.crossing) * within * within /
             (2 * static_cast<double>(crossing_equal_));
    }
    area += own / size;
  };
  for (std::uint32_t size = 1; size < small_.size(); ++size) add(size, small_[size]);
  for (const auto& [size, sums] : large_) add(size, sums);
  return std::clamp(area.value() / static_cast<double>(regions) / limit_, 0.0, 1.0);
}

}  // namespace looktwice::metrics
