// Percentiles of a sample, linear between neighbours (numpy's default, Hyndman and Fan's type 7).
#pragma once

#include <span>
#include <vector>

namespace looktwice::metrics {

// sorted[n] ascending, n >= 1; share in [0, 1], else std::invalid_argument.
double percentile_of_sorted(std::span<const double> sorted, double share);
double percentile(std::vector<double> values, double share);

}  // namespace looktwice::metrics
