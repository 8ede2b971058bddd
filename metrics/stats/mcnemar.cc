#include "metrics/stats/mcnemar.h"

#include <algorithm>
#include <stdexcept>

#include "metrics/stats/distributions.h"

namespace looktwice::metrics {

double mcnemar_exact(std::int64_t only_a, std::int64_t only_b) {
  if (only_a < 0 || only_b < 0) throw std::invalid_argument("counts of samples are not negative");
  return std::min(1.0, 2 * binomial_cdf(std::min(only_a, only_b), only_a + only_b, 0.5));
}

double mcnemar_mid_p(std::int64_t only_a, std::int64_t only_b) {
  if (only_a < 0 || only_b < 0) throw std::invalid_argument("counts of samples are not negative");
  const std::int64_t fewer = std::min(only_a, only_b), all = only_a + only_b;
  if (all == 0) return 1;
  const double at = binomial_pmf(fewer, all, 0.5);
  // Half of what is as extreme, all of what is more so; in the middle everything else is more
  // extreme.
  if (only_a == only_b) return 1 - at / 2;
  return 2 * binomial_cdf(fewer, all, 0.5) - at;
}

}  // namespace looktwice::metrics
