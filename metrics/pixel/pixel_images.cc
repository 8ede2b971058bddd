#include "metrics/pixel/pixel_images.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>

#include "metrics/pixel/ordered_bits.h"

namespace looktwice::metrics {
namespace {

constexpr std::size_t kEdges = 512;        // of each class
constexpr std::size_t kSampled = 256;      // scores of each class and image that edges are made of
constexpr std::uint64_t kCells = 1 << 14;  // fit the nearest cache
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// `wanted` places of 0..n-1 that no row length divides: multiples of the golden ratio.
template <class Visit>
void each_place(std::size_t n, std::size_t wanted, Visit&& visit) {
  if (n <= wanted) {
    for (std::size_t i = 0; i < n; ++i) visit(i);
    return;
  }
  std::uint64_t fraction = 0;
  for (std::size_t i = 0; i < wanted; ++i) {
    fraction += 0x9e3779b97f4a7c15U;
    visit(static_cast<std::size_t>(((fraction >> 32) * n) >> 32));
  }
}

void add_quantiles(std::vector<std::uint32_t> keys, std::vector<std::uint32_t>& edges) {
  if (keys.empty()) return;
  std::ranges::sort(keys);
  for (std::size_t i = 0; i < kEdges; ++i) edges.push_back(keys[i * keys.size() / kEdges]);
}

// Bins [first, last).
struct Bins {
  std::size_t first = 0, last = 0;
};
Bins bins_with(std::size_t all, const auto& has) {
  Bins bins{0, all};
  while (bins.last > 0 && !has(bins.last - 1)) --bins.last;
  while (bins.first < bins.last && !has(bins.first)) ++bins.first;
  return bins;
}
template <class Number>
std::vector<Number> part_of(const std::vector<Number>& all, Bins bins) {
  return {all.begin() + static_cast<std::ptrdiff_t>(bins.first),
          all.begin() + static_cast<std::ptrdiff_t>(bins.last)};
}

template <class Number>
void add_times(double factor, const std::vector<Number>& numbers, double* sums) {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    sums[i] += factor * static_cast<double>(numbers[i]);
}

}  // namespace

ScoreBins::ScoreBins(std::vector<std::uint32_t> normal, std::vector<std::uint32_t> anomalous) {
  add_quantiles(std::move(normal), edges_);
  add_quantiles(std::move(anomalous), edges_);
  std::ranges::sort(edges_);
  edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());
  if (edges_.empty()) return;
  const std::uint64_t range = edges_.back() - edges_.front();
  while ((range >> shift_) >= kCells) ++shift_;
  for (std::uint64_t cell = 0; cell <= (range >> shift_) + 1; ++cell) {
    const std::uint64_t begin = edges_.front() + (cell << shift_);
    cells_.push_back(static_cast<std::uint16_t>(
        std::upper_bound(edges_.begin(), edges_.end(), begin) - edges_.begin()));
  }
}

std::size_t ScoreBins::of(std::uint32_t key) const {
  if (edges_.empty() || key < edges_.front()) return 0;
  if (key >= edges_.back()) return edges_.size();
  const std::size_t cell = (key - edges_.front()) >> shift_;
  const auto begin = edges_.begin() + cells_[cell], end = edges_.begin() + cells_[cell + 1];
  return static_cast<std::size_t>(std::upper_bound(begin, end, key) - edges_.begin());
}

void PixelImages::begin_pass(int pass) {
  pass_ = pass;
  if (pass != 1) return;
  bins_ = std::make_shared<const ScoreBins>(std::move(normal_keys_), std::move(anomalous_keys_));
  normal_keys_.clear();
  anomalous_keys_.clear();
}

void PixelImages::sample(std::span<const float> map, std::span<const std::uint8_t> mask) {
  each_place(map.size(), kSampled, [&](std::size_t i) {
    if (mask.empty() || mask[i] == 0) normal_keys_.push_back(pixel_key(map[i]));
  });
  if (mask.empty()) return;
  own_.clear();
  for (std::size_t i = 0; i < map.size(); ++i)
    if (mask[i] != 0) own_.push_back(map[i]);
  each_place(own_.size(), kSampled,
             [&](std::size_t i) { anomalous_keys_.push_back(pixel_key(own_[i])); });
}

void PixelImages::count(std::span<const float> map, std::span<const std::uint8_t> mask) {
  for (auto& counts : counts_) counts.assign(bins_->size(), 0);
  overlap_.assign(bins_->size(), 0);
  if (mask.empty())
    for (const float score : map) ++counts_[0][bins_->of(pixel_key(score))];
  else
    for (std::size_t i = 0; i < map.size(); ++i)
      ++counts_[mask[i] != 0][bins_->of(pixel_key(map[i]))];
}

void PixelImages::keep(std::string_view id, std::size_t stratum) {
  const auto& [normal, anomalous] = counts_;
  const Bins n = bins_with(normal.size(), [&](std::size_t bin) { return normal[bin] > 0; });
  const Bins a = bins_with(
      anomalous.size(), [&](std::size_t bin) { return anomalous[bin] > 0 || overlap_[bin] > 0; });
  images_.push_back({.id = std::string(id),
                     .stratum = stratum,
                     .first_normal = n.first,
                     .first_anomalous = a.first,
                     .normal = part_of(normal, n),
                     .anomalous = part_of(anomalous, a),
                     .overlap = part_of(overlap_, a)});
}

