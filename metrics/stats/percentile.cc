#include "metrics/stats/percentile.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "metrics/stats/distributions.h"

namespace looktwice::metrics {

double percentile_of_sorted(std::span<const double> sorted, double share) {
  if (sorted.empty() || !(share >= 0 && share <= 1))
    throw std::invalid_argument("a percentile needs values and a share in [0, 1]");
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (place - std::floor(place)) * (sorted[below + 1] - sorted[below]);
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return percentile_of_sorted(values, share);
}

PercentileInterval percentile_interval(std::span<const double> sorted, double share, double level) {
  if (!(share > 0 && share < 1 && level > 0 && level < 1))
    throw std::invalid_argument("a percentile interval needs share and level in (0, 1)");
  const auto n = static_cast<std::int64_t>(sorted.size());
  const double tail = (1 - level) / 2;
  PercentileInterval made;
  // The smallest k with P(X <= k) above the tail, and the smallest with P(X <= k) at 1 - tail.
  const auto first = [&](auto holds) {
    std::int64_t low = 0, high = n;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (holds(binomial_cdf(middle, n, share)))
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  };
  if (n == 0) return made;
  // Below the low end, X_(l): fewer than l draws lie below the percentile, P(X <= l - 1) <= tail.
  made.low_rank = first([&](double below) { return below > tail; });
  // Above the high end, X_(u): at least u draws do, P(X >= u) = 1 - P(X <= u - 1) <= tail.
  const std::int64_t high = first([&](double below) { return 1 - below <= tail; }) + 1;
  made.high_rank = high <= n ? high : 0;
  if (made.low_rank > 0) made.low = sorted[static_cast<std::size_t>(made.low_rank - 1)];
  if (made.high_rank > 0) made.high = sorted[static_cast<std::size_t>(made.high_rank - 1)];
  return made;
}

}  // namespace looktwice::metrics
