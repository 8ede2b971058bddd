#include "metrics/pixel/pixel_tally.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "metrics/pixel/ordered_bits.h"
#include "metrics/pixel/score_table.h"

namespace looktwice::metrics {
namespace {

constexpr double kHalf = 0.5;

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// The smallest float that is not below `threshold`: scores are compared with the threshold as it
// is, in double.
float least_float(double threshold) {
  const auto rounded = static_cast<float>(threshold);
  return rounded < threshold ? std::nextafter(rounded, std::numeric_limits<float>::infinity())
                             : rounded;
}

// numpy.arange(lowest, highest, (highest - lowest) / 200) in float32, its roundings included.
std::vector<float> equidistant_scores(float lowest, float highest) {
  const float step = (highest - lowest) / 200.0F;
  std::vector<float> thresholds;
  if (!(step > 0)) return thresholds;
  const auto count = static_cast<int>(std::ceil(static_cast<double>((highest - lowest) / step)));
  const float second = lowest + step, used = second - lowest;
  for (int i = 0; i < count; ++i)
    thresholds.push_back(i == 1 ? second : lowest + static_cast<float>(i) * used);
  return thresholds;
}

// Area below (x, y) up to `limit`, y interpolated there. x ascending from <= limit to >= limit.
double trapezoid(const std::vector<double>& x, const std::vector<double>& y, double limit) {
  Sum area;
  std::size_t i = 1;
  for (; i < x.size() && x[i] <= limit; ++i) area += 0.5 * (y[i] + y[i - 1]) * (x[i] - x[i - 1]);
  if (i < x.size() && x[i - 1] < limit) {
    const double at_limit = y[i - 1] + (y[i] - y[i - 1]) * (limit - x[i - 1]) / (x[i] - x[i - 1]);
    area += 0.5 * (at_limit + y[i - 1]) * (limit - x[i - 1]);
  }
  return area.value();
}

}  // namespace

PixelTally::PixelTally(const PixelPlan& plan, std::int64_t normal, std::int64_t anomalous,
                       std::int64_t regions)
    : plan_(plan),
      normal_(static_cast<std::uint64_t>(normal)),
      anomalous_(static_cast<std::uint64_t>(anomalous)),
      regions_(static_cast<std::uint64_t>(regions)),
      overlap_(plan.fpr_limit, normal) {
  if (plan.equidistant_positions > 1 && normal > 0) {
    // numpy.linspace(0, n - 1, num, dtype=int): the product in double, then rounded down.
    const auto last = static_cast<double>(normal_ - 1);
    const double step = last / (plan.equidistant_positions - 1);
    for (int j = 0; j < plan.equidistant_positions; ++j)
      positions_.push_back(static_cast<std::uint64_t>(std::floor(step * j)));
    positions_.back() = normal_ - 1;
    share_at_position_.assign(positions_.size(), 0);
  }
  if (plan.equidistant_scores) {
    thresholds_ = equidistant_scores(plan.lowest, plan.highest);
    share_above_threshold_.assign(thresholds_.size(), 0);
    normal_above_threshold_.assign(thresholds_.size(), 0);
  }
}

std::vector<float> PixelTally::marks() const {
  std::vector<float> marks = thresholds_;
  for (const double asked : {plan_.threshold, kHalf})
    if (const float threshold = least_float(asked); std::isfinite(threshold))
      marks.push_back(threshold);
  return marks;
}

void PixelTally::take(float score, std::uint64_t above, std::uint64_t equal,
                      std::span<const std::uint32_t> sizes) {
  constexpr std::uint32_t kSize = ~ScoreTable::kFirst;
  std::uint64_t here = 0;
  for (const std::uint32_t size : sizes) here += (size & kSize) != AnomalousScores::kMark;

  // Thresholds come down with the scores. Counts are of scores > threshold, so before this one's
  // own pixels.
  if (here < sizes.size()) {
    const auto found = std::equal_range(thresholds_.begin(), thresholds_.end(), score);
    for (auto at = found.first; at != found.second; ++at)
      normal_above_threshold_[static_cast<std::size_t>(at - thresholds_.begin())] = above;
  }
  const Confusion called_here = {.true_positives = static_cast<std::int64_t>(found_ + here),
                                 .false_positives = static_cast<std::int64_t>(above + equal)};
  if (static_cast<double>(score) >= plan_.threshold) at_threshold_ = called_here;
  if (static_cast<double>(score) >= kHalf) at_half_ = called_here;
  if (here == 0) return;

  found_ += here;
  twice_wins_ += Wide{here} * (2 * (normal_ - above - equal) + equal);
  const std::uint64_t called = found_ + above + equal;
  precision_ += (static_cast<double>(here) * ratio(found_, called));
  // F1 = 2 found / (anomalous + called), compared without rounding; only a larger one moves the
  // threshold down.
  if (Wide{found_} * (anomalous_ + best_called_) > Wide{best_found_} * (anomalous_ + called)) {
    best_found_ = found_;
    best_called_ = called;
    best_score_ = score;
  }

  overlap_.take(above, equal, sizes);
  if (!positions_.empty() || !thresholds_.empty()) {
    // Position p holds the (p + 1)-th smallest normal score: above it are the pixels that have p +
    // 1 normal ones below.
    const auto below = normal_ - above - equal;
    const auto position =
        std::lower_bound(positions_.begin(), positions_.end(), below) - positions_.begin();
    const auto threshold =
        std::lower_bound(thresholds_.begin(), thresholds_.end(), score) - thresholds_.begin();
    for (const std::uint32_t size : sizes) {
      if ((size & kSize) == AnomalousScores::kMark) continue;
      const Wide share = (Wide{1} << kShareBits) / (size & kSize);
      // Kept at the last position that counts it; those before are added in the end.
      if (position > 0) share_at_position_[static_cast<std::size_t>(position - 1)] += share;
      if (threshold > 0) share_above_threshold_[static_cast<std::size_t>(threshold - 1)] += share;
    }
  }
}

std::optional<double> PixelTally::auroc() const {
  if (normal_ == 0 || anomalous_ == 0) return {};
  return static_cast<double>(twice_wins_) / 2 / static_cast<double>(Wide{normal_} * anomalous_);
}

std::optional<double> PixelTally::average_precision() const {
  if (anomalous_ == 0) return {};
  return precision_.value() / static_cast<double>(anomalous_);
}

std::optional<Peak> PixelTally::f1_max() const {
  if (anomalous_ == 0) return {};
  return Peak{ratio(2 * best_found_, anomalous_ + best_called_), best_score_};
}

Confusion PixelTally::at_threshold() const {
  return completed(at_threshold_);
}

Confusion PixelTally::at_half() const {
  return completed(at_half_);
}

Confusion PixelTally::completed(Confusion counts) const {
  counts.false_negatives = static_cast<std::int64_t>(anomalous_) - counts.true_positives;
  counts.true_negatives = static_cast<std::int64_t>(normal_) - counts.false_positives;
  return counts;
}

std::optional<double> PixelTally::aupro() const {
  return overlap_.value(static_cast<std::int64_t>(regions_));
}

std::optional<double> PixelTally::aupro_equidistant_positions() const {
  if (positions_.empty() || regions_ == 0) return {};
  const double whole = std::ldexp(static_cast<double>(regions_), kShareBits);
  std::vector<double> rates, overlaps;
  Wide share = 0;
  for (std::size_t j = positions_.size(); j-- > 0;) {
    share += share_at_position_[j];
    rates.push_back(1 - ratio(positions_[j] + 1, normal_));
    overlaps.push_back(static_cast<double>(share) / whole);
  }
  rates.push_back(1);
  overlaps.push_back(1);
  return trapezoid(rates, overlaps, plan_.fpr_limit) / plan_.fpr_limit;
}

std::optional<double> PixelTally::aupro_equidistant_scores() const {
  if (thresholds_.empty() || regions_ == 0 || normal_ == 0) return {};
  const double whole = std::ldexp(static_cast<double>(regions_), kShareBits);
  std::vector<double> rates, overlaps;
  Wide share = 0;
  for (std::size_t j = thresholds_.size(); j-- > 0;) {
    share += share_above_threshold_[j];
    const double rate = ratio(normal_above_threshold_[j], normal_);
    if (rate >= plan_.fpr_limit) break;
    rates.push_back(rate);
    overlaps.push_back(static_cast<double>(share) / whole);
  }
  if (rates.size() < 2 || rates.back() == rates.front()) return {};  // nothing to rescale by
  const double first = rates.front(), span = rates.back() - rates.front();
  for (double& rate : rates) rate = (rate - first) / span;
  return trapezoid(rates, overlaps, 1);
}

}  // namespace looktwice::metrics
