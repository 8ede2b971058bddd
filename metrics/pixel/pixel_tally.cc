#include "metrics/pixel/pixel_tally.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {
namespace {

constexpr double kHalf = 0.5;

double ratio(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// The mark of "score >= threshold"; empty: no finite score is that high.
std::optional<float> mark_of(double threshold) {
  constexpr double kMost = std::numeric_limits<float>::max();
  if (threshold > kMost) return {};
  return smallest_float_from(std::max(threshold, -kMost));
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
    if (const auto mark = mark_of(asked)) marks.push_back(*mark);
  return marks;
}

PixelTally PixelTally::part() const {
  PixelTally part(plan_, static_cast<std::int64_t>(normal_), static_cast<std::int64_t>(anomalous_),
                  static_cast<std::int64_t>(regions_));
  return part;
}

void PixelTally::begin(std::span<const std::uint32_t> sizes) {
  overlap_.begin(sizes);
  sizes_.assign(sizes.begin(), sizes.end());
}

void PixelTally::pixels(const ScoreGroup& group, std::span<const std::uint32_t> places,
                        std::span<const std::uint32_t> sizes) {
  overlap_.take(group, places, sizes);
  if (positions_.empty() && thresholds_.empty()) return;
  for (std::size_t i = 0; i < places.size(); ++i) {
    // Position p holds the (p + 1)-th smallest normal score: above it are the pixels that have p +
    // 1 normal ones below. Kept at the last one that counts it; those before are added in the end.
    const std::uint32_t place = places[i];
    const Wide share = (Wide{1} << kShareBits) / sizes_[sizes[i]];
    const std::uint64_t below = normal_ - group.above[place] - group.equal[place];
    const auto position =
        std::lower_bound(positions_.begin(), positions_.end(), below) - positions_.begin();
    const auto threshold =
        std::lower_bound(thresholds_.begin(), thresholds_.end(), group.score(place)) -
        thresholds_.begin();
    if (position > 0) share_at_position_[static_cast<std::size_t>(position - 1)] += share;
    if (threshold > 0) share_above_threshold_[static_cast<std::size_t>(threshold - 1)] += share;
  }
}

PixelTally::Piece PixelTally::scores(const ScoreGroup& group, std::span<const std::uint32_t> here) {
  Piece piece;
  std::uint64_t found = group.found_above;
  for (std::size_t i = here.size(); i-- > 0;) {
    const std::uint64_t own = here[i];
    if (own == 0) continue;
    found += own;
    const std::uint64_t above = group.above[i], equal = group.equal[i];
    const std::uint64_t called = found + above + equal;
    twice_wins_ += Wide{own} * (2 * (normal_ - above - equal) + equal);
    piece.precision += static_cast<double>(own) * ratio(found, called);
    // Only a larger one moves the threshold down.
    if (improves(found, called, piece.best_found, piece.best_called)) {
      piece.best_found = found;
      piece.best_called = called;
      piece.best_score = group.score(i);
    }
  }
  piece.found = found - group.found_above;
  see_marks(group, here);
  return piece;
}

void PixelTally::see_marks(const ScoreGroup& group, std::span<const std::uint32_t> here) {
  const auto place_of = [&](float score) {
    const std::uint32_t key = pixel_key(score);
    const auto low = static_cast<std::uint16_t>(key);
    const auto at = std::lower_bound(group.trailing.begin(), group.trailing.end(), low);
    return key >> 16 == group.leading && at != group.trailing.end() && *at == low
               ? std::optional<std::size_t>(at - group.trailing.begin())
               : std::nullopt;
  };
  const auto called_from = [&](double threshold) -> std::optional<Confusion> {
    const auto mark = mark_of(threshold);
    const auto place = mark ? place_of(*mark) : std::nullopt;
    if (!place) return {};
    const auto found = std::accumulate(here.begin() + static_cast<std::ptrdiff_t>(*place),
                                       here.end(), group.found_above);
    return Confusion{
        .true_positives = static_cast<std::int64_t>(found),
        .false_positives = static_cast<std::int64_t>(group.above[*place] + group.equal[*place])};
  };
  if (const auto called = called_from(plan_.threshold)) at_threshold_ = called;
  if (const auto called = called_from(kHalf)) at_half_ = called;
  // Counts are of scores > threshold, so without the pixels that have it.
  for (std::size_t j = 0; j < thresholds_.size(); ++j)
    if (const auto place = place_of(thresholds_[j]))
      normal_above_threshold_[j] = group.above[*place];
}

void PixelTally::merge(const PixelTally& part) {
  twice_wins_ += part.twice_wins_;
  overlap_.merge(part.overlap_);
  if (part.at_threshold_) at_threshold_ = part.at_threshold_;
  if (part.at_half_) at_half_ = part.at_half_;
  for (std::size_t j = 0; j < positions_.size(); ++j)
    share_at_position_[j] += part.share_at_position_[j];
  for (std::size_t j = 0; j < thresholds_.size(); ++j) {
    share_above_threshold_[j] += part.share_above_threshold_[j];
    // Each threshold is seen in one part.
    normal_above_threshold_[j] += part.normal_above_threshold_[j];
  }
}

void PixelTally::add(const Piece& piece) {
  found_ += piece.found;
  precision_ += piece.precision;
  if (!improves(piece.best_found, piece.best_called, best_found_, best_called_)) return;
  best_found_ = piece.best_found;
  best_called_ = piece.best_called;
  best_score_ = piece.best_score;
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
  return completed(at_threshold_.value_or(Confusion{}));
}

Confusion PixelTally::at_half() const {
  return completed(at_half_.value_or(Confusion{}));
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
