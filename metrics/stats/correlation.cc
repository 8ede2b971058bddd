#include "metrics/stats/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "metrics/stats/distributions.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {

std::vector<double> midranks(std::span<const double> values) {
  for (const double value : values)
    if (!std::isfinite(value)) throw std::invalid_argument("only finite values can be ranked");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    for (end = first; end < order.size() && values[order[end]] == values[order[first]];) ++end;
    const double rank = static_cast<double>(first + end + 1) / 2;
    for (std::size_t k = first; k < end; ++k) ranks[order[k]] = rank;
  }
  return ranks;
}

std::optional<Correlation> spearman(std::span<const double> x, std::span<const double> y,
                                    double level) {
  if (x.size() != y.size()) throw std::invalid_argument("a correlation needs pairs");
  const auto n = static_cast<double>(x.size());
  if (x.size() < 2) return {};
  const std::vector<double> rank_x = midranks(x), rank_y = midranks(y);
  const double mean = (n + 1) / 2;
  Sum xx, yy, xy;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = rank_x[i] - mean, dy = rank_y[i] - mean;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  if (xx.value() == 0 || yy.value() == 0) return {};
  Correlation result{
      .value = std::clamp(xy.value() / std::sqrt(xx.value() * yy.value()), -1.0, 1.0),
      .used = std::ssize(x)};
  const double r = result.value;
  if (x.size() >= 3) {
    const double rest = (1 - r) * (1 + r);
    const double t =
        rest > 0 ? r * std::sqrt((n - 2) / rest) : std::numeric_limits<double>::infinity();
    result.p_value = student_t_two_sided(t, n - 2);
  }
  if (x.size() >= 4) {
    const double half = normal_quantile(0.5 + level / 2) * std::sqrt((1 + r * r / 2) / (n - 3));
    result.interval = {.low = std::tanh(std::atanh(r) - half),
                       .high = std::tanh(std::atanh(r) + half),
                       .level = level,
                       .method = "bonett-wright"};
  }
  return result;
}

}  // namespace looktwice::metrics
