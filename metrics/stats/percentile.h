// Percentiles of a sample, linear between neighbours (numpy's default, Hyndman and Fan's type 7),
// and what a sample tells about the percentile of what it was drawn from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace looktwice::metrics {

// sorted[n] ascending, n >= 1; share in [0, 1], else std::invalid_argument.
double percentile_of_sorted(std::span<const double> sorted, double share);
double percentile(std::vector<double> values, double share);

// Two order statistics with the true percentile between them. How many of n draws lie below it is
// binomial, whatever they are drawn from: no end is passed with a chance above (1 - level) / 2.
// Draws count as independent. An end is missing where even the smallest or the largest draw is not
// sure enough: the 99th percentile has no upper end before n = 368 (level 0.95).
struct PercentileInterval {
  std::optional<double> low = {}, high = {};
  std::int64_t low_rank = 0, high_rank = 0;  // of the order statistics, from 1; 0: none
};
// share and level in (0, 1), else std::invalid_argument.
PercentileInterval percentile_interval(std::span<const double> sorted, double share,
                                       double level = 0.95);

}  // namespace looktwice::metrics
