#include "metrics/pixel/overlap_area.h"

#include <algorithm>

#include "metrics/stats/sum.h"

namespace looktwice::metrics {
OverlapArea::OverlapArea(double limit, std::int64_t normal)
    : limit_(limit * static_cast<double>(normal)) {}

void OverlapArea::begin(std::span<const std::uint32_t> sizes) {
  add_to(before_);
  sizes_.assign(sizes.begin(), sizes.end());
  sums_.assign(sizes.size(), {});
}

void OverlapArea::take(const ScoreGroup& group, std::span<const std::uint32_t> places,
                       std::span<const std::uint32_t> sizes) {
  // Ranks come down as scores go up: from some place on the ramps are whole, and at most the one
  // below crosses the limit.
  const std::size_t count = group.above.size();
  const auto within = [&](std::size_t place) {
    return static_cast<double>(group.above[place] + group.equal[place]) <= limit_;
  };
  std::size_t whole = 0;
  for (std::size_t left = count; left > 0;) {
    const std::size_t half = left / 2;
    if (within(whole + half)) {
      left = half;
    } else {
      whole += half + 1;
      left -= half + 1;
    }
  }
  const bool crosses = whole > 0 && static_cast<double>(group.above[whole - 1]) < limit_;
  if (whole == count && !crosses) return;
  if (crosses) {
    crossing_above_ = group.above[whole - 1];
    crossing_equal_ = group.equal[whole - 1];
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint32_t place = places[i];
    if (place >= whole) {
      Sums& sums = sums_[sizes[i]];
      ++sums.whole;
      sums.twice_rank += 2 * group.above[place] + group.equal[place];
    } else if (crosses && place == whole - 1) {
      ++sums_[sizes[i]].crossing;
    }
  }
}

void OverlapArea::add(Sums& own, const Sums& other) {
  own.twice_rank += other.twice_rank;
  own.whole += other.whole;
  own.crossing += other.crossing;
}

void OverlapArea::add_to(std::map<std::uint32_t, Sums>& all) const {
  for (std::size_t i = 0; i < sizes_.size(); ++i)
    if (sums_[i].whole != 0 || sums_[i].crossing != 0) add(all[sizes_[i]], sums_[i]);
}

void OverlapArea::merge(const OverlapArea& part) {
  part.add_to(before_);
  for (const auto& [size, sums] : part.before_) add(before_[size], sums);
  if (part.crossing_equal_ == 0) return;
  crossing_above_ = part.crossing_above_;
  crossing_equal_ = part.crossing_equal_;
}

std::optional<double> OverlapArea::value(std::int64_t regions) const {
  if (!(limit_ > 0) || regions == 0) return {};
  std::map<std::uint32_t, Sums> all = before_;
  add_to(all);
  Sum area;
  for (const auto& [size, sums] : all) {
    double own =
        static_cast<double>(sums.whole) * limit_ - static_cast<double>(sums.twice_rank) / 2;
    if (sums.crossing > 0) {
      const double within = limit_ - static_cast<double>(crossing_above_);
      own += static_cast<double>(sums.crossing) * within * within /
             (2 * static_cast<double>(crossing_equal_));
    }
    area += own / size;
  }
  return std::clamp(area.value() / static_cast<double>(regions) / limit_, 0.0, 1.0);
}

}  // namespace looktwice::metrics
