// Rank correlation. Ties get the mean of their ranks. Source: Spearman 1904.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/metric.h"

namespace looktwice::metrics {

// Ranks 1..n, equal values share the mean rank. Finite values, else std::invalid_argument.
std::vector<double> midranks(std::span<const double> values);

struct Correlation {
  double value = 0;
  double p_value =
      1;  // two-sided, Student's t with n - 2 degrees (as scipy.stats.spearmanr); needs n >= 3
  std::int64_t used = 0;
  std::optional<Interval> interval =
      {};  // Fisher's z with Bonett and Wright's variance (2000); needs n >= 4
};

// Empty when there are fewer than two pairs or one side is constant: nothing varies together.
std::optional<Correlation> spearman(std::span<const double> x, std::span<const double> y,
                                    double level = 0.95);

}  // namespace looktwice::metrics