void PixelImages::add(std::string_view id, std::size_t stratum, std::span<const float> map,
                      std::span<const std::uint8_t> mask, int width, int height) {
  if (pass_ == 0) sample(map, mask);
  if (pass_ != 1) return;
  count(map, mask);
  if (!mask.empty()) {
    finder_.find(mask, width, height);
    for (const Run& run : finder_.runs()) {
      const double each = 1.0 / finder_.areas()[static_cast<std::size_t>(run.region)];
      const float* row = map.data() + static_cast<std::ptrdiff_t>(run.row) * width;
      for (int x = run.begin; x < run.end; ++x) overlap_[bins_->of(pixel_key(row[x]))] += each;
    }
  }
  keep(id, stratum);
}

void PixelImages::add(std::string_view id, std::size_t stratum, std::span<const float> map,
                      std::span<const std::uint8_t> mask, std::span<const Defect> defects) {
  if (pass_ == 0) sample(map, mask);
  if (pass_ != 1) return;
  count(map, mask);
  for (const Defect& defect : defects) {
    own_.clear();
    for (std::size_t i = 0; i < map.size(); ++i)
      if (defect.mask[i] != 0) own_.push_back(map[i]);
    const std::size_t saturation = std::min(
        own_.size(), static_cast<std::size_t>(std::max<std::int64_t>(defect.saturation, 1)));
    if (saturation == 0) continue;
    // The highest scores count and nothing else, as in spro_stream.h.
    std::ranges::nth_element(own_, own_.begin() + static_cast<std::ptrdiff_t>(saturation) - 1,
                             std::ranges::greater());
    std::vector<std::uint32_t> found(bins_->size(), 0);
    for (std::size_t i = 0; i < saturation; ++i) ++found[bins_->of(pixel_key(own_[i]))];
    for (std::size_t bin = 0; bin < found.size(); ++bin)
      overlap_[bin] += static_cast<double>(found[bin]) / static_cast<double>(saturation);
  }
  keep(id, stratum);
}

PixelImages PixelImages::clone_empty() const {
  PixelImages part(limits_);
  part.pass_ = pass_;
  part.bins_ = bins_;
  return part;
}

void PixelImages::merge(const PixelImages& part) {
  std::ranges::copy(part.normal_keys_, std::back_inserter(normal_keys_));
  std::ranges::copy(part.anomalous_keys_, std::back_inserter(anomalous_keys_));
  std::ranges::copy(part.images_, std::back_inserter(images_));
}

PixelImages::Sums PixelImages::zero() const {
  const std::size_t bins = bins_ ? bins_->size() : 0;
  return {std::vector<double>(bins), std::vector<double>(bins), std::vector<double>(bins)};
}

void PixelImages::add(Sums& sums, std::size_t image, std::int64_t times) const {
  const Image& one = images_[image];
  const auto factor = static_cast<double>(times);
  add_times(factor, one.normal, sums.normal.data() + one.first_normal);
  add_times(factor, one.anomalous, sums.anomalous.data() + one.first_anomalous);
  add_times(factor, one.overlap, sums.overlap.data() + one.first_anomalous);
}

void PixelImages::curve_values(const Sums& drawn, const Sums& all, std::span<double> out) const {
  std::ranges::fill(out, kNone);
  double normal = 0, anomalous = 0, regions = 0;
  for (std::size_t bin = 0; bin < drawn.normal.size(); ++bin) {
    normal += drawn.normal[bin];
    anomalous += drawn.anomalous[bin];
    regions += drawn.overlap[bin];
  }
  // The area that lies over normal pixels, up to each limit.
  std::vector<double> areas(limits_.size(), 0);
  double above = 0, found = 0, overlap = 0;  // so far, from the highest bin down
  double wins = 0, precision = 0, best = 0;
  std::size_t best_bin = drawn.normal.size();
  for (std::size_t bin = drawn.normal.size(); bin-- > 0;) {
    const double n = drawn.normal[bin], a = drawn.anomalous[bin], o = drawn.overlap[bin];
    wins += a * (normal - above - n / 2);
    for (std::size_t l = 0; l < limits_.size(); ++l) {
      const double room = limits_[l] * normal - above;
      if (n == 0 || room <= 0) continue;
      const double share = std::min(1.0, room / n);
      areas[l] += share * n * (overlap + share * o / 2);
    }
    above += n;
    found += a;
    overlap += o;
    if (a > 0) precision += a * found / (found + above);
    const double f1 = 2 * found / (anomalous + found + above);
    if (f1 > best) best = f1, best_bin = bin;
  }
  if (anomalous > 0 && normal > 0) out[kCurveAuroc] = wins / anomalous / normal;
  if (anomalous > 0) {
    out[kCurveAveragePrecision] = precision / anomalous;
    out[kCurveF1Max] = best;
    double of_all = 0, found_in_all = 0, above_in_all = 0;
    for (std::size_t bin = 0; bin < all.normal.size(); ++bin) {
      of_all += all.anomalous[bin];
      if (bin < best_bin) continue;
      found_in_all += all.anomalous[bin];
      above_in_all += all.normal[bin];
    }
    out[kCurveF1There] = 2 * found_in_all / (of_all + found_in_all + above_in_all);
  }
  if (regions > 0 && normal > 0)
    for (std::size_t l = 0; l < limits_.size(); ++l)
      out[kCurveOverlaps + l] = areas[l] / regions / normal / limits_[l];
}

}  // namespace looktwice::metrics
