#include "metrics/stats/percentile.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

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

}  // namespace looktwice::metrics
