#include "metrics/stats/variance_split.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "metrics/stats/sum.h"

namespace looktwice::metrics {

std::optional<VarianceSplit> variance_split(std::span<const double> points, std::size_t samples,
                                            std::size_t models, std::size_t judges) {
  const std::array<std::size_t, 3> levels = {samples, models, judges};
  if (points.size() != samples * models * judges)
    throw std::invalid_argument("points do not fill samples x models x judges");
  if (points.empty()) return {};
  const auto n = static_cast<double>(points.size());
  Sum sum;
  for (const double value : points) sum += value;
  const double mean = sum.value() / n;

  Sum total;
  std::array<std::vector<Sum>, 3> of_level;
  for (std::size_t f = 0; f < 3; ++f) of_level[f].resize(levels[f]);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::array<std::size_t, 3> at = {i / (models * judges), i / judges % models, i % judges};
    const double off = points[i] - mean;
    total += off * off;
    for (std::size_t f = 0; f < 3; ++f) of_level[f][at[f]] += off;
  }
  double rest_squares = total.value(), rest_free = n - 1;
  std::array<double, 3> mean_squares = {};
  for (std::size_t f = 0; f < 3; ++f) {
    const auto free = static_cast<double>(levels[f]) - 1, each = n / static_cast<double>(levels[f]);
    Sum squares;
    for (const Sum& level : of_level[f]) squares += level.value() * level.value() / each;
    rest_squares -= squares.value();
    rest_free -= free;
    if (free > 0) mean_squares[f] = squares.value() / free;
  }
  if (rest_free <= 0) return {};
  const double rest = std::max(0.0, rest_squares) / rest_free;
  const auto component = [&](std::size_t f) {
    if (levels[f] < 2) return 0.0;
    return std::max(0.0, (mean_squares[f] - rest) * static_cast<double>(levels[f]) / n);
  };
  return VarianceSplit{
      .sample = component(0), .model = component(1), .judge = component(2), .rest = rest};
}

}  // namespace looktwice::metrics
