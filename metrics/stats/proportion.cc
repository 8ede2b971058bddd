#include "metrics/stats/proportion.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "metrics/stats/distributions.h"

namespace looktwice::metrics {
namespace {

void refuse_impossible(std::int64_t k, std::int64_t n, double level) {
  if (n < 1 || k < 0 || k > n)
    throw std::invalid_argument("a rate of " + std::to_string(k) + " of " + std::to_string(n));
  if (!(level > 0 && level < 1))
    throw std::invalid_argument("confidence level " + std::to_string(level) + " is not in (0, 1)");
}

}  // namespace

Interval wilson(std::int64_t k, std::int64_t n, double level) {
  refuse_impossible(k, n, level);
  const double z = normal_quantile(0.5 + level / 2), size = static_cast<double>(n);
  const double p = static_cast<double>(k) / size;
  const double middle = (p + z * z / (2 * size)) / (1 + z * z / size);
  const double half =
      z / (1 + z * z / size) * std::sqrt(p * (1 - p) / size + z * z / (4 * size * size));
  // At the ends the bound is the rate itself, but for rounding.
  return {.low = k == 0 ? 0 : std::max(0.0, middle - half),
          .high = k == n ? 1 : std::min(1.0, middle + half),
          .level = level,
          .method = "wilson"};
}

Interval clopper_pearson(std::int64_t k, std::int64_t n, double level) {
  refuse_impossible(k, n, level);
  const double tail = (1 - level) / 2;
  const auto hits = static_cast<double>(k), misses = static_cast<double>(n - k);
  return {.low = k == 0 ? 0 : beta_quantile(tail, hits, misses + 1),
          .high = k == n ? 1 : beta_quantile(1 - tail, hits + 1, misses),
          .level = level,
          .method = "clopper-pearson"};
}

Interval paired_difference(const PairedCounts& counts, double level) {
  const std::int64_t n = counts.all();
  const std::int64_t right_a = counts.both + counts.only_a, right_b = counts.both + counts.only_b;
  const Interval a = wilson(right_a, n, level), b = wilson(right_b, n, level);
  const auto e = static_cast<double>(counts.both), f = static_cast<double>(counts.only_a),
             g = static_cast<double>(counts.only_b), h = static_cast<double>(counts.neither);
  const double size = static_cast<double>(n);
  const double p_a = (e + f) / size, p_b = (e + g) / size;
  // Newcombe's phi: the correlation, its numerator corrected for continuity when positive.
  const double margins = (e + f) * (g + h) * (e + g) * (f + h);
  double numerator = e * h - f * g;
  if (numerator > 0) numerator = std::max(numerator - size / 2, 0.0);
  const double phi = margins > 0 ? numerator / std::sqrt(margins) : 0;
  const double down_a = p_a - a.low, up_a = a.high - p_a, down_b = p_b - b.low, up_b = b.high - p_b;
  const auto root = [&](double x, double y) {
    return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y));
  };
  const double difference = p_a - p_b;
  return {.low = difference - root(down_a, up_b),
          .high = difference + root(up_a, down_b),
          .level = level,
          .method = "newcombe paired"};
}

}  // namespace looktwice::metrics
