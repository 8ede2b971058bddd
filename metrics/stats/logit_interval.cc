#include "metrics/stats/logit_interval.h"

#include <algorithm>
#include <cmath>

#include "metrics/stats/distributions.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {

namespace {

// One end: sign -1 is the lower.
double bound(double value, double half, double sign) {
  if (value <= 0 || value >= 1) return std::clamp(value + sign * half, 0.0, 1.0);
  return 1 / (1 + std::exp(-(std::log(value / (1 - value)) + sign * half / (value * (1 - value)))));
}

}  // namespace

Interval logit_interval(double value, double bias, double deviation, double quantile, double level,
                        std::string method) {
  const double half = quantile * deviation;
  return {.low = std::min(value, bound(value - std::max(0.0, bias), half, -1)),
          .high = std::max(value, bound(value, half, 1)),
          .level = level,
          .method = std::move(method)};
}

BinormalValues binormal_values(double auroc, std::int64_t positives, std::int64_t negatives) {
  const double apart = std::sqrt(2.0) * normal_quantile(std::clamp(auroc, 1e-9, 1 - 1e-9));
  const auto p = static_cast<double>(positives), n = static_cast<double>(negatives);
  const double top = std::max(0.0, apart) + 9, bottom = std::min(0.0, apart) - 9;
  constexpr int kSteps = 4000;
  BinormalValues values;
  Sum area;
  double recall_before = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = top + (bottom - top) * i / kSteps;
    const double recall = normal_cdf(apart - t), tp = p * recall, fp = n * normal_cdf(-t);
    if (tp <= 0) continue;
    area += (recall - recall_before) * (tp / (tp + fp));
    recall_before = recall;
    values.f1_max = std::max(values.f1_max, 2 * tp / (tp + fp + p));
  }
  values.average_precision = area.value();
  return values;
}

BinormalIntervals binormal_intervals(const Interval& of_auroc, double average_precision,
                                     double f1_max, std::int64_t positives,
                                     std::int64_t negatives) {
  const BinormalValues low = binormal_values(of_auroc.low, positives, negatives);
  const BinormalValues high = binormal_values(of_auroc.high, positives, negatives);
  const auto around = [&](double value, double below, double above) {
    return Interval{.low = std::min(below, value),
                    .high = std::max(above, value),
                    .level = of_auroc.level,
                    .method = of_auroc.method + ", binormal"};
  };
  return {
      .average_precision = around(average_precision, low.average_precision, high.average_precision),
      .f1_max = around(f1_max, low.f1_max, high.f1_max)};
}

}  // namespace looktwice::metrics
